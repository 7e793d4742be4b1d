package probe

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/stun/v3"
)

// question is one STUN transaction.
type question struct {
	test string // as it is called in observations
	to   netip.AddrPort
	// from is where the answer has to come from, if not from where it was asked.
	from netip.AddrPort
	// change asks for that (CHANGE-REQUEST, RFC 5780 §7.2).
	change change
	// receiver is the socket that the answer comes to, if not the one that asks,
	// on that external port (RESPONSE-PORT, RFC 5780 §7.5).
	receiver     *socket
	responsePort uint16
}

type change byte

const (
	changePort           change = 2
	changeAddressAndPort change = 6
)

type answer struct {
	mapped, other netip.AddrPort
	refused       string // the server's error, if it is one
}

// pending is a question that was asked and not answered yet.
type pending struct {
	question
	p        *prober
	s        *socket
	request  *stun.Message
	answered chan *answer
	forget   func()

	requests int
	first    time.Time
	last     time.Time
}

func (p *prober) prepare(s *socket, q question) (*pending, error) {
	attrs := []stun.Setter{stun.TransactionID, stun.BindingRequest}
	if q.change != 0 {
		attrs = append(attrs, stun.RawAttribute{Type: stun.AttrChangeRequest, Value: []byte{0, 0, 0, byte(q.change)}})
	}
	if q.responsePort != 0 {
		attrs = append(attrs, stun.RawAttribute{
			Type:  stun.AttrResponsePort,
			Value: []byte{byte(q.responsePort >> 8), byte(q.responsePort)},
		})
	}
	request, err := stun.Build(attrs...)
	if err != nil {
		return nil, err
	}
	if !q.from.IsValid() {
		q.from = q.to
	}
	if q.receiver == nil {
		q.receiver = s
	}
	t := &pending{question: q, p: p, s: s, request: request, answered: make(chan *answer, 1)}
	t.forget = q.receiver.expect(request.TransactionID, waiter{from: q.from, heard: func(m *stun.Message, _ netip.AddrPort) {
		if a := parseAnswer(m); a != nil {
			select {
			case t.answered <- a:
			default: // to another copy of the request
			}
		}
	}})
	return t, nil
}

func parseAnswer(m *stun.Message) *answer {
	switch m.Type {
	case stun.BindingSuccess:
		var mapped stun.XORMappedAddress
		if mapped.GetFrom(m) != nil {
			return nil
		}
		a := &answer{mapped: addrPortOf(mapped.IP, mapped.Port)}
		var other stun.MappedAddress
		if other.GetFromAs(m, stun.AttrOtherAddress) == nil {
			a.other = addrPortOf(other.IP, other.Port)
		}
		return a
	case stun.BindingError:
		var code stun.ErrorCodeAttribute
		if code.GetFrom(m) != nil {
			return nil
		}
		return &answer{refused: code.String()}
	}
	return nil
}

func addrPortOf(ip []byte, port int) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port))
}

func (t *pending) send() {
	t.last = time.Now()
	if t.requests == 0 {
		t.first = t.last
	}
	t.requests++
	t.s.send(t.request, t.to)
}

// finish ends the transaction and notes it down.
func (t *pending) finish(a *answer) {
	t.forget()
	o := Observation{Test: t.test, Local: t.receiver.local, To: t.to, From: t.from, Requests: t.requests}
	if a != nil {
		o.Answered, o.Mapped, o.Refused = true, a.mapped, a.refused
	}
	t.p.observe(o)
}

func (p *prober) observe(o Observation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.card.Observations = append(p.card.Observations, o)
}

// ask repeats a question until it is answered. It returns nil when it is not.
func (p *prober) ask(ctx context.Context, s *socket, q question) (*answer, error) {
	t, err := p.prepare(s, q)
	if err != nil {
		return nil, err
	}
	var a *answer
	defer func() { t.finish(a) }()
	wait := p.RTO
	for range p.Retransmits + 1 {
		t.send()
		if a, err = t.await(ctx, wait); a != nil || err != nil {
			return a, err
		}
		wait = p.RTO / 2
	}
	a, err = t.await(ctx, 2*p.RTO)
	return a, err
}

func (t *pending) await(ctx context.Context, d time.Duration) (*answer, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	return t.take(ctx, timer)
}

// take waits for the answer until the timer fires, and leaves it fired for whom
// it is to take from next. An answer that is there counts even then: of two that
// are ready select would draw one.
func (t *pending) take(ctx context.Context, timer *time.Timer) (*answer, error) {
	select {
	case a := <-t.answered:
		return a, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		timer.Reset(0)
	}
	select {
	case a := <-t.answered:
		return a, nil
	default:
		return nil, nil
	}
}

// mustAsk is ask where silence is an error: the server answers others.
func (p *prober) mustAsk(ctx context.Context, s *socket, q question) (*answer, error) {
	a, err := p.ask(ctx, s, q)
	switch {
	case err != nil:
		return nil, err
	case a == nil:
		return nil, fmt.Errorf("%s: no answer from %s to %s, though %s did answer: check that all four sockets of the server can be reached", q.test, q.to, s.local, p.Server)
	case a.refused != "":
		return nil, fmt.Errorf("%s: %s refused: %s", q.test, q.to, a.refused)
	}
	return a, nil
}

// outcome is what came of a question that may rightly stay unanswered.
type outcome struct {
	*answer
	first, last time.Time // requests
}

// listenFor asks questions to which silence is an answer. Silence is believed
// once it was asked as often as ask would, and then a plain question from the
// same socket was answered: what comes late or not at all because the network
// or a host is slow, or dead, is not mistaken for a filter. Repeating quickly
// rather than waiting long is what makes it fast.
func (p *prober) listenFor(ctx context.Context, s *socket, control string, questions ...question) ([]outcome, error) {
	open := make([]*pending, len(questions))
	outcomes := make([]outcome, len(questions))
	for i, q := range questions {
		t, err := p.prepare(s, q)
		if err != nil {
			return nil, err
		}
		open[i] = t
		defer func() {
			outcomes[i].first, outcomes[i].last = t.first, t.last
			t.finish(outcomes[i].answer)
		}()
	}
	// collect waits and reports whether all are answered.
	collect := func(d time.Duration) (bool, error) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		for i, t := range open {
			if outcomes[i].answer != nil {
				continue
			}
			var err error
			if outcomes[i].answer, err = t.take(ctx, timer); err != nil {
				return false, err
			}
		}
		for _, o := range outcomes {
			if o.answer == nil {
				return false, nil
			}
		}
		return true, nil
	}
	for range p.Retransmits + 1 {
		for i, t := range open {
			if outcomes[i].answer == nil {
				t.send()
			}
		}
		if all, err := collect(p.RTO / 8); all || err != nil {
			return outcomes, err
		}
	}
	if _, err := p.mustAsk(ctx, s, question{test: control, to: p.Server}); err != nil {
		return nil, err
	}
	_, err := collect(p.RTO / 2)
	return outcomes, err
}
