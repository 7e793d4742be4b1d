package nat

import "slices"

// gateway is one hop with its state. State only ever grows: mappings that expire
// are no part of a prediction.
type gateway struct {
	Hop
	network         *network
	inside, outside *segment
	// address is the external one, of a NAT.
	address hostID

	// mappings are indexed by their external port.
	mappings    []mapping
	permissions []permission
	// flows are those that a stateful firewall has seen begin inside.
	flows []packet
}

// mapping belongs to an inside endpoint and to what the mapping behaviour
// looks at of the remote one.
type mapping struct{ inside, remote endpoint }

// permission lets a remote endpoint, or what the filtering behaviour looks at of
// it, in at an external port.
type permission struct {
	port   int
	remote endpoint
}

// anyPort and anyHost stand for what a behaviour does not look at.
const (
	anyPort        = -1
	anyHost hostID = -1
)

// outward takes a packet from inside. The port that it leaves from depends on who
// sends to whom and on nothing else: an answer too leaves from the mapping for
// where it goes, which need not be the one that its request came in at.
func (g *gateway) outward(p packet) {
	switch {
	case g.Firewall.BlockUDP:
		g.network.drop(udpBlocked)
		return
	case g.NAT != nil && p.to.host == g.address && !g.NAT.Hairpin:
		g.network.drop(hairpinOff)
		return
	}
	if g.Firewall.Stateful {
		remember(g.network, &g.flows, p)
	}
	if g.NAT == nil {
		g.network.forward(g.outside, p)
		return
	}
	port := remember(g.network, &g.mappings, mapping{p.from, g.NAT.Mapping.sees(p.to)})
	if g.NAT.Filtering != EIF {
		remember(g.network, &g.permissions, permission{port, g.NAT.Filtering.sees(p.to)})
	}
	g.network.forward(g.outside, packet{endpoint{g.address, port}, p.to})
}

// inward takes a packet from outside: to the external address of a NAT, else to
// an address inside.
func (g *gateway) inward(p packet) {
	seen := &g.network.seen
	if g.Firewall.BlockUDP {
		g.network.drop(udpBlocked)
		return
	}
	if g.NAT != nil {
		port := p.to.port
		if g.NAT.Filtering != EIF && !slices.Contains(g.permissions, permission{port, g.NAT.Filtering.sees(p.from)}) {
			g.network.drop(filtered)
			return
		}
		seen.strictest = max(seen.strictest, g.NAT.Filtering.strictness())
		seen.hairpinned = seen.hairpinned || p.from.host == g.address
		p.to = g.mappings[port].inside
	}
	if g.Firewall.Stateful {
		if !slices.Contains(g.flows, packet{p.to, p.from}) {
			g.network.drop(filtered)
			return
		}
		seen.strictest = strictAPDF
	}
	g.network.forward(g.inside, p)
}

// sees returns what the mapping depends on of a remote endpoint.
func (m Mapping) sees(remote endpoint) endpoint {
	switch m {
	case EIM:
		return endpoint{anyHost, anyPort}
	case ADM:
		return endpoint{remote.host, anyPort}
	}
	return remote
}

// sees returns what the filter depends on of a remote endpoint.
func (f Filtering) sees(remote endpoint) endpoint {
	if f == ADF {
		return endpoint{remote.host, anyPort}
	}
	return remote
}

// remember puts a value into a gateway's state, unless it is there already, and
// returns its index.
func remember[T comparable](n *network, state *[]T, value T) int {
	if i := slices.Index(*state, value); i >= 0 {
		return i
	}
	n.changed = true
	*state = append(*state, value)
	return len(*state) - 1
}
