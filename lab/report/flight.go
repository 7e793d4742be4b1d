package report

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/wire"
)

// flight is one packet on its way, as the witnesses along it saw it.
type flight struct {
	seen []wire.Packet // in order of time
	// from and to are nodes, or the address of what is none.
	from, to string
	// lost: it was sent, and the witness where it should have arrived saw nothing.
	lost bool
	// dropped is why it ended at to.
	dropped string
	// challenge: it is the 401 to a request without credentials, as it should be.
	challenge bool
	// answered says of a request that the answer was back; undecided that it may
	// have come later than the witnesses were asked.
	answered, undecided bool
	// number is that of a segment of TCP, where it is known.
	number string
}

func (f flight) first() wire.Packet { return f.seen[0] }

// request reports whether it wants an answer.
func (f flight) request() bool {
	s := f.first().STUN
	return s != nil && s.Class == wire.Request
}

// same tells which packets can be one that several witnesses saw: a STUN message
// by its transaction, another one by its bytes. Addresses do not: NATs change them.
func same(p wire.Packet) string {
	if p.STUN != nil {
		return fmt.Sprintf("%s %s %s", p.STUN.Transaction, p.STUN.Method, p.STUN.Class)
	}
	sum := fnv.New64a()
	_, _ = sum.Write(p.Payload)
	flags := ""
	if p.TCP != nil {
		flags = tcpWords(*p.TCP)
	}
	return fmt.Sprintf("%s %d %x %s", p.Kind, p.Bytes, sum.Sum64(), flags)
}

// flights puts together what was seen of each packet. Seen again where it was seen
// before, it was sent again.
func flights(e *diagnose.Evidence) []flight {
	var all []*flight
	open := map[string]*flight{}
	tcp := segments{map[string]*flight{}, map[string]*flight{}}
	for i, p := range e.Packets {
		p.ID = idOf(p, i)
		if segmented(p) {
			f := tcp.find(p)
			if f == nil {
				f = &flight{}
				all = append(all, f)
			}
			f.seen = append(f.seen, p)
			tcp.add(f, p)
			continue
		}
		key := same(p)
		f := open[key]
		if f == nil || f.passed(p) || f.ended() && p.Time.Sub(f.first().Time) > underway {
			f = &flight{}
			open[key], all = f, append(all, f)
		}
		f.seen = append(f.seen, p)
	}
	all = slices.DeleteFunc(all, func(f *flight) bool { return len(f.seen) == 0 })
	witnesses := map[string]bool{}
	for _, p := range e.Packets {
		witnesses[p.Node] = true
	}
	answers, anonymous := answered(e.Packets), anonymous(e.Packets)
	done := make([]flight, len(all))
	for i, f := range all {
		f.sort()
		f.place(e, witnesses)
		// Where more was seen than was kept, or a packet may still have been on its
		// way when the witnesses were asked, nobody can say that it did not arrive.
		unknown := e.Lost > 0 || e.Packets[len(e.Packets)-1].Time.Sub(f.first().Time) < underway
		f.lost = f.lost && !unknown && followed(f.first())
		if f.request() {
			s := f.first().STUN
			f.answered = answers[s.Transaction][f.from] || !witnesses[f.from] && len(answers[s.Transaction]) > 0
			f.undecided = unknown && !f.answered
		}
		if s := f.first().STUN; s != nil && s.Code == 401 {
			f.challenge = anonymous[s.Transaction]
		}
		done[i] = *f
	}
	return done
}

// underway is how long a packet may be on its way over the worst lines of a lab.
const underway = 500 * time.Millisecond

// followed reports whether every witness keeps such packets: of data they keep the
// beginning, and sockets tell of ICMP and of the segments of TCP only in part.
func followed(p wire.Packet) bool {
	d := p.DTLS
	if p.Inner != nil {
		d = p.Inner.DTLS
		if p.Inner.STUN != nil {
			return true
		}
	} else if p.STUN != nil {
		return true
	}
	return d != nil && (d.Type == "handshake" || d.Type == "alert")
}

// passed reports whether p cannot be the same packet, which was seen at this place
// before.
func (f flight) passed(p wire.Packet) bool {
	return slices.ContainsFunc(f.seen, func(q wire.Packet) bool {
		return q.Node == p.Node && q.At == p.At && q.Direction == p.Direction
	})
}

// ended reports whether it was dropped, or is where it was sent to. What is seen of
// it then is what a gateway tells late: witnesses read their clocks at different
// moments.
func (f flight) ended() bool { return slices.ContainsFunc(f.seen, end) }

func end(p wire.Packet) bool       { return p.Dropped != "" || p.Direction == wire.In && !atGateway(p) }
func departure(p wire.Packet) bool { return p.Direction == wire.Out && !atGateway(p) }

// sort puts the socket that sent it first, and where it ended last.
func (f *flight) sort() {
	rank := func(p wire.Packet) int {
		switch {
		case end(p):
			return 2
		case departure(p):
			return 0
		}
		return 1
	}
	slices.SortStableFunc(f.seen, func(a, b wire.Packet) int { return rank(a) - rank(b) })
}

func atGateway(p wire.Packet) bool {
	return p.At != wire.AtSocket && p.At != wire.AtListener && p.At != wire.AtRelay
}

// anonymous are the transactions whose requests have no credentials: a 401 to one is
// the challenge that every allocation begins with (RFC 8489 section 9.2.4).
func anonymous(packets []wire.Packet) map[string]bool {
	all := map[string]bool{}
	for _, p := range packets {
		if s := p.STUN; s != nil && s.Class == wire.Request && !s.Integrity {
			all[s.Transaction] = true
		}
	}
	return all
}

// answered tells where the answers of a transaction came in.
func answered(packets []wire.Packet) map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for _, p := range packets {
		if s := p.STUN; s != nil && (s.Class == wire.Success || s.Class == wire.Error) && p.Dropped == "" && (p.Direction == wire.In || atGateway(p)) {
			if all[s.Transaction] == nil {
				all[s.Transaction] = map[string]bool{}
			}
			all[s.Transaction][p.Node] = true
		}
	}
	return all
}

// place says where the packet came from and where it ended.
func (f *flight) place(e *diagnose.Evidence, witnesses map[string]bool) {
	first, last := f.seen[0], f.seen[len(f.seen)-1]
	named := func(p wire.Packet, to bool) string {
		at := p.From
		if to {
			at = p.To
		}
		if name, known := e.Names[at.Addr().Unmap()]; known {
			return name
		}
		return at.Addr().Unmap().String()
	}
	f.from, f.to = first.Node, last.Node
	if first.Direction == wire.In {
		f.from = named(first, false)
	}
	switch {
	case last.Dropped != "":
		f.dropped = last.Dropped
	case last.Direction == wire.Out:
		f.to = named(last, true)
		f.lost = witnesses[f.to]
	case atGateway(last):
		f.lost = true // it went in and did not come out
	}
}
