package scenarios

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/icelab-go/icelab/lab/nat"
)

// varySides lets the peers change places, with all that they sit behind and all
// that happens to them. On one LAN they are neighbours already.
func varySides(s *Scenario, r *rand.Rand) {
	if r.IntN(2) == 0 || s.SameLAN() || s.deniesLAN() {
		return
	}
	s.Caller, s.Callee = s.Callee, s.Caller
	s.Caller.LAN, s.Callee.LAN = CallerLAN, CalleeLAN
	f := &s.Faults
	f.Caller, f.Callee = f.Callee, f.Caller
	for i := range f.Turn.DenyPeers {
		swap(&f.Turn.DenyPeers[i])
	}
	for _, filter := range s.filters() {
		swap(&filter.At)
		swap(&filter.Far)
	}
	for i := range f.Signalling {
		swap(&f.Signalling[i].From)
	}
	for _, step := range s.Steps {
		swap(step.side())
	}
}

// swap makes one side of the other.
func swap(side *string) {
	if side == nil {
		return
	}
	switch *side {
	case SideCaller:
		*side = SideCallee
	case SideCallee:
		*side = SideCaller
	}
}

// side is where the step says whose network it happens to; nil if it does not.
func (s Step) side() *string {
	switch {
	case s.Link != nil:
		return &s.Link.Side
	case s.Cut != nil:
		return &s.Cut.Side
	case s.Reboot != nil:
		return &s.Reboot.Side
	case s.Move != nil:
		return &s.Move.Side
	case s.event() != nil:
		return &s.event().Side
	}
	return nil
}

// deniesLAN reports whether nothing is relayed to addresses so few that they are
// those of one side.
func (s Scenario) deniesLAN() bool {
	return slices.ContainsFunc(s.Faults.Turn.DenyPeers, func(text string) bool {
		prefix, err := DeniedPrefix(text)
		return err == nil && prefix.Bits() > netip.MustParsePrefix("10.0.0.0/8").Bits()
	})
}

// varyCondition puts a peer behind another condition that comes to the same: one
// that passes what the old one did, with a NAT if that had one, and with which no
// path is better or worse, however much of the TURN server and of UDP the faults
// take away. Where candidates are lost or late, or a relay is not where it says,
// filters decide which checks are heard all the same, so that they stay as strict. Where what happens to NATs is the
// story, and where their types are the cause, all stays.
func varyCondition(s *Scenario, side string, r *rand.Rand) {
	own := s.end(side)
	if own.NAT != nil || s.Carrier != nil || side == SideCallee && s.SameLAN() || s.aboutNATs() {
		return
	}
	was, err := nat.Named(own.Condition)
	if err != nil {
		return
	}
	reached, err := s.reach(side, was)
	if err != nil {
		return
	}
	alike := slices.DeleteFunc(nat.Conditions(), func(c nat.Condition) bool {
		if (c.NAT == nil) != (was.NAT == nil) || c.Firewall.BlockUDP != was.Firewall.BlockUDP ||
			!slices.Equal(c.Firewall.TCPPorts, was.Firewall.TCPPorts) ||
			(len(s.Faults.Signalling) > 0 || s.Faults.Turn.AdvertiseAddress != "") && !asStrict(c, was) {
			return true
		}
		other, err := s.reach(side, c)
		return err != nil || !slices.Equal(reached, other)
	})
	own.Condition = alike[r.IntN(len(alike))].Name
}

// asStrict reports whether two conditions map and filter alike, all gateways taken
// together.
func asStrict(a, b nat.Condition) bool {
	type strictness struct {
		mapping, filtering int
		stateful           bool
	}
	of := func(c nat.Condition) (most strictness) {
		for _, hop := range c.Chain() {
			most.stateful = most.stateful || hop.Firewall.Stateful
			if hop.NAT != nil {
				most.mapping = max(most.mapping, slices.Index([]nat.Mapping{nat.EIM, nat.ADM, nat.APDM}, hop.NAT.Mapping))
				most.filtering = max(most.filtering, slices.Index([]nat.Filtering{nat.EIF, nat.ADF, nat.APDF}, hop.NAT.Filtering))
			}
		}
		return most
	}
	return of(a) == of(b)
}

// aboutNATs reports whether a scenario shows what NATs do, or which types they are.
func (s Scenario) aboutNATs() bool {
	if slices.Contains([]string{"F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8"}, s.Expect.Cause) {
		return true
	}
	return slices.ContainsFunc(s.Steps, func(step Step) bool {
		return step.Cut != nil || step.Restore != nil || step.Reboot != nil || step.Move != nil || step.event() != nil
	})
}

// reach is what ICE can reach with a condition on a side, with TURN and without,
// with UDP and without.
func (s Scenario) reach(side string, c nat.Condition) ([]string, error) {
	caller, callee, err := s.Conditions()
	if err != nil {
		return nil, err
	}
	if side == SideCallee {
		callee = c
	} else {
		caller = c
	}
	var paths []string
	for _, o := range s.whatIf() {
		for _, blocked := range []struct{ caller, callee bool }{{}, {true, false}, {false, true}, {true, true}} {
			p := nat.Predict(withoutUDP(caller, blocked.caller), withoutUDP(callee, blocked.callee), o)
			paths = append(paths, string(p.Path)+"/"+p.Transport)
		}
	}
	return paths, nil
}

func withoutUDP(c nat.Condition, without bool) nat.Condition {
	c.Firewall.BlockUDP = c.Firewall.BlockUDP || without
	return c
}

// whatIf are the means that faults may leave the peers.
func (s Scenario) whatIf() []nat.Options {
	o := nat.Options{
		TURN: s.Turn.Transports, CallerCandidates: s.Caller.Candidates, CalleeCandidates: s.Callee.Candidates,
		SameLAN: s.SameLAN(), SamePrefix: s.SamePrefix,
	}
	without := o
	without.TURN = nil
	list := []nat.Options{o, without}
	if o.SameLAN {
		// Should host candidates be lost, hairpinning decides.
		o.CallerCandidates, o.CalleeCandidates = withoutHost(o.CallerCandidates), withoutHost(o.CalleeCandidates)
		list = append(list, o)
	}
	return list
}

func withoutHost(candidates []string) []string {
	if len(candidates) == 0 {
		return []string{Srflx, Relay}
	}
	return slices.DeleteFunc(slices.Clone(candidates), func(c string) bool { return c == Host })
}
