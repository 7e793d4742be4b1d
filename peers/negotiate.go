package peers

import (
	"context"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"
)

// Offer makes the peer a caller: it creates the data channel and the offer,
// starts gathering and returns the offer without candidates; they follow
// through Candidates.
func (p *Peer) Offer(ctx context.Context) (string, error) {
	p.negotiating.Lock()
	defer p.negotiating.Unlock()
	if _, err := p.begin(ctx, "caller"); err != nil {
		return "", fmt.Errorf("make offer: %w", err)
	}
	if err := p.openChannel(); err != nil {
		return "", fmt.Errorf("make offer: %w", err)
	}
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("make offer: %w", err)
	}
	p.named(offer.SDP)
	p.watch.changed("gathering", "gathering", time.Now())
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("make offer: %w", err)
	}
	return offer.SDP, nil
}

// Answer makes the peer a callee that echoes every message on every channel the
// caller opens. The answer returned holds no candidates; they follow through
// Candidates. Candidates in the offer are used as if they came one by one. A
// later offer of the caller restarts ICE if it says so by a new username fragment,
// see Restart.
func (p *Peer) Answer(ctx context.Context, offer string) (string, error) {
	answer, err := p.answer(ctx, offer)
	if err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	return answer, nil
}

func (p *Peer) answer(ctx context.Context, offer string) (string, error) {
	p.negotiating.Lock()
	defer p.negotiating.Unlock()
	first, err := p.begin(ctx, "callee")
	if err != nil {
		return "", err
	}
	if first {
		p.pc.OnDataChannel(p.echoBack)
	}
	if p.remote.described() {
		if err := p.started(ctx); err != nil {
			return "", err
		}
	}
	begun := time.Now()
	restarts, err := p.setRemote(webrtc.SDPTypeOffer, offer)
	if err != nil {
		return "", err
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	p.named(answer.SDP)
	if state, _ := p.watch.current(); restarts {
		p.restarted(begun)
	} else if state.gathering == "new" {
		p.watch.changed("gathering", "gathering", time.Now())
	}
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	return withoutCandidates(answer.SDP), p.revived(ctx)
}

// Accept gives a caller the answer to its last offer.
func (p *Peer) Accept(answer string) error {
	p.negotiating.Lock()
	defer p.negotiating.Unlock()
	if p.watch.role() != "caller" {
		return fmt.Errorf("accept answer: %w", errNoOffer)
	}
	if _, err := p.setRemote(webrtc.SDPTypeAnswer, answer); err != nil {
		return fmt.Errorf("accept answer: %w", err)
	}
	return nil
}

// named notes the description that pion made for the generation of now.
func (p *Peer) named(local string) {
	generation := p.trickle.name(ufragOf(local))
	p.watch.described(true, generation, local)
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

// begin takes a role, or says that it was taken before; a callee may answer again.
func (p *Peer) begin(ctx context.Context, role string) (first bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if p.ctx.Err() != nil {
		return false, ErrClosed
	}
	first = p.watch.begin(role, time.Now())
	if !first && (role != "callee" || p.watch.role() != "callee") {
		return false, errHasRole
	}
	return first, nil
}
