package diagnose

import (
	"net/netip"
	"slices"
	"time"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/wire"
)

// progress is how far requests over UDP, or connections over TCP, got.
type progress struct {
	asked, answered int
	packets         []int
	// filtered are those that a gateway's firewall dropped, and at which one.
	filtered []sighting
	at       string
	// left: past the last gateway. arrived: at the server's socket.
	left, arrived bool
	// refused: ICMP port unreachable or RST came back.
	refused []int
	// first is when the first request was sent, and again says that one was sent more
	// than once.
	first time.Time
	again bool
}

// add counts a transaction with the server.
func (f *facts) add(r *progress, p *peer, t *transaction) {
	r.asked++
	r.packets = append(r.packets, t.packets()...)
	if began := t.began(); r.first.IsZero() || began.Before(r.first) {
		r.first = began
	}
	sent := 0
	for _, s := range t.requests {
		if f.place(s.Packet, p) == atSender {
			sent++
		}
	}
	r.again = r.again || sent > 1
	if _, place := f.farthest(t.answers, p.other); len(t.answers) > 0 && f.home(place, p) {
		r.answered++
	}
	_, place := f.farthest(t.requests, p)
	r.left = r.left || f.gateways && place >= atNear+2*len(p.chain)-1 && len(p.chain) > 0
	r.arrived = r.arrived || place >= atListener
	if s, is := dropped(t.requests); is && isPolicy(s.Dropped) {
		r.filtered, r.at = append(r.filtered, s), s.Node
	}
}

// home reports whether an answer at a place reached the peer, as far as there are
// witnesses.
func (f *facts) home(place int, p *peer) bool {
	return place == atReceiver || !f.sockets && f.isLast(place, p)
}

func isPolicy(reason string) bool {
	switch gateway.Reason(reason) {
	case gateway.Policy, gateway.UDPBlocked, gateway.TCPBlocked, gateway.LineCut:
		return true
	}
	return false
}

// udpTo is how far a peer's requests over UDP got, to URLs that is picks out; nil
// is all of them.
func (f *facts) udpTo(p *peer, is func(*leg) bool) (r progress) {
	for _, l := range p.legs {
		if carrierOf(l.transport) != "udp" || is != nil && !is(l) {
			continue
		}
		for _, t := range l.transactions {
			if f.lately(t.began()) {
				f.add(&r, p, t)
			}
		}
		r.refused = append(r.refused, f.refusedTo(p, l.server, "udp")...)
	}
	return r
}

// refusedTo are the ICMP errors and resets that came back to a peer from an address.
func (f *facts) refusedTo(p *peer, server netip.AddrPort, protocol string) (ids []int) {
	closed := false // by the client itself
	for i := range f.Packets {
		k := &f.Packets[i]
		if k.TCP != nil && k.TCP.FIN && k.To == server && f.from(p, k, k.From) {
			closed = true
		}
		if !f.during(k) || k.Node == p.other.Node {
			continue
		}
		switch {
		case k.ICMP != nil && k.ICMP.Type == 3 && k.ICMP.Protocol == protocol && k.ICMP.To == server && f.from(p, k, k.ICMP.From):
			// A gateway refuses with an address of its own.
			if f.isServer(k.From.Addr()) {
				ids = append(ids, k.ID)
			}
		case protocol == "tcp" && !closed && k.TCP != nil && k.TCP.RST && k.From == server && f.from(p, k, k.To):
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// from reports whether a packet belongs to a flow of the peer's.
func (f *facts) from(p *peer, k *wire.Packet, client netip.AddrPort) bool {
	if k.Node == p.Node {
		return true
	}
	if p.behind(k.Node) && !p.other.behind(k.Node) {
		return true
	}
	return f.whose(k, client) == p
}

// tcpTo is how far a peer's connections to a URL's server got.
func (f *facts) tcpTo(p *peer, s *server) (r progress) {
	for i := range f.Packets {
		k := &f.Packets[i]
		if k.TCP == nil || !f.during(k) || !f.lately(k.Time) {
			continue
		}
		switch {
		case k.TCP.SYN && !k.TCP.ACK && s.is(k.To) && f.isServer(k.To.Addr()) && f.from(p, k, k.From):
			r.asked++
			r.packets = append(r.packets, k.ID)
			if r.first.IsZero() {
				r.first = k.Time
			}
			if k.Dropped != "" && isPolicy(k.Dropped) {
				r.filtered, r.at = append(r.filtered, sighting{Packet: k}), k.Node
			}
			place := f.place(k, p)
			r.left = r.left || f.gateways && len(p.chain) > 0 && place >= atNear+2*len(p.chain)-1 && k.Dropped == ""
			r.arrived = r.arrived || k.Node == topology.Turn && k.Dropped == ""
		case k.TCP.SYN && k.TCP.ACK && s.is(k.From) && f.isServer(k.From.Addr()) && f.from(p, k, k.To):
			r.answered++
			r.arrived = true
			r.packets = append(r.packets, k.ID)
		case k.TCP.RST && s.is(k.From) && f.from(p, k, k.To) && r.answered == 0:
			r.refused = append(r.refused, k.ID)
		}
	}
	for _, l := range p.legsOf(s) {
		for _, t := range l.transactions {
			if len(t.answers) > 0 {
				r.answered++
			}
			r.arrived = true
		}
	}
	if p.log("connection refused") != "" && r.answered == 0 && r.asked > 0 && len(r.refused) == 0 && !f.gateways && !f.sockets {
		r.refused = append(r.refused, 0)
	}
	return r
}

// passesUDP reports whether UDP of a peer's that meets a condition got past its
// gateways, or came in from outside.
func (f *facts) passesUDP(p *peer, is func(*wire.Packet) bool) (packets []int) {
	for i := range f.Packets {
		k := &f.Packets[i]
		if k.Protocol != "udp" || k.Dropped != "" || !f.during(k) || !f.lately(k.Time) || is != nil && !is(k) {
			continue
		}
		if len(p.chain) > 0 && k.Node == p.chain[len(p.chain)-1].Name && k.Direction == wire.Out && outward(k, len(p.chain)-1) && !p.other.behind(k.Node) {
			packets = append(packets, k.ID)
		}
		if k.Node == p.Node && k.Direction == wire.In && k.From.Addr() != p.other.Address {
			packets = append(packets, k.ID)
		}
	}
	return packets
}

// isSTUNPacket tells STUN, also relayed, from other UDP.
func isSTUNPacket(k *wire.Packet) bool { return k.Kind == wire.KindSTUN }

// control returns a control of the peer's ladder, nil where it was not tried.
func (p *peer) control(name string) *ladder.Control {
	if p.Ladder == nil {
		return nil
	}
	return p.Ladder.Control(name)
}

// controlled reports whether any of the controls of a name ended so.
func (p *peer) controlled(name string, outcome ladder.Outcome) bool {
	return p.controlledAt(name, 0, outcome)
}

// controlledAt looks only at those that were tried with a port; 0 is any.
func (p *peer) controlledAt(name string, port uint16, outcome ladder.Outcome) bool {
	return p.Ladder != nil && slices.ContainsFunc(p.Ladder.Controls, func(c ladder.Control) bool {
		return c.Name == name && (port == 0 || c.To.Port() == port) && c.Outcome == outcome
	})
}

// refused reports whether a control found a host that refuses, which it has to
// reach for that; a gateway of the peer's that refuses looks the same.
func (p *peer) refused(name string, port uint16) bool {
	return p.Ladder != nil && !p.rejects && slices.ContainsFunc(p.Ladder.Controls, func(c ladder.Control) bool {
		return c.Name == name && (port == 0 || c.To.Port() == port) && c.Fault == ladder.Refused
	})
}

// otherUDP reports whether a probe found that UDP which is no STUN gets through: it
// was answered, or refused by the host that it reached.
func (p *peer) otherUDP() bool {
	return p.controlled(ladder.ControlRandomUDP, ladder.OK) || p.refused(ladder.ControlRandomUDP, 0)
}

// probedSilent reports whether a probe found that no UDP at all is answered.
func (p *peer) probedSilent() bool {
	if p.Ladder == nil || p.otherUDP() || p.control(ladder.ControlRandomUDP) == nil {
		return false
	}
	for _, c := range p.Ladder.Controls {
		if c.Outcome == ladder.OK && (c.Name == ladder.ControlBinding || c.Name == ladder.ControlOtherPort) {
			return false
		}
	}
	return p.controlled(ladder.ControlBinding, ladder.Failed)
}

// refusing reports whether a gateway of a peer's refuses what it sends.
func (f *facts) refusing(p *peer) bool {
	for i := range f.Packets {
		k := &f.Packets[i]
		if k.ICMP != nil && k.ICMP.Type == 3 && p.behind(f.Names[k.From.Addr()]) && f.from(p, k, k.ICMP.From) {
			return true
		}
		if k.Dropped == string(gateway.Policy) && p.behind(k.Node) && p.refusedSomething() {
			return true
		}
	}
	return false
}

func (p *peer) refusedSomething() bool {
	return p.Ladder != nil && slices.ContainsFunc(p.Ladder.Controls, func(c ladder.Control) bool { return c.Name == ladder.ControlBinding && c.Fault == ladder.Refused })
}

// udpBlocked reports whether no UDP leaves a peer's network, how sure that is, and
// why.
func (f *facts) udpBlocked(p *peer) (blocked bool, confidence float64, evidence []Item) {
	if p.sentDirectly() {
		return false, 0, nil
	}
	r := f.udpTo(p, nil)
	if r.answered > 0 || len(f.passesUDP(p, nil)) > 0 {
		return false, 0, nil
	}
	say := func(x Item) { evidence = append(evidence, x) }
	if n, at := p.drops(gateway.UDPBlocked); n > 0 {
		say(item(OfGateways, nil, "the firewall of %s dropped %d packets: %s", at, n, gateway.UDPBlocked))
		confidence = SureObserved
	}
	other := slices.IndexFunc(r.filtered, func(s sighting) bool { return s.Kind != wire.KindSTUN }) >= 0
	other = other || p.probedSilent()
	switch {
	case confidence > 0:
	case p.otherUDP():
		return false, 0, nil // STUN alone: B15
	case len(r.filtered) > 0 && other:
		say(item(OfGateways, r.packets, "a rule of the firewall of %s dropped all UDP of the %s", r.at, p.role))
		confidence = SureObserved
	}
	tcp := f.anyTCP(p)
	if p.NAT != nil && !p.NAT.UDP {
		say(item(OfNATs, nil, "measuring the %s's NAT found no UDP answered", p.role))
		if confidence == 0 && (tcp || f.udpElsewhere(p.other)) {
			confidence = SureControlled
		}
	}
	if r.asked > 0 {
		say(item(OfSockets, r.packets, "%s of the %s over UDP, and no answer", many(r.asked, "request"), p.role))
	}
	if p.probedSilent() {
		say(item(OfLadders, nil, "probing from the %s: neither STUN nor other UDP is answered", p.role))
		if confidence == 0 && (tcp || p.controlled(ladder.ControlTCP, ladder.OK) || p.controlled(ladder.ControlTLS, ladder.OK) || f.udpElsewhere(p.other)) {
			confidence = SureControlled
		}
	}
	if tcp {
		say(item(OfSockets, nil, "TCP of the %s to the same server is answered", p.role))
	}
	if confidence == SureObserved && r.asked > 0 && (tcp || p.NAT != nil && !p.NAT.UDP) {
		confidence = SureBoth
	}
	return confidence > 0, confidence, evidence
}

// sentDirectly: the peer is known to have sent UDP to the other directly.
func (p *peer) sentDirectly() bool {
	return p.Report != nil && p.Report.Selected != nil && p.Report.Selected.Local.Type != "relay" && p.Report.Milestones.ICEConnectedMS != nil
}

// anyTCP reports whether a server answered the peer over TCP.
func (f *facts) anyTCP(p *peer) bool {
	for _, s := range p.asked {
		if s.carrier() == "tcp" && f.tcpTo(p, s).answered > 0 {
			return true
		}
	}
	for _, c := range p.local("relay") {
		if carrierOf(c.RelayProtocol) == "tcp" && c.RelayProtocol != "" {
			return true
		}
	}
	return false
}

// udpElsewhere reports whether the server answered a peer over UDP.
func (f *facts) udpElsewhere(p *peer) bool { return f.udpTo(p, nil).answered > 0 }
