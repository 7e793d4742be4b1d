package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/turnserver"
	"github.com/icelab-go/icelab/wire"
)

// relayRules are those of family D.
var relayRules = []rule{
	{"advertised address", []string{"D1"}, advertised},
	{"deaf relay", []string{"D2"}, deafRelay},
	{"refused peer", []string{"D4"}, forbidden},
	{"unanswered permission", []string{"D9"}, permissionUnanswered},
	{"lapsed permission", []string{"D9"}, permissionLost},
	{"lapsed channel", []string{"D10"}, channelExpired},
	{"lapsed allocation", []string{"D11"}, notRefreshed},
}

func advertised(f *facts) (list []finding) {
	for _, p := range f.peers {
		for _, a := range f.relays(p) {
			if f.isServer(a.Addr()) || len(f.Names) == 0 && !isPrivate(a.Addr()) {
				continue
			}
			x := found("D1", "turn's external address", fmt.Sprintf("the TURN server says that the %s's relay is at %s, where it is not", p.role, a.Addr()), SureObserved,
				item(OfSockets, f.allocation(p, a), "XOR-RELAYED-ADDRESS is %s, and the server is not there", a)).breaking(p.relay)
			if s := f.toRelay(p, a); s.sent > 0 && s.arrived == 0 {
				x.Evidence = append(x.Evidence, item(OfSockets, s.packets, "%s of the %s to it, and none answered", many(s.sent, "check"), p.other.role))
				x.Confidence = SureBoth
			}
			list = append(list, x)
			break
		}
	}
	return list
}

// allocation are the packets in which a relay address was given out.
func (f *facts) allocation(p *peer, a netip.AddrPort) (ids []int) {
	for _, l := range p.legs {
		if l.relayed != a {
			continue
		}
		for _, t := range l.of("allocate") {
			if m := t.answer(); m != nil && m.Class == wire.Success {
				ids = append(ids, t.packets()...)
			}
		}
	}
	return ids
}

// toRelay sums up the checks that the other peer sent to a relay from its own
// sockets. Of these, arrived counts those at the relay's socket.
func (f *facts) toRelay(p *peer, relay netip.AddrPort) summary {
	s := f.summarize(p.other, func(c *check) bool { return c.remote == relay && !c.throughOwn })
	s.arrived = 0
	for _, c := range f.checks {
		if c.from == p.other && c.remote == relay && !c.throughOwn && c.endPlace >= atRelayIn {
			s.arrived++
		}
	}
	return s
}

func deafRelay(f *facts) (list []finding) {
	for _, p := range f.peers {
		for _, a := range f.relays(p) {
			if !f.isServer(a.Addr()) {
				continue
			}
			if x, is := f.deaf(p, a); is {
				list = append(list, x)
				break
			}
		}
	}
	return list
}

func (f *facts) deaf(p *peer, relay netip.AddrPort) (finding, bool) {
	o := p.other
	s := f.toRelay(p, relay)
	if s.sent == 0 || s.arrived > 0 || s.heard > 0 {
		return finding{}, false
	}
	permitted := f.permitted(p)
	left, atServer, entitled := 0, 0, 0
	var ids []int
	for _, c := range f.checks {
		if c.from != o || c.remote != relay || c.throughOwn || f.until().Sub(c.began()) < f.there(o) {
			continue
		}
		d, ended := dropped(c.requests)
		switch {
		case ended && d.Node == topology.Turn:
			atServer++
			ids = append(ids, c.packets()...)
		case !ended && len(o.chain) > 0 && c.endPlace >= atNear+2*len(o.chain)-1:
			left++
			ids = append(ids, c.packets()...)
		case f.gateways:
			continue
		}
		if !permitted.IsZero() && c.began().After(permitted) {
			entitled++
		}
	}
	seen := item(OfSockets, s.packets, "%s of the %s to the %s's relay %s, and no answer", many(s.sent, "check"), o.role, p.role, relay)
	x := found("D2", "turn's inbound UDP to its relay ports", fmt.Sprintf("what the %s sends to the %s's relay does not reach the TURN server's relay port", o.role, p.role), 0, seen).breaking(p.relay)
	leaves := item(OfGateways, ids, "%s left %s", many(left, "check"), o.outermost())
	granted := item(OfSockets, nil, "%s of them after the server had granted the %s a permission for the %s", many(entitled, "check"), p.role, o.role)
	switch {
	case atServer > 0:
		x.Confidence = SureBoth
		x.Evidence = append(x.Evidence, item(OfServer, ids, "the firewall of the TURN server's host dropped them"))
	case left > 0 && (f.server || f.silentRelay(relay)):
		x.Confidence = SureObserved
		x.Evidence = append(x.Evidence, leaves)
		if f.server {
			x.Evidence = append(x.Evidence, item(OfServer, nil, "none arrived at the relay's socket"))
		}
		if f.silentRelay(relay) {
			x.Confidence = SureBoth
			x.Evidence = append(x.Evidence, item(OfServer, nil, "the server counts nothing from the %s on that relay", o.role))
		}
	case left > 0 && entitled >= fewChecks:
		x.Evidence = append(x.Evidence, leaves, granted)
		if x.Confidence = SureControlled; !relayed(f.Proven) {
			x.Confidence = SureSilent // nothing shows that the relay works otherwise
			x = x.or("D4", 0.3, "the server's count of what reached the relay")
		}
	case f.server && !f.gateways && entitled > 0 && f.udpElsewhere(o):
		x.Confidence = SureControlled
		x.Evidence = append(x.Evidence, item(OfServer, nil, "none arrived at the relay's socket, though the %s's UDP reaches the server's listener", o.role))
	case !f.server && !f.gateways && entitled >= fewChecks && f.udpElsewhere(o):
		x.Confidence = SureSilent
		x.Evidence = append(x.Evidence, granted)
		x = x.or("D4", 0.3, "the server's count of what reached the relay").or("D7", 0.2, "the server's own packets to its relay")
	default:
		return finding{}, false
	}
	return x, true
}

// there is how long a packet of a peer's may take to the server.
func (f *facts) there(p *peer) time.Duration {
	if trip, _ := f.roundTrip(p); trip > 0 {
		return inFlight + 2*trip
	}
	return onItsWay / 2
}

// outermost is the last gateway in front of the peer.
func (p *peer) outermost() string {
	if n := len(p.chain); n > 0 {
		return p.chain[n-1].Name
	}
	return p.Node
}

// silentRelay reports whether the server counts nothing that came in at a relay
// from outside of it.
func (f *facts) silentRelay(relay netip.AddrPort) bool {
	if f.Server == nil {
		return false
	}
	for _, a := range f.Server.Allocations {
		if a.Relay == relay {
			return a.FromPeers.Checks == 0 && a.FromPeers.Packets == 0 && a.Dropped == 0
		}
	}
	return false
}

// permitted is since when a peer has a permission for an address at which the other
// sends; zero if it has none.
func (f *facts) permitted(p *peer) (since time.Time) {
	for _, l := range p.legs {
		for _, t := range slices.Concat(l.of("create-permission"), l.of("channel-bind")) {
			q, a := t.request(), t.answer()
			if q == nil || a == nil || a.Class != wire.Success {
				continue
			}
			for _, peer := range q.Peers {
				if at := t.answers[0].Time; f.usable(p.other, peer.Addr()) && !f.isServer(peer.Addr()) && (since.IsZero() || at.Before(since)) {
					since = at
				}
			}
		}
	}
	return since
}

// permissions are what became of a peer's requests for permissions, by the address
// that they are for.
type permission struct {
	address          netip.Addr
	granted, refused bool
	packets          []int
	event            *turnserver.Event
}

func (f *facts) permissions(p *peer) (list []*permission) {
	of := func(a netip.Addr) *permission {
		for _, x := range list {
			if x.address == a {
				return x
			}
		}
		list = append(list, &permission{address: a})
		return list[len(list)-1]
	}
	for _, l := range p.legs {
		for _, t := range slices.Concat(l.of("create-permission"), l.of("channel-bind")) {
			q, a := t.request(), t.answer()
			if q == nil || a == nil {
				continue
			}
			for _, peer := range q.Peers {
				x := of(peer.Addr())
				x.packets = append(x.packets, t.packets()...)
				switch {
				case a.Class == wire.Success:
					x.granted = true
				case a.Code == 403 || a.Code == 401 && t.method == "channel-bind":
					x.refused = true
				}
			}
		}
	}
	for _, e := range f.events(turnserver.PermissionRefused, turnserver.PermissionCreated) {
		if f.client(e) != p {
			continue
		}
		x := of(e.Peer.Addr())
		if e.Kind == turnserver.PermissionCreated {
			x.granted = true
		} else {
			x.refused, x.event = true, &e
		}
	}
	return list
}

// usable reports whether a peer can be reached at an address from the server.
func (f *facts) usable(p *peer, a netip.Addr) bool {
	// What the server sees a peer at it reaches it at, such as an address of a
	// carrier's NAT (100.64.0.0/10).
	if slices.ContainsFunc(p.legs, func(l *leg) bool { return l.mapped.Addr() == a }) {
		return true
	}
	if a == p.Address {
		return len(p.chain) == 0 || p.NAT != nil && !p.NAT.NAT && p.NAT.UDP
	}
	return !isPrivate(a) || slices.ContainsFunc(p.chain, func(g Gateway) bool { return g.External == a && publicServer(a) })
}

func forbidden(f *facts) (list []finding) {
	worked, _ := f.worked()
	for _, p := range f.peers {
		var refused []string
		var evidence []Item
		confidence := SureObserved
		for _, x := range f.permissions(p) {
			// The other's relay is at the server, and matters where there is nothing else.
			if f.isServer(x.address) {
				if !p.other.only("relay") {
					continue
				}
			} else if !f.usable(p.other, x.address) || p.other.only("relay") || worked && !publicServer(x.address) && x.address != p.other.Address {
				continue // a server does well not to relay into networks that are not public
			}
			if x.granted {
				refused = nil
				break
			}
			if !x.refused {
				continue
			}
			refused = append(refused, f.named(x.address))
			if len(x.packets) > 0 {
				evidence = append(evidence, item(OfSockets, x.packets, "403 for a permission of the %s for %s", p.role, x.address))
			}
			if x.event != nil {
				evidence = append(evidence, item(OfServer, nil, "the TURN server's event: %s for %s, %q", x.event.Kind, x.address, x.event.Reason))
			}
			if len(x.packets) > 0 && x.event != nil {
				confidence = SureBoth
			}
		}
		if len(refused) == 0 {
			continue
		}
		slices.Sort(refused)
		list = append(list, found("D4", "turn's denied peers", fmt.Sprintf("the TURN server refuses to relay for the %s to %s", p.role, strings.Join(slices.Compact(refused), " and ")),
			confidence, evidence...).breaking(p.relay))
	}
	return list
}
