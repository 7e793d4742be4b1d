package scenarios

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icelab-go/icelab/lab/nat"
)

func TestANATThatIsWrittenOutIsCalledByItsMappingAndFiltering(t *testing.T) {
	for _, tt := range []struct{ yaml, name, about string }{
		{"{mapping: eim, filtering: apdf}", "EIM/APDF", "EIM/APDF, preserving ports."},
		{"{mapping: adm, filtering: eif, ports: random, hairpin: true, lifetime: 5s, unsolicited: reject}",
			"ADM/EIF", "ADM/EIF, random ports, hairpinning, rejecting."},
	} {
		s, err := Parse("x.yaml", []byte("name: x\ncaller: open\ncallee: {nat: "+tt.yaml+"}\nexpect: {path: direct}"))
		if err != nil {
			t.Fatal(err)
		}
		_, callee, err := s.Conditions()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(nat.Condition{Name: tt.name, About: tt.about, NAT: s.Callee.NAT}, callee); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.yaml, diff)
		}
		if callee.NAT == s.Callee.NAT {
			t.Error("a change to the condition changes the scenario")
		}
	}
}

func TestCompleteLeavesTheNATsItWasGivenAlone(t *testing.T) {
	given := func() *nat.Behavior {
		return &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Lifetime: time.Second}
	}
	short := Scenario{
		Name: "x", Caller: Peer{NAT: given()}, Callee: Peer{NAT: given()}, Carrier: given(),
		Expect: Expect{Path: PathNone},
	}
	got, err := short.Complete()
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range []*nat.Behavior{short.Caller.NAT, short.Callee.NAT, short.Carrier} {
		if diff := cmp.Diff(given(), b); diff != "" {
			t.Errorf("%d was changed:\n%s", i, diff)
		}
	}
	for i, b := range []*nat.Behavior{got.Caller.NAT, got.Callee.NAT, got.Carrier} {
		if b.Ports != nat.Preserving {
			t.Errorf("%d: ports %q, want the default", i, b.Ports)
		}
	}
}

// Every value that a nat.Behavior takes can be written, and comes back.
func TestWordsOfABehaviourAreThoseThatNATsTake(t *testing.T) {
	valid := nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Random}
	for _, m := range mappings() {
		valid.Mapping = m
		for _, f := range filterings() {
			valid.Filtering = f
			for _, p := range portAssignments() {
				valid.Ports = p
				for _, u := range unsolicited() {
					valid.Unsolicited = u
					if err := valid.Validate(); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}
