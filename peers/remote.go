package peers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// remoteLimit bounds the candidates taken from the other side in one generation.
const remoteLimit = 256

var errUnasked = errors.New("no offer waits for an answer")

// remoteCandidates keeps what the other side sent and what became of it.
type remoteCandidates struct {
	mu    sync.Mutex
	list  []remoteCandidate // of every generation
	early []string          // lines that wait for their remote description

	// The generation of now: how many there were before, the index of its first
	// candidate, and its username fragment, empty until its description is set.
	generation int
	first      int
	ufrag      string
	past       map[string]bool // username fragments of the others
}

type remoteCandidate struct {
	Candidate
	at         time.Time
	ignored    string
	generation int
}

// described says whether the remote description of this generation is set.
func (r *remoteCandidates) described() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ufrag != ""
}

// retire begins a new generation.
func (r *remoteCandidates) retire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.renew()
}

func (r *remoteCandidates) renew() {
	if r.past == nil {
		r.past = make(map[string]bool)
	}
	r.past[r.ufrag] = true
	r.ufrag, r.generation, r.first = "", r.generation+1, len(r.list)
}

// note decides on a candidate and records the decision; "" means it is used.
func (r *remoteCandidates) note(c Candidate, ufrag string, allowed typeSet, now time.Time) (ignored string) {
	switch {
	case ufrag != "" && r.past[ufrag]:
		ignored = "late: of before ICE restarted"
	case !allowed[c.Type]:
		ignored = fmt.Sprintf("type %s: only %s is allowed", c.Type, allowed)
	default:
		ignored = c.unusable()
	}
	n := len(r.list) - r.first
	if ignored == "" && n >= remoteLimit {
		ignored = fmt.Sprintf("more than %d candidates", remoteLimit)
	}
	if n < 2*remoteLimit {
		r.list = append(r.list, remoteCandidate{c, now, ignored, r.generation})
	}
	return ignored
}

// setRemote hands pion the description without the candidates this peer
// ignores, then the candidates that came before it. It says whether it is a later
// offer that restarts ICE.
func (p *Peer) setRemote(kind webrtc.SDPType, sdp string) (restarts bool, err error) {
	if !strings.Contains(sdp, "m=application") {
		return false, fmt.Errorf("the %s has no data channel in it (no m=application line): it is no description, or one for audio and video only", kind)
	}
	r := &p.remote
	r.mu.Lock()
	defer r.mu.Unlock()
	ufrag := ufragOf(sdp)
	if kind == webrtc.SDPTypeAnswer {
		switch {
		case r.ufrag != "":
			return false, errUnasked
		case r.past[ufrag]:
			return false, errNotRestarted
		}
	} else if r.ufrag != "" && r.ufrag != ufrag {
		restarts = true
		// A bad offer must not cost the connection that there is.
		if _, err := (&webrtc.SessionDescription{Type: kind, SDP: sdp}).Unmarshal(); err != nil {
			return false, err
		}
		if err := p.retire(); err != nil {
			return false, err
		}
		r.renew()
	}
	now := time.Now()
	sdp = filterSDP(sdp, func(line string) bool {
		// pion repeats every candidate for RTCP, which a data channel has not.
		if fields := strings.Fields(line); len(fields) > 1 && fields[1] == "2" {
			return false
		}
		c, err := parseCandidate(line)
		if err != nil {
			p.journal.add("peers", "warn", err.Error(), now)
			return false
		}
		return r.note(c, candidateUfrag(line), p.forcing.types, now) == ""
	})
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: sdp}); err != nil {
		if restarts {
			p.trickle.finish()
		}
		return restarts, err
	}
	r.ufrag = ufrag
	r.early = slices.DeleteFunc(r.early, func(line string) bool {
		if u := candidateUfrag(line); u != "" && u != ufrag {
			return r.past[u] // or it is of a description still to come
		}
		if err := p.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: line}); err != nil {
			p.journal.add("peers", "warn", fmt.Sprintf("candidate %q: %v", shorten(line, 120), err), now)
		}
		return true
	})
	return restarts, nil
}

// AddCandidate takes a candidate of the other side. One that comes before its
// remote description, that of a restart included, waits for it. One this peer may
// not or cannot use, or that comes after the restart that made it void, is
// recorded in the report and otherwise ignored, without an error; an error means
// that the line is no candidate. An empty line, the end of candidates, is
// accepted.
func (p *Peer) AddCandidate(line CandidateLine) error {
	text := strings.TrimPrefix(strings.TrimSpace(line.Candidate), "a=")
	if text == "" || text == "candidate:" || text == "end-of-candidates" {
		return nil
	}
	c, err := parseCandidate(text)
	if err != nil {
		return fmt.Errorf("add %w", err)
	}
	r := &p.remote
	r.mu.Lock()
	defer r.mu.Unlock()
	ufrag := candidateUfrag(text)
	if r.note(c, ufrag, p.forcing.types, time.Now()) != "" {
		return nil
	}
	if r.ufrag == "" || ufrag != "" && ufrag != r.ufrag {
		r.early = append(r.early, text)
		return nil
	}
	if err := p.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: text}); err != nil {
		if p.ctx.Err() != nil {
			err = ErrClosed
		}
		return fmt.Errorf("add candidate %q: %w", shorten(text, 120), err)
	}
	return nil
}
