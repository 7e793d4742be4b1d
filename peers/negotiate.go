package peers

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// Offer makes the peer a caller: it creates the data channel and the offer,
// starts gathering and returns the offer without candidates; they follow
// through Candidates.
func (p *Peer) Offer(ctx context.Context) (string, error) {
	if err := p.begin(ctx, "caller"); err != nil {
		return "", fmt.Errorf("make offer: %w", err)
	}
	if err := p.openChannel(); err != nil {
		return "", fmt.Errorf("make offer: %w", err)
	}
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("make offer: %w", err)
	}
	if err := p.setLocal(offer); err != nil {
		return "", fmt.Errorf("make offer: %w", err)
	}
	return offer.SDP, nil
}

// Answer makes the peer a callee that echoes every message on every channel the
// caller opens. The answer returned holds no candidates; they follow through
// Candidates. Candidates in the offer are used as if they came one by one.
func (p *Peer) Answer(ctx context.Context, offer string) (string, error) {
	if err := p.begin(ctx, "callee"); err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	p.pc.OnDataChannel(p.echoBack)
	if err := p.setRemote(webrtc.SDPTypeOffer, offer); err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	if err := p.setLocal(answer); err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	return answer.SDP, nil
}

// Accept gives a caller the answer to its offer.
func (p *Peer) Accept(answer string) error {
	if p.watch.role() != "caller" {
		return fmt.Errorf("accept answer: %w", errNoOffer)
	}
	if err := p.setRemote(webrtc.SDPTypeAnswer, answer); err != nil {
		return fmt.Errorf("accept answer: %w", err)
	}
	return nil
}

// FullDescription waits until gathering is complete and returns the offer or
// answer with every candidate in it, for signalling that carries no candidates
// on their own.
func (p *Peer) FullDescription(ctx context.Context) (string, error) {
	if p.watch.role() == "" {
		return "", errNoChosen
	}
	if err := p.trickle.wait(ctx); err != nil {
		return "", fmt.Errorf("gather candidates: %w", err)
	}
	return p.fullDescription()
}

func (p *Peer) fullDescription() (string, error) {
	local := p.pc.LocalDescription()
	if local == nil {
		return "", ErrClosed
	}
	return filterSDP(local.SDP, func(line string) bool {
		c, err := parseCandidate(line)
		return err == nil && p.forcing.types[c.Type]
	}), nil
}

func (p *Peer) begin(ctx context.Context, role string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.ctx.Err() != nil {
		return ErrClosed
	}
	if !p.watch.begin(role, time.Now()) {
		return errHasRole
	}
	return nil
}

func (p *Peer) setLocal(description webrtc.SessionDescription) error {
	p.watch.changed("gathering", "gathering", time.Now())
	return p.pc.SetLocalDescription(description)
}

// remoteLimit bounds the candidates taken from the other side.
const remoteLimit = 256

// remoteCandidates keeps what the other side sent and what became of it.
type remoteCandidates struct {
	mu    sync.Mutex
	list  []remoteCandidate
	early []string // lines that wait for the remote description
	ready bool     // the remote description is set
}

type remoteCandidate struct {
	Candidate
	at      time.Time
	ignored string
}

// note decides on a candidate and records the decision; "" means it is used.
func (r *remoteCandidates) note(c Candidate, allowed typeSet, now time.Time) (ignored string) {
	switch {
	case !allowed[c.Type]:
		ignored = fmt.Sprintf("type %s: only %s is allowed", c.Type, allowed)
	default:
		ignored = c.unusable()
	}
	if ignored == "" && len(r.list) >= remoteLimit {
		ignored = fmt.Sprintf("more than %d candidates", remoteLimit)
	}
	if len(r.list) < 2*remoteLimit {
		r.list = append(r.list, remoteCandidate{c, now, ignored})
	}
	return ignored
}

// setRemote hands pion the description without the candidates this peer
// ignores, then the candidates that came before it.
func (p *Peer) setRemote(kind webrtc.SDPType, sdp string) error {
	if !strings.Contains(sdp, "m=application") {
		return fmt.Errorf("the %s has no data channel in it (no m=application line): it is no description, or one for audio and video only", kind)
	}
	r := &p.remote
	r.mu.Lock()
	defer r.mu.Unlock()
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
		return r.note(c, p.forcing.types, now) == ""
	})
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: sdp}); err != nil {
		return err
	}
	r.ready = true
	for _, line := range r.early {
		if err := p.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: line}); err != nil {
			p.journal.add("peers", "warn", fmt.Sprintf("candidate %q: %v", shorten(line, 120), err), now)
		}
	}
	r.early = nil
	return nil
}

// AddCandidate takes a candidate of the other side. One that comes before the
// remote description waits for it. One this peer may not or cannot use is
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
	if r.note(c, p.forcing.types, time.Now()) != "" {
		return nil
	}
	if !r.ready {
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
