package vnet_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
)

const patience = 20 * time.Second

// call lets caller and callee, each behind a condition, echo 20 kB.
func call(t *testing.T, nodes fabric.Nodes, conditions map[string]string) {
	t.Helper()
	ctx, shape := t.Context(), topology.Standard()
	for who, name := range conditions {
		behind, err := nat.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := program(ctx, shape, nodes, who, behind); err != nil {
			t.Fatal(err)
		}
		place, err := shape.Node(who)
		if err != nil {
			t.Fatal(err)
		}
		if err := nodes.Node(who).OpenPeer(ctx, peers.Config{
			Servers: []peers.Server{
				{URLs: []string{"stun:" + server.String()}},
				{URLs: []string{"turn:" + server.String() + "?transport=udp"}, Username: "u", Credential: "p"},
			},
			Interfaces: []string{place.Interfaces[0].Segment},
		}); err != nil {
			t.Fatal(err)
		}
	}
	caller, callee := nodes.Node(topology.Caller), nodes.Node(topology.Callee)
	var trickle sync.WaitGroup
	defer trickle.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	carry(ctx, &trickle, caller, callee)
	carry(ctx, &trickle, callee, caller)
	offer, err := caller.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := callee.Answer(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Accept(ctx, answer); err != nil {
		t.Fatal(err)
	}
	if opened, err := caller.WaitOpen(ctx, patience); err != nil || !opened.Open {
		t.Fatalf("not open: %s, %v", opened.Why, err)
	}
	if echoed, err := caller.Echo(ctx, peers.EchoPlan{Messages: payload / 1000, Bytes: 1000}, patience); err != nil || echoed.Problem != "" || echoed.BytesEchoed != payload {
		t.Fatalf("echo: %+v, %v", echoed, err)
	}
}

const payload = 20_000

func carry(ctx context.Context, all *sync.WaitGroup, from, to *node.Client) {
	lines := make(chan peers.CandidateLine, 100)
	from.OnCandidate(func(line peers.CandidateLine) { lines <- line })
	all.Go(func() {
		for {
			select {
			case line := <-lines:
				_ = to.AddCandidate(ctx, line)
			case <-ctx.Done():
				return
			}
		}
	})
}

// carried are the remotes that a gateway exchanged the payload with for a host.
func carried(t *testing.T, nodes fabric.Nodes, name, inside string) (remotes []string) {
	t.Helper()
	o, err := nodes.Node(name).ObserveGateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	place, err := topology.Standard().Node(inside)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[gateway.Direction]map[string]uint64{gateway.Outbound: {}, gateway.Inbound: {}}
	for _, f := range o.Flows {
		if f.Inside == place.Address() {
			sums[f.Direction][f.Remote.Addr().String()] += f.Bytes
		}
	}
	for remote, bytes := range sums[gateway.Outbound] {
		if bytes >= payload && sums[gateway.Inbound][remote] >= payload {
			remotes = append(remotes, remote)
		}
	}
	return remotes
}

func TestADirectCallCrossesBothGatewaysAndNoRelay(t *testing.T) {
	nodes := up(t, topology.Standard())
	call(t, nodes, map[string]string{topology.Caller: "port-restricted", topology.Callee: "port-restricted"})
	if got := carried(t, nodes, topology.CallerNAT, topology.Caller); !slices.Equal(got, []string{"198.18.0.30"}) {
		t.Errorf("the caller's gateway carried the echo to %v, want the callee's gateway", got)
	}
	if got := carried(t, nodes, topology.CalleeNAT, topology.Callee); !slices.Equal(got, []string{"198.18.0.20"}) {
		t.Errorf("the callee's gateway carried the echo to %v, want the caller's gateway", got)
	}
	checkRelays(t, nodes, 0)
}

func TestARelayedCallIsSeenByTheRelay(t *testing.T) {
	nodes := up(t, topology.Standard())
	call(t, nodes, map[string]string{topology.Caller: "symmetric", topology.Callee: "symmetric"})
	for who, name := range map[string]string{topology.Caller: topology.CallerNAT, topology.Callee: topology.CalleeNAT} {
		if got := carried(t, nodes, name, who); !slices.Equal(got, []string{server.Addr().String()}) {
			t.Errorf("%s carried the echo to %v, want the TURN server", name, got)
		}
	}
	checkRelays(t, nodes, 1)
}

// checkRelays counts the allocations that the payload crossed.
func checkRelays(t *testing.T, nodes fabric.Nodes, want int) {
	t.Helper()
	o, err := nodes.Node(topology.Turn).ObserveTurn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for _, a := range o.Allocations {
		if a.ToPeers.Bytes >= payload && a.FromPeers.Bytes >= payload {
			got++
		}
	}
	if got != want {
		t.Errorf("%d relays carried the echo, want %d: %+v", got, want, o.Allocations)
	}
}

func TestLabsAtOnceDoNotTouch(t *testing.T) {
	for _, name := range []string{"open", "full-cone", "stateful-firewall", "symmetric"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call(t, up(t, topology.Standard()), map[string]string{topology.Caller: name, topology.Callee: "port-restricted"})
		})
	}
}

// Both servers are behind a line that is cut: pion would wait 8 s for them.
func TestAPeerThatStillGathersEndsAtOnce(t *testing.T) {
	nodes := up(t, topology.Standard())
	if err := nodes.Node(topology.CallerNAT).Sever(t.Context(), gateway.CutAll); err != nil {
		t.Fatal(err)
	}
	caller := nodes.Node(topology.Caller)
	if err := caller.OpenPeer(t.Context(), peers.Config{Servers: []peers.Server{
		{URLs: []string{"stun:" + server.String()}},
		{URLs: []string{"turn:" + server.String() + "?transport=udp"}, Username: "u", Credential: "p"},
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := caller.Offer(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := caller.ClosePeer(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("closing took %s", took.Round(time.Millisecond))
	}
}

func TestALabThatIsDownSaysSo(t *testing.T) {
	nodes := up(t, topology.Standard())
	if err := nodes.Down(); err != nil {
		t.Fatal(err)
	}
	if err := nodes.Down(); err != nil {
		t.Errorf("going down twice: %v", err)
	}
	if nodes.Node(topology.Caller).Dead() == nil {
		t.Error("a node of a lab that is down does not say so")
	}
}
