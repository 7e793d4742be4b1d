package netns

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/probe"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/turnserver"
)

var topologies = map[string]func() topology.Topology{
	"standard":       topology.Standard,
	"same prefix":    topology.SamePrefix,
	"carriers":       topology.Carriers,
	"shared carrier": topology.SharedCarrier,
	"visited":        topology.Visited,
}

func TestANATInEveryTopologyMeasuresAsDeclared(t *testing.T) {
	f := newFabric(t)
	for name, of := range topologies {
		t.Run(name, func(t *testing.T) {
			measureAll(t, up(t, f, of()), of())
		})
	}
}

func TestLabsAtOnceDoNotTouch(t *testing.T) {
	f := newFabric(t)
	var each errgroup.Group
	for _, of := range topologies {
		l := up(t, f, of())
		each.Go(func() error { measureAll(t, l, of()); return nil })
	}
	_ = each.Wait()
}

func TestAnOrdinaryUserHasTheSameLab(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the other tests have shown it: they did not run as root")
	}
	c := exec.Command("/proc/self/exe", "-test.run=^(TestANATInEveryTopologyMeasuresAsDeclared|TestNothingIsLeft.*|TestADeadNode.*)$", "-test.v")
	const nobody = 65534
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	c.Dir = "/"
	c.Env = append(os.Environ(), "HOME=/")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if skip := strings.Index(string(out), "--- SKIP"); skip >= 0 {
		t.Skip(string(out)[skip:])
	}
}

// A link that is down has no routes.
func TestInterfacesThatAreToBeDownAre(t *testing.T) {
	up(t, newFabric(t), topology.Visited())
	routes, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/route", processOf(t, topology.Caller)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(routes), topology.CallerLAN) || strings.Contains(string(routes), topology.VisitedLAN) {
		t.Errorf("the caller should be on its own LAN and not on the other, its routes are\n%s", routes)
	}
}

// measureAll puts NATs in front of caller and callee and measures them from there.
func measureAll(t *testing.T, l *lab, in topology.Topology) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := in.Node(topology.Turn)
	if err != nil {
		t.Error(err)
		return
	}
	main := netip.AddrPortFrom(server.Address(), topology.TurnPort)
	err = l.Node(topology.Turn).StartTurn(ctx, turnserver.Config{
		Listen:       []turnserver.Listener{{Network: "udp", Address: main}},
		Alternate:    netip.AddrPortFrom(server.Interfaces[0].Addresses[1].Addr(), topology.AlternatePort),
		RelayAddress: main.Addr(),
		Users:        map[string]string{"user": "a password of some length"},
	})
	if err != nil {
		t.Error(err)
		return
	}
	for _, side := range []struct{ peer, behind string }{
		{topology.Caller, "symmetric"}, {topology.Callee, "port-restricted"}, {topology.Caller, "full-cone"},
	} {
		behind, err := nat.Named(side.behind)
		if err != nil {
			t.Error(err)
			return
		}
		gateways := in.Gateways(side.peer)
		if len(gateways) > 1 {
			behind.Carrier = &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Random, Hairpin: true}
		}
		for i, hop := range behind.Chain() {
			if err := l.Node(gateways[i].Name).Program(ctx, spec(gateways[i], hop)); err != nil {
				t.Error(err)
				return
			}
		}
		card, err := l.Node(side.peer).Probe(ctx, probe.Config{Server: main}, 20*time.Second)
		if err != nil {
			t.Error(err)
			return
		}
		for _, d := range card.Compare(behind) {
			t.Errorf("%s behind %s: %s", side.peer, side.behind, d)
		}
	}
}

func spec(n topology.Node, hop nat.Hop) gateway.Spec {
	side := func(i topology.Interface) gateway.Side {
		a := i.Addresses[0]
		return gateway.Side{Interface: i.Segment, Address: a.Addr(), Prefix: a.Masked()}
	}
	return gateway.Spec{WAN: side(n.Interfaces[0]), LAN: side(n.Interfaces[1]), NAT: hop.NAT, Firewall: hop.Firewall}
}

// settle is how long the kernel works on what a lab has left it: that is no part
// of the next.
const settle = 300 * time.Millisecond

func BenchmarkUp(b *testing.B) {
	f := newFabric(b)
	for b.Loop() {
		nodes, err := f.Up(b.Context(), topology.Standard())
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := nodes.Down(); err != nil {
			b.Fatal(err)
		}
		time.Sleep(settle)
		b.StartTimer()
	}
}

func BenchmarkDown(b *testing.B) {
	f := newFabric(b)
	for b.Loop() {
		b.StopTimer()
		nodes, err := f.Up(b.Context(), topology.Standard())
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := nodes.Down(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		newFabric(b)
	}
}
