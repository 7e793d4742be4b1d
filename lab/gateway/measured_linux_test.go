package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pion/transport/v4/stdnet"
	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/probe"
)

// behind programs the gateway of a network with a server outside.
func behind(t *testing.T, declared nat.Condition) *network {
	t.Helper()
	build := newNetwork
	if declared.Carrier != nil {
		build = newCarrierNetwork
	}
	n := build(t)
	n.serve(t)
	n.program(t, declared)
	return n
}

func (n *network) program(t *testing.T, declared nat.Condition) {
	t.Helper()
	spec := n.spec()
	spec.NAT, spec.Firewall = declared.NAT, declared.Firewall
	var missing error
	n.in(t, n.gateway, func() error {
		err := Program(spec)
		if errors.Is(err, ErrSequential) {
			missing = err
			return nil
		}
		return err
	})
	if missing != nil {
		require.Missing(t, "netns", missing.Error())
	}
	if declared.Carrier != nil {
		spec := n.carrierSpec()
		spec.NAT = declared.Carrier
		n.in(t, n.carrier, func() error { return Program(spec) })
	}
}

func (n *network) probe(t *testing.T, c probe.Config) probe.Card {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c.Server = server
	var card probe.Card
	n.in(t, n.inside, func() (err error) { card, err = probe.Run(ctx, c); return })
	return card
}

func report(t *testing.T, card probe.Card, differences []probe.Difference) {
	t.Helper()
	for _, d := range differences {
		t.Errorf("%s", d)
		for _, o := range d.Raw {
			t.Logf("  %s", o)
		}
	}
	if t.Failed() {
		t.Log(card)
	}
}

// TestDeclaredIsMeasured is the lab's first promise. With -v it prints the table
// of the documentation. ICELAB_LONG measures everything twenty times.
func TestDeclaredIsMeasured(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	runs := 1
	if os.Getenv("ICELAB_LONG") != "" {
		runs = 20
	}
	var cells []nat.Behavior
	for _, m := range []nat.Mapping{nat.EIM, nat.ADM, nat.APDM} {
		for _, f := range []nat.Filtering{nat.EIF, nat.ADF, nat.APDF} {
			for _, p := range []nat.PortAssignment{nat.Preserving, nat.Random, nat.Sequential} {
				for _, hairpin := range []bool{false, true} {
					cells = append(cells, nat.Behavior{Mapping: m, Filtering: f, Ports: p, Hairpin: hairpin})
				}
			}
		}
	}
	rows := make([]string, len(cells))
	t.Run("cells", func(t *testing.T) {
		for i, b := range cells {
			t.Run(cellName(b), func(t *testing.T) {
				t.Parallel()
				n := behind(t, nat.Condition{NAT: &b})
				for range runs {
					n.program(t, nat.Condition{NAT: &b})
					began := time.Now()
					card := n.probe(t, probe.Config{})
					rows[i] = row(b, card, time.Since(began))
					report(t, card, card.Compare(nat.Condition{NAT: &b}))
				}
			})
		}
	})
	t.Logf("declared and measured, %d runs each:\n%s", runs, strings.Join(rows, "\n"))
}

func cellName(b nat.Behavior) string {
	return fmt.Sprintf("%s-%s-%s-hairpin-%t", b.Mapping, b.Filtering, b.Ports, b.Hairpin)
}

func row(b nat.Behavior, c probe.Card, took time.Duration) string {
	hairpin := probe.HairpinNo
	if b.Hairpin {
		hairpin = probe.HairpinYes
	}
	return fmt.Sprintf("%-5s%-5s%-11s%-4s| %-5s%-5s%-11s%-12s %4d ms",
		b.Mapping, b.Filtering, b.Ports, hairpin, c.Mapping, c.Filtering, c.Ports, c.Hairpin, took.Milliseconds())
}

func TestConditionsAreMeasuredAsDeclared(t *testing.T) {
	cone := func(f nat.Filtering, p nat.PortAssignment, hairpin bool) *nat.Behavior {
		return &nat.Behavior{Mapping: nat.EIM, Filtering: f, Ports: p, Hairpin: hairpin}
	}
	symmetric := &nat.Behavior{Mapping: nat.APDM, Filtering: nat.APDF, Ports: nat.Random}
	conditions := append(nat.Conditions(),
		nat.Condition{Name: "routed and stateful", Firewall: nat.Firewall{Stateful: true}},
		nat.Condition{Name: "web only", NAT: cone(nat.APDF, nat.Preserving, false), Firewall: nat.Firewall{BlockUDP: true, TCPPorts: []uint16{443}}},
		nat.Condition{Name: "home and carrier, cones", NAT: cone(nat.APDF, nat.Preserving, false), Carrier: cone(nat.EIF, nat.Random, true)},
		nat.Condition{Name: "home and carrier, both preserving", NAT: cone(nat.EIF, nat.Preserving, false), Carrier: cone(nat.ADF, nat.Preserving, true)},
		nat.Condition{Name: "home and carrier, a symmetric home", NAT: symmetric, Carrier: cone(nat.EIF, nat.Preserving, false)},
		nat.Condition{Name: "home and carrier, a symmetric carrier", NAT: cone(nat.ADF, nat.Preserving, false), Carrier: symmetric},
		nat.Condition{Name: "a stateful router before a carrier", Firewall: nat.Firewall{Stateful: true}, Carrier: cone(nat.EIF, nat.Preserving, false)},
	)
	for _, declared := range conditions {
		t.Run(declared.Name, func(t *testing.T) {
			t.Parallel()
			card := behind(t, declared).probe(t, probe.Config{})
			report(t, card, card.Compare(declared))
		})
	}
}

func TestLifetimeIsMeasuredAsDeclared(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	const lifetime = 3 * time.Second
	t.Run("filters", func(t *testing.T) {
		for _, b := range []nat.Behavior{
			{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Preserving},
			{Mapping: nat.EIM, Filtering: nat.ADF, Ports: nat.Random},
			{Mapping: nat.ADM, Filtering: nat.ADF, Ports: nat.Sequential},
			{Mapping: nat.APDM, Filtering: nat.APDF, Ports: nat.Random},
		} {
			t.Run(cellName(b), func(t *testing.T) {
				t.Parallel()
				b.Lifetime = lifetime
				card := behind(t, nat.Condition{NAT: &b}).probe(t, probe.Config{DeclaredLifetime: lifetime})
				report(t, card, card.Compare(nat.Condition{NAT: &b}))
				if l := card.Lifetime; l.AtLeast < 2*time.Second || l.Below == 0 || l.Below > 4500*time.Millisecond {
					t.Errorf("measured %s, want alive at 2 s and gone at 4.5 s", l)
				}
				t.Log(card.Lifetime)
			})
		}
	})
}

// Loss is no property of the NAT.
func TestLossChangesNoAnswer(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	const times = 20
	conditions := []nat.Condition{
		{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.ADF, Ports: nat.Preserving, Hairpin: true}},
		{NAT: &nat.Behavior{Mapping: nat.ADM, Filtering: nat.EIF, Ports: nat.Sequential}},
		{NAT: &nat.Behavior{Mapping: nat.APDM, Filtering: nat.APDF, Ports: nat.Random}},
		{},
	}
	t.Run("conditions", func(t *testing.T) {
		for _, declared := range conditions {
			name := "open"
			if declared.NAT != nil {
				name = cellName(*declared.NAT)
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n := behind(t, declared)
				for i := range times {
					lossy := &lossyNetwork{Net: new(stdnet.Net), rate: 0.2, seed: uint64(i)}
					card := n.probe(t, probe.Config{LocalAddress: host, Net: lossy})
					report(t, card, card.Compare(declared))
					// The next probe may draw a port that this one has opened a filter for.
					n.in(t, n.gateway, func() error { return Forget(false) })
				}
			})
		}
	})
}

func TestTwoHostsOnOnePortAreBothMappedAndReachable(t *testing.T) {
	b := nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Preserving}
	n := behind(t, nat.Condition{NAT: &b})
	const port = 5000
	seen := map[netip.AddrPort]bool{}
	for i, address := range []netip.Addr{host, neighbour} {
		card := n.probe(t, probe.Config{LocalAddress: address, LocalPort: port})
		want := b
		report(t, card, card.Compare(nat.Condition{NAT: &want}))
		if (card.External.Port() == port) != (i == 0) {
			t.Errorf("host %d is mapped to %s", i, card.External)
		}
		seen[card.External] = true
	}
	if len(seen) != 2 {
		t.Fatalf("both hosts share %v", seen)
	}

	// Both can be reached from somewhere they have not sent to.
	state := n.state(t)
	for _, m := range state.Mappings {
		if m.Inside.Port() != port {
			continue
		}
		var conn, stranger net.PacketConn
		n.in(t, n.inside, func() (err error) { conn, err = net.ListenPacket("udp4", m.Inside.String()); return })
		n.in(t, n.outside, func() (err error) { stranger, err = net.ListenPacket("udp4", server.Addr().String()+":0"); return })
		_, err := stranger.WriteTo([]byte("to "+m.Inside.String()), net.UDPAddrFromAddrPort(netip.AddrPortFrom(external, m.External)))
		must(t, err)
		must(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		buf := make([]byte, 100)
		got, _, err := conn.ReadFrom(buf)
		if err != nil || string(buf[:got]) != "to "+m.Inside.String() {
			t.Errorf("%s got %q, %v", m.Inside, buf[:got], err)
		}
		must(t, conn.Close())
		must(t, stranger.Close())
	}
}

func (n *network) state(t *testing.T) State {
	t.Helper()
	var s State
	n.in(t, n.gateway, func() (err error) { s, err = Mappings(); return })
	return s
}
