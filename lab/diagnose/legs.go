package diagnose

import (
	"net/netip"
	"slices"
	"time"

	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/turnserver"
	"github.com/icelab-go/icelab/wire"
)

// leg is one 5-tuple between a peer and a server, and what was said on it.
type leg struct {
	peer      *peer
	transport string
	// local is the peer's end as near to it as it was seen, mapped as the server
	// sees it, and server the other end.
	local, mapped, server netip.AddrPort

	transactions []*transaction
	// relayed is the address of the relay that it was given; zero without.
	relayed  netip.AddrPort
	software string
	// channels are the peers that channels lead to.
	channels map[uint16]netip.AddrPort
}

// findLegs sorts the transactions with servers by leg.
func (f *facts) findLegs() {
	// Those seen from near are sorted first: the others may need their ports.
	var rest []*transaction
	for _, t := range f.transactions {
		if t.isCheck() || len(t.requests) == 0 {
			continue
		}
		if !f.addToLeg(t) {
			rest = append(rest, t)
		}
	}
	for _, t := range rest {
		f.addToLeg(t)
	}
}

func (f *facts) addToLeg(t *transaction) bool {
	owner := f.ownerOf(t)
	if owner == nil {
		return false
	}
	nearest := t.requests[0]
	for _, s := range t.requests {
		if f.place(s.Packet, owner) < f.place(nearest.Packet, owner) {
			nearest = s
		}
	}
	if !f.isServer(nearest.To.Addr()) && !owner.leadsTo(nearest.To) {
		return true // a Binding to somebody else
	}
	l := owner.leg(nearest)
	l.transactions = append(l.transactions, t)
	for _, s := range t.requests {
		if s.Node == topology.Turn {
			l.mapped = s.From
		}
		if s.msg.Method == "channel-bind" && len(s.msg.Peers) > 0 {
			l.channels[s.msg.Channel] = s.msg.Peers[0]
		}
	}
	for _, s := range t.answers {
		if s.msg.Mapped.IsValid() && !l.mapped.IsValid() {
			l.mapped = s.msg.Mapped
		}
		switch {
		case s.msg.Relayed.IsValid():
			l.relayed = s.msg.Relayed
		case s.msg.Code == 437 && t.method == "allocate":
			l.relayed = netip.AddrPort{} // an earlier client's
		}
		if s.msg.Software != "" {
			l.software = s.msg.Software
		}
	}
	return true
}

func (p *peer) leadsTo(a netip.AddrPort) bool {
	return slices.ContainsFunc(p.urls, func(s *server) bool { return s.is(a) })
}

func (p *peer) leg(s sighting) *leg {
	transport := legTransport(s.Protocol, s.To.Port())
	for _, l := range p.legs {
		if l.local == s.From && l.server == s.To && carrierOf(l.transport) == carrierOf(transport) {
			return l
		}
	}
	l := &leg{peer: p, transport: transport, local: s.From, server: s.To, channels: map[uint16]netip.AddrPort{}}
	p.legs = append(p.legs, l)
	return l
}

// legTransport tells TLS, which a witness beside its ends sees as TCP, by the port.
func legTransport(protocol string, port uint16) string {
	if protocol == "tcp" && port == topology.TurnTLSPort {
		return "tls"
	}
	return protocol
}

// of are the transactions of a method.
func (l *leg) of(method string) (list []*transaction) {
	for _, t := range l.transactions {
		if t.method == method {
			list = append(list, t)
		}
	}
	return list
}

// legsOf are those that a URL led to.
func (p *peer) legsOf(s *server) (list []*leg) {
	for _, l := range p.legs {
		if l.transport == s.transport && s.is(l.server) {
			list = append(list, l)
		}
	}
	return list
}

// relays are the relay addresses that the peer has had, from whoever tells.
func (f *facts) relays(p *peer) (list []netip.AddrPort) {
	add := func(a netip.AddrPort) {
		if a.IsValid() && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	for _, l := range p.legs {
		add(l.relayed)
	}
	for _, c := range p.local("relay") {
		add(addrPortOf(c.Candidate))
	}
	for _, e := range f.events(turnserver.AllocationCreated) {
		if f.client(e) == p && !f.mismatched(e.Client) {
			add(e.Relay)
		}
	}
	if f.Server != nil {
		for _, a := range f.Server.Allocations {
			if f.client(turnserver.Event{Client: a.Client}) == p && !f.mismatched(a.Client) && !a.Created.Before(f.began) {
				add(a.Relay)
			}
		}
	}
	return list
}

// mismatched reports whether a client asked again from where it held an allocation,
// which is an earlier client's then (437).
func (f *facts) mismatched(client netip.AddrPort) bool {
	return slices.ContainsFunc(f.events(turnserver.AllocationRefused), func(e turnserver.Event) bool {
		return e.Code == 437 && e.Client == client
	})
}

// events are the server's of some kinds, in the time of the call.
func (f *facts) events(kinds ...turnserver.Kind) (list []turnserver.Event) {
	if f.Server == nil {
		return nil
	}
	for _, e := range f.Server.Events {
		if slices.Contains(kinds, e.Kind) && (f.began.IsZero() || !e.Time.Before(f.began)) {
			list = append(list, e)
		}
	}
	return list
}

// client tells whose event it is; nil where both peers look alike.
func (f *facts) client(e turnserver.Event) *peer {
	return f.whose(&wire.Packet{}, e.Client)
}

// refusal is how an Allocate request with credentials ended.
type refusal struct {
	peer    *peer
	leg     *leg // nil where no packet tells of it
	code    int
	reason  string // the server's event's
	event   *turnserver.Event
	at      time.Time
	packets []int
	// username is the one that was sent.
	username string
	// said: the peer's log tells of it.
	said string
}

// refusals are those of the Allocate requests of a peer that had credentials, one
// for each leg and code, joined with the server's events.
func (f *facts) refusals(p *peer) (list []*refusal) {
	for _, l := range p.legs {
		for _, t := range l.of("allocate") {
			q, a := t.request(), t.answer()
			if a == nil || a.Class != wire.Error || q == nil || !q.Integrity {
				continue
			}
			i := slices.IndexFunc(list, func(r *refusal) bool { return r.leg == l && r.code == a.Code })
			if i < 0 {
				list = append(list, &refusal{peer: p, leg: l, code: a.Code, at: t.began(), username: q.Username})
				i = len(list) - 1
			}
			list[i].packets = append(list[i].packets, t.packets()...)
		}
	}
	for _, e := range f.events(turnserver.AuthFailed, turnserver.AllocationRefused) {
		if e.Method != "Allocate" || f.client(e) != p {
			continue
		}
		i := slices.IndexFunc(list, func(r *refusal) bool {
			return r.code == e.Code && (r.leg == nil || !r.leg.mapped.IsValid() || r.leg.mapped == e.Client)
		})
		if i < 0 {
			list = append(list, &refusal{peer: p, code: e.Code, at: e.Time, username: e.Username})
			i = len(list) - 1
		}
		if list[i].event == nil {
			list[i].event, list[i].reason = &e, e.Reason
		}
	}
	for _, code := range p.loggedCodes() {
		if i := slices.IndexFunc(list, func(r *refusal) bool { return r.code == code }); i < 0 {
			list = append(list, &refusal{peer: p, code: code, username: p.Config.Username, said: p.log("Allocate error response")})
		}
	}
	return list
}

// loggedCodes are those of refused allocations in the peer's log.
func (p *peer) loggedCodes() (codes []int) {
	if p.Report == nil {
		return nil
	}
	for _, l := range p.Report.Log {
		if m := allocateError.FindStringSubmatch(l.Text); m != nil {
			if code := number(m[1]); !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	return codes
}

// granted reports whether the peer had an allocation at some time.
func (f *facts) granted(p *peer) bool { return len(f.relays(p)) > 0 }
