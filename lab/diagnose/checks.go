package diagnose

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/wire"
)

// check is one connectivity check: a transaction between the peers.
type check struct {
	*transaction
	from, to *peer
	// local and remote are the pair as its sender has it. Through its relay, local
	// is that relay's address.
	local, remote netip.AddrPort
	// near is the sender's own socket.
	near netip.AddrPort
	// throughOwn: it left through the sender's relay. throughOther: it went to the
	// receiver's.
	throughOwn, throughOther bool

	// end and endPlace are where the request was seen last.
	end      sighting
	endPlace int
	// arrived: it was seen at the receiver's socket.
	arrived bool
	// replied: an answer was seen anywhere. heard: at the sender's socket, or as far
	// along the way back as there are witnesses.
	replied, heard bool
	code           int // of an error
	back           sighting
	backPlace      int
}

// findChecks sorts out what went between the peers.
func (f *facts) findChecks() {
	for _, t := range f.transactions {
		if !t.isCheck() {
			continue
		}
		c := &check{transaction: t, from: f.sender(t)}
		if c.from == nil {
			continue
		}
		c.to = c.from.other
		f.locate(c)
		c.end, c.endPlace = f.farthest(t.requests, c.from)
		c.arrived = c.endPlace == atReceiver
		c.back, c.backPlace = f.farthest(t.answers, c.to)
		c.replied = len(t.answers) > 0
		c.heard = c.backPlace == atReceiver || !f.sockets && c.replied && f.isLast(c.backPlace, c.from)
		if a := t.answer(); a != nil && a.Class == wire.Error {
			c.code = a.Code
		}
		f.checks = append(f.checks, c)
	}
}

// isLast reports whether no gateway stands between a place on the way to a peer
// and the peer.
func (f *facts) isLast(place int, to *peer) bool {
	if n := len(to.chain); n > 0 && f.gateways {
		return place == atFar+2*(n-1)+1
	}
	return true
}

// sender tells who sent a check.
func (f *facts) sender(t *transaction) *peer {
	for _, s := range t.requests {
		for _, p := range f.peers {
			if s.Node == p.Node {
				if s.Direction == wire.Out {
					return p
				}
				return p.other
			}
		}
	}
	for _, s := range t.requests {
		if s.Node == topology.Turn && s.At == wire.AtListener && s.Direction == wire.In {
			return f.whose(s.Packet, s.From)
		}
		for _, p := range f.peers {
			if s.From.Addr() == p.Address && p.Address != p.other.Address {
				return p
			}
		}
	}
	// The caller made the offer, and controls (RFC 8445 §6.1.1).
	switch t.request().Role {
	case "controlling":
		return f.peers[0]
	case "controlled":
		return f.peers[1]
	}
	return nil
}

// locate finds the pair of a check.
func (f *facts) locate(c *check) {
	first := c.requests[0]
	place := 1 << 10
	for _, s := range c.requests {
		if at := f.place(s.Packet, c.from); at >= 0 && at < place {
			first, place = s, at
		}
	}
	c.near, c.local, c.remote = first.From, first.From, first.To
	if first.carried {
		c.throughOwn = true
		if l := c.from.legWith(first.From, first.To); l != nil {
			c.local = l.relayed
			if first.Packet.Kind == wire.KindChannelData {
				c.remote = l.channels[channelOf(first.Packet)]
			}
		}
		if m := first.STUN; m != nil && len(m.Peers) > 0 {
			c.remote = m.Peers[0]
		}
	}
	for _, s := range c.requests {
		// What the server's relay sent tells both ends.
		if s.Node == topology.Turn && s.At == wire.AtRelay && s.Direction == wire.Out && c.throughOwn {
			c.local, c.remote = s.From, s.To
		}
	}
	for _, a := range f.relays(c.to) {
		c.throughOther = c.throughOther || a == c.remote
	}
}

func (p *peer) legWith(local, server netip.AddrPort) *leg {
	for _, l := range p.legs {
		if l.server == server && (l.local == local || l.mapped == local) {
			return l
		}
	}
	return nil
}

// channelOf is the number of a ChannelData message (RFC 8656 §12.4).
func channelOf(p *wire.Packet) uint16 {
	if len(p.Payload) < 2 {
		return 0
	}
	return uint16(p.Payload[0])<<8 | uint16(p.Payload[1])
}

// direct reports whether a check went over no relay.
func (c *check) direct() bool { return !c.throughOwn && !c.throughOther }

// summary counts the checks of one kind and where they ended.
type summary struct {
	sent, left, arrived, replied, heard int
	packets                             []int
	// ends are how many ended where, of those that did not arrive.
	ends map[string]int
	// dropped are how many a gateway dropped, by name and reason, and which.
	dropped        map[[2]string]int
	droppedPackets map[[2]string][]int
}

// droppedAt are the names and reasons, in order.
func (s summary) droppedAt() [][2]string {
	return slices.SortedFunc(maps.Keys(s.dropped), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
}

func (f *facts) summarize(from *peer, is func(*check) bool) summary {
	s := summary{ends: map[string]int{}, dropped: map[[2]string]int{}, droppedPackets: map[[2]string][]int{}}
	for _, c := range f.checks {
		if c.from != from || !is(c) {
			continue
		}
		s.sent++
		s.packets = append(s.packets, c.packets()...)
		if c.arrived {
			s.arrived++
		}
		if c.replied {
			s.replied++
		}
		if c.heard {
			s.heard++
		}
		if c.endPlace > atSender {
			s.left++
		}
		if d, is := dropped(c.requests); is && !c.arrived {
			where := [2]string{d.Node, d.Dropped}
			s.dropped[where]++
			s.droppedPackets[where] = append(s.droppedPackets[where], c.packets()...)
		} else if !c.arrived && c.endPlace >= 0 {
			s.ends[c.end.Node]++
		}
	}
	return s
}
