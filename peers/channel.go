package peers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"
)

// Channel describes the data channel a caller opens (RFC 8832). The zero value
// is reliable and ordered and called "echo".
type Channel struct {
	Label     string `json:"label,omitempty"`
	Unordered bool   `json:"unordered,omitempty"`

	// At most one of these makes the channel unreliable (RFC 3758): how often a
	// lost message is sent again, or for how many milliseconds.
	MaxRetransmits    *uint16 `json:"max_retransmits,omitempty"`
	MaxPacketLifeTime *uint16 `json:"max_packet_life_time,omitempty"`
}

func (c Channel) check() error {
	if c.MaxRetransmits != nil && c.MaxPacketLifeTime != nil {
		return errors.New("channel: max_retransmits and max_packet_life_time exclude each other; set one")
	}
	if len(c.Label) > 65535 {
		return fmt.Errorf("channel: label of %d bytes; at most 65535", len(c.Label))
	}
	return nil
}

func (c Channel) reliable() bool { return c.MaxRetransmits == nil && c.MaxPacketLifeTime == nil }

func (c Channel) label() string {
	if c.Label == "" {
		return "echo"
	}
	return c.Label
}

// A sender pauses when more than highBuffer bytes wait in the channel and goes
// on when lowBuffer are left.
const (
	highBuffer = 1 << 20
	lowBuffer  = 256 << 10
)

// openChannel creates the caller's channel.
func (p *Peer) openChannel() error {
	ordered := !p.config.Channel.Unordered
	channel, err := p.pc.CreateDataChannel(p.config.Channel.label(), &webrtc.DataChannelInit{
		Ordered:           &ordered,
		MaxRetransmits:    p.config.Channel.MaxRetransmits,
		MaxPacketLifeTime: p.config.Channel.MaxPacketLifeTime,
	})
	if err != nil {
		return fmt.Errorf("create data channel: %w", err)
	}
	p.channel.Store(channel)
	channel.SetBufferedAmountLowThreshold(lowBuffer)
	channel.OnBufferedAmountLow(func() {
		select {
		case p.lowBuffer <- struct{}{}:
		default:
		}
	})
	channel.OnMessage(func(m webrtc.DataChannelMessage) {
		p.channelOpened()
		p.traffic.received(len(m.Data))
		if sink := p.sink.Load(); sink != nil {
			(*sink)(m)
		}
	})
	p.followChannel(channel)
	return nil
}

// followChannel records when a channel opens and ends.
func (p *Peer) followChannel(channel *webrtc.DataChannel) {
	channel.OnOpen(p.channelOpened)
	channel.OnClose(func() {
		p.watch.changed("channel", "closed", time.Now())
		p.ended.close("closed", true)
	})
}

// channelOpened is called when pion says so, which it does on a goroutine of its own,
// and with every message, which may be earlier: a channel with data is open.
func (p *Peer) channelOpened() {
	p.openOnce.Do(func() { p.watch.changed("channel", "open", time.Now()) })
}

// WaitOpen returns when the data channel is open, the caller's or the first one a
// callee was offered, and Report knows the pair that was selected. It fails when
// ctx ends, and at once when the connection failed or can no longer come about; the
// error says how far the connection got and why, as far as is known. It wraps the
// context's error.
func (p *Peer) WaitOpen(ctx context.Context) error {
	return p.await(ctx, p.watch.open, "the data channel did not open", func(r Report) string { return r.explain(p.forcing) })
}

// await waits until done says so, which is asked after every change of state.
func (p *Peer) await(ctx context.Context, done func() bool, failure string, explain func(Report) string) error {
	for {
		changed, hopeless := p.hopeless()
		if done() {
			return nil
		}
		var cause error
		if hopeless == nil {
			select {
			case <-changed:
				continue
			case <-p.ctx.Done():
				return ErrClosed
			case <-ctx.Done():
				cause = ctx.Err()
			}
		} else {
			cause = hopeless
		}
		// A fresh look at the pairs, unless pion is stuck.
		p.sampler.refresh(p.ctx, refreshPatience)
		return fmt.Errorf("%s: %s: %w", failure, explain(p.Report()), cause)
	}
}

var (
	errICEFailed    = errors.New("ICE failed")
	errEnded        = errors.New("the connection ended")
	errNoCandidates = errors.New("nothing left to try")
)

// hopeless gives an error when waiting makes no sense any more, and a channel
// that is closed when the answer may have changed.
func (p *Peer) hopeless() (<-chan struct{}, error) {
	state, changed := p.watch.current()
	gathered := p.trickle.complete()
	switch {
	case p.ctx.Err() != nil:
		return changed, ErrClosed
	case state.connection == "failed" || state.ice == "failed":
		return changed, errICEFailed
	case state.connection == "closed" || state.dtls == "failed":
		return changed, errEnded
	case gathered && p.trickle.gathered() == 0:
		// Without a socket of its own this peer can neither send a check nor
		// receive one.
		return changed, errNoCandidates
	}
	return changed, nil
}
