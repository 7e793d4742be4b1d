package ladder

import (
	"sync"
	"sync/atomic"
)

// holdings are the allocations of one run, which all count against the same user's
// quota: the climbs of several URLs hold theirs side by side, until one is refused
// and has to be alone to know why.
type holdings struct {
	sync.RWMutex
	granted atomic.Int32 // allocations, ever
}

// hold is one climb's share in them.
type hold struct {
	of     *holdings
	shared bool
	only   bool
}

func (h *hold) share() {
	h.of.RLock()
	h.shared = true
}

func (h *hold) granted() { h.of.granted.Add(1) }

// alone waits until the others have given theirs back, and reports whether that may
// have changed anything: it does not where there never was one.
func (h *hold) alone() bool {
	h.end()
	h.of.Lock()
	h.only = true
	return h.of.granted.Load() > 0
}

func (h *hold) end() {
	switch {
	case h.shared:
		h.of.RUnlock()
	case h.only:
		h.of.Unlock()
	}
	h.shared, h.only = false, false
}
