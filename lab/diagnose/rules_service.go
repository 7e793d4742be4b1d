package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/turnserver"
)

// serviceRules are those of family G.
var serviceRules = []rule{
	{"server restarted", []string{"G1", "B6"}, restarted},
}

// restarted is for a server that forgot its allocations during the call, or is not
// there any more.
func restarted(f *facts) (list []finding) {
	if !f.midcall() || !f.wasRelayed() {
		return nil
	}
	var evidence []Item
	confidence := 0.0
	breaks := broken(0)
	for _, p := range f.peers {
		if !f.granted(p) {
			continue
		}
		if f.Server != nil && !f.Server.Running {
			breaks |= p.relay
			if !slices.ContainsFunc(evidence, func(i Item) bool { return i.Of == OfServer && len(i.Packets) == 0 }) {
				evidence = append(evidence, item(OfServer, nil, "the TURN server is not running"))
			}
			confidence = SureObserved
		}
		if closed := f.closed(p); len(closed) > 0 {
			evidence = append(evidence, item(OfGateways, closed, "the TURN server closed the connection of the %s's allocation", p.role))
			confidence = max(confidence, SureObserved)
			breaks |= p.relay
		}
		known := false
		for _, e := range f.events(turnserver.RequestUnanswered, turnserver.RelayDropped, turnserver.NonceStale) {
			if f.client(e) != p || e.Kind != turnserver.NonceStale && !strings.Contains(e.Reason, "no allocation for this client") {
				continue
			}
			for _, l := range p.legs {
				known = known || l.mapped == e.Client && l.relayed.IsValid()
			}
			if known && !f.ended(e) {
				evidence = append(evidence, item(OfServer, nil, "the TURN server does not know the allocation of %s any more, and did not end it: %s%s", e.Client, e.Kind, reasoned(e)))
				confidence = max(confidence, SureObserved)
				breaks |= p.relay
				break
			}
		}
		for _, l := range p.legs {
			if !l.relayed.IsValid() {
				continue
			}
			if refused := f.refusedTo(p, l.server, carrierOf(l.transport)); len(refused) > 0 {
				evidence = append(evidence, item(OfGateways, refused, "nothing listens at %s any more", l.server))
				confidence = max(confidence, SureObserved)
				breaks |= p.relay
			}
		}
	}
	if confidence == 0 {
		return nil
	}
	if len(evidence) > 1 {
		confidence = SureBoth
	}
	code := "G1"
	if f.Server != nil && !f.Server.Running {
		code = "B6" // it is down, and not back
	}
	x := found(code, topology.Turn, fmt.Sprintf("the TURN server %s during the call", f.gone()), confidence, evidence...).breaking(breaks)
	if f.Server == nil {
		x.Confidence = SureSilent
		x = x.or("B6", SureSilent, "whether the server is running again")
	}
	x.midcall = true
	return append(list, x)
}

// closed are the packets with which the server ended a connection of a peer that
// holds an allocation.
func (f *facts) closed(p *peer) (ids []int) {
	for _, l := range p.legs {
		if !l.relayed.IsValid() || carrierOf(l.transport) != "tcp" {
			continue
		}
		own := false // the client ended it itself
		for i := range f.Packets {
			k := &f.Packets[i]
			if k.TCP == nil || !k.TCP.FIN && !k.TCP.RST || k.Time.Before(f.up()) {
				continue
			}
			own = own || k.To == l.server && f.from(p, k, k.From)
			if !own && k.From == l.server && f.from(p, k, k.To) && (k.To == l.local || k.To == l.mapped) {
				ids = append(ids, k.ID)
			}
		}
	}
	return ids
}

// up is when the application first had what it tried.
func (f *facts) up() time.Time {
	for _, a := range f.Attempts {
		if a.OK {
			return a.Ended
		}
	}
	return time.Time{}
}

func (f *facts) gone() string {
	if f.Server != nil && !f.Server.Running {
		return "went away"
	}
	return "was restarted"
}

// ended reports whether the server itself ended the allocation that an event is of.
func (f *facts) ended(of turnserver.Event) bool {
	for _, e := range f.events(turnserver.AllocationEnded) {
		if e.Client == of.Client {
			return true
		}
	}
	return false
}
