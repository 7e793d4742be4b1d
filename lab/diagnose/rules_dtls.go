package diagnose

import (
	"fmt"
	"time"

	"github.com/icelab-go/icelab/wire"
)

// records counts DTLS from one peer by size, since a time: how many went and how
// many came.
type records struct {
	sent, came   map[int]int
	ids, dropped []int
	at           string
}

func (f *facts) records(from *peer, since time.Time) records {
	r := records{sent: map[int]int{}, came: map[int]int{}}
	for i := range f.Packets {
		k := &f.Packets[i]
		kind, size := k.Kind, k.Bytes
		if k.Inner != nil {
			kind, size = k.Inner.Kind, k.Inner.Bytes
		}
		if kind != wire.KindDTLS || !f.during(k) || k.Time.Before(since) {
			continue
		}
		switch place := f.place(k, from); {
		case k.Node == from.Node && k.Direction == wire.Out:
			r.sent[size]++
			r.ids = append(r.ids, k.ID)
		case k.Node == from.other.Node && k.Direction == wire.In:
			r.came[size]++
		case k.Dropped != "" && isPolicy(k.Dropped) && f.outOf(k, from) && place >= 0:
			r.dropped = append(r.dropped, k.ID)
			r.at = k.Node
		}
	}
	return r
}

// total, largest and lost are how many came or went, the largest size among them, and the
// smallest size of which none came.
func total(sizes map[int]int) (n int) {
	for _, count := range sizes {
		n += count
	}
	return n
}

func largest(sizes map[int]int) (size int) {
	for s := range sizes {
		size = max(size, s)
	}
	return size
}

func (r records) lost() (smallest int) {
	for size := range r.sent {
		if r.came[size] == 0 && (smallest == 0 || size < smallest) {
			smallest = size
		}
	}
	return smallest
}

// outOf reports whether a packet at a gateway was sent by a peer.
func (f *facts) outOf(k *wire.Packet, from *peer) bool {
	if from.behind(k.Node) && !from.other.behind(k.Node) {
		_, i := from.through(k.Node)
		return outward(k, i)
	}
	if from.other.behind(k.Node) && !from.behind(k.Node) {
		_, i := from.other.through(k.Node)
		return !outward(k, i)
	}
	return k.From.Addr() == from.Address
}

func dtlsLost(f *facts) []finding {
	if worked, known := f.worked(); known && worked {
		return nil
	}
	connected, handshake := f.Caller.Report == nil, false
	for _, p := range f.peers {
		if r := p.Report; r != nil {
			connected = connected || r.Milestones.ICEConnectedMS != nil
			handshake = handshake || r.Milestones.DTLSConnectedMS != nil
		}
	}
	if !connected {
		return nil
	}
	var best finding
	for _, p := range f.peers {
		x := f.handshakeLost(p)
		if handshake || f.midcall() {
			x = f.largeLost(p)
		}
		if x.Confidence > best.Confidence || x.Confidence == best.Confidence && x.Cause == "F10" {
			best = x
		}
	}
	if best.Confidence == 0 {
		return nil
	}
	return []finding{best.breaking(theCall)}
}

// handshakeLost is for a handshake that does not come through.
func (f *facts) handshakeLost(p *peer) finding {
	r := f.records(p, time.Time{})
	sent, came := total(r.sent), total(r.came)
	lost, passes := r.lost(), largest(r.came)
	switch {
	case sent >= fewChecks && came == 0 && f.sockets:
		return r.add(found("F11", or(r.at, "the path"), fmt.Sprintf("ICE is connected, and no DTLS of the %s reaches the %s", p.role, p.other.role), SureControlled,
			item(OfSockets, r.ids, "the %s sent %d datagrams of DTLS, and none arrived", p.role, sent)))
	case sent >= fewChecks && lost > passes && passes > 0:
		return r.add(found("F10", or(r.at, "the path"), fmt.Sprintf("ICE is connected, and of the %s's DTLS only what is small reaches the %s", p.role, p.other.role), SureControlled,
			item(OfSockets, r.ids, "datagrams of up to %d bytes arrived, and none of %d and more", passes, lost)))
	case len(r.dropped) > 0 && sent == 0:
		return found("F11", r.at, fmt.Sprintf("ICE is connected, and no DTLS of the %s reaches the %s", p.role, p.other.role), SureSilent,
			item(OfGateways, r.dropped, "a rule of the firewall of %s dropped %d datagrams of DTLS", r.at, len(r.dropped))).
			or("F10", 0.4, "a small datagram of DTLS")
	}
	return finding{}
}

// largeLost is for a call that came up and passes only what is small, or none of
// its data.
func (f *facts) largeLost(p *peer) finding {
	r, before := f.records(p, f.died), f.records(p, time.Time{})
	lost := r.lost()
	checks := f.summarize(p, func(c *check) bool { return !c.began().Before(f.died) && f.until().Sub(c.began()) > inFlight })
	// Where small packets are lost as well, the size is not why.
	if lost == 0 || checks.heard < checks.sent {
		return finding{}
	}
	if total(r.sent) < fewChecks && len(r.dropped) == 0 {
		return finding{}
	}
	// What had passed before tells of a limit that was there all the time, and not of
	// one that came.
	passes, since := largest(before.came), largest(r.came)
	if passes >= lost || since == 0 && 2*lost < 3*passes {
		passes = since
	}
	var x finding
	switch {
	case passes > 0 && passes < lost:
		x = r.add(found("F10", or(r.at, "the path"), fmt.Sprintf("of the %s's data only what is small reaches the %s", p.role, p.other.role), SureControlled,
			item(OfSockets, r.ids, "datagrams of up to %d bytes have arrived, and none of %d and more", passes, lost)))
		if since == 0 {
			x.Confidence = SureControlled // something else may have begun with the first large one
		}
	case passes == 0 && checks.sent > 0:
		x = r.add(found("F11", or(r.at, "the path"), fmt.Sprintf("no data of the %s reaches the %s any more, and checks do", p.role, p.other.role), SureSilent,
			item(OfSockets, r.ids, "the %s has sent %s of %d bytes and more since, and none arrived", p.role, many(total(r.sent), "datagram"), lost)))
		x.Confidence = SureSilent
		x = x.or("F10", SureSilent, "a small datagram of DTLS")
	default:
		return finding{}
	}
	if checks.sent > 0 {
		x.Evidence = append(x.Evidence, item(OfSockets, checks.packets, "%s of the %s answered meanwhile", many(checks.sent, "check"), p.role))
	}
	x.midcall = true
	return x
}

// add puts what a firewall dropped to a finding.
func (r records) add(x finding) finding {
	if len(r.dropped) > 0 {
		x.Evidence = append(x.Evidence, item(OfGateways, r.dropped, "a rule of the firewall of %s dropped %d of them", r.at, len(r.dropped)))
		x.Confidence = SureBoth
	}
	return x
}
