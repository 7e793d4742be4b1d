package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// CallConfig says how Call connects and what it sends.
type CallConfig struct {
	// As in Config. Loopback addresses are among the candidates when the
	// signalling connection is a loopback one.
	Servers    []Server
	Candidates []CandidateType
	Timing     Timing
	Interfaces []string

	// Messages are sent one after the other, each after the echo of the one
	// before.
	Messages []string

	// Within is how long each of the answer, the opening of the channel and
	// every echo may take; zero means DefaultWithin.
	Within time.Duration
}

// CallResult is what a call saw.
type CallResult struct {
	// OpenMS are the milliseconds from the offer to the open channel.
	OpenMS float64 `json:"open_ms"`

	Path Path `json:"path"`

	Echoes []TextEcho `json:"echoes"`

	// Other are messages that came and contain none of the text sent last.
	Other []string `json:"other,omitempty"`
}

// Path is the candidate pair in use, as pion reports it.
type Path struct {
	Local  Candidate `json:"local"`
	Remote Candidate `json:"remote"`
	RTTMS  float64   `json:"rtt_ms"` // of ICE's last check, 0 if unknown
}

// TextEcho is a message and what came back for it.
type TextEcho struct {
	Sent     string  `json:"sent"`
	Received string  `json:"received"`
	RTTMS    float64 `json:"rtt_ms"`
}

// ErrOffered says that the other side of a Call calls too.
var ErrOffered = errors.New("the other side sent an offer of its own: it wants to be answered")

// Call makes an offer over a signalling connection, whichever side made that,
// opens the channel "chat", sends the messages, says bye and closes the
// connection. A message is echoed when a message containing it comes back. The
// result holds what was reached before an error.
func Call(ctx context.Context, conn net.Conn, config CallConfig) (CallResult, error) {
	s := newSession(conn)
	c := call{session: s, config: config}
	if c.config.Within == 0 {
		c.config.Within = DefaultWithin
	}
	err := c.run(ctx)
	switch {
	case err == nil || ctx.Err() != nil:
		s.close(bye())
	case c.gone:
		s.close(signalMessage{})
	default:
		s.close(complaint(err))
	}
	if c.peer != nil {
		_ = c.peer.Close() // after the bye, so that the other side knows why
	}
	return c.result, err
}

// call is one Call.
type call struct {
	*session
	config CallConfig
	peer   *Peer
	result CallResult
	gone   bool // nobody reads the signalling connection any more
}

func (c *call) run(ctx context.Context) error {
	p, err := New(Config{
		Servers: c.config.Servers, Candidates: c.config.Candidates, Timing: c.config.Timing,
		Interfaces: c.config.Interfaces, Loopback: onLoopbackConn(c.conn),
		Channel: Channel{Label: "chat"},
	})
	if err != nil {
		return err
	}
	c.peer = p

	// Room for what may come unasked; more is dropped.
	replies := make(chan webrtc.DataChannelMessage, len(c.config.Messages)+16)
	sink := func(m webrtc.DataChannelMessage) {
		select {
		case replies <- m:
		default:
		}
	}
	p.sink.Store(&sink)

	if _, err := p.Offer(ctx); err != nil {
		return err
	}
	offer, err := p.description(ctx, c.config.Within/2)
	if err != nil {
		return err
	}
	if err := c.send(signalMessage{Type: "offer", SDP: offer}); err != nil {
		c.gone = true
		return fmt.Errorf("send offer: %w", cause(err))
	}
	if err := c.awaitAnswer(ctx); err != nil {
		return err
	}
	if err := c.awaitOpen(ctx); err != nil {
		return err
	}
	p.sampler.refresh(ctx, refreshPatience)
	report := p.Report()
	c.result.OpenMS = *report.Milestones.ChannelOpenMS
	c.result.Path = report.path()
	for i, text := range c.config.Messages {
		if err := c.echo(ctx, i, text, replies); err != nil {
			return err
		}
	}
	return nil
}

func (r Report) path() Path {
	if r.Selected == nil {
		return Path{}
	}
	path := Path{Local: r.Selected.Local, Remote: r.Selected.Remote}
	for _, pair := range r.Pairs {
		if transportAddress(pair.Local) == transportAddress(path.Local) && transportAddress(pair.Remote) == transportAddress(path.Remote) {
			path.RTTMS = pair.RTTMS
		}
	}
	return path
}

func (c *call) awaitAnswer(ctx context.Context) error {
	timer := time.NewTimer(c.config.Within)
	defer timer.Stop()
	for {
		select {
		case r := <-c.received:
			if r.err != nil {
				c.gone = true
				var mistake *lineError
				if errors.As(r.err, &mistake) {
					c.gone = false
					return mistake
				}
				return errors.New("the other side closed the signalling connection without an answer")
			}
			switch r.Type {
			case "answer":
				return c.peer.Accept(r.SDP)
			case "candidate":
				if err := takeCandidate(c.peer, r.signalMessage); err != nil {
					return err
				}
			case "bye":
				return errors.New("the other side said bye instead of answering")
			case "offer":
				return ErrOffered
			default:
				return refuse(r.signalMessage, "an answer")
			}
		case <-timer.C:
			return fmt.Errorf("no answer to the offer within %s: something listens there, but does it speak this signalling?", c.config.Within)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaitOpen takes candidates while the channel opens. The other side may close
// the signalling connection now: the channel does not need it.
func (c *call) awaitOpen(ctx context.Context) error {
	opening, cancel := context.WithTimeout(ctx, c.config.Within)
	opened := make(chan error, 1)
	var waiter sync.WaitGroup
	defer waiter.Wait()
	defer cancel()
	waiter.Go(func() { opened <- c.peer.WaitOpen(opening) })
	for {
		select {
		case err := <-opened:
			return err
		case r := <-c.received:
			if done, err := c.line(r); err != nil || done {
				return err
			}
		}
	}
}

// line handles a line that came after the answer.
func (c *call) line(r received) (done bool, err error) {
	if r.err != nil {
		c.gone = true
		var mistake *lineError
		if errors.As(r.err, &mistake) {
			c.gone = false
			return true, mistake
		}
		return false, nil
	}
	switch r.Type {
	case "candidate":
		return false, takeCandidate(c.peer, r.signalMessage)
	case "bye":
		return true, fmt.Errorf("the other side said bye after %s", count(len(c.result.Echoes), "echo"))
	}
	return true, refuse(r.signalMessage, "candidates or a bye")
}

// echo sends one message and waits for what comes back.
func (c *call) echo(ctx context.Context, i int, text string, replies <-chan webrtc.DataChannelMessage) error {
	timer := time.NewTimer(c.config.Within)
	defer timer.Stop()
	begin := time.Now()
	if err := c.peer.channel.Load().SendText(text); err != nil {
		return fmt.Errorf("send message %d: %w", i+1, err)
	}
	c.peer.traffic.sent(len(text))
	for {
		select {
		case m := <-replies:
			reply := string(m.Data)
			if !strings.Contains(reply, text) {
				c.result.Other = append(c.result.Other, reply)
				continue
			}
			c.result.Echoes = append(c.result.Echoes, TextEcho{Sent: text, Received: reply, RTTMS: milliseconds(time.Since(begin))})
			return nil
		case r := <-c.received:
			if done, err := c.line(r); err != nil || done {
				return err
			}
		case <-c.peer.ended.done():
			return fmt.Errorf("the channel ended before the echo of message %d of %d", i+1, len(c.config.Messages))
		case <-timer.C:
			other := "nothing came"
			if n := len(c.result.Other); n > 0 {
				other = fmt.Sprintf("only other messages came, the last one %q", shorten(c.result.Other[n-1], 60))
			}
			return fmt.Errorf("the channel is open (%s to %s), but no echo of message %d of %d came within %s: %s; does the other side echo?",
				c.result.Path.Local, c.result.Path.Remote, i+1, len(c.config.Messages), c.config.Within, other)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
