package report

import (
	"net"
	"strconv"
	"time"

	"github.com/icelab-go/icelab/peers"
)

// exchangeView is what became of one side's candidates on their way to the other.
type exchangeView struct {
	From, To   string
	Candidates []exchangedView
}

type exchangedView struct {
	Type, Address, Via string
	Priority           uint32
	// Gathered, Sent, Received and Added are what became of it: a time, a mark or
	// the reason why not.
	Gathered, Sent, Received, Added string
	// Missing is the first of them that did not happen: "sent", "received", "added".
	Missing string
}

// exchanges compares what each side gathered and sent with what the other received
// and used.
func (c Case) exchanges() []exchangeView {
	e := c.Evidence
	if e == nil || e.Caller.Report == nil || e.Callee.Report == nil {
		return nil
	}
	return []exchangeView{
		exchange(c.caller(), c.callee(), e.Caller.Report, e.Callee.Report, e.Caller.Report.Started),
		exchange(c.callee(), c.caller(), e.Callee.Report, e.Caller.Report, e.Caller.Report.Started),
	}
}

// exchange counts all times from one moment, as peers do from one of their own.
func exchange(from, to string, sender, receiver *peers.Report, start time.Time) exchangeView {
	since := func(r *peers.Report, ms float64) string {
		return milliseconds(float64(r.Started.Sub(start).Microseconds())/1000 + ms)
	}
	v := exchangeView{From: from, To: to}
	used := make([]bool, len(receiver.Remote))
	for _, c := range sender.Local {
		one := newExchanged(c.Candidate)
		one.Gathered, one.Sent = since(sender, c.AtMS), "✓"
		if !c.Sent {
			one.Sent, one.Missing = "not sent", "sent"
		}
		arrived := -1
		for i, r := range receiver.Remote {
			if !used[i] && samePlace(r.Candidate, c.Candidate) && r.Generation == c.Generation {
				arrived = i
				break
			}
		}
		switch {
		case arrived >= 0:
			used[arrived] = true
			one.receive(receiver.Remote[arrived], since(receiver, receiver.Remote[arrived].AtMS))
		case c.Sent:
			one.Received, one.Missing = "never arrived", "received"
		}
		v.Candidates = append(v.Candidates, one)
	}
	// What arrived and was not sent like this: changed on its way, or of nobody.
	for i, r := range receiver.Remote {
		if used[i] {
			continue
		}
		one := newExchanged(r.Candidate)
		one.Gathered, one.Missing = "not gathered", "gathered"
		one.receive(r, since(receiver, r.AtMS))
		v.Candidates = append(v.Candidates, one)
	}
	return v
}

func newExchanged(c peers.Candidate) exchangedView {
	return exchangedView{
		Type: string(c.Type), Via: c.RelayProtocol, Priority: c.Priority,
		Address: net.JoinHostPort(c.Address, strconv.Itoa(int(c.Port))),
	}
}

func (v *exchangedView) receive(r peers.RemoteCandidate, at string) {
	v.Received, v.Added = at, "✓"
	if r.Ignored != "" {
		v.Added = r.Ignored
		if v.Missing == "" {
			v.Missing = "added"
		}
	}
}
