package gateway

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"

	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/probe"
)

func (n *network) forget(t *testing.T, newPorts bool) {
	t.Helper()
	n.in(t, n.gateway, func() error { return Forget(newPorts) })
	if s := n.state(t); len(s.Mappings)+len(s.Permissions) > 0 {
		t.Errorf("not forgotten: %+v", s)
	}
	if flows := n.tracked(t); len(flows) > 0 {
		t.Errorf("still tracked: %v", flows)
	}
}

// eachNAT runs a test behind every way to map, to filter and to assign ports.
func eachNAT(t *testing.T, test func(*testing.T, *network, nat.Behavior)) {
	for m, f := range map[nat.Mapping]nat.Filtering{nat.EIM: nat.EIF, nat.ADM: nat.ADF, nat.APDM: nat.APDF} {
		for _, p := range []nat.PortAssignment{nat.Preserving, nat.Random, nat.Sequential} {
			b := nat.Behavior{Mapping: m, Filtering: f, Ports: p}
			t.Run(cellName(b), func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t)
				n.program(t, nat.Condition{NAT: &b})
				test(t, n, b)
			})
		}
	}
}

func TestWhatIsForgottenIsMappedAnewAsDeclared(t *testing.T) {
	eachNAT(t, func(t *testing.T, n *network, b nat.Behavior) {
		inside, outside := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.outside, "198.18.0.10:0")
		for range 3 {
			inside.send("out", outside.local())
			mapped := outside.receive("out")
			if got, want := mapped.Port() == 5000, b.Ports == nat.Preserving; got != want {
				t.Errorf("mapped to %s, port preserved: %t, want %t", mapped, got, want)
			}
			outside.send("in", mapped)
			inside.receive("in")

			n.forget(t, false)
			outside.send("lost", mapped)
			inside.nothing()
		}
	})
}

func TestARebindNeverUsesAPortAgain(t *testing.T) {
	eachNAT(t, func(t *testing.T, n *network, b nat.Behavior) {
		a, neighbour := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.inside, "10.1.0.11:5001")
		outside := []testEndpoint{n.listen(t, n.outside, "198.18.0.10:4000"), n.listen(t, n.outside, "198.18.0.10:4001"), n.listen(t, n.outside, "198.18.0.11:4000")}
		seen := map[uint16]int{}
		for round := range 8 {
			now := map[uint16]bool{}
			for _, inside := range []testEndpoint{a, neighbour} {
				for _, o := range outside {
					inside.send("out", o.local())
					mapped := o.receive("out")
					now[mapped.Port()] = true
					o.send("in", mapped)
					if from := inside.receive("in"); from != o.local() {
						t.Errorf("it came from %s, want %s", from, o.local())
					}
				}
			}
			if want := map[nat.Mapping]int{nat.EIM: 2, nat.ADM: 4, nat.APDM: 6}[b.Mapping]; len(now) != want {
				t.Errorf("%d ports for two hosts and three endpoints, want %d", len(now), want)
			}
			for port := range now {
				if before, ok := seen[port]; ok {
					t.Errorf("round %d has port %d of round %d again", round, port, before)
				}
				seen[port] = round
			}
			n.forget(t, true)
			for port := range now {
				outside[0].send("lost", to(port))
			}
			a.nothing()
			neighbour.nothing()
		}
		if drops := n.drops(t); drops[PortsExhausted] > 0 {
			t.Errorf("dropped %v", drops)
		}
	})
}

func TestAReservedPortIsNeverDrawn(t *testing.T) {
	for _, p := range []nat.PortAssignment{nat.Preserving, nat.Random, nat.Sequential} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.APDM, Filtering: nat.APDF, Ports: p}})
			n.mutate(t, "draw", func(m mutation) error {
				reserved, err := m.conn.GetSetByName(m.table, "reserved")
				if err != nil {
					return err
				}
				all := make([]nftables.SetElement, portCount)
				for i := range all {
					all[i].Key = binaryutil.BigEndian.PutUint16(uint16(firstPort + i))
				}
				for some := range slices.Chunk(all, 1000) {
					if err := errors.Join(m.conn.SetAddElements(reserved, some), m.conn.Flush()); err != nil {
						return err
					}
				}
				return nil
			})
			inside, outside := n.listen(t, n.inside, "10.1.0.10:40000"), n.listen(t, n.outside, "198.18.0.10:0")
			inside.send("lost", outside.local())
			outside.nothing()
			if drops := n.drops(t); drops[PortsExhausted] != 1 || len(n.state(t).Mappings) > 0 {
				t.Errorf("dropped %v, mapped %v, want nothing mapped", drops, n.state(t).Mappings)
			}
		})
	}
}

func TestARebindMixesNoHostsUp(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Preserving}})
	a, b := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.inside, "10.1.0.11:5000")
	outside := n.listen(t, n.outside, "198.18.0.10:0")
	a.send("a", outside.local())
	outside.receive("a")
	n.forget(t, true)
	b.send("b", outside.local()) // b would have a's port now
	if mapped := outside.receive("b"); mapped.Port() == 5000 {
		t.Errorf("mapped to %s", mapped)
	}
}

func TestARebornNATIsStillMeasuredAsDeclared(t *testing.T) {
	eachNAT(t, func(t *testing.T, n *network, b nat.Behavior) {
		n.serve(t)
		for range 2 {
			card := n.probe(t, probe.Config{})
			report(t, card, card.Compare(nat.Condition{NAT: &b}))
			n.forget(t, true)
		}
		card := n.probe(t, probe.Config{})
		report(t, card, card.Compare(nat.Condition{NAT: &b}))
	})
}

func TestATCPConnectionThatWasForgottenIsOver(t *testing.T) {
	declared := nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving}}
	for name, forget := range map[string]func(*testing.T, *network){
		"expired":  func(t *testing.T, n *network) { n.forget(t, false) },
		"rebound":  func(t *testing.T, n *network) { n.forget(t, true) },
		"rebooted": func(t *testing.T, n *network) { n.sever(t, CutAll); n.program(t, declared) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.program(t, declared)
			old := n.connect(t)
			if !old.carries(old.inside, old.outside, patience) || !old.carries(old.outside, old.inside, patience) {
				t.Fatal("it was never there")
			}
			forget(t, n)
			if old.carries(old.inside, old.outside, 4*lost) || old.carries(old.outside, old.inside, 4*lost) {
				t.Error("it goes on")
			}
			if drops := n.drops(t); drops[NoMapping] == 0 {
				t.Errorf("dropped %v, want some for %s", drops, NoMapping)
			}
			anew := n.connect(t)
			if !anew.carries(anew.inside, anew.outside, patience) || !anew.carries(anew.outside, anew.inside, patience) {
				t.Error("a new connection carries nothing")
			}
		})
	}
}

func TestARebootForgetsEverything(t *testing.T) {
	eachNAT(t, func(t *testing.T, n *network, b nat.Behavior) {
		inside, outside := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.outside, "198.18.0.10:0")
		for range 2 { // a rebind's reservations are forgotten too
			inside.send("out", outside.local())
			outside.receive("out")
			n.forget(t, true)
		}
		inside.send("out", outside.local())
		mapped := outside.receive("out")

		n.sever(t, CutAll)
		inside.send("lost", outside.local())
		outside.nothing()
		n.program(t, nat.Condition{NAT: &b})
		outside.send("lost", mapped)
		inside.nothing()
		inside.send("out", outside.local())
		if now := outside.receive("out"); (now.Port() == 5000) != (b.Ports == nat.Preserving) {
			t.Errorf("mapped to %s", now)
		}
	})
}

func TestAStatefulFirewallForgets(t *testing.T) {
	for _, newPorts := range []bool{false, true} {
		n := newNetwork(t)
		n.program(t, nat.Condition{Firewall: nat.Firewall{Stateful: true}})
		inside, outside := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.outside, "198.18.0.10:4000")
		for range 2 {
			inside.send("out", outside.local())
			outside.receive("out")
			outside.send("in", inside.local())
			inside.receive("in")
			n.forget(t, newPorts)
			outside.send("lost", inside.local())
			inside.nothing()
		}
	}
}
