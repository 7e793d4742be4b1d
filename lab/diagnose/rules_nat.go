package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/probe"
	"github.com/icelab-go/icelab/wire"
)

// natRules are those of family F.
var natRules = []rule{
	{"NATs", []string{"F1", "F2", "F3"}, betweenNATs},
	{"mapping changed", []string{"F5", "F6"}, remapped},
	{"one way", []string{"F9"}, oneWay},
	{"one way forbidden", []string{"F9"}, oneWayForbidden},
	{"DTLS", []string{"F10", "F11"}, dtlsLost},
	{"moved", []string{"F14"}, moved},
	{"server silent", []string{"B6"}, serverSilent},
	{"path lost", []string{"F13"}, consentLost},
}

func varies(c *probe.Card) bool {
	return c != nil && c.NAT && c.Mapping != "" && c.Mapping != nat.EIM
}

func byPort(c *probe.Card) bool { return c != nil && c.Filtering == nat.APDF }

// betweenNATs is for NATs between which there is no direct path.
func betweenNATs(f *facts) (list []finding) {
	caller, callee := f.peers[0], f.peers[1]
	if caller.NAT == nil || callee.NAT == nil || f.Predicted == nil {
		return nil
	}
	shared := f.sharedNAT()
	if f.Predicted.Path == nat.PathDirect && (shared == "" || caller.has("host") && callee.has("host")) {
		return nil // on one LAN, host candidates need no NAT
	}
	cards := []Item{
		item(OfNATs, nil, "%s: %s", caller.gatewayNames(), cardText(caller.NAT)),
		item(OfNATs, nil, "%s: %s", callee.gatewayNames(), cardText(callee.NAT)),
	}
	confidence := SureInferred
	for _, p := range f.peers {
		s := f.summarize(p, func(c *check) bool {
			return c.direct() && !isPrivate(c.remote.Addr()) && f.lately(c.began())
		})
		for _, where := range s.droppedAt() {
			n := s.dropped[where]
			if reason := gateway.Reason(where[1]); s.heard == 0 && !isPolicy(where[1]) {
				cards = append(cards, item(OfGateways, s.droppedPackets[where], "%s of the %s to the %s were dropped by %s: %s", many(n, "direct check"), p.role, p.other.role, where[0], reason))
				confidence = SureObserved
			}
		}
		// Not what gateways count: that is of the measuring of the NATs as well.
		if s.sent > 0 && s.heard == 0 && relayed(f.Proven) && confidence < SureControlled {
			cards = append(cards, item(OfSockets, s.packets, "%s of the %s to the %s directly, and none answered; the relay works", many(s.sent, "check"), p.role, p.other.role))
			confidence = SureControlled
		}
	}
	add := func(code, where, because string) {
		list = append(list, found(code, where, because, confidence, cards...).breaking(theDirect|better))
	}
	switch {
	case !caller.NAT.UDP || !callee.NAT.UDP:
		return nil
	case shared != "" && !hairpins(caller.NAT, callee.NAT):
		add("F3", shared, fmt.Sprintf("both peers are behind %s, which does not hairpin", shared))
	case f.Predicted.Path == nat.PathDirect:
	case varies(caller.NAT) && varies(callee.NAT):
		add("F1", caller.gatewayName()+" and "+callee.gatewayName(), "both NATs map per destination")
	case varies(caller.NAT) && byPort(callee.NAT):
		add("F2", caller.gatewayName()+" and "+callee.gatewayName(), f.restricted(caller, callee))
	case varies(callee.NAT) && byPort(caller.NAT):
		add("F2", callee.gatewayName()+" and "+caller.gatewayName(), f.restricted(callee, caller))
	}
	return list
}

func (f *facts) restricted(varying, filtering *peer) string {
	return fmt.Sprintf("%s maps per destination, and %s lets in only the ports that it knows", varying.gatewayName(), filtering.gatewayName())
}

func cardText(c *probe.Card) string {
	switch {
	case !c.UDP:
		return "no UDP"
	case !c.NAT:
		return "no NAT, filtering " + strings.ToUpper(string(c.Filtering))
	}
	return fmt.Sprintf("%s mapping, %s filtering, %s ports", strings.ToUpper(string(c.Mapping)), strings.ToUpper(string(c.Filtering)), c.Ports)
}

// sharedNAT is the gateway that both peers are behind, if there is one.
func (f *facts) sharedNAT() string {
	for _, g := range f.Gateways {
		if !g.Left && slices.Contains(g.Of, f.Caller.Node) && slices.Contains(g.Of, f.Callee.Node) {
			return g.Name
		}
	}
	a, b := f.Caller.NAT, f.Callee.NAT
	if a.NAT && b.NAT && a.External.IsValid() && a.External.Addr() == b.External.Addr() {
		return f.named(a.External.Addr())
	}
	return ""
}

func hairpins(a, b *probe.Card) bool {
	return a.Hairpin == probe.HairpinYes && b.Hairpin == probe.HairpinYes
}

// mapping is what a NAT made of one of a peer's sockets towards one address, at one
// time.
type mapping struct {
	external netip.AddrPort
	first    time.Time
	last     time.Time
	packet   int
}

// mappings are those of a peer's sockets at its outermost gateway, or as the server
// sees them, in order of time: a socket with an endpoint-independent mapping is
// mapped alike for all, so each destination tells.
func (f *facts) mappings(p *peer) map[[2]netip.AddrPort][]mapping {
	all := map[[2]netip.AddrPort][]mapping{}
	if len(p.chain) == 0 {
		return all
	}
	for _, t := range f.transactions {
		var inside, outside *wire.Packet
		for _, s := range t.requests {
			switch place := f.place(s.Packet, p); {
			case place == atSender || place == atNear:
				if s.Node == p.Node && s.Direction == wire.Out || s.Node == p.chain[0].Name && s.Direction == wire.In && s.From.Addr() == p.Address {
					inside = s.Packet
				}
			case place == atNear+2*len(p.chain)-1 || place == atListener:
				if outside == nil || place != atListener {
					outside = s.Packet
				}
			}
		}
		if inside == nil || outside == nil || inside.Protocol != "udp" {
			continue
		}
		key := [2]netip.AddrPort{inside.From, inside.To}
		list := all[key]
		if n := len(list); n > 0 && list[n-1].external == outside.From {
			list[n-1].last = outside.Time
		} else {
			list = append(list, mapping{outside.From, outside.Time, outside.Time, outside.ID})
		}
		all[key] = list
	}
	return all
}

// remapped is for a flow that got another external port while the call went on.
func remapped(f *facts) (list []finding) {
	if !f.midcall() {
		return nil
	}
	for _, p := range f.peers {
		changes := 0
		var ids []int
		var was, is netip.AddrPort
		var idle time.Duration
		for _, m := range f.mappings(p) {
			for i := 1; i < len(m); i++ {
				if m[i].external.Addr() != m[i-1].external.Addr() {
					continue // of another NAT
				}
				changes++
				ids = append(ids, m[i].packet)
				was, is = m[i-1].external, m[i].external
				idle = max(idle, m[i].first.Sub(m[i-1].last))
			}
		}
		if changes == 0 {
			continue
		}
		seen := item(OfGateways, ids, "the mapping of a running flow changed from %s to %s, %s after the packet before", was, is, idle.Round(100*time.Millisecond))
		short := p.NAT != nil && p.NAT.Lifetime != nil && p.NAT.Lifetime.Below > 0 && p.NAT.Lifetime.AtLeast <= idle
		var x finding
		switch {
		case short:
			x = found("F5", p.gatewayName(), fmt.Sprintf("%s forgets mappings after %s without a packet", p.gatewayName(), p.NAT.Lifetime), SureBoth, seen)
		case changes > 2:
			x = found("F5", p.gatewayName(), fmt.Sprintf("%s forgets mappings after less than %s without a packet", p.gatewayName(), idle.Round(100*time.Millisecond)), SureControlled, seen)
		default:
			x = found("F6", p.gatewayName(), fmt.Sprintf("%s gave a running flow of the %s another port during the call", p.gatewayName(), p.role), SureObserved, seen)
		}
		x.midcall = true
		list = append(list, x.breaking(theDirect|p.relay))
	}
	return list
}
