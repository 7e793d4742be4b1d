package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
	"github.com/icelab-go/icelab/turnserver"
)

// Run plays one scenario and judges it. What goes wrong is in the result.
func (l *Lab) Run(ctx context.Context, s scenarios.Scenario) Result {
	begin := time.Now()
	r := &run{lab: l, result: Result{
		Scenario: s.Name, About: s.About, Expected: s.Expect,
		Witnesses: []Testimony{}, Steps: []StepTaken{},
	}}
	if err := r.play(ctx, s); err != nil {
		r.result.Verdict, r.result.Reason = Invalid, err.Error()
		if ctx.Err() != nil {
			r.result.Reason = "interrupted: " + context.Cause(ctx).Error()
		}
		var died *node.Died
		l.broken = l.broken || errors.As(err, &died)
	}
	r.result.Times.Total = milliseconds(time.Since(begin))
	return r.result
}

// Broken reports whether a node has died, so that no further scenario can run
// on this lab.
func (l *Lab) Broken() bool { return l.broken }

// run is one scenario while it plays.
type run struct {
	lab      *Lab
	scenario scenarios.Scenario
	result   Result

	caller, callee       *node.Client
	callerNAT, calleeNAT *node.Client
	turn                 *node.Client

	// heard are the testimonies about each echo, last the latest sighting.
	heard [][]Testimony
	last  sighting
}

// play returns an error when the lab itself did not work; what the peers did is
// judged in the result.
func (r *run) play(ctx context.Context, s scenarios.Scenario) error {
	s, err := s.Complete()
	if err != nil {
		return err
	}
	r.scenario, r.result.Expected = s, s.Expect
	callerBehind, calleeBehind, err := s.Conditions()
	if err != nil {
		return err
	}
	r.result.Caller, r.result.Callee = callerBehind.Name, calleeBehind.Name
	r.cast()
	if err := r.program(ctx, callerBehind, calleeBehind); err != nil {
		return err
	}
	if err := timed(&r.result.Times.Turn, func() error {
		return r.turn.StartTurn(ctx, r.lab.turnConfig())
	}); err != nil {
		return fmt.Errorf("start the TURN server: %w", err)
	}
	if err := timed(&r.result.Times.Peers, func() error { return r.openPeers(ctx) }); err != nil {
		return fmt.Errorf("make the peers: %w", err)
	}
	defer r.closePeers(ctx)
	if err := r.steps(ctx); err != nil {
		return err
	}
	end, err := r.sight(ctx)
	if err != nil {
		return err
	}
	r.result.Evidence = Evidence{Caller: &end.caller, Callee: &end.callee, Gateways: end.gateways, Turn: &end.turn}
	r.judge()
	return nil
}

// cast says which node plays which part.
func (r *run) cast() {
	part := r.lab.nodes.Node
	r.caller, r.callerNAT, r.turn = part(topology.Caller), part(topology.CallerNAT), part(topology.Turn)
	r.callee, r.calleeNAT = part(topology.Callee), part(topology.CalleeNAT)
	if r.scenario.SameLAN() {
		r.callee, r.calleeNAT = part(topology.Neighbour), r.callerNAT
	}
}

// program makes the gateways what the scenario declares.
func (r *run) program(ctx context.Context, callerBehind, calleeBehind nat.Condition) error {
	begin := time.Now()
	each, ctx := errgroup.WithContext(ctx)
	program := func(c *node.Client, behind nat.Condition) {
		each.Go(func() error {
			spec, err := r.lab.gatewaySpec(c.Name(), behind)
			if err != nil {
				return err
			}
			if err := c.Program(ctx, spec); err != nil {
				return fmt.Errorf("program %s: %w", behind.Name, err)
			}
			return nil
		})
	}
	program(r.callerNAT, callerBehind)
	if r.calleeNAT != r.callerNAT {
		program(r.calleeNAT, calleeBehind)
	}
	err := each.Wait()
	r.result.Times.Program = milliseconds(time.Since(begin))
	return err
}

func (l *Lab) gatewaySpec(name string, behind nat.Condition) (gateway.Spec, error) {
	n, err := l.topology.Node(name)
	if err != nil {
		return gateway.Spec{}, err
	}
	side := func(i topology.Interface) gateway.Side {
		a := i.Addresses[0]
		return gateway.Side{Interface: i.Segment, Address: a.Addr(), Prefix: a.Masked()}
	}
	return gateway.Spec{
		WAN: side(n.Interfaces[0]), LAN: side(n.Interfaces[1]),
		NAT: behind.NAT, Firewall: behind.Firewall,
	}, nil
}

// turnAddress is where the TURN server listens and relays.
func (l *Lab) turnAddress() netip.AddrPort {
	n, _ := l.topology.Node(topology.Turn)
	return netip.AddrPortFrom(n.Address(), topology.TurnPort)
}

func (l *Lab) turnConfig() turnserver.Config {
	at := l.turnAddress()
	return turnserver.Config{
		Listen:       []turnserver.Listener{{Network: "udp", Address: at}, {Network: "tcp", Address: at}},
		RelayAddress: at.Addr(),
		Users:        map[string]string{l.user: l.password},
	}
}

func (r *run) openPeers(ctx context.Context) error {
	each, ctx := errgroup.WithContext(ctx)
	each.Go(func() error { return r.caller.OpenPeer(ctx, r.peerConfig(r.scenario.Caller, r.caller)) })
	each.Go(func() error { return r.callee.OpenPeer(ctx, r.peerConfig(r.scenario.Callee, r.callee)) })
	return each.Wait()
}

func (r *run) peerConfig(p scenarios.Peer, at *node.Client) peers.Config {
	server := r.lab.turnAddress()
	c := peers.Config{
		Servers: []peers.Server{{URLs: []string{"stun:" + server.String()}}},
		Timing:  peers.Timing(r.scenario.Timing),
		Channel: peers.Channel{
			Unordered:         !r.scenario.Channel.IsOrdered(),
			MaxRetransmits:    r.scenario.Channel.MaxRetransmits,
			MaxPacketLifeTime: r.scenario.Channel.MaxPacketLifeTime,
		},
	}
	if n, err := r.lab.topology.Node(at.Name()); err == nil {
		// Not the network underneath: it is sealed, and not part of the lab.
		c.Interfaces = []string{n.Interfaces[0].Segment}
	}
	for _, t := range p.Candidates {
		c.Candidates = append(c.Candidates, peers.CandidateType(t))
	}
	if !r.scenario.Turn.Off {
		turn := peers.Server{Username: r.lab.user, Credential: r.lab.password}
		for _, transport := range r.scenario.Turn.Transports {
			turn.URLs = append(turn.URLs, fmt.Sprintf("turn:%s?transport=%s", server, transport))
		}
		c.Servers = append(c.Servers, turn)
	}
	return c
}

// closePeers ends both peers before the next scenario; a node that cannot even
// do that shows it there.
func (r *run) closePeers(ctx context.Context) {
	var each errgroup.Group
	each.Go(func() error { return r.caller.ClosePeer(ctx) })
	each.Go(func() error { return r.callee.ClosePeer(ctx) })
	_ = each.Wait()
}

// sight asks all witnesses at once.
func (r *run) sight(ctx context.Context) (sighting, error) {
	var s sighting
	var callerNAT, calleeNAT gateway.Observation
	each, ctx := errgroup.WithContext(ctx)
	ask(each, &s.caller, func() (peers.Report, error) { return r.caller.Report(ctx) })
	ask(each, &s.callee, func() (peers.Report, error) { return r.callee.Report(ctx) })
	ask(each, &callerNAT, func() (gateway.Observation, error) { return r.callerNAT.ObserveGateway(ctx) })
	ask(each, &calleeNAT, func() (gateway.Observation, error) { return r.calleeNAT.ObserveGateway(ctx) })
	ask(each, &s.turn, func() (node.TurnObservation, error) { return r.turn.ObserveTurn(ctx) })
	if err := each.Wait(); err != nil {
		return s, fmt.Errorf("ask the witnesses: %w", err)
	}
	s.gateways = map[string]gateway.Observation{r.callerNAT.Name(): callerNAT, r.calleeNAT.Name(): calleeNAT}
	return s, nil
}

func ask[T any](each *errgroup.Group, to *T, f func() (T, error)) {
	each.Go(func() (err error) {
		*to, err = f()
		return err
	})
}

func timed(ms *float64, f func() error) error {
	begin := time.Now()
	err := f()
	*ms += milliseconds(time.Since(begin))
	return err
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}
