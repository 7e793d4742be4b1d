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
	list    []localCandidate // of every generation
	done    bool             // gathering is complete, or the peer closed
	closed  bool
	changed chan struct{} // closed and replaced with every change

	// The generation of now: how many there were before, the index of its first
	// candidate, and its username fragment, empty until it is known.
	generation int
	first      int
	ufrag      string
	past       map[string]bool // username fragments of the others

	// The generation before had not ended when this one began.
	interrupted bool
}

type localCandidate struct {
	Candidate
	at         time.Time
	line       CandidateLine
	sent       bool
	generation int
}

func (t *trickle) init() {
	t.changed = make(chan struct{})
	t.past = make(map[string]bool)
}

// renew begins a new generation.
func (t *trickle) renew() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ufrag != "" {
		t.past[t.ufrag] = true
	}
	t.interrupted, t.done = !t.done, t.closed
	t.ufrag, t.generation, t.first = "", t.generation+1, len(t.list)
	t.signal()
}

// name gives the generation its username fragment, and says which it is.
func (t *trickle) name(ufrag string) (generation int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ufrag = ufrag
	return t.generation
}

func (t *trickle) isPast(ufrag string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.past[ufrag]
}

func (t *trickle) signal() {
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *trickle) add(c localCandidate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.generation = t.generation
	t.list = append(t.list, c)
	t.signal()
}

// doubtful says whether the end of gathering that pion has just told may be that
// of the generation before: pion tells it from a queue, and nothing of this
// generation has come yet.
func (t *trickle) doubtful() (generation int, doubtful bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.generation, t.interrupted && len(t.list) == t.first
}

func (t *trickle) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = true
	t.signal()
}

func (t *trickle) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.finish()
}

func (t *trickle) complete() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.done
}

func (t *trickle) gathered() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.list) - t.first
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

// begin is the generation of now and the index of its first candidate.
func (t *trickle) begin() (generation, first int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.generation, t.first
}

// next returns the i-th candidate, of a generation, once there is one, or false
// when there will never be.
func (t *trickle) next(ctx context.Context, generation, i int) (localCandidate, bool) {
	for {
		t.mu.Lock()
		if generation != t.generation {
			t.mu.Unlock()
			return localCandidate{}, false
		}
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
// the peer closes. Only the types of Config.Candidates are among them. A restart
// of ICE ends it too, and begins anew: from then on it yields those gathered since.
func (p *Peer) Candidates(ctx context.Context) iter.Seq[CandidateLine] {
	return func(yield func(CandidateLine) bool) {
		for generation, i := p.trickle.begin(); ; i++ {
			c, ok := p.trickle.next(ctx, generation, i)
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
		p.gathered(now)
		return
	}
	local := localCandidate{Candidate: candidateFromPion(c), at: now}
	local.sent = p.forcing.types[local.Type]
	init := c.ToJSON()
	if p.trickle.isPast(candidateUfrag(init.Candidate)) {
		return // told late
	}
	local.line = CandidateLine{Candidate: init.Candidate, Mid: *init.SDPMid, MLineIndex: *init.SDPMLineIndex}
	p.trickle.add(local)
	p.watch.changed("candidate", local.String(), now)
}

// doubtPatience is longer than pion gathers from a server that keeps silent.
const doubtPatience = 10 * time.Second

// gathered notes that gathering is complete.
func (p *Peer) gathered(now time.Time) {
	if generation, doubtful := p.trickle.doubtful(); doubtful {
		time.AfterFunc(doubtPatience, func() {
			if now, still := p.trickle.doubtful(); still && now == generation {
				p.trickle.finish()
				p.watch.changed("gathering", "complete", time.Now())
			}
		})
		return
	}
	p.trickle.finish()
	p.watch.changed("gathering", "complete", now)
}
