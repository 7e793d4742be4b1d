package diagnose

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/wire"
)

// moved is for a peer that is on another network than the candidates of its call
// are of.
func moved(f *facts) (list []finding) {
	if !f.midcall() {
		return nil
	}
	for _, p := range f.peers {
		was, ids := f.formerAddress(p)
		if !was.IsValid() {
			continue
		}
		evidence := []Item{item(OfReports, nil, "the %s gathered its candidates at %s, and its address is %s", p.role, was, p.Address)}
		if len(ids) > 0 {
			evidence = append(evidence, item(OfSockets, ids, "its sockets are still those of %s", was))
		}
		x := found("F14", p.role+"'s network", fmt.Sprintf("the %s has moved to another network, and ICE was not restarted there", p.role), SureObserved, evidence...).breaking(theCall)
		x.midcall = true
		list = append(list, x)
	}
	return list
}

// formerAddress is the address that a peer's candidates and sockets are of, if it is none
// of the network that the peer is on.
func (f *facts) formerAddress(p *peer) (was netip.Addr, ids []int) {
	if !p.Address.IsValid() {
		return was, nil
	}
	for _, c := range p.local(peers.Host) {
		a := addrPortOf(c.Candidate).Addr()
		if a == p.Address {
			return netip.Addr{}, nil
		}
		was = a
	}
	for i := range f.Packets {
		k := &f.Packets[i]
		if k.Node != p.Node || k.Direction != wire.Out || !f.during(k) || !k.From.Addr().IsValid() || k.From.Addr().IsUnspecified() {
			continue
		}
		if k.From.Addr() == p.Address {
			return netip.Addr{}, nil
		}
		was = k.From.Addr()
		if !k.Time.Before(f.died) {
			ids = append(ids, k.ID)
		}
	}
	return was, ids
}

// serverSilent is for a relayed call under which the server, which is running, fell
// silent to both sides: what is wrong is at its place.
func serverSilent(f *facts) (list []finding) {
	if !f.midcall() || !f.wasRelayed() || f.Server != nil && !f.Server.Running {
		return nil
	}
	// What was asked since and reached the server, or was answered.
	for _, t := range f.transactions {
		if t.began().Before(f.died) {
			continue
		}
		seen := slices.ContainsFunc(t.requests, func(s sighting) bool { return s.Node == topology.Turn && s.Dropped == "" })
		if seen || slices.ContainsFunc(t.answers, func(s sighting) bool { return f.isServer(s.From.Addr()) }) {
			return nil
		}
	}
	var sent []int
	for _, p := range f.peers {
		if !f.gateways || len(p.chain) == 0 {
			return nil
		}
		left := 0
		for i := range f.Packets {
			k := &f.Packets[i]
			if k.Time.Before(f.died) {
				continue
			}
			switch out := k.Node == p.outermost() && k.Direction == wire.Out && outward(k, len(p.chain)-1); {
			case f.isServer(k.From.Addr()) && k.Direction == wire.In && k.Time.Sub(f.died) > f.there(p):
				return nil
			case k.Node == topology.Turn && k.Dropped == "" && k.Time.Sub(f.died) > f.there(p):
				return nil
			case out && f.isServer(k.To.Addr()) && k.Dropped == "":
				left++
				sent = append(sent, k.ID)
			}
		}
		if left < 2 {
			return nil
		}
	}
	slices.Sort(sent)
	x := found("B6", topology.Turn, "nothing reaches the TURN server any more, of neither side", SureControlled,
		item(OfGateways, sent, "%s left the networks of both peers for the TURN server since, and none was answered", many(len(sent), "packet"))).breaking(theCall | bothRelays)
	if f.server && f.Server != nil {
		x.Confidence = SureObserved
		x.Evidence = append(x.Evidence, item(OfServer, nil, "the TURN server is running, and none arrived at its sockets"))
	}
	x.midcall = true
	return append(list, x)
}

// consentLost is for a path that worked and does no longer, for no other reason.
func consentLost(f *facts) (list []finding) {
	if worked, known := f.worked(); !f.midcall() || known && worked || f.otherwiseDead() {
		return nil
	}
	for _, p := range f.peers {
		worked := map[[2]netip.AddrPort]bool{}
		before := f.summarize(p, func(c *check) bool {
			is := c.heard && c.began().Before(f.died)
			worked[c.pair()] = worked[c.pair()] || is
			return is
		})
		after := f.summarize(p, func(c *check) bool { return !c.began().Before(f.died) && worked[c.pair()] })
		if before.heard == 0 && len(f.checks) > 0 || after.heard > 0 && after.heard == after.sent {
			continue
		}
		because := fmt.Sprintf("the path from the %s to the %s went dead during the call", p.role, p.other.role)
		var x finding
		switch {
		case after.sent > 0:
			x = found("F13", f.deadAt(after, p), because, SureObserved,
				item(OfSockets, after.packets, "checks of the %s were answered before; of %s since, %d were", p.role, many(after.sent, "check"), after.heard))
			for _, where := range after.droppedAt() {
				x.Evidence = append(x.Evidence, item(OfGateways, after.droppedPackets[where], "%s dropped %d of them: %s", where[0], after.dropped[where], where[1]))
			}
		case p.Report != nil && slices.ContainsFunc(p.Report.Timeline, func(c peers.StateChange) bool {
			return c.What == "ice" && (c.State == "disconnected" || c.State == "failed")
		}):
			x = found("F13", "", because, SureControlled, item(OfReports, nil, "the %s's ICE was connected, and is %s", p.role, p.Report.ICE))
		default:
			continue
		}
		// A relay dies for reasons of its own, which the server's account tells.
		if f.wasRelayed() && len(after.dropped) == 0 && f.Server == nil {
			x.Confidence = SureSilent
			x = x.or("D11", SureSilent, "the server's log: which allocations ended").or("D9", 0.4, "the server's log: which permissions ended").
				or("D10", 0.4, "the server's log: which channels ended").or("G1", 0.4, "the server's log: whether it was restarted")
		}
		// Where no gateway tells how far packets got, it may be the server's network.
		if f.wasRelayed() && len(after.dropped) == 0 && !f.gateways {
			x.Confidence = SureSilent
			x = x.or("B6", SureSilent, "whether what leaves the clients' networks arrives at the server")
		}
		x.midcall = true
		return []finding{x.breaking(theCall)}
	}
	return nil
}

// deadAt is where most of the checks ended.
func (f *facts) deadAt(s summary, p *peer) string {
	if at := s.droppedAt(); len(at) > 0 {
		return at[0][0]
	}
	return or(most(s.ends), p.gatewayName())
}

// pair is where a check leads, from its candidate to the other's.
func (c *check) pair() [2]netip.AddrPort { return [2]netip.AddrPort{c.local, c.remote} }

// otherwiseDead reports whether there is another reason why the call went dead: that
// its path did is not one beside it.
func (f *facts) otherwiseDead() bool {
	for _, find := range []func(*facts) []finding{remapped, moved, serverSilent, restarted, permissionLost, channelExpired, notRefreshed} {
		if slices.ContainsFunc(find(f), func(x finding) bool { return x.midcall && x.Confidence > SureSilent }) {
			return true
		}
	}
	return false
}
