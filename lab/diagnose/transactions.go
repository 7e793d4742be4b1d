package diagnose

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/wire"
)

// transaction is a STUN request and its answers, as all witnesses saw them: its ID
// stays the same through NATs and relays.
type transaction struct {
	id, method string
	requests   []sighting
	answers    []sighting
}

// sighting is one witness's view of a STUN message.
type sighting struct {
	*wire.Packet
	msg *wire.STUN
	// carried: the message is inside of another, on its way from or to a relay.
	carried bool
}

// join puts together what belongs to one transaction.
func (f *facts) join() {
	byID := map[string]*transaction{}
	for i := range f.Packets {
		p := &f.Packets[i]
		s := sighting{Packet: p, msg: p.STUN}
		if p.Inner != nil && p.Inner.STUN != nil {
			s.msg, s.carried = p.Inner.STUN, true
		}
		if s.msg == nil || s.msg.Class == wire.Indication || !f.during(p) {
			continue
		}
		t := byID[s.msg.Transaction]
		if t == nil {
			t = &transaction{id: s.msg.Transaction, method: s.msg.Method}
			byID[t.id] = t
			f.transactions = append(f.transactions, t)
		}
		if s.msg.Class == wire.Request {
			t.requests = append(t.requests, s)
		} else {
			t.answers = append(t.answers, s)
		}
	}
}

// request is the first view of the request there is, of any witness.
func (t *transaction) request() *wire.STUN {
	if len(t.requests) == 0 {
		return nil
	}
	return t.requests[0].msg
}

// answer is the first view of an answer; nil without one.
func (t *transaction) answer() *wire.STUN {
	if len(t.answers) == 0 {
		return nil
	}
	return t.answers[0].msg
}

func (t *transaction) began() time.Time {
	first := time.Time{}
	for _, s := range slices.Concat(t.requests, t.answers) {
		if first.IsZero() || s.Time.Before(first) {
			first = s.Time
		}
	}
	return first
}

func (t *transaction) packets() (ids []int) {
	for _, s := range slices.Concat(t.requests, t.answers) {
		ids = append(ids, s.ID)
	}
	return ids
}

// isCheck tells a connectivity check (RFC 8445 §7.1) from a Binding request to a
// STUN server.
func (t *transaction) isCheck() bool {
	m := t.request()
	return t.method == "binding" && m != nil && (m.Priority != 0 || m.Role != "" || strings.Contains(m.Username, ":"))
}

// outward reports whether a gateway saw a packet on its way away from the peers
// behind it.
func outward(p *wire.Packet, position int) bool {
	inside := strings.HasSuffix(p.At, "-lan")
	if position > 0 {
		inside = strings.HasSuffix(p.At, topology.CGN)
	}
	return inside == (p.Direction == wire.In)
}

// Places on a way from a peer to the other, in order. On a gateway there is one
// for coming in and one, next to it, for going out; a second gateway has the next
// two.
const (
	atSender   = 0
	atNear     = 10
	atHost     = 29 // of the server, and no socket of it
	atListener = 30 // of the server, from its client
	atRelayOut = 31
	atRelayIn  = 40
	atClient   = 41 // of the server, to its client
	atFar      = 60
	atReceiver = 90
)

// place is how far along the way from a peer, to the other or to the server, a
// packet was seen; -1 if it is not on that way.
func (f *facts) place(p *wire.Packet, from *peer) int {
	after := 0
	if p.Direction == wire.Out {
		after = 1
	}
	switch p.Node {
	case from.Node:
		return atSender
	case from.other.Node:
		return atReceiver
	case topology.Turn:
		switch {
		case p.At == wire.AtListener && p.Direction == wire.In:
			return atListener
		case p.At == wire.AtRelay && p.Direction == wire.Out:
			return atRelayOut
		case p.At == wire.AtRelay:
			return atRelayIn
		case p.At == wire.AtListener:
			return atClient
		default:
			return atHost
		}
	}
	if _, i := from.through(p.Node); i >= 0 && outward(p, i) {
		return atNear + 2*i + after
	}
	if far, i := from.other.through(p.Node); i >= 0 {
		return atFar + 2*(len(far)-1-i) + after
	}
	return -1
}

// farthest is the sighting that is farthest along the way from a peer.
func (f *facts) farthest(list []sighting, from *peer) (best sighting, place int) {
	place = -1
	for _, s := range list {
		if at := f.place(s.Packet, from); at > place {
			best, place = s, at
		}
	}
	return best, place
}

// dropped is the sighting at which a message ended, if a witness saw it end and
// none saw it go on.
func dropped(list []sighting) (sighting, bool) {
	for _, s := range list {
		if s.Dropped != "" {
			return s, true
		}
	}
	return sighting{}, false
}

// ownerOf tells whose transaction with the server it is.
func (f *facts) ownerOf(t *transaction) *peer {
	for _, s := range slices.Concat(t.requests, t.answers) {
		far := s.From // the client's end
		if s.msg.Class != wire.Request {
			far = s.To
		}
		if p := f.whose(s.Packet, far); p != nil {
			return p
		}
	}
	return nil
}

// whose tells which peer is behind the client's end of a packet.
func (f *facts) whose(p *wire.Packet, client netip.AddrPort) *peer {
	for _, x := range f.peers {
		if p.Node == x.Node {
			return x
		}
	}
	for _, x := range f.peers {
		if client.Addr() == x.Address && (x.other.Address != x.Address) {
			return x
		}
	}
	name := f.Names[client.Addr()]
	for _, x := range f.peers {
		if name != "" && (name == x.Node || x.behind(name) && !x.other.behind(name)) {
			return x
		}
	}
	// Behind one gateway the ports tell.
	for _, x := range f.peers {
		for _, l := range x.legs {
			if l.mapped.IsValid() && l.mapped == client {
				return x
			}
		}
	}
	return nil
}
