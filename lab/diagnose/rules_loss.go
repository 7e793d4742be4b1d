package diagnose

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/wire"
)

// oneWay is for a path on which packets of one direction are lost.
func oneWay(f *facts) (list []finding) {
	for _, p := range f.peers {
		x, is := f.noAnswers(p)
		if !is {
			x, is = f.lossy(p)
		}
		if is {
			list = append(list, x.breaking(theDirect))
		}
	}
	return list
}

// noAnswers: the other side answers the peer's checks, and the answers do not come.
func (f *facts) noAnswers(p *peer) (finding, bool) {
	// What was lost since the call died is why it did.
	s := f.summarize(p, func(c *check) bool { return c.direct() && c.arrived && (!f.midcall() || c.began().Before(f.died)) })
	if s.sent < fewChecks || s.replied < fewChecks || s.heard > 0 {
		return finding{}, false
	}
	back := map[string]int{}
	var ids []int
	for _, c := range f.checks {
		if c.from != p || !c.direct() || !c.arrived || !c.replied || c.heard {
			continue
		}
		where := c.back.Node
		if d, is := dropped(c.answers); is {
			if !isPolicy(d.Dropped) {
				continue // what a NAT does not let in is no loss
			}
			where = d.Node + ": " + d.Dropped
		}
		back[where]++
		ids = append(ids, c.packets()...)
	}
	if len(back) == 0 {
		return finding{}, false
	}
	where := most(back)
	return found("F9", strings.SplitN(where, ":", 2)[0], f.oneDirection(p.other), SureObserved,
		item(OfGateways, ids, "%d of %s of the %s that arrived were answered, and %s came back; the others ended at %s", s.replied, many(s.sent, "direct check"), p.role, many(s.heard, "answer"), where)), true
}

// oneWayForbidden is for a gateway whose firewall lets nothing of one direction pass
// between the peers, and what goes to the server.
func oneWayForbidden(f *facts) (list []finding) {
	for _, p := range f.peers {
		at := map[string]int{}
		s := f.summarize(p, func(c *check) bool {
			if !c.direct() || f.midcall() && !c.began().Before(f.died) {
				return false
			}
			if d, is := dropped(c.requests); is && d.Dropped == string(gateway.Policy) {
				at[d.Node]++
				return true
			}
			return c.arrived
		})
		back := f.summarize(p.other, func(c *check) bool {
			d, is := dropped(c.requests)
			return c.direct() && is && d.Dropped == string(gateway.Policy)
		})
		where := most(at)
		if at[where] < fewChecks || s.arrived > 0 || back.sent > 0 || !f.udpElsewhere(p) {
			continue
		}
		list = append(list, found("F9", where, f.oneDirection(p), SureObserved,
			item(OfGateways, s.packets, "a rule of the firewall of %s dropped %s of the %s, and none arrived; of the %s it dropped none", where, many(at[where], "direct check"), p.role, p.other.role)).breaking(theDirect))
	}
	return list
}

func (f *facts) oneDirection(from *peer) string {
	return fmt.Sprintf("packets from the %s to the %s are lost on the way, and not the other way round", from.role, from.other.role)
}

// lossy: of a flow that arrives, some packets do not, and of the other direction
// all do.
func (f *facts) lossy(to *peer) (finding, bool) {
	if some, at := f.sifted(to.other); len(some) >= fewChecks {
		if back, _ := f.sifted(to); len(back) == 0 {
			return found("F9", at, f.oneDirection(to.other), SureObserved,
				item(OfGateways, some, "a rule of the firewall of %s dropped %s of the %s, of which others like them arrived, and none of the %s's",
					at, many(len(some), "packet"), to.other.role, to.role)), true
		}
	}
	sent, lost, ids, where := f.losses(to.other)
	whole, back, _, _ := f.losses(to)
	if lost < fewChecks || lost*20 < sent || back > 0 {
		return finding{}, false
	}
	// A line that loses at the same rate both ways may lose nothing of one by chance.
	if where == "" && math.Pow(1-float64(lost)/float64(sent), float64(whole)) > byChance {
		return finding{}, false
	}
	x := found("F9", or(where, "the path"), f.oneDirection(to.other), SureControlled,
		item(OfSockets, ids, "%d of %s of the %s on flows that arrive at the %s were lost, and none of the %s's", lost, many(sent, "STUN message"), to.other.role, to.role, to.role))
	if where != "" {
		x.Evidence = append(x.Evidence, item(OfGateways, nil, "a rule of the firewall of %s dropped some of them", where))
		x.Confidence = SureBoth
	}
	return x, true
}

// byChance is how likely it may be that two directions differ by chance alone.
const byChance = 0.001

// sifted are the packets that a peer sent directly to the other, and that a
// firewall's rule dropped though it let through others of the same kind and size,
// before and after.
func (f *facts) sifted(from *peer) (ids []int, at string) {
	type sort struct {
		kind wire.Kind
		size int
	}
	arrived := map[sort]time.Time{} // the last one
	for i := range f.Packets {
		if k := &f.Packets[i]; k.Node == from.other.Node && k.Direction == wire.In && k.Protocol == "udp" && !f.isServer(k.From.Addr()) && f.during(k) {
			arrived[sort{k.Kind, k.Bytes}] = k.Time
		}
	}
	for i := range f.Packets {
		k := &f.Packets[i]
		if k.Dropped != string(gateway.Policy) || k.Protocol != "udp" || !f.during(k) || !f.outOf(k, from) || f.isServer(k.From.Addr()) || f.isServer(k.To.Addr()) {
			continue
		}
		if arrived[sort{k.Kind, k.Bytes}].After(k.Time) {
			ids, at = append(ids, k.ID), k.Node
		}
	}
	return ids, at
}

// losses counts the STUN of one peer that it sent directly to the other on flows of
// which something has arrived before, and what of it did not arrive.
func (f *facts) losses(from *peer) (sent, lost int, ids []int, where string) {
	type message struct {
		sightings []sighting
		at        time.Time
		flow      [2]netip.AddrPort
		arrived   bool
	}
	var all []message
	for _, c := range f.checks {
		if !c.direct() {
			continue
		}
		list := c.requests
		if c.from != from {
			list = c.answers
		}
		m := message{sightings: list}
		for _, s := range list {
			switch {
			case s.Node == from.Node && s.Direction == wire.Out:
				m.at, m.flow = s.Time, [2]netip.AddrPort{s.From, s.To}
			case s.Node == from.other.Node:
				m.arrived = true
			}
		}
		if !m.at.IsZero() && f.until().Sub(m.at) > inFlight {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b message) int { return a.at.Compare(b.at) })
	first, opened := map[[2]netip.AddrPort]time.Time{}, map[[2]netip.AddrPort]time.Time{} // and when last
	for _, m := range all {
		if m.arrived {
			opened[m.flow] = m.at
			if first[m.flow].IsZero() {
				first[m.flow] = m.at
			}
		}
	}
	for _, m := range all {
		if first[m.flow].IsZero() || m.at.Before(first[m.flow]) {
			continue
		}
		sent++
		if m.arrived {
			continue
		}
		d, is := dropped(m.sightings)
		if is && !isPolicy(d.Dropped) {
			continue
		}
		if is {
			where = d.Node
		}
		if m.at.After(opened[m.flow]) {
			continue // since then nothing of this flow has come: it died
		}
		lost++
		for _, s := range m.sightings {
			ids = append(ids, s.ID)
		}
	}
	return sent, lost, ids, where
}

// fewChecks are too few to speak of loss.
const fewChecks = 3

func most(counts map[string]int) string {
	best := ""
	for name, n := range counts {
		if best == "" || n > counts[best] || n == counts[best] && name < best {
			best = name
		}
	}
	return best
}
