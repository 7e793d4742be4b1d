package vnet

import (
	"net/netip"
	"slices"
	"time"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/wire"
)

// gatewayNode forwards packets between its two segments. The network's lock
// guards it.
type gatewayNode struct {
	network *network
	routes  *routes
	// addresses are its own.
	addresses []netip.Addr

	spec    gateway.Spec
	nat     *translator // nil without NAT
	cut     gateway.Cut
	filters filters
	up      line
	down    line
	// known is until when a stateful firewall knows of what began inside.
	known map[conversation]time.Time

	flows map[flowKey]*gateway.Flow
	drops map[gateway.Reason]*gateway.Drop

	recorder *wire.Recorder
	inHand   arrival
}

type conversation struct{ inside, remote netip.AddrPort }

type flowKey struct {
	gateway.Direction
	inside netip.Addr
	remote netip.AddrPort
}

// program makes it another gateway, which knows nothing of what the one before
// had seen.
func (g *gatewayNode) program(s gateway.Spec) {
	g.spec, g.nat, g.cut, g.filters = s, nil, gateway.Whole, nil
	if s.NAT != nil {
		g.nat = newTranslator(*s.NAT)
	}
	g.impair(s.Link)
	g.known = map[conversation]time.Time{}
	g.flows, g.drops = map[flowKey]*gateway.Flow{}, map[gateway.Reason]*gateway.Drop{}
	g.recorder = &wire.Recorder{}
}

func (g *gatewayNode) impair(l nat.Link) {
	g.up, g.down = line{Impairment: l.Up}, line{Impairment: l.Down}
}

func (g *gatewayNode) forget(newPorts bool) {
	g.known = map[conversation]time.Time{}
	if g.nat != nil {
		g.nat.forget(newPorts)
	}
}

// receive takes a packet from one of its segments.
func (g *gatewayNode) receive(now time.Time, on *segment, d departure) {
	g.came(on, d.packet)
	d.by, d.through, d.hops = g.routes, g, d.hops+1
	inbound := on.Name == g.spec.WAN.Interface
	toSelf := slices.Contains(g.addresses, d.to.Addr())
	switch {
	case g.cut != gateway.Whole:
		g.drop(gateway.LineCut, d.packet)
	case !inbound && g.filters.drop(gateway.Outbound, d.from.Port(), d.to, d.packet):
		g.drop(gateway.Policy, d.packet)
	case g.spec.Firewall.BlockUDP:
		g.drop(gateway.UDPBlocked, d.packet)
	case g.nat != nil && d.to.Addr() == g.spec.WAN.Address && inbound:
		g.enter(now, d)
	case g.nat != nil && d.to.Addr() == g.spec.WAN.Address:
		g.hairpin(now, d)
	case g.nat != nil && inbound && toSelf:
		g.drop(gateway.NoMapping, d.packet)
	case g.nat != nil && inbound:
		g.drop(gateway.PrivateDestination, d.packet)
	case toSelf: // nobody listens
	case !g.reaches(d.to.Addr()):
	case inbound:
		g.screen(now, d)
	default:
		g.leave(now, d)
	}
}

// reaches reports whether there is a route. Without one a packet leaves no trace.
func (g *gatewayNode) reaches(to netip.Addr) bool {
	on, _ := g.routes.next(to)
	return on != nil
}

// leave lets a packet from inside out.
func (g *gatewayNode) leave(now time.Time, d departure) {
	inside := d.from
	if g.nat != nil {
		port, ok := g.nat.outbound(now, d.from, d.to)
		if !ok {
			g.drop(gateway.PortsExhausted, d.packet)
			return
		}
		d.from = netip.AddrPortFrom(g.spec.WAN.Address, port)
	} else if g.spec.Firewall.Stateful {
		g.known[conversation{d.from, d.to}] = now.Add(nat.DefaultLifetime)
	}
	g.count(gateway.Outbound, inside.Addr(), d.to, d.packet)
	g.forward(now, &g.up, d)
}

// screen lets a packet from outside in where addresses are routed.
func (g *gatewayNode) screen(now time.Time, d departure) {
	if began := (conversation{d.to, d.from}); g.spec.Firewall.Stateful {
		if !now.Before(g.known[began]) {
			g.drop(gateway.Unsolicited, d.packet)
			return
		}
		g.known[began] = now.Add(nat.DefaultLifetime)
	}
	g.admit(now, d)
}

// enter lets a packet in at the NAT's external address.
func (g *gatewayNode) enter(now time.Time, d departure) {
	inside, why := g.nat.inbound(now, d.from, d.to.Port())
	if why != "" {
		g.drop(why, d.packet)
		return
	}
	d.to = inside
	g.admit(now, d)
}

// admit lets a packet in that NAT and firewall have let in.
func (g *gatewayNode) admit(now time.Time, d departure) {
	if g.filters.drop(gateway.Inbound, d.to.Port(), d.from, d.packet) {
		g.drop(gateway.Policy, d.packet)
		return
	}
	g.count(gateway.Inbound, d.to.Addr(), d.from, d.packet)
	g.forward(now, &g.down, d)
}

// hairpin turns a packet from inside round. Its sender is known by its external
// endpoint (RFC 4787 REQ-9a), to the filter too.
func (g *gatewayNode) hairpin(now time.Time, d departure) {
	if !g.nat.Hairpin {
		g.drop(gateway.HairpinOff, d.packet)
		return
	}
	sender := d.from.Addr()
	port, ok := g.nat.outbound(now, d.from, d.to)
	if !ok {
		g.drop(gateway.PortsExhausted, d.packet)
		return
	}
	d.from = netip.AddrPortFrom(g.spec.WAN.Address, port)
	inside, why := g.nat.inbound(now, d.from, d.to.Port())
	if why != "" {
		g.drop(why, d.packet)
		return
	}
	d.to, d.back = inside, g
	g.count(gateway.Outbound, sender, d.to, d.packet)
	g.count(gateway.Inbound, d.to.Addr(), d.from, d.packet)
	g.forward(now, &g.up, d)
}

// forward sends a packet that was counted over the line, unless that loses it.
func (g *gatewayNode) forward(now time.Time, over *line, d departure) {
	due, ok := over.pass(now, d.size())
	switch {
	case !ok:
		g.drop(gateway.LineLoss, d.packet)
	case due.After(now):
		g.network.lines.add(due, d)
	default:
		g.network.carry(d)
	}
}

func (g *gatewayNode) count(way gateway.Direction, inside netip.Addr, remote netip.AddrPort, p packet) {
	key := flowKey{way, inside, remote}
	f := g.flows[key]
	if f == nil {
		f = &gateway.Flow{Direction: way, Protocol: "udp", Inside: inside, Remote: remote}
		g.flows[key] = f
	}
	f.Packets++
	f.Bytes += p.size()
}

func (g *gatewayNode) drop(why gateway.Reason, p packet) {
	g.ended(why)
	d := g.drops[why]
	if d == nil {
		d = &gateway.Drop{Reason: why}
		g.drops[why] = d
	}
	d.Packets++
	d.Bytes += p.size()
}

func (g *gatewayNode) observe() gateway.Observation {
	var o gateway.Observation
	for _, f := range g.flows {
		o.Flows = append(o.Flows, *f)
	}
	for _, d := range g.drops {
		o.Drops = append(o.Drops, *d)
	}
	return o
}
