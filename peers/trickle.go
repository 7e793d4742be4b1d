package peers

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// trickle is the list of local candidates, which grows while ICE gathers.
type trickle struct {
	mu      sync.Mutex
	list    []localCandidate
	done    bool          // gathering is complete, or the peer closed
	changed chan struct{} // closed and replaced with every change
}

type localCandidate struct {
	Candidate
	at   time.Time
	line CandidateLine
	sent bool
}

func (t *trickle) init() { t.changed = make(chan struct{}) }

func (t *trickle) signal() {
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *trickle) add(c localCandidate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, c)
	t.signal()
}

func (t *trickle) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = true
	t.signal()
}

func (t *trickle) complete() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.done
}

func (t *trickle) gathered() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.list)
}

func (t *trickle) wait(ctx context.Context) error {
	for {
		t.mu.Lock()
		done, changed := t.done, t.changed
		t.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next returns the i-th candidate once there is one, or false when there will
// never be.
func (t *trickle) next(ctx context.Context, i int) (localCandidate, bool) {
	for {
		t.mu.Lock()
		if i < len(t.list) {
			c := t.list[i]
			t.mu.Unlock()
			return c, true
		}
		done, changed := t.done, t.changed
		t.mu.Unlock()
		if done {
			return localCandidate{}, false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return localCandidate{}, false
		}
	}
}

// Candidates yields the local candidates as they are gathered, from the first
// one whenever it is called, and ends when gathering is complete, ctx ends or
// the peer closes. Only the types of Config.Candidates are among them.
func (p *Peer) Candidates(ctx context.Context) iter.Seq[CandidateLine] {
	return func(yield func(CandidateLine) bool) {
		for i := 0; ; i++ {
			c, ok := p.trickle.next(ctx, i)
			if !ok {
				return
			}
			if c.sent && !yield(c.line) {
				return
			}
		}
	}
}

// onCandidate is pion's handler: nil means gathering is complete.
func (p *Peer) onCandidate(c *webrtc.ICECandidate) {
	now := time.Now()
	if c == nil {
		p.trickle.finish()
		p.watch.changed("gathering", "complete", now)
		return
	}
	local := localCandidate{Candidate: candidateFromPion(c), at: now}
	local.sent = p.forcing.types[local.Type]
	init := c.ToJSON()
	local.line = CandidateLine{Candidate: init.Candidate, Mid: *init.SDPMid, MLineIndex: *init.SDPMLineIndex}
	p.trickle.add(local)
	p.watch.changed("candidate", local.String(), now)
}
