package peers

import "sync"

// latch is an event that can be taken back, unless it is final.
type latch struct {
	mu    sync.Mutex
	set   chan struct{} // closed while set
	why   string        // empty while not set
	final bool
}

func (l *latch) init() { l.set = make(chan struct{}) }

func (l *latch) close(why string, final bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.final {
		return
	}
	if l.why == "" {
		close(l.set)
	}
	l.why, l.final = why, final
}

func (l *latch) reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why != "" && !l.final {
		l.why, l.set = "", make(chan struct{})
	}
}

func (l *latch) done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.set
}

// reason is why it is set, or empty.
func (l *latch) reason() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}
