package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/wire"
)

// reachRules are those of family B.
var reachRules = []rule{
	{"name resolution", []string{"B1"}, names},
	{"UDP blocked", []string{"B3"}, blockedUDP},
	{"only port 443", []string{"B7"}, only443},
	{"silence over UDP", []string{"B4", "B5", "B6", "B15", "B20"}, silentUDP},
	{"silence over TCP", []string{"B5", "B6"}, silentTCP},
	{"TLS", []string{"B8", "B9", "B10", "B12"}, tlsFailed},
}

func names(f *facts) (list []finding) {
	for _, p := range f.peers {
		i := slices.IndexFunc(p.urls, func(s *server) bool { return s.bad == "" && !s.address.IsValid() })
		if i < 0 || len(p.legs) > 0 || f.granted(p) {
			continue
		}
		host := p.urls[i].host
		x := found("B1", "the name "+host, "", 0).breaking(p.relay | theDirect)
		asked, rcodes, ids := f.lookups(p)
		switch {
		case len(rcodes) > 0:
			x.because = fmt.Sprintf("the name %s does not resolve for the %s: DNS answers %s", host, p.role, strings.Join(rcodes, " and "))
			x.Confidence = SureObserved
			x.Evidence = append(x.Evidence, item(OfSockets, ids, "DNS answered %s", strings.Join(rcodes, ", ")))
		case asked > 0:
			x.because = fmt.Sprintf("the name %s does not resolve for the %s: DNS does not answer", host, p.role)
			x.Confidence = SureControlled
			x.Evidence = append(x.Evidence, item(OfSockets, ids, "%s to DNS, and no answer", many(asked, "question")))
		}
		if said := p.log("no such host", "server misbehaving", "lookup "); said != "" {
			if x.because == "" {
				x.because = fmt.Sprintf("the name %s does not resolve for the %s", host, p.role)
				x.Confidence = SureControlled
			} else {
				x.Confidence = SureBoth
			}
			x.Evidence = append(x.Evidence, item(OfReports, nil, "the %s's log: %s", p.role, said))
		}
		if x.because != "" {
			list = append(list, x)
		}
	}
	return list
}

// rcodes are those of RFC 1035 §4.1.1.
var rcodes = map[byte]string{1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}

// lookups are a peer's questions to DNS, and the errors that came back.
func (f *facts) lookups(p *peer) (asked int, errors []string, ids []int) {
	for i := range f.Packets {
		k := &f.Packets[i]
		if k.Kind != wire.KindDNS || !f.from(p, k, k.From) && !f.from(p, k, k.To) || len(k.Payload) < 12 {
			continue
		}
		ids = append(ids, k.ID)
		if k.Payload[2]&0x80 == 0 {
			asked++
		} else if name := rcodes[k.Payload[3]&0x0f]; name != "" && !slices.Contains(errors, name) {
			errors = append(errors, name)
		}
	}
	return asked, errors, ids
}

func blockedUDP(f *facts) (list []finding) {
	for _, p := range f.peers {
		if blocked, confidence, evidence := f.udpBlocked(p); blocked && !f.only443(p) {
			list = append(list, found("B3", p.gatewayName(), fmt.Sprintf("no UDP leaves the %s's network", p.role), confidence, evidence...).
				breaking(theDirect|better))
		}
	}
	return list
}

// ifNone is the peer's relay, if it has had none.
func (f *facts) ifNone(p *peer) broken {
	if f.granted(p) {
		return 0
	}
	return p.relay
}

// only443 reports whether the gateways of a peer let neither UDP nor TCP out, but
// for port 443.
func (f *facts) only443(p *peer) bool {
	if blocked, _, _ := f.udpBlocked(p); !blocked {
		return false
	}
	filtered, passed := false, false
	if n, _ := p.drops(gateway.TCPBlocked); n > 0 {
		filtered = true
	}
	for _, s := range p.asked {
		if s.carrier() != "tcp" {
			continue
		}
		r := f.tcpTo(p, s)
		switch {
		case s.port == topology.TurnTLSPort:
			passed = passed || r.answered > 0
		default:
			if r.answered > 0 || len(r.refused) > 0 || r.left && len(r.filtered) == 0 {
				return false
			}
			// A SYN that nobody answers is no packet that a socket tells of.
			waited := f.until().Sub(r.first)
			if r.asked == 0 && slices.Contains(p.turns(), s) {
				waited = f.end().Sub(f.began)
			}
			filtered = filtered || len(r.filtered) > 0 || !f.gave(p, s) && waited > onItsWay/2 && !f.began.IsZero()
		}
	}
	passed = passed || p.controlled(ladder.ControlTLS, ladder.OK) || p.refused(ladder.ControlTLS, 0)
	for _, c := range p.local("relay") {
		passed = passed || c.RelayProtocol == "tls"
	}
	for _, s := range p.asked {
		if s.transport == "tcp" && s.port != topology.TurnTLSPort {
			if p.controlledAt(ladder.ControlTCP, s.port, ladder.OK) || p.refused(ladder.ControlTCP, s.port) {
				return false
			}
			filtered = filtered || p.controlledAt(ladder.ControlTCP, s.port, ladder.Failed)
		}
	}
	return passed && filtered
}

func only443(f *facts) (list []finding) {
	for _, p := range f.peers {
		if !f.only443(p) {
			continue
		}
		_, confidence, evidence := f.udpBlocked(p)
		if n, at := p.drops(gateway.TCPBlocked); n > 0 {
			evidence = append(evidence, item(OfGateways, nil, "the firewall of %s dropped %d packets: %s", at, n, gateway.TCPBlocked))
		}
		x := found("B7", p.gatewayName(), fmt.Sprintf("the %s's network lets nothing out but TCP to port 443", p.role), confidence, evidence...).breaking(theDirect | better)
		if !slices.ContainsFunc(p.turns(), func(s *server) bool { return s.carrier() == "tcp" && s.port == topology.TurnTLSPort }) {
			x = x.breaking(f.ifNone(p))
		}
		list = append(list, x)
	}
	return list
}

// silentUDP is for servers that do not answer over UDP, where UDP as such leaves
// the peer's network.
func silentUDP(f *facts) (list []finding) {
	for _, p := range f.peers {
		if blocked, _, _ := f.udpBlocked(p); blocked {
			continue
		}
		var asked []string
		for _, l := range p.legs {
			if carrierOf(l.transport) != "udp" || slices.Contains(asked, l.server.String()) {
				continue
			}
			asked = append(asked, l.server.String())
			r := f.udpTo(p, func(o *leg) bool { return o.server == l.server })
			if r.asked == 0 || r.answered > 0 {
				continue
			}
			if x, is := f.silence(p, l, r); is {
				list = append(list, x)
			}
		}
	}
	return list
}

func (f *facts) silence(p *peer, l *leg, r progress) (finding, bool) {
	seen := item(OfSockets, r.packets, "%s of the %s to %s over UDP, and no answer", many(r.asked, "request"), p.role, l.server)
	breaks := f.ifNone(p)
	port := func(k *wire.Packet) bool { return k.To.Port() == l.server.Port() }
	switch {
	case len(r.refused) > 0:
		return found("B5", "turn", fmt.Sprintf("nothing listens on the TURN server's UDP port %d", l.server.Port()), SureObserved, seen,
			item(OfGateways, r.refused, "ICMP port unreachable from %s", l.server.Addr())).breaking(breaks), true
	case p.refused(ladder.ControlBinding, l.server.Port()) && !f.udpElsewhere(p.other):
		return found("B5", "turn", fmt.Sprintf("nothing listens on the TURN server's UDP port %d", l.server.Port()), SureObserved, seen,
			item(OfLadders, nil, "probing from the %s: ICMP port unreachable", p.role)).breaking(breaks), true
	case f.stunOnlyDropped(p, r):
		x := found("B15", p.gatewayName(), fmt.Sprintf("a middlebox in the %s's network drops STUN over UDP, whatever the port", p.role), SureObserved, seen,
			item(OfGateways, ids(r.filtered), "%s dropped STUN", or(r.at, "a middlebox"))).breaking(breaks | theDirect | better)
		if p.otherUDP() {
			x.Evidence = append(x.Evidence, item(OfLadders, nil, "UDP that is no STUN is answered"))
			if len(r.filtered) > 0 {
				x.Confidence = SureBoth
			}
		}
		return x, true
	case len(r.filtered) > 0 && len(f.passesUDP(p, func(k *wire.Packet) bool { return !port(k) })) > 0:
		return found("B4", p.gatewayName(), fmt.Sprintf("the %s's network blocks UDP to port %d of the TURN server", p.role, l.server.Port()), SureObserved, seen,
			item(OfGateways, ids(r.filtered), "a rule of the firewall of %s dropped them; other UDP passes", r.at)).breaking(breaks), true
	case len(r.filtered) > 0:
		return found("B3", p.gatewayName(), fmt.Sprintf("no UDP leaves the %s's network", p.role), SureSilent, seen,
			item(OfGateways, ids(r.filtered), "a rule of the firewall of %s dropped them", r.at)).
			or("B15", SureSilent, "UDP that is no STUN").breaking(breaks | theDirect | better), true
	case r.arrived:
		return found("B20", "turn", fmt.Sprintf("the TURN server does not answer what reaches it from the %s", p.role), SureControlled, seen,
			item(OfServer, r.packets, "the requests arrived at the server")).or("B6", 0.2, "the server's firewall for what it sends").breaking(breaks), true
	case r.left && f.Server != nil && f.until().Sub(r.first) > f.flight():
		return f.lostAtServer(p, seen).breaking(breaks), true
	case f.until().Sub(r.first) < onItsWay && !r.again:
		return finding{}, false // the answer may be on its way
	}
	return f.lostSomewhere(p, l, seen).breaking(breaks), true
}

// inFlight is how long what has left a client's network takes to where it goes, and
// longer, unless others were faster: see flight.
const inFlight = 20 * time.Millisecond

// flight is after what time a packet that has left a client's network is no longer
// on its way, by how long those took that were seen again.
func (f *facts) flight() time.Duration {
	const least, times = 2 * time.Millisecond, 10
	longest := time.Duration(0)
	for _, t := range f.transactions {
		for _, p := range f.peers {
			var left, seen time.Time
			for _, s := range t.requests {
				switch place := f.place(s.Packet, p); {
				case place == atNear+2*len(p.chain)-1 && left.IsZero():
					left = s.Time
				case place >= atListener && !left.IsZero() && seen.IsZero():
					seen = s.Time
				}
			}
			if !seen.IsZero() {
				longest = max(longest, seen.Sub(left))
			}
		}
	}
	if longest == 0 {
		return inFlight
	}
	return min(max(least, times*longest), inFlight)
}

// last is when the last packet was seen.
func (f *facts) last() time.Time {
	if n := len(f.Packets); n > 0 {
		return f.Packets[n-1].Time
	}
	return time.Time{}
}

// until is when the evidence ends.
func (f *facts) until() time.Time {
	if end, last := f.end(), f.last(); end.After(last) {
		return end
	}
	return f.last()
}

// lostAtServer: requests left the client's network, and did not arrive.
func (f *facts) lostAtServer(p *peer, seen Item) finding {
	x := found("B6", "turn", "the TURN server is down or behind a firewall: what leaves the "+p.role+"'s network does not reach it", SureObserved, seen,
		item(OfGateways, seen.Packets, "they left %s, and did not arrive at the server's socket", p.chain[len(p.chain)-1].Name))
	if f.Server != nil && !f.Server.Running {
		x.Evidence = append(x.Evidence, item(OfServer, nil, "the TURN server is not running"))
		x.Confidence = SureBoth
	}
	return x
}

// lostSomewhere: no witness tells where they were lost.
func (f *facts) lostSomewhere(p *peer, l *leg, seen Item) finding {
	if f.Server != nil && !f.Server.Running {
		return found("B6", "turn", "the TURN server is down", SureObserved, seen, item(OfServer, nil, "the TURN server is not running"))
	}
	if p.controlled(ladder.ControlOtherPort, ladder.OK) {
		if policy, _ := p.drops(gateway.Policy); policy == 0 && f.udpTo(p.other, nil).answered == 0 {
			return found("B6", "turn", fmt.Sprintf("a firewall in front of the TURN server lets no UDP in to port %d", l.server.Port()), SureControlled, seen,
				item(OfLadders, nil, "probing from the %s: a Binding to another port is answered", p.role),
				item(OfSockets, nil, "the %s is not answered either", p.other.role)).or("B4", 0.4, "the firewalls of both peers' networks")
		}
		return found("B4", p.gatewayName(), fmt.Sprintf("the %s's network blocks UDP to port %d of the TURN server", p.role, l.server.Port()), SureControlled, seen,
			item(OfLadders, nil, "probing from the %s: a Binding to another port is answered", p.role))
	}
	if f.allSilent(p) && f.allSilent(p.other) {
		return found("B6", "turn", "the TURN server is down or behind a firewall", SureControlled, seen,
			item(OfSockets, nil, "nobody answers either peer, over UDP or TCP"))
	}
	if f.udpElsewhere(p.other) {
		return found("B4", p.gatewayName(), fmt.Sprintf("the %s's network blocks UDP to port %d of the TURN server", p.role, l.server.Port()), SureSilent, seen,
			item(OfSockets, nil, "the %s reaches the same server", p.other.role)).
			or("B3", SureSilent, "UDP to another port and TCP to the same one").
			or("B15", 0.3, "UDP that is no STUN")
	}
	return found("B6", "turn", "the TURN server does not answer", SureSilent, seen).
		or("B3", 0.4, "TCP to the same port, UDP to another server").
		or("B4", 0.3, "UDP to another port")
}

// allSilent reports whether nothing at the server answers a peer over UDP or TCP,
// though its NAT let UDP out when it was measured and says of no rule against it.
func (f *facts) allSilent(p *peer) bool {
	if u := f.udpTo(p, nil); u.asked == 0 || u.answered > 0 || f.anyTCP(p) {
		return false
	}
	tcp := p.controlled(ladder.ControlTCP, ladder.Failed)
	for _, s := range p.turns() {
		if s.carrier() == "tcp" {
			r := f.tcpTo(p, s)
			tcp = tcp || r.asked > 0 && r.answered == 0
		}
	}
	policy, _ := p.drops(gateway.Policy, gateway.UDPBlocked, gateway.TCPBlocked)
	return tcp && policy == 0 && (p.NAT == nil || p.NAT.UDP)
}

// stunOnlyDropped reports whether it is STUN that is dropped, and other UDP passes.
func (f *facts) stunOnlyDropped(p *peer, r progress) bool {
	if len(r.filtered) == 0 && !p.controlled(ladder.ControlBinding, ladder.Failed) {
		return false
	}
	if len(f.passesUDP(p, isSTUNPacket)) > 0 || p.controlled(ladder.ControlOtherPort, ladder.OK) {
		return false
	}
	return p.otherUDP() ||
		len(r.filtered) > 0 && len(f.passesUDP(p, func(k *wire.Packet) bool { return !isSTUNPacket(k) })) > 0
}

func silentTCP(f *facts) (list []finding) {
	for _, p := range f.peers {
		if f.only443(p) {
			continue
		}
		for _, s := range p.turns() {
			if s.carrier() != "tcp" {
				continue
			}
			r := f.tcpTo(p, s)
			if r.asked == 0 || r.answered > 0 {
				continue
			}
			seen := item(OfSockets, r.packets, "the %s opens TCP to port %d, and gets no connection", p.role, s.port)
			switch {
			case len(r.refused) > 0:
				list = append(list, found("B5", "turn", fmt.Sprintf("nothing listens on the TURN server's TCP port %d", s.port), SureObserved, seen,
					item(OfGateways, r.refused, "the answer is a reset")).breaking(f.ifNone(p)))
			case r.left && (f.server || f.Server != nil):
				list = append(list, found("B6", "turn", fmt.Sprintf("the TURN server is down or behind a firewall: TCP to port %d leaves the %s's network and is not answered", s.port, p.role),
					SureControlled, seen).breaking(f.ifNone(p)))
			}
		}
	}
	return list
}

func ids(list []sighting) (numbers []int) {
	for _, s := range list {
		numbers = append(numbers, s.ID)
	}
	return numbers
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
