package peers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// EchoPlan says what a caller sends.
type EchoPlan struct {
	// Messages is how many are sent: 1 to 1,000,000. With UntilEcho it is the most
	// that are, and 0 sets no limit but that.
	Messages int `json:"messages"`
	Bytes    int `json:"bytes"` // of each message, MinMessage to MaxMessage

	// PaceMS is the time between two messages; zero sends as fast as the channel
	// takes them.
	PaceMS float64 `json:"pace_ms,omitempty"`

	// QuietMS ends the waiting once every message is sent and no echo came for
	// so long. Zero waits until ctx ends, so an unreliable channel that lost
	// one message waits to the end.
	QuietMS float64 `json:"quiet_ms,omitempty"`

	// UntilEcho measures how long a channel takes to carry an echo again: messages
	// are sent, at a pace, until the first echo of one of them comes back. It needs
	// a PaceMS. An ordered channel delivers first what waits from before.
	UntilEcho bool `json:"until_echo,omitempty"`
}

const maxMessages = 1_000_000

func (e EchoPlan) check() error {
	switch {
	case e.UntilEcho && e.PaceMS <= 0:
		return errors.New("until_echo without a pace: set pace_ms")
	case e.Messages < 1 || e.Messages > maxMessages:
		return fmt.Errorf("%d messages; choose 1 to 1000000", e.Messages)
	case e.Bytes < MinMessage || e.Bytes > MaxMessage:
		return fmt.Errorf("messages of %d bytes; choose %d to %d", e.Bytes, MinMessage, MaxMessage)
	case e.PaceMS < 0 || e.QuietMS < 0:
		return errors.New("a pace or quiet time below zero")
	}
	return nil
}

// EchoResult is the account of one Echo call. Echoed + Lost = Sent.
type EchoResult struct {
	Messages int `json:"messages"` // planned
	Sent     int `json:"sent"`
	Echoed   int `json:"echoed"` // came back intact, each counted once
	Lost     int `json:"lost"`   // did not

	Corrupt    int `json:"corrupt"`    // echoes that are no message sent, byte for byte
	Duplicated int `json:"duplicated"` // intact echoes of a message echoed before
	Reordered  int `json:"reordered"`  // intact echoes after that of a later message
	Late       int `json:"late"`       // intact echoes of an earlier Echo call, counted nowhere else

	BytesSent   int64 `json:"bytes_sent"`
	BytesEchoed int64 `json:"bytes_echoed"`

	// RTTMS is nil when no message came back.
	RTTMS *RTT `json:"rtt_ms,omitempty"`

	// Seconds from the first message sent to the last intact echo, or to the end
	// of the waiting when some are missing.
	Seconds float64 `json:"seconds"`

	// FirstEchoMS is how long after the start of the call the first intact echo of
	// one of its messages came, nil when none did.
	FirstEchoMS *float64 `json:"first_echo_ms,omitempty"`

	// Ended is "complete", "echo" (the first one came, with UntilEcho), "time" (ctx
	// ended), "quiet" (nothing more came), "closed" (the channel ended) or "failed"
	// (ICE gave the connection up; a restart can bring it back).
	Ended string `json:"ended"`
}

func (r EchoResult) err(reliable, untilEcho bool) error {
	missing := r.Messages - r.Echoed
	damage := ""
	if r.Corrupt > 0 {
		damage = fmt.Sprintf(", %d corrupt", r.Corrupt)
	}
	if r.Duplicated > 0 {
		damage += fmt.Sprintf(", %d duplicated", r.Duplicated)
	}
	why := map[string]string{
		"complete": "every message came back", "time": "the time is up",
		"quiet": "nothing more came", "closed": "the channel ended", "failed": "ICE failed",
	}[r.Ended]
	switch {
	case r.Ended == "echo" && damage == "":
		return nil
	case r.Ended == "echo":
		return fmt.Errorf("echo: the first of %d messages came back%s", r.Sent, damage)
	case untilEcho && r.Echoed == 0:
		return fmt.Errorf("echo: none of %d messages came back%s: %s", r.Sent, damage, why)
	case r.Sent < r.Messages:
		return fmt.Errorf("echo: only %d of %d messages could be sent, %d came back%s: %s", r.Sent, r.Messages, r.Echoed, damage, why)
	case reliable && missing > 0:
		return fmt.Errorf("echo: %d of %d messages did not come back%s: %s", missing, r.Messages, damage, why)
	case damage != "":
		return fmt.Errorf("echo: %d of %d messages came back%s: %s", r.Echoed, r.Messages, damage, why)
	}
	return nil
}

// echoState lets one Echo run at a time and numbers them.
type echoState struct {
	mu      sync.Mutex
	running bool
	first   uint64
	next    uint64
}

func (e *echoState) begin() (run, first uint64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running {
		return 0, 0, errors.New("another echo is under way on this peer")
	}
	if e.first == 0 {
		// So that echoes of another peer's messages are never taken for ours.
		e.first = rand.Uint64()>>1 + 1
		e.next = e.first
	}
	e.running = true
	run = e.next
	e.next++
	return run, e.first, nil
}

func (e *echoState) end() {
	e.mu.Lock()
	e.running = false
	e.mu.Unlock()
}

// settledQuiet is the silence awaited when as many echoes came back as messages
// were sent, but damaged ones among them.
const settledQuiet = 500 * time.Millisecond

// Echo sends the messages of the plan on the caller's channel and checks every
// echo byte for byte. It returns as soon as all came back, or ctx ends, or the
// channel does, or ICE fails; the result is valid in every case once a message was sent. The
// error says that messages could not be sent, or that echoes were corrupt or
// duplicated, or on a reliable channel missing. One Echo runs at a time.
func (p *Peer) Echo(ctx context.Context, plan EchoPlan) (EchoResult, error) {
	if plan.UntilEcho && plan.Messages == 0 {
		plan.Messages = maxMessages
	}
	if err := plan.check(); err != nil {
		return EchoResult{}, fmt.Errorf("echo: %w", err)
	}
	channel := p.channel.Load()
	if p.watch.role() != "caller" || channel == nil {
		return EchoResult{}, errors.New("echo: only a caller sends messages, after Offer")
	}
	if channel.ReadyState() != webrtc.DataChannelStateOpen {
		return EchoResult{}, fmt.Errorf("echo: the data channel is %s: wait for it with WaitOpen", channel.ReadyState())
	}
	run, first, err := p.echo.begin()
	if err != nil {
		return EchoResult{}, fmt.Errorf("echo: %w", err)
	}
	defer p.echo.end()

	e := echoRun{p: p, channel: channel, plan: plan, news: make(chan struct{}, 1)}
	e.ledger = newLedger(run, first, plan.Messages, plan.Bytes)
	sink := e.receive
	p.sink.Store(&sink)
	defer p.sink.Store(nil)

	begin := time.Now()
	ended := e.send(ctx)
	if ended == "" {
		ended = e.wait(ctx)
	}
	if plan.UntilEcho && e.echoed() {
		ended = "echo" // whatever came after
	}
	result := e.result(begin, time.Now(), ended)
	p.sampler.refresh(p.ctx, refreshPatience) // so that a Report counts this echo's bytes
	return result, result.err(p.config.Channel.reliable(), plan.UntilEcho)
}

// echoRun is one Echo call.
type echoRun struct {
	p       *Peer
	channel *webrtc.DataChannel
	plan    EchoPlan
	news    chan struct{} // an echo came

	mu     sync.Mutex
	ledger *ledger
}

func (e *echoRun) receive(m webrtc.DataChannelMessage) {
	now := time.Now()
	e.mu.Lock()
	e.ledger.received(m.Data, m.IsString, now)
	e.mu.Unlock()
	select {
	case e.news <- struct{}{}:
	default:
	}
}

// send sends every message, or says why it could not.
func (e *echoRun) send(ctx context.Context) (ended string) {
	var pace <-chan time.Time
	if e.plan.PaceMS > 0 {
		ticker := time.NewTicker(time.Duration(e.plan.PaceMS * float64(time.Millisecond)))
		defer ticker.Stop()
		pace = ticker.C
	}
	for i := range e.plan.Messages {
		if i > 0 && pace != nil {
			if ended := pause(ctx, e, pace); ended != "" {
				return ended
			}
		}
		for e.channel.BufferedAmount() > highBuffer {
			if ended := pause(ctx, e, e.p.lowBuffer); ended != "" {
				return ended
			}
		}
		if ctx.Err() != nil {
			return "time"
		}
		if why := e.p.ended.reason(); why != "" {
			return why
		}
		// Booked before it is sent: the echo can be faster than this goroutine.
		e.mu.Lock()
		message := e.ledger.next()
		e.ledger.sent(time.Now())
		e.mu.Unlock()
		if err := e.channel.Send(message); err != nil {
			e.p.journal.add("peers", "warn", "send: "+err.Error(), time.Now())
			e.mu.Lock()
			e.ledger.sentAt = e.ledger.sentAt[:i]
			e.mu.Unlock()
			return "closed"
		}
		e.p.traffic.sent(len(message))
	}
	return ""
}

// pause waits for next, or says why there is nothing more to send.
func pause[T any](ctx context.Context, e *echoRun, next <-chan T) (ended string) {
	for {
		var news <-chan struct{}
		if e.plan.UntilEcho {
			news = e.news
		}
		select {
		case <-next:
			return ""
		case <-news:
			if e.echoed() {
				return "echo"
			}
		case <-ctx.Done():
			return "time"
		case <-e.p.ended.done():
			if why := e.p.ended.reason(); why != "" {
				return why
			}
		}
	}
}

func (e *echoRun) echoed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ledger.echoed > 0
}

// wait waits for the echoes.
func (e *echoRun) wait(ctx context.Context) (ended string) {
	quiet := time.Duration(e.plan.QuietMS * float64(time.Millisecond))
	var timer *time.Timer
	var silence <-chan time.Time
	for {
		e.mu.Lock()
		complete, settled := e.ledger.complete(), e.ledger.settled()
		e.mu.Unlock()
		switch {
		case e.plan.UntilEcho && e.echoed():
			return "echo"
		case complete:
			return "complete"
		}
		patience := quiet
		if settled && (patience == 0 || patience > settledQuiet) {
			patience = settledQuiet
		}
		if patience > 0 {
			if timer == nil {
				timer = time.NewTimer(patience)
				defer timer.Stop()
			} else {
				timer.Reset(patience)
			}
			silence = timer.C
		}
		select {
		case <-e.news:
		case <-silence:
			return "quiet"
		case <-ctx.Done():
			return "time"
		case <-e.p.ended.done():
			if why := e.p.ended.reason(); why != "" {
				return why
			}
		}
	}
}

func (e *echoRun) result(begin, now time.Time, ended string) EchoResult {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.ledger
	end := now
	if ended == "complete" || ended == "echo" {
		end = l.lastEcho
	}
	var first *float64
	if !l.firstEcho.IsZero() {
		ms := milliseconds(l.firstEcho.Sub(begin))
		first = &ms
	}
	sent := len(l.sentAt)
	return EchoResult{
		Messages: e.plan.Messages, Sent: sent, Echoed: l.echoed, Lost: sent - l.echoed,
		Corrupt: l.corrupt, Duplicated: l.duplicated, Reordered: l.reordered, Late: l.late,
		BytesSent: int64(sent) * int64(l.size), BytesEchoed: int64(l.echoed) * int64(l.size),
		RTTMS: l.rtt(), FirstEchoMS: first, Seconds: end.Sub(begin).Seconds(), Ended: ended,
	}
}
