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
	early []earlyCandidate  // that wait for their remote description

	// The generation of now: how many there were before, the index of its first
	// candidate, and its username fragment, empty until its description is set.
	generation int
	first      int
	ufrag      string
	mids       []string        // of the media sections of that description
	past       map[string]bool // username fragments of the others
}

// earlyCandidate came before its description; at is its place in the list, -1 where
// it is not there.
type earlyCandidate struct {
	text, mid string
	at        int
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

// note decides on a candidate and records the decision; "" means it is used. Its
// place in the list is -1 where there are too many.
func (r *remoteCandidates) note(c Candidate, ufrag string, allowed typeSet, now time.Time) (ignored string, at int) {
	at = -1
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
		at = len(r.list)
		r.list = append(r.list, remoteCandidate{c, now, ignored, r.generation})
	}
	return ignored, at
}

// ignore records that a candidate is not used after all.
func (r *remoteCandidates) ignore(at int, why string) {
	if at >= 0 {
		r.list[at].ignored = why
	}
}

// misplaced says what is wrong with a candidate's sdpMid, which browsers refuse with
// an OperationError, or "". Without one it belongs to the one section there is.
func (r *remoteCandidates) misplaced(mid string) string {
	if mid == "" || slices.Contains(r.mids, mid) {
		return ""
	}
	return fmt.Sprintf("sdpMid %q: the remote description has no such media section (OperationError)", shorten(mid, 40))
}

// midsOf are the identification tags of a description's media sections (RFC 5888).
func midsOf(sdp string) []string {
	var mids []string
	for line := range strings.Lines(sdp) {
		if mid, ok := strings.CutPrefix(line, "a=mid:"); ok {
			mids = append(mids, strings.TrimSpace(mid))
		}
	}
	return mids
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
	p.watch.described(false, r.generation, sdp)
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
		ignored, _ := r.note(c, candidateUfrag(line), p.forcing.types, now)
		return ignored == ""
	})
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: sdp}); err != nil {
		if restarts {
			p.trickle.finish()
		}
		return restarts, err
	}
	r.ufrag, r.mids = ufrag, midsOf(sdp)
	r.early = slices.DeleteFunc(r.early, func(c earlyCandidate) bool {
		if u := candidateUfrag(c.text); u != "" && u != ufrag {
			return r.past[u] // or it is of a description still to come
		}
		if why := r.misplaced(c.mid); why != "" {
			r.ignore(c.at, why)
			return true
		}
		if err := p.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: c.text}); err != nil {
			p.journal.add("peers", "warn", fmt.Sprintf("candidate %q: %v", shorten(c.text, 120), err), now)
		}
		return true
	})
	return restarts, nil
}

// AddCandidate takes a candidate of the other side. One that comes before its
// remote description, that of a restart included, waits for it. One this peer may
// not or cannot use, or that comes after the restart that made it void, is
// recorded in the report and otherwise ignored, without an error, as is one whose
// Mid names no media section of the remote description; an error means
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
	ignored, at := r.note(c, ufrag, p.forcing.types, time.Now())
	if ignored != "" {
		return nil
	}
	if r.ufrag == "" || ufrag != "" && ufrag != r.ufrag {
		if !p.config.Faults.NoQueue {
			r.early = append(r.early, earlyCandidate{text, line.Mid, at})
			return nil
		}
		why := "its description has not come yet"
		if err := p.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: text}); err != nil {
			why += ": " + err.Error()
		}
		r.ignore(at, why)
		return nil
	}
	if why := r.misplaced(line.Mid); why != "" {
		r.ignore(at, why)
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
