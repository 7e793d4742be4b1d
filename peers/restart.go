package peers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"
)

var (
	errCalleeRestarts = errors.New("this peer answers: the caller restarts ICE, with a new offer")
	errNoOfferYet     = errors.New("no offer was made yet: a restart follows one that was answered")
	errUnanswered     = errors.New("the last offer has no answer yet: give it to Accept first")
	errNotRestarted   = errors.New("the answer does not restart ICE: it has the username fragment of the one before (RFC 8445 section 9)")
)

// Restart makes an offer that restarts ICE (RFC 8445 section 9): new credentials,
// and new candidates from the interfaces and addresses that the machine has now.
// It is the caller's, once its last offer was answered; the callee gives the offer
// to Answer and the answer goes to Accept, as the first ones did. Candidates then
// yields the new candidates. Data channels stay and what they could not deliver is
// sent over the new path, also when ICE had failed.
//
// RFC 8445 keeps the old path in use until there is a new one. pion drops it at
// once: between Restart and WaitConnected nothing comes through.
func (p *Peer) Restart(ctx context.Context) (string, error) {
	offer, err := p.restart(ctx)
	if err != nil {
		return "", fmt.Errorf("restart ICE: %w", err)
	}
	return offer, nil
}

func (p *Peer) restart(ctx context.Context) (string, error) {
	p.negotiating.Lock()
	defer p.negotiating.Unlock()
	if err := p.mayRestart(ctx); err != nil {
		return "", err
	}
	if err := p.started(ctx); err != nil {
		return "", err
	}
	begun := time.Now()
	if err := p.retire(); err != nil {
		return "", err
	}
	p.remote.retire()
	offer, err := p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err == nil {
		p.named(offer.SDP)
		p.restarted(begun)
		err = p.pc.SetLocalDescription(offer)
	}
	if err != nil {
		p.trickle.finish()
		return "", err
	}
	return withoutCandidates(offer.SDP), p.revived(ctx)
}

func (p *Peer) mayRestart(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case p.ctx.Err() != nil:
		return ErrClosed
	case p.watch.role() == "callee":
		return errCalleeRestarts
	case p.watch.role() == "":
		return errNoOfferYet
	case !p.remote.described():
		return errUnanswered
	case p.pc.ConnectionState() == webrtc.PeerConnectionStateClosed:
		return errEnded
	}
	return nil
}

// retire ends the generation of local candidates; pion's next restart begins the
// new one.
func (p *Peer) retire() error {
	if p.hosts != nil {
		if err := p.hosts.renew(); err != nil {
			return fmt.Errorf("port %d: %w", p.config.Port, err)
		}
	}
	p.trickle.renew()
	p.net.cutStreams() // pion drops the old path anyway
	return nil
}

// restarted notes that pion restarted ICE.
func (p *Peer) restarted(begun time.Time) {
	p.watch.restarted(begun)
	p.sampler.forget()
	p.watch.changed("gathering", "gathering", begun)
}

// started waits until pion's ICE has begun, which it does on a goroutine of its own
// once there are both descriptions: begun after a restart, it would go on with the
// credentials of before.
func (p *Peer) started(ctx context.Context) error {
	return p.until(ctx, func(s states) bool { return s.ice != "new" })
}

// revived waits until pion has told that a failed connection is none any more.
func (p *Peer) revived(ctx context.Context) error {
	return p.until(ctx, func(states) bool { return p.down.reason() != "failed" })
}

func (p *Peer) until(ctx context.Context, done func(states) bool) error {
	for {
		state, changed := p.watch.current()
		if done(state) {
			return nil
		}
		select {
		case <-changed:
		case <-p.ctx.Done():
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// WaitConnected returns when ICE is connected: after Restart or a later Answer,
// when it is connected again. It fails as WaitOpen does. That ICE is connected is
// what its checks say: an echo proves more.
func (p *Peer) WaitConnected(ctx context.Context) error {
	return p.await(ctx, p.watch.connected, "ICE did not connect", func(r Report) string { return r.explainICE(p.forcing) })
}
