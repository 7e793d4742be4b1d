package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/ladder"
)

// The probes that tell causes of silence apart, by what they say of the network.

// probes are the controls of a climb's server.
type probes struct {
	// tcp is a handshake with the URL's port, web one with 443 of the same host.
	tcp, web *ladder.Control
	// other is STUN over UDP at another place that was answered, or that ICMP came back
	// from; if none was, one that stayed unanswered. sibling is that at other ports of
	// the same host, and foreign at other hosts.
	other, sibling, foreign *ladder.Control
	// plain is UDP that is no STUN.
	plain *ladder.Control
}

func passed(k *ladder.Control) bool { return k != nil && k.Outcome == ladder.OK }

// came reports whether anything came back, be it a refusal.
func came(k *ladder.Control) bool {
	return passed(k) || k != nil && k.Fault == ladder.Refused
}

func quiet(k *ladder.Control) bool { return k != nil && k.Fault == ladder.Silent }

// likelier is the control that shows more: an answer more than a refusal, and that more
// than silence.
func likelier(a, b *ladder.Control) *ladder.Control {
	if a == nil || !came(a) && came(b) || !passed(a) && passed(b) {
		return b
	}
	return a
}

func (c climbed) probes() probes {
	var p probes
	for i := range c.all.Controls {
		k := &c.all.Controls[i]
		here := k.To == c.Server
		switch k.Name {
		case ladder.ControlTCP:
			if here {
				p.tcp = k
			}
		case ladder.ControlTLS:
			if sameAddress(k.To.Addr(), c.Server.Addr()) {
				p.web = k
			}
		case ladder.ControlBinding, ladder.ControlOtherPort:
			if here || k.Outcome == ladder.Skipped {
				continue
			}
			p.other = likelier(p.other, k)
			if sameAddress(k.To.Addr(), c.Server.Addr()) {
				p.sibling = likelier(p.sibling, k)
			} else {
				p.foreign = likelier(p.foreign, k)
			}
		case ladder.ControlRandomUDP:
			if p.plain == nil || !came(p.plain) && came(k) {
				p.plain = k
			}
		}
	}
	return p
}

// The causes that silence may have, as alternatives.
var (
	orUDPBlocked  = Alternative{"B3", 0.3, "ask a STUN server elsewhere, and UDP that is no STUN"}
	orPortBlocked = Alternative{"B4", 0.3, "ask a STUN server on another port"}
	orBlackhole   = Alternative{"B6", 0.3, "try from another network, or on the server's host itself"}
	orDPI         = Alternative{"B15", 0.2, "send UDP that is no STUN"}
	orClosed      = Alternative{"B5", 0.2, "see on the server's host what listens (ss -lunt)"}
	orProxy       = Alternative{"B14", 0.2, "look for a proxy in the system's settings"}
	orPortal      = Alternative{"B17", 0.2, "open a plain http: page"}
)

// silentUDP is for UDP to the URL's port that nobody answers.
func (c climbed) silentUDP(r ladder.Rung) []Finding {
	p := c.probes()
	here := c.all.ControlAt(ladder.ControlBinding, c.Server)
	say := func(cause string, confidence float64, where string, alternatives ...Alternative) []Finding {
		return saw(c.one(cause, confidence, where, r, alternatives...), here, p.tcp, p.web, p.other, p.plain)
	}
	closed := Alternative{"B5", 0.45, orClosed.Next}
	plainHere := p.plain != nil && sameAddress(p.plain.To.Addr(), c.Server.Addr())
	switch {
	case here != nil && here.Fault == ladder.Refused:
		// Hosts send few ICMP errors a second, and not every socket hears of one.
		r.Detail += ", and to another socket " + here.Detail
		return c.refusedPort(r)
	case p.tcp == nil && p.other == nil && p.plain == nil:
		return say("B6", SureSilent, c.at(), orUDPBlocked, orPortBlocked, orDPI)

	case came(p.tcp) && !passed(p.tcp) && passed(p.sibling):
		return say("B4", 0.7, "UDP port "+portOf(c)+" on the way", orClosed, orBlackhole)
	case came(p.tcp) && !passed(p.tcp) && came(p.sibling):
		return say("B4", SureSilent, "UDP port "+portOf(c)+" on the way", closed, orBlackhole)
	case came(p.tcp) && !passed(p.tcp) && came(p.foreign):
		return say("B6", SureSilent, c.at(), closed, orPortBlocked)
	case came(p.tcp) && !passed(p.tcp):
		return say("B3", SureSilent, "the client's network", closed, orBlackhole)

	case came(p.tcp) && passed(p.sibling):
		return say("B4", SureControlled, "UDP port "+portOf(c)+" on the way", orClosed, orBlackhole)
	case came(p.tcp) && passed(p.foreign):
		return c.droppedThere(p, say)
	case came(p.tcp) && came(p.sibling):
		return say("B4", 0.7, "UDP port "+portOf(c)+" on the way", orClosed, orBlackhole)
	case came(p.tcp) && came(p.foreign):
		// UDP gets out, and a host's refusal comes back: the server's host is silent.
		return say("B6", 0.6, c.at(), orPortBlocked)
	case came(p.tcp) && came(p.plain) && (quiet(p.foreign) || quiet(p.sibling) && plainHere):
		return say("B15", SureControlled, "the client's network", orBlackhole)
	case came(p.tcp) && came(p.plain):
		// UDP passes; whether STUN does elsewhere was not tried.
		blackhole := orBlackhole
		blackhole.Confidence = 0.45
		return say("B15", SureSilent, "the client's network", blackhole, orPortBlocked)
	case came(p.tcp) && (quiet(p.foreign) || quiet(p.plain) && !plainHere):
		return say("B3", SureControlled, "the client's network", orDPI, orBlackhole)
	case came(p.tcp):
		// A firewall in front of the server looks the same as one in front of the client.
		return say("B3", SureSilent, "the client's network",
			Alternative{"B6", 0.45, "give a stun: URL of another server: if that is answered, it is the server's firewall"}, orPortBlocked, orDPI)

	case p.web != nil && passed(p.web) && quiet(p.tcp) && !came(p.other):
		return say("B7", SureControlled, "the client's network", orBlackhole)
	case came(p.foreign), c.othersAnswer():
		return say("B6", SureControlled, c.at(), orPortBlocked)
	case came(p.other):
		// The host is there, and one port of it is not.
		return say("B4", 0.6, "port "+portOf(c)+" on the way", orBlackhole)
	case quiet(p.tcp) && came(p.web):
		return say("B7", 0.6, "the client's network", orBlackhole)
	case came(p.plain):
		return say("B6", 0.6, c.at(), orDPI, orProxy)
	}
	return say("B6", SureSilent, c.at(), orProxy, orPortal, orUDPBlocked)
}

// droppedThere is for a host whose TCP answers and whose UDP is silent, while another
// host's STUN is answered: the firewall is in front of that server, or in it.
func (c climbed) droppedThere(p probes, say func(string, float64, string, ...Alternative) []Finding) []Finding {
	confidence, port := 0.7, orPortBlocked
	if p.foreign.To.Port() == c.Server.Port() && quiet(p.sibling) {
		confidence, port.Confidence = SureControlled, 0.1
	}
	return worded(say("B6", confidence, c.at(), port), "a firewall in front of the TURN server drops UDP, or the server does not serve it",
		Remedy{Operator, fmt.Sprintf("Open UDP %s in the host's firewall and in the cloud's security group, as TCP is, and check that the server listens on UDP (ss -lun).", portOf(c))})
}

// forbidden is for what this host itself does not let out.
func (c climbed) forbidden(r ladder.Rung) []Finding {
	const where = "this host's firewall"
	open := Remedy{ClientNetwork, fmt.Sprintf("Allow %s to port %s in this host's own firewall.", strings.ToUpper(c.carrier()), portOf(c))}
	p := c.probes()
	switch {
	case c.carrier() == "tcp" && passed(p.web):
		return worded(saw(c.one("B7", SureObserved, where, r), p.web), "", open)
	case c.carrier() == "tcp":
		return worded(c.one("B7", SureSilent, where, r, Alternative{"B14", 0.3, orProxy.Next}), "this host's own firewall forbids TCP to the server", open)
	case passed(p.other) || passed(p.plain):
		return worded(saw(c.one("B4", SureObserved, where, r), p.other, p.plain), "this host's own firewall lets no UDP out to the server's port", open)
	}
	return worded(saw(c.one("B3", SureObserved, where, r), p.tcp), "this host's own firewall lets no UDP out", open)
}

// othersAnswer reports whether another host's URL was answered.
func (c climbed) othersAnswer() bool {
	return c.elsewhere(func(o climbed) bool {
		return o.Server.IsValid() && o.Server.Addr() != c.Server.Addr() && (o.Reached(ladder.Binding) || o.Reached(ladder.Challenge))
	})
}

// noTransport is for a TCP handshake that did not come about, or a UDP socket that
// cannot be had.
func (c climbed) noTransport(r ladder.Rung) []Finding {
	switch r.Fault {
	case ladder.Refused:
		return c.refusedPort(r)
	case ladder.Closed:
		return c.closedMidway(r)
	case ladder.Unreachable:
		return c.one("B6", SureSilent, c.at(), r,
			Alternative{"B18", 0.4, "look at this host's routes and interfaces"},
			Alternative{"B19", 0.3, "see whether the client has IPv6 alone"})
	}
	if c.carrier() == "udp" {
		return c.silentUDP(r)
	}
	p := c.probes()
	udp := c.udpOnHost()
	say := func(cause string, confidence float64, where string, alternatives ...Alternative) []Finding {
		return saw(c.one(cause, confidence, where, r, alternatives...), p.web, udp, p.other)
	}
	switch {
	case came(udp):
		// The host is there, and UDP to it passes.
		return say("B6", 0.6, c.at(), Alternative{"B7", 0.3, "try TCP to another host's port"}, orClosed)
	case passed(p.web) && c.Server.Port() != 443:
		return say("B7", SureControlled, "the client's network", orBlackhole)
	case came(p.web) && c.Server.Port() != 443:
		return say("B7", 0.6, "the client's network", orBlackhole)
	case came(p.foreign), c.othersAnswer():
		return say("B6", SureControlled, c.at(), Alternative{"B7", 0.2, "try TCP to other ports"})
	}
	return say("B6", SureSilent, c.at(), orProxy, orPortal)
}

// udpOnHost is a control over UDP on the same host that something came back from.
func (c climbed) udpOnHost() *ladder.Control {
	i := slices.IndexFunc(c.all.Controls, func(k ladder.Control) bool {
		return (k.Name == ladder.ControlBinding || k.Name == ladder.ControlOtherPort) && k.To.Addr() == c.Server.Addr() && came(&k)
	})
	if i < 0 {
		return nil
	}
	return &c.all.Controls[i]
}

// refusedPort is for ICMP port unreachable, or a reset.
func (c climbed) refusedPort(r ladder.Rung) []Finding {
	p := c.probes()
	if c.carrier() == "tcp" {
		return saw(c.one("B5", SureObserved, c.at(), r,
			Alternative{"B7", 0.1, "see whether TCP to other hosts is reset as well"}), p.tcp)
	}
	var firewall []Alternative
	if !c.udpAnswered() {
		firewall = []Alternative{{"B3", 0.1, "give a stun: URL of another server: is that refused as well?"}}
	}
	if lost, refused := c.noUDPElsewhere(); passed(p.tcp) && lost {
		confidence := 0.6
		if refused {
			confidence = 0.8
		}
		return saw(c.one("B3", confidence, "the client's network", r, Alternative{"B5", 1 - confidence, orClosed.Next}), p.tcp, p.other, p.plain)
	}
	if !passed(p.tcp) {
		return saw(c.one("B5", SureObserved, c.at(), r, firewall...), p.tcp)
	}
	for i := range firewall {
		firewall[i].Confidence = 0.2
	}
	return worded(saw(c.one("B5", SureObserved, c.at(), r, firewall...), p.tcp), "",
		Remedy{Operator, fmt.Sprintf("Let the server listen on UDP port %s too, or use the URL with ?transport=tcp: TCP to that port answers.", portOf(c))})
}

// udpAnswered reports whether any UDP was.
func (c climbed) udpAnswered() bool {
	return slices.ContainsFunc(c.all.Controls, func(k ladder.Control) bool {
		switch k.Name {
		case ladder.ControlBinding, ladder.ControlOtherPort, ladder.ControlRandomUDP, ladder.ControlLarge:
			return passed(&k) && k.Fault == ""
		}
		return false
	})
}

// noUDPElsewhere reports whether UDP to other hosts, and to a DNS server, comes to
// nothing wherever it was tried, and whether it is refused there too: then it is a
// firewall near here that refuses it.
func (c climbed) noUDPElsewhere() (lost, refused bool) {
	for _, k := range c.all.Controls {
		switch k.Name {
		case ladder.ControlBinding, ladder.ControlOtherPort, ladder.ControlRandomUDP:
		default:
			continue
		}
		if k.To == c.Server || k.Outcome == ladder.Skipped {
			continue
		}
		if k.Outcome == ladder.OK && k.Fault == "" {
			return false, false
		}
		listens := k.Name == ladder.ControlRandomUDP && k.Outcome == ladder.Failed // a DNS server
		if listens || k.To.Addr() != c.Server.Addr() {
			lost, refused = true, refused || k.Fault == ladder.Refused
		}
	}
	return lost, refused
}

func portOf(c climbed) string { return c.Server.String()[len(c.Server.Addr().String())+1:] }
