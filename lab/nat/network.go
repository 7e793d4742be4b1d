package nat

// hostID stands for an IP address.
type hostID int

// server is the host of the STUN and TURN server. Its relays have the same
// address, which matters: a filter that knows only addresses takes a relay for
// the STUN server it has talked to.
const server hostID = 0

// endpoint is a transport address. Hosts and ports are names that can only be
// compared.
type endpoint struct {
	host hostID
	port int
}

// segment is one layer-2 network.
type segment struct {
	// prefix names the addresses on it. Two LANs can use the same ones.
	prefix int
	// up is the gateway towards the WAN; nil on the WAN itself.
	up *gateway
}

// place is where an address is.
type place struct {
	on *segment
	// gateway has the address on its outside; nil for the address of a host.
	gateway *gateway
}

// network forwards packets between hosts. It is a tree of segments with the WAN
// at its root.
type network struct {
	wan   *segment
	hosts []place
	// segments counts those there are.
	segments int

	// changed says that a packet has left a trace in some gateway.
	changed bool
	// arrived are the packets that reached a host since the last send.
	arrived []packet
	seen    observation
}

// packet is a datagram as its receiver sees it.
type packet struct{ from, to endpoint }

// observation is what the packets of one send met.
type observation struct {
	drops drops
	// strictest is the strictest filter that let one in.
	strictest strictness
	// hairpinned says that one turned round in a gateway.
	hairpinned bool
}

// drops is a set of reasons for which packets were lost.
type drops uint8

const (
	udpBlocked drops = 1 << iota
	filtered
	hairpinOff
	// unroutable: to a private address behind a NAT.
	unroutable
	// notHere: to an address of the sender's own prefix that nobody on its LAN has.
	notHere
)

func newNetwork() *network {
	n := &network{arrived: make([]packet, 0, 8), hosts: make([]place, 0, 8)}
	n.wan = n.addSegment(nil)
	n.addHost(place{on: n.wan}) // server
	return n
}

func (n *network) addSegment(up *gateway) *segment {
	n.segments++
	return &segment{prefix: n.segments, up: up}
}

func (n *network) addHost(p place) hostID {
	n.hosts = append(n.hosts, p)
	return hostID(len(n.hosts) - 1)
}

// attach puts a chain of gateways, nearest first, below a segment and returns
// the segment inside of it.
func (n *network) attach(chain []Hop, outside *segment) *segment {
	inside := outside
	for i := len(chain) - 1; i >= 0; i-- {
		g := &gateway{Hop: chain[i], network: n, outside: inside}
		if g.NAT != nil {
			g.address = n.addHost(place{on: g.outside, gateway: g})
		}
		g.inside = n.addSegment(g)
		inside = g.inside
	}
	return inside
}

// send forwards a packet that starts on a segment, and returns what arrives.
func (n *network) send(at *segment, p packet) []packet {
	n.arrived, n.seen = n.arrived[:0], observation{}
	n.forward(at, p)
	return n.arrived
}

func (n *network) forward(at *segment, p packet) {
	to := n.hosts[p.to.host]
	switch g := to.gateway; {
	case to.on.prefix == at.prefix && to.on != at:
		n.drop(notHere)
	case to.on == at && g == nil:
		n.arrived = append(n.arrived, p)
	case to.on == at:
		g.inward(p)
	default:
		if below := at.routeTo(to.on); below != nil {
			below.inward(p)
		} else if at.up != nil {
			at.up.outward(p)
		} else {
			n.drop(unroutable)
		}
	}
}

// routeTo returns the gateway below s through which addresses on a segment are
// reached as they are: none of those in between translates.
func (s *segment) routeTo(below *segment) *gateway {
	for below.up != nil && below.up.NAT == nil {
		if below.up.outside == s {
			return below.up
		}
		below = below.up.outside
	}
	return nil
}

func (n *network) drop(why drops) { n.seen.drops |= why }
