package scenarios

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icelab-go/icelab/lab/nat"
)

// allStories are those with a fault, and without.
func allStories() []Scenario { return append(Faulty(), Bundled()...) }

func TestVaryingKeepsWhatIsExpected(t *testing.T) {
	t.Parallel()
	for _, s := range allStories() {
		before := s.clone()
		for seed := range uint64(3) {
			v := Vary(s, seed)
			if _, err := v.Complete(); err != nil {
				t.Errorf("%s, seed %d: %v", s.Name, seed, err)
			}
			if v.Expect != s.Expect || v.Name != s.Name {
				t.Errorf("%s, seed %d: expects %+v, and %+v before", s.Name, seed, v.Expect, s.Expect)
			}
			for i := range s.Steps {
				was, err := s.PredictedAfter(i)
				if err != nil {
					t.Fatal(err)
				}
				if is, err := v.PredictedAfter(i); err != nil || is.Path != was.Path || is.Transport != was.Transport {
					t.Errorf("%s, seed %d: after steps[%d] %s, and %s before", s.Name, seed, i, is.Path, was.Path)
				}
			}
		}
		if diff := cmp.Diff(before, s); diff != "" {
			t.Errorf("%s itself changed:\n%s", s.Name, diff)
		}
	}
}

func TestTheSameSeedDrawsTheSame(t *testing.T) {
	t.Parallel()
	for _, s := range allStories() {
		if diff := cmp.Diff(Vary(s, 7), Vary(s, 7)); diff != "" {
			t.Errorf("%s:\n%s", s.Name, diff)
		}
	}
}

// several is what a scenario becomes with some seeds.
func several(t *testing.T, text string) []Scenario {
	t.Helper()
	s, err := Parse("story.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var all []Scenario
	for seed := range uint64(40) {
		all = append(all, Vary(s, seed))
	}
	return all
}

// values are the different ones that something has.
func values[T comparable](all []Scenario, of func(Scenario) T) []T {
	var seen []T
	for _, s := range all {
		if v := of(s); !slices.Contains(seen, v) {
			seen = append(seen, v)
		}
	}
	return seen
}

func TestAllOfASideChangesPlacesTogether(t *testing.T) {
	all := several(t, `
name: story
caller: {condition: symmetric, link: {delay: 5ms}}
callee: symmetric
faults:
  caller: {password: wrong}
  filters: [{at: caller, far: peer}, {at: turn, far: caller}]
  signalling: [{from: caller, drop: [host]}]
  turn: {deny-peers: [callee]}
expect: {path: relay, cause: A1}
`)
	swapped := 0
	for _, s := range all {
		side, other := SideCaller, SideCallee
		if s.Callee.Link != (nat.Link{}) {
			side, other = other, side
			swapped++
		}
		f := s.Faults
		if s.end(other).Link != (nat.Link{}) || f.Of(side).Password == "" || f.Of(other).Password != "" || f.Filters[0].At != side || f.Filters[0].Far != FarPeer ||
			f.Filters[1].Far != side || f.Signalling[0].From != side || f.Turn.DenyPeers[0] != other {
			t.Errorf("%s is the one with the fault, but not everywhere: %+v", side, f)
		}
	}
	if swapped == 0 || swapped == len(all) {
		t.Errorf("%d of %d swapped", swapped, len(all))
	}
}

func TestConditionsChangeOnlyToWhatComesToTheSame(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want []string // of the caller and the callee
	}{
		"a relay that has to be": {"{name: s, caller: symmetric, callee: symmetric, expect: {path: none, cause: A1}, faults: {caller: {no-turn: true}}}",
			[]string{"address-dependent", "cgnat", "port-restricted", "symmetric", "symmetric-preserving"}},
		"the types are the cause":                 {"{name: s, caller: symmetric, callee: symmetric, expect: {path: relay, cause: F1}}", []string{"symmetric"}},
		"no UDP stays no UDP":                     {"{name: s, caller: udp-blocked, callee: udp-blocked, expect: {path: relay-both, cause: B3}}", []string{"udp-blocked"}},
		"a rebind is about its NAT":               {"{name: s, caller: port-restricted, callee: port-restricted, steps: [connect, echo, rebind: caller, echo], expect: {path: direct}}", []string{"port-restricted"}},
		"lost candidates leave it to the filters": {"{name: s, caller: port-restricted, callee: port-restricted, expect: {path: none}, faults: {signalling: [{from: caller, mid: x}]}}", []string{"cgnat", "port-restricted"}},
		"routed addresses stay routed":            {"{name: s, caller: open, callee: stateful-firewall, expect: {path: direct}}", []string{"open", "stateful-firewall"}},
	} {
		var seen []string
		for _, s := range several(t, row.text) {
			seen = append(seen, s.Caller.Condition, s.Callee.Condition)
		}
		slices.Sort(seen)
		if seen = slices.Compact(seen); !slices.Equal(seen, row.want) {
			t.Errorf("%s: %v, want %v", name, seen, row.want)
		}
	}
}

// Where the relay is not where it says, the checks that it sends are of an address
// that nobody knows, and a filter decides whether they are heard.
func TestFiltersStayAsStrictWhereTheRelayIsElsewhere(t *testing.T) {
	for _, s := range several(t, `
name: story
about: A relay that is elsewhere.
caller: udp-blocked
callee: port-restricted
faults:
  turn: {advertise-address: 192.0.2.77}
expect: {path: none, verdict: RELAY_FAILED, cause: D1}
`) {
		for _, p := range []Peer{s.Caller, s.Callee} {
			if c, err := nat.Named(p.Condition); err != nil || c.NAT != nil && c.NAT.Filtering != nat.APDF {
				t.Errorf("behind %s: %v", p.Condition, err)
			}
		}
	}
}

// On one LAN a carrier's NAT that hairpins would make up for lost host candidates.
func TestOneLANHairpinsNoBetterThanBefore(t *testing.T) {
	for _, s := range several(t, `
name: story
about: Host candidates are lost on one LAN.
caller: port-restricted
callee: {lan: caller-lan}
faults:
  signalling: [{from: both, drop: [host]}]
expect: {path: relay, verdict: RELAY_AVOIDABLE, cause: E2}
`) {
		if s.Caller.Condition == "cgnat" {
			t.Error("behind a carrier's NAT")
		}
	}
}

func TestNumbersAndWordsAreDrawnWithinWhatStaysTrue(t *testing.T) {
	all := several(t, `
name: story
caller: symmetric
callee: symmetric
turn: {transports: [udp]}
steps:
  - connect
  - echo: {messages: 100, bytes: 1000, path: relay}
  - wait: 10s
  - no-echo: {for: 2s}
faults:
  turn: {relay-ports: 49160-49169, permission-lifetime: 6s, advertise-address: 192.0.2.1}
  filters: [{at: turn, ports: 49160-49169}]
  caller: {username: nobody, password: wrong}
  signalling: [{from: callee, delay: 200ms, mid: x, ufrag: wrong, password: wrongwrongwrongwrongwrong}]
expect: {path: none, cause: D9}
`)
	for what, of := range map[string]func(Scenario) any{
		"messages":   func(s Scenario) any { return s.Steps[1].Echo.Messages },
		"bytes":      func(s Scenario) any { return s.Steps[1].Echo.Bytes },
		"ports":      func(s Scenario) any { return s.Faults.Turn.RelayPorts },
		"address":    func(s Scenario) any { return s.Faults.Turn.AdvertiseAddress },
		"username":   func(s Scenario) any { return s.Faults.Caller.Username + s.Faults.Callee.Username },
		"password":   func(s Scenario) any { return s.Faults.Caller.Password + s.Faults.Callee.Password },
		"ufrag":      func(s Scenario) any { return s.Faults.Signalling[0].Ufrag },
		"lifetime":   func(s Scenario) any { return s.Faults.Turn.PermissionLifetime },
		"delay":      func(s Scenario) any { return s.Faults.Signalling[0].Delay },
		"wait":       func(s Scenario) any { return s.Steps[2].Wait },
		"a's port":   func(s Scenario) any { return s.Caller.Port },
		"mid":        func(s Scenario) any { return s.Faults.Signalling[0].Mid },
		"silence":    func(s Scenario) any { return s.Steps[3].NoEcho.For },
		"conditions": func(s Scenario) any { return s.Caller.Condition + s.Callee.Condition },
	} {
		if len(values(all, of)) < 3 {
			t.Errorf("%s: no more than %v", what, values(all, of))
		}
	}
	for _, s := range all {
		e, f := s.Steps[1].Echo, s.Faults
		lifetime, wait := f.Turn.PermissionLifetime, s.Steps[2].Wait
		switch {
		case e.Messages < 70 || e.Messages > 130, e.Bytes < 700 || e.Bytes > onePacket:
			t.Errorf("%d messages of %d bytes", e.Messages, e.Bytes)
		case f.Filters[0].Ports != f.Turn.RelayPorts, f.Turn.RelayPorts.Max-f.Turn.RelayPorts.Min != 9:
			t.Errorf("relays on %s, the filter on %s", f.Turn.RelayPorts, f.Filters[0].Ports)
		case lifetime*10/6 > wait+Duration(1e9):
			t.Errorf("a permission of %s is not over after %s", lifetime, wait)
		}
	}
}

func TestWordsThatStandForSomethingStay(t *testing.T) {
	for _, s := range several(t, `
name: s
steps: [connect, echo: {path: direct}, restart-ice: {path: none}]
faults: {signalling: [{from: callee, ufrag: stale}]}
expect: {path: none}
`) {
		if ufrag := s.Faults.Signalling[0].Ufrag; ufrag != StaleUfrag {
			t.Errorf("the stale username fragment became %s", ufrag)
		}
	}
}

func TestASizeStaysOnItsSideOfAHandshake(t *testing.T) {
	for size, ends := range map[string][2]int{"600": {200, 600}, "1000": {700, 1000}} {
		all := several(t, "{name: s, faults: {filters: [{at: caller, larger-than: "+size+"}]}, expect: {path: none}}")
		drawn := values(all, func(s Scenario) int { return s.Faults.Filters[0].LargerThan })
		if len(drawn) < 3 || slices.Min(drawn) < ends[0] || slices.Max(drawn) > ends[1] {
			t.Errorf("of %s became %v", size, drawn)
		}
	}
}

func TestWhatTwoPeersHaveInCommonStays(t *testing.T) {
	s, err := Find("same-source-port")
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(20) {
		if v := Vary(s, seed); v.Caller.Port != v.Callee.Port {
			t.Errorf("seed %d: ports %d and %d", seed, v.Caller.Port, v.Callee.Port)
		}
	}
}

func TestSeedsDrawDifferently(t *testing.T) {
	t.Parallel()
	for _, s := range Faulty() {
		var all []Scenario
		for seed := uint64(0); seed < 8 && len(all) < 4; seed++ {
			if v := Vary(s, seed); !slices.ContainsFunc(all, func(other Scenario) bool { return reflect.DeepEqual(v, other) }) {
				all = append(all, v)
			}
		}
		if len(all) < 4 {
			t.Errorf("%s: %d different ones of 8 seeds", s.Name, len(all))
		}
	}
}
