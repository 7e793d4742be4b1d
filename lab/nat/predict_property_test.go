package nat

import (
	"slices"
	"strings"
	"testing"
)

// The properties are tested on the whole space, which is small: every behaviour,
// alone and below every carrier, and every firewall, against each other.

var (
	mappings   = []Mapping{EIM, ADM, APDM}
	filterings = []Filtering{EIF, ADF, APDF}
	offers     = [][]string{nil, {UDP}, {TCP}, {TLS}, {UDP, TCP, TLS}}
	typeSets   = [][]string{nil, {Host}, {Srflx}, {Relay}, {Host, Srflx}, {Host, Relay}, {Srflx, Relay}}
)

// behaviours returns all of them. How ports are assigned is left out; it changes
// nothing, which has a test of its own.
func behaviours() []Condition {
	var all []Condition
	for _, m := range mappings {
		for _, f := range filterings {
			for _, hairpin := range []bool{false, true} {
				c := behind(m, f, hairpin)
				c.Name = c.NAT.String()
				all = append(all, c)
			}
		}
	}
	return all
}

func firewalls() []Condition {
	return slices.DeleteFunc(Conditions(), func(c Condition) bool {
		return c.Firewall.TCPPorts == nil && !c.Firewall.BlockUDP && !c.Firewall.Stateful && c.Name != "open"
	})
}

// simple returns what one gateway can be.
func simple() []Condition { return append(firewalls(), behaviours()...) }

// chains returns every behaviour and firewall below every carrier.
func chains() []Condition {
	var all []Condition
	for _, home := range simple() {
		for _, c := range behaviours() {
			if !c.NAT.Hairpin {
				below := home
				below.Carrier = c.NAT
				below.Name += " below " + c.Name
				all = append(all, below)
			}
		}
	}
	return all
}

// rank orders paths by how good they are.
func rank(p Path) int {
	return slices.Index([]Path{PathNone, PathRelayBoth, PathRelay, PathDirect}, p)
}

// each calls f for every pair of two lists, with every offer of TURN.
func each(callers, callees []Condition, f func(caller, callee Condition, o Options)) {
	for _, caller := range callers {
		for _, callee := range callees {
			for _, turn := range offers {
				f(caller, callee, Options{TURN: turn})
			}
		}
	}
}

// The rule as the field knows it, for one gateway on each side. That two sides
// that map per destination can meet is not widely known.
func directByRule(a, b Condition) bool {
	if a.Firewall.BlockUDP || b.Firewall.BlockUDP {
		return false
	}
	type side struct {
		mapping Mapping
		filter  strictness
	}
	of := func(c Condition) side {
		switch {
		case c.NAT != nil:
			return side{c.NAT.Mapping, c.NAT.Filtering.strictness()}
		case c.Firewall.Stateful:
			return side{EIM, strictAPDF}
		}
		return side{EIM, unfiltered}
	}
	x, y := of(a), of(b)
	switch {
	case x.mapping == EIM && y.mapping == EIM: // both know the other's port
		return true
	case x.mapping == EIM: // it alone is known, and must not ask for the other's port
		return x.filter <= strictADF
	case y.mapping == EIM:
		return y.filter <= strictADF
	}
	// Nobody's port is known. One that keeps its port for an address can make it
	// so, when somebody lets the first check in, and nobody looks at ports.
	return (x.mapping == ADM || y.mapping == ADM) &&
		min(x.filter, y.filter) <= strictEIF && max(x.filter, y.filter) <= strictADF
}

func TestDirectIsWhatTheRuleSays(t *testing.T) {
	each(simple(), simple(), func(a, b Condition, o Options) {
		p := Predict(a, b, o)
		if want := directByRule(a, b); (p.Path == PathDirect) != want {
			t.Errorf("%s × %s: %s, direct by the rule: %v", a.Name, b.Name, p.Reason, want)
		}
	})
}

// Looking deeper than the deepest finds nothing more.
func TestNothingIsFoundBelowTheDeepest(t *testing.T) {
	check := func(a, b Condition, o Options) {
		want := Predict(a, b, o)
		for _, depth := range []int{deepest - 1, 2 * deepest} {
			p := newPlay(a, b, o)
			p.deepest = depth
			if got := p.predict(); got != want {
				t.Errorf("%s × %s %+v: %+v, at depth %d %+v", a.Name, b.Name, o, want, depth, got)
			}
		}
	}
	all := append(chains(), simple()...)
	for _, a := range all {
		for _, b := range all {
			check(a, b, Options{})
		}
	}
	for _, a := range behaviours() {
		for _, b := range behaviours() {
			for _, types := range typeSets {
				check(a, b, Options{TURN: []string{UDP}, CallerCandidates: types})
			}
			for _, c := range behaviours() {
				check(a, b, Options{TURN: []string{UDP}, SharedCarrier: c.NAT})
			}
		}
		check(a, a, Options{SameLAN: true, CallerCandidates: []string{Srflx}, CalleeCandidates: []string{Srflx}})
	}
}

func TestCallerAndCalleeCanChangePlaces(t *testing.T) {
	check := func(a, b Condition, o Options) {
		back := o
		back.CallerCandidates, back.CalleeCandidates = o.CalleeCandidates, o.CallerCandidates
		p, q := Predict(a, b, o), Predict(b, a, back)
		if p.Path != q.Path || p.Transport != q.Transport {
			t.Errorf("%s × %s: %s/%s one way, %s/%s the other (%+v)", a.Name, b.Name, p.Path, p.Transport, q.Path, q.Transport, o)
		}
	}
	each(simple(), simple(), check)
	for _, a := range chains() {
		for _, b := range simple() {
			check(a, b, Options{TURN: []string{UDP, TCP}})
		}
	}
	each(Conditions(), Conditions(), func(a, b Condition, o Options) {
		if len(o.TURN) == 1 {
			return
		}
		for _, o.CallerCandidates = range typeSets {
			for _, o.CalleeCandidates = range typeSets {
				check(a, b, o)
			}
		}
		o.CallerCandidates, o.CalleeCandidates = nil, nil
		for _, c := range behaviours() {
			o.SharedCarrier = c.NAT
			check(a, b, o)
		}
	})
}

// stricter returns what c becomes when one property of one gateway gets a step
// stricter, for every property there is.
func stricter(c Condition) []Condition {
	var all []Condition
	add := func(f func(c *Condition)) {
		s := c
		for _, b := range []**Behavior{&s.NAT, &s.Carrier} {
			if *b != nil {
				own := **b
				*b = &own
			}
		}
		f(&s)
		s.Name = "stricter " + c.Name
		all = append(all, s)
	}
	for _, of := range []func(c *Condition) *Behavior{
		func(c *Condition) *Behavior { return c.NAT },
		func(c *Condition) *Behavior { return c.Carrier },
	} {
		b := of(&c)
		if b == nil {
			continue
		}
		if i := slices.Index(mappings, b.Mapping); i < 2 {
			add(func(c *Condition) { of(c).Mapping = mappings[i+1] })
		}
		if i := slices.Index(filterings, b.Filtering); i < 2 {
			add(func(c *Condition) { of(c).Filtering = filterings[i+1] })
		}
		if b.Hairpin {
			add(func(c *Condition) { of(c).Hairpin = false })
		}
	}
	add(func(c *Condition) { c.Firewall.BlockUDP = true })
	add(func(c *Condition) { c.Firewall.TCPPorts = []uint16{443} })
	add(func(c *Condition) { c.Firewall.TCPPorts = []uint16{} })
	add(func(c *Condition) { c.Firewall.Stateful = true })
	if c.Carrier == nil {
		// One that hairpins would give two peers on one LAN a way they had not.
		add(func(c *Condition) { c.Carrier = carrier(EIM, EIF, false) })
	}
	return all
}

func TestAStricterBehaviourNeverHelps(t *testing.T) {
	check := func(a, b Condition, o Options) {
		p := Predict(a, b, o)
		for _, s := range stricter(a) {
			if q := Predict(s, b, o); rank(q.Path) > rank(p.Path) {
				t.Errorf("%s × %s: %s, but with %+v %s", a.Name, b.Name, p.Reason, s, q.Reason)
			}
		}
	}
	each(simple(), simple(), check)
	for _, a := range chains() {
		for _, b := range simple() {
			check(a, b, Options{TURN: []string{UDP}})
		}
	}
	for _, a := range Conditions() {
		for _, b := range Conditions() {
			for _, callerTypes := range typeSets {
				for _, calleeTypes := range typeSets {
					check(a, b, Options{TURN: []string{UDP, TCP}, CallerCandidates: callerTypes, CalleeCandidates: calleeTypes})
				}
			}
		}
	}
}

func TestAStricterSharedGatewayNeverHelps(t *testing.T) {
	none := []string{Srflx, Relay}
	for _, a := range simple() {
		for _, o := range []Options{
			{SameLAN: true, TURN: []string{UDP, TCP, TLS}},
			{SameLAN: true, TURN: []string{UDP, TCP, TLS}, CallerCandidates: none, CalleeCandidates: none},
		} {
			p := Predict(a, a, o)
			for _, s := range stricter(a) {
				if q := Predict(s, s, o); rank(q.Path) > rank(p.Path) {
					t.Errorf("%s: %s, but with %+v %s", a.Name, p.Reason, s, q.Reason)
				}
			}
		}
		for _, b := range simple() {
			for _, c := range behaviours() {
				p := Predict(a, b, Options{SharedCarrier: c.NAT})
				for _, s := range stricter(c) {
					if q := Predict(a, b, Options{SharedCarrier: s.NAT}); rank(q.Path) > rank(p.Path) {
						t.Errorf("%s × %s below %s: %s, but below %s %s", a.Name, b.Name, c.Name, p.Reason, s.NAT, q.Reason)
					}
				}
			}
		}
	}
}

func TestWithoutUDPNothingIsDirectButOnOneLAN(t *testing.T) {
	for _, a := range chains() {
		a.Firewall.BlockUDP = true
		for _, b := range simple() {
			for _, o := range []Options{{TURN: []string{UDP, TCP}}, {SharedCarrier: carrier(EIM, EIF, true)}, {SamePrefix: true}} {
				if p := Predict(a, b, o); p.Path == PathDirect {
					t.Errorf("%s without UDP × %s: %s", a.Name, b.Name, p.Reason)
				}
			}
		}
		if p := Predict(a, a, Options{SameLAN: true}); p.Path != PathDirect {
			t.Errorf("one LAN behind %s without UDP: %s", a.Name, p.Reason)
		}
	}
}

func TestTURNNeverHurts(t *testing.T) {
	for _, a := range append(simple(), named(t, "cgnat")) {
		for _, b := range append(simple(), named(t, "cgnat")) {
			for _, types := range typeSets {
				off := Predict(a, b, Options{CallerCandidates: types})
				for _, turn := range offers {
					p := Predict(a, b, Options{CallerCandidates: types, TURN: turn})
					if rank(p.Path) < rank(off.Path) || off.Path == PathDirect && p.Path != PathDirect {
						t.Errorf("%s × %s: %s without TURN, with %v %s", a.Name, b.Name, off.Path, turn, p.Reason)
					}
					more := Predict(a, b, Options{CallerCandidates: types, TURN: append(slices.Clone(turn), TLS)})
					if rank(more.Path) < rank(p.Path) {
						t.Errorf("%s × %s: %s with %v, with TLS too %s", a.Name, b.Name, p.Path, turn, more.Reason)
					}
				}
			}
		}
	}
}

func TestATransportIsToldWhereARelayIsUsed(t *testing.T) {
	each(append(chains(), simple()...), firewalls(), func(a, b Condition, o Options) {
		p := Predict(a, b, o)
		relayed := p.Path == PathRelay || p.Path == PathRelayBoth
		if relayed != (p.Transport != "") {
			t.Errorf("%s × %s: path %s, transport %q", a.Name, b.Name, p.Path, p.Transport)
		}
		for leg := range strings.SplitSeq(p.Transport, "+") {
			if relayed && !slices.Contains(o.TURN, leg) {
				t.Errorf("%s × %s: transport %s, offered %v", a.Name, b.Name, p.Transport, o.TURN)
			}
		}
	})
}

// A chain is at most as good as each of its NATs alone, and at least as good as
// one NAT that is as strict as the strictest of them on each axis. It can be
// better than that one: behind an EIM home NAT the filter goes with the home's
// mapping, not with those that a carrier makes for each destination.
func TestAChainIsAsStrictAsItsGateways(t *testing.T) {
	for _, home := range behaviours() {
		for _, second := range behaviours() {
			chain := home
			chain.Carrier = second.NAT
			strict := behind(
				mappings[max(home.NAT.Mapping.strictness(), second.NAT.Mapping.strictness())],
				filterings[max(home.NAT.Filtering.strictness(), second.NAT.Filtering.strictness())-1], false)
			for _, b := range simple() {
				p := rank(Predict(chain, b, Options{}).Path)
				if best := min(rank(Predict(home, b, Options{}).Path), rank(Predict(second, b, Options{}).Path)); p > best {
					t.Errorf("%s below %s × %s is better than one of the two alone", home.Name, second.Name, b.Name)
				}
				worst := rank(Predict(strict, b, Options{}).Path)
				if p < worst {
					t.Errorf("%s below %s × %s is worse than %s", home.Name, second.Name, b.Name, strict.NAT)
				}
				if home.NAT.Mapping == second.NAT.Mapping && p != worst {
					t.Errorf("%s below %s × %s is better than %s", home.Name, second.Name, b.Name, strict.NAT)
				}
			}
		}
	}
}

func TestPortAssignmentChangesNoPrediction(t *testing.T) {
	each(behaviours(), behaviours(), func(a, b Condition, o Options) {
		want := Predict(a, b, o)
		for _, ports := range []PortAssignment{Preserving, Sequential} {
			other := *a.NAT
			other.Ports = ports
			if p := Predict(Condition{NAT: &other}, b, o); p != want {
				t.Errorf("%s: %+v, but %s: %+v", a.NAT, want, other, p)
			}
		}
	})
}
