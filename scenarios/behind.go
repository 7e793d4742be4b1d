package scenarios

import (
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/nat"
)

// What the peers sit behind: the gateway of each, and what both share.

func checkBehind(peer string, p Peer) *problem {
	switch {
	case p.NAT == nil:
		return checkCondition(peer+".condition", p.Condition)
	case p.Condition != "":
		return problemf(peer+".nat", "%s has both condition %s and nat; keep one of them", peer, quote(p.Condition))
	}
	return checkBehavior(peer+".nat", *p.NAT)
}

func checkCondition(place, name string) *problem {
	if names := nat.ConditionNames(); !slices.Contains(names, name) {
		return problemf(place, "unknown condition %s; %s", quote(name), suggest(name, names))
	}
	return nil
}

func checkCarrier(b *nat.Behavior) *problem {
	if b == nil {
		return nil
	}
	return checkBehavior("carrier", *b)
}

func checkBehavior(place string, b nat.Behavior) *problem {
	switch {
	case b.Mapping == "":
		return problemf(place, "%s has no mapping; add for example mapping: %s", place, nat.EIM)
	case b.Filtering == "":
		return problemf(place, "%s has no filtering; add for example filtering: %s", place, nat.APDF)
	}
	for _, p := range []*problem{
		checkWord(place+".mapping", b.Mapping, mappings()),
		checkWord(place+".filtering", b.Filtering, filterings()),
		checkWord(place+".ports", b.Ports, portAssignments()),
	} {
		if p != nil {
			return p
		}
	}
	if b.Unsolicited != "" {
		if p := checkWord(place+".unsolicited", b.Unsolicited, unsolicited()); p != nil {
			return p
		}
	}
	if b.Lifetime != 0 {
		if p := checkDuration(place+".lifetime", Duration(b.Lifetime), maxDuration); p != nil {
			return p
		}
	}
	if err := b.Validate(); err != nil {
		// It begins with the key and the value: "lifetime 1.5s: want ...".
		what, remedy, _ := strings.Cut(err.Error(), ": ")
		key, value, _ := strings.Cut(what, " ")
		return problemf(join(place, key), "%s is %s; %s", join(place, key), value, remedy)
	}
	return nil
}

// checkNetwork returns the first thing that the peers cannot share.
func checkNetwork(s Scenario) *problem {
	if s.SameLAN() {
		switch {
		case s.Carrier != nil:
			return problemf("carrier", "carrier is what two homes are behind, but with callee.lan %s there is one; leave one of the two out", CallerLAN)
		case s.SamePrefix:
			return problemf("same-prefix", "same-prefix is about two LANs, but with callee.lan %s there is one; leave one of the two out", CallerLAN)
		}
		return nil
	}
	caller, callee, err := s.Conditions()
	if err != nil {
		return problemf("", "%s", err) // each has been found by its name before
	}
	for i, c := range []nat.Condition{caller, callee} {
		peer := []string{"caller", "callee"}[i]
		switch {
		case s.Carrier != nil && c.Carrier != nil:
			return problemf("carrier", "carrier is set, but the %s's %s has a carrier of its own; leave out carrier, or choose another condition", peer, c.Name)
		case s.SamePrefix && c.NAT == nil:
			return problemf("same-prefix", "same-prefix is set, but the %s's %s has no NAT and its addresses would be there twice; leave it out, or choose another condition", peer, c.Name)
		}
	}
	return nil
}
