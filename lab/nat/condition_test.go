package nat

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatCannotBeIsRefusedWithTheReason(t *testing.T) {
	pr := func(change func(b *Behavior)) *Behavior {
		b := Behavior{Mapping: EIM, Filtering: APDF, Ports: Preserving}
		change(&b)
		return &b
	}
	tests := []struct {
		name string
		c    Condition
		want string
	}{
		{"no mapping", Condition{NAT: pr(func(b *Behavior) { b.Mapping = "" })}, `nat: mapping ""`},
		{"unknown filtering", Condition{NAT: pr(func(b *Behavior) { b.Filtering = "cone" })}, `nat: filtering "cone"`},
		{"unknown answer", Condition{NAT: pr(func(b *Behavior) { b.Unsolicited = "ignore" })}, `nat: unsolicited "ignore": want drop or reject`},
		{"carrier that is none", Condition{Carrier: &Behavior{}}, `carrier: mapping ""`},
		{"hairpin without UDP", Condition{NAT: pr(func(b *Behavior) { b.Hairpin = true }), Firewall: Firewall{BlockUDP: true}}, "nat: hairpin where no UDP passes"},
		{"lifetime without UDP", Condition{NAT: pr(func(b *Behavior) { b.Lifetime = 5 * time.Second }), Firewall: Firewall{BlockUDP: true}}, "nat: lifetime where no UDP passes"},
		{"reject without UDP", Condition{NAT: pr(func(b *Behavior) { b.Unsolicited = Reject }), Firewall: Firewall{BlockUDP: true}}, "nat: unsolicited reject where no UDP passes"},
		{"filtering that a firewall makes untrue", Condition{NAT: pr(func(b *Behavior) { b.Filtering = EIF }), Firewall: Firewall{Stateful: true}}, "nat: filtering eif behind a stateful firewall"},
		{"port 0", Condition{Firewall: Firewall{TCPPorts: []uint16{443, 0}}}, "firewall: tcp_ports: 0 is no port"},
		{"a port twice", Condition{Firewall: Firewall{TCPPorts: []uint16{443, 80, 443}}}, "firewall: tcp_ports: 443 is there twice"},
		{"no TCP at all", Condition{Firewall: Firewall{TCPPorts: []uint16{}, BlockUDP: true}}, ""},
		{"a stateful firewall before an APDF NAT", Condition{NAT: pr(func(*Behavior) {}), Firewall: Firewall{Stateful: true}}, ""},
		{"a handset of a carrier", Condition{Carrier: pr(func(b *Behavior) { b.Hairpin = true })}, ""},
		{"everything a behaviour can say", Condition{NAT: pr(func(b *Behavior) {
			b.Hairpin, b.Lifetime, b.Unsolicited = true, time.Second, Reject
		})}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.c.Validate()
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n")):
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestConditionsWithNamesAreValidAndTold(t *testing.T) {
	var names []string
	for _, c := range Conditions() {
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		if !strings.HasSuffix(c.About, ".") || strings.Contains(c.About, "\n") {
			t.Errorf("%s: about %q", c.Name, c.About)
		}
		if slices.Contains(names, c.Name) {
			t.Errorf("%s is there twice", c.Name)
		}
		names = append(names, c.Name)
	}
}

// The difference between every port and none must outlive the way to a gateway.
func TestAConditionSurvivesItsJSON(t *testing.T) {
	conditions := append(Conditions(), Condition{Firewall: Firewall{TCPPorts: []uint16{}}})
	for _, want := range conditions {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Condition
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestTheChainIsNearestFirst(t *testing.T) {
	cgnat := named(t, "cgnat")
	want := []Hop{{NAT: cgnat.NAT}, {NAT: cgnat.Carrier}}
	if diff := cmp.Diff(want, cgnat.Chain()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Hop{{}}, named(t, "open").Chain()); diff != "" {
		t.Error(diff)
	}
}
