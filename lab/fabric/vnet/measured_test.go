package vnet_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/fabric/vnet"
	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/probe"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/turnserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// up brings a topology up, with a STUN and TURN server, until the test ends.
func up(t *testing.T, shape topology.Topology) fabric.Nodes {
	t.Helper()
	nodes, err := vnet.New().Up(t.Context(), shape)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := nodes.Down(); err != nil {
			t.Error(err)
		}
	})
	if err := nodes.Node(topology.Turn).StartTurn(t.Context(), turnserver.Config{
		Listen:       []turnserver.Listener{{Network: "udp", Address: server}},
		Alternate:    netip.MustParseAddrPort("198.18.0.11:3479"),
		RelayAddress: server.Addr(),
		Users:        map[string]string{"u": "p"},
	}); err != nil {
		t.Fatal(err)
	}
	return nodes
}

var server = netip.MustParseAddrPort("198.18.0.10:3478")

// program puts a node behind a condition, and makes plain routers of the
// gateways that are left.
func program(ctx context.Context, shape topology.Topology, nodes fabric.Nodes, of string, c nat.Condition) error {
	side := func(i topology.Interface) gateway.Side {
		a := i.Addresses[0]
		return gateway.Side{Interface: i.Segment, Address: a.Addr(), Prefix: a.Masked()}
	}
	chain := c.Chain()
	for i, g := range shape.Gateways(of) {
		s := gateway.Spec{WAN: side(g.Interfaces[0]), LAN: side(g.Interfaces[1])}
		if i < len(chain) {
			s.NAT, s.Firewall = chain[i].NAT, chain[i].Firewall
		}
		if err := nodes.Node(g.Name).Program(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func shapeFor(c nat.Condition) topology.Topology {
	if len(c.Chain()) > 1 {
		return topology.Carriers()
	}
	return topology.Standard()
}

// checkMeasure measures a condition from the caller.
func checkMeasure(t *testing.T, c nat.Condition) {
	t.Helper()
	shape := shapeFor(c)
	nodes := up(t, shape)
	if err := program(t.Context(), shape, nodes, topology.Caller, c); err != nil {
		t.Fatal(err)
	}
	p := probe.Config{Server: server}
	if c.NAT != nil {
		p.DeclaredLifetime = c.NAT.Lifetime
	}
	card, err := nodes.Node(topology.Caller).Probe(t.Context(), p, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if differs := card.Compare(c); len(differs) > 0 {
		t.Errorf("%v\n%s%v", differs, card, card.Observations)
	}
}

func TestEveryConditionMeasuresAsDeclaredOrSaysWhyNot(t *testing.T) {
	for _, c := range nat.Conditions() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if c.Name != "tls-443-only" {
				checkMeasure(t, c)
				return
			}
			nodes := up(t, topology.Standard())
			err := program(t.Context(), topology.Standard(), nodes, topology.Caller, c)
			if u, ok := errors.AsType[*node.Unsupported](err); !ok || u.Why == "" {
				t.Errorf("error %v, want that there is no TCP", err)
			}
		})
	}
}

// behaviours are all that RFC 4787 knows, for one NAT.
func behaviours() (all []nat.Behavior) {
	for _, m := range []nat.Mapping{nat.EIM, nat.ADM, nat.APDM} {
		for _, f := range []nat.Filtering{nat.EIF, nat.ADF, nat.APDF} {
			for _, p := range []nat.PortAssignment{nat.Preserving, nat.Random, nat.Sequential} {
				for _, hairpin := range []bool{false, true} {
					all = append(all, nat.Behavior{Mapping: m, Filtering: f, Ports: p, Hairpin: hairpin})
				}
			}
		}
	}
	return all
}

func TestEveryBehaviourMeasuresAsDeclared(t *testing.T) {
	for _, b := range behaviours() {
		t.Run(b.String(), func(t *testing.T) {
			t.Parallel()
			checkMeasure(t, nat.Condition{NAT: &b})
		})
	}
}

func TestLifetimesMeasureAsDeclared(t *testing.T) {
	for _, m := range []nat.Mapping{nat.EIM, nat.APDM} {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			checkMeasure(t, nat.Condition{NAT: &nat.Behavior{
				Mapping: m, Filtering: nat.APDF, Ports: nat.Preserving, Lifetime: time.Second,
			}})
		})
	}
}

func TestAChainOfNATsMeasuresAsItsParts(t *testing.T) {
	for _, inner := range []nat.Mapping{nat.EIM, nat.APDM} {
		for _, outer := range []nat.Filtering{nat.EIF, nat.APDF} {
			t.Run(fmt.Sprintf("%s behind %s", inner, outer), func(t *testing.T) {
				t.Parallel()
				checkMeasure(t, nat.Condition{
					NAT:     &nat.Behavior{Mapping: inner, Filtering: nat.ADF, Ports: nat.Random},
					Carrier: &nat.Behavior{Mapping: nat.EIM, Filtering: outer, Ports: nat.Preserving, Hairpin: true},
				})
			})
		}
	}
}
