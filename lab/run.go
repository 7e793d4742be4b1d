package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
)

// Run plays one scenario and judges it. What goes wrong is in the result.
func (l *Lab) Run(ctx context.Context, s scenarios.Scenario) Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	begin := time.Now()
	r := &run{lab: l, result: Result{
		Scenario: s.Name, About: s.About, Expected: s.Expect,
		Witnesses: []Testimony{}, Steps: []StepTaken{},
	}}
	err := r.play(ctx, s)
	// Without a node nothing that was seen can be believed, and what failed first
	// is mostly not the node's own.
	if r.stage != nil && ctx.Err() == nil {
		err = r.stage.death(err)
	}
	if err != nil {
		r.result.Verdict, r.result.Reason = Invalid, err.Error()
		if ctx.Err() != nil {
			r.result.Reason = "interrupted: " + context.Cause(ctx).Error()
		}
		var lacking *fabric.Lacking
		var unsupported *node.Unsupported
		if errors.As(err, &lacking) || errors.As(err, &unsupported) {
			r.result.Verdict, r.result.Reason = Unsupported, err.Error()
		}
	}
	r.result.Times.Total = milliseconds(time.Since(begin))
	return r.result
}

// part is a node that plays a peer, and the gateways in front of it, nearest
// first.
type part struct {
	*node.Client
	gateways []*node.Client
}

// run is one scenario while it plays.
type run struct {
	lab      *Lab
	stage    *stage
	scenario scenarios.Scenario
	result   Result

	// topology is the stage's, as it is after what has moved.
	topology       topology.Topology
	caller, callee part
	turn           *node.Client
	// specs are what the gateways are programmed to be, by name.
	specs map[string]gateway.Spec

	// expected is what the step that plays has to prove.
	expected scenarios.Expect
	// lines are how good the gateways' lines are, where they are not perfect.
	lines map[string]nat.Link
	// filters are what they drop on purpose, and so the TURN server's own host.
	filters map[string][]gateway.Filter
	// fromCaller and fromCallee carry descriptions and candidates.
	fromCaller, fromCallee *courier
	// refusal says how a peer refused a description that was spoilt.
	refusal string
	// given is what each peer was configured with, by node, and opened when it was.
	given  map[string]peers.Config
	opened time.Time
	// dropped is what gateways had dropped by then, by name.
	dropped map[string][]gateway.Drop
	// attempts are what the application tried so far.
	attempts []diagnose.Attempt

	// heard is what the witnesses said of each echo, last the latest sighting.
	heard []hearing
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
	if r.scenario, err = r.lab.fitted(s); err != nil {
		return err
	}
	if s.Carrier != nil {
		// One NAT, at the end of both chains.
		callerBehind.Carrier, calleeBehind.Carrier = s.Carrier, s.Carrier
	}
	if r.stage, err = r.lab.stage(ctx, shapeOf(s, callerBehind, calleeBehind)); err != nil {
		return err
	}
	r.cast()
	if err := timed(&r.result.Times.Program, func() error {
		return r.program(ctx, callerBehind, calleeBehind)
	}); err != nil {
		return err
	}
	defer r.moveBack(ctx)
	if err := timed(&r.result.Times.Turn, func() error {
		if err := r.turn.BeginTrace(ctx); err != nil {
			return err
		}
		return r.turn.StartTurn(ctx, r.turnConfig())
	}); err != nil {
		return fmt.Errorf("start the TURN server: %w", err)
	}
	if err := r.startNames(ctx, ""); err != nil {
		return err
	}
	if err := timed(&r.result.Times.Measure, func() error {
		return r.measure(ctx, callerBehind, calleeBehind)
	}); err != nil {
		return err
	}
	// A NAT is measured on a perfect line, and without faults.
	defer r.heal(ctx)
	if err := r.spoil(ctx); err != nil {
		return err
	}
	if err := r.impairLines(ctx); err != nil {
		return err
	}
	if err := timed(&r.result.Times.Peers, func() error { return r.openPeers(ctx) }); err != nil {
		return fmt.Errorf("make the peers: %w", err)
	}
	defer r.closePeers(ctx)
	stop := r.trickle(ctx)
	defer stop()
	if err := r.steps(ctx); err != nil {
		return err
	}
	end, err := r.ended(ctx)
	if err != nil {
		return err
	}
	r.result.Evidence = Evidence{Caller: &end.caller, Callee: &end.callee, Gateways: end.gateways, Turn: &end.turn}
	r.judge()
	if err := timed(&r.result.Times.Diagnose, func() error { return r.diagnose(ctx, end) }); err != nil {
		return err
	}
	r.result.judgeDiagnosis()
	return nil
}

// cast says which node plays which part.
func (r *run) cast() {
	r.topology = r.stage.topology
	r.result.Topology = r.topology
	r.turn = r.stage.nodes.Node(topology.Turn)
	r.placeParts()
}

// placeParts finds the peers' nodes and the gateways in front of them.
func (r *run) placeParts() {
	callee := topology.Callee
	if r.scenario.SameLAN() {
		callee = topology.Neighbour
	}
	r.caller, r.callee = r.part(topology.Caller), r.part(callee)
}

func (r *run) part(name string) part {
	p := part{Client: r.stage.nodes.Node(name)}
	for _, g := range r.topology.Gateways(name) {
		p.gateways = append(p.gateways, r.stage.nodes.Node(g.Name))
	}
	return p
}

// side is the part that a step names.
func (r *run) side(name string) *part {
	if name == scenarios.SideCallee {
		return &r.callee
	}
	return &r.caller
}

// gateways are all there are.
func (r *run) gateways() []*node.Client {
	var all []*node.Client
	for _, n := range r.topology.Nodes {
		if n.Role == topology.Gateway {
			all = append(all, r.stage.nodes.Node(n.Name))
		}
	}
	return all
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
	gateways := r.gateways()
	observed := make([]gateway.Observation, len(gateways))
	each, ctx := errgroup.WithContext(ctx)
	ask(each, &s.caller, func() (peers.Report, error) { return r.caller.Report(ctx) })
	ask(each, &s.callee, func() (peers.Report, error) { return r.callee.Report(ctx) })
	ask(each, &s.turn, func() (node.TurnObservation, error) { return r.turn.ObserveTurn(ctx) })
	for i, g := range gateways {
		ask(each, &observed[i], func() (gateway.Observation, error) { return g.ObserveGateway(ctx) })
	}
	if err := each.Wait(); err != nil {
		return s, fmt.Errorf("ask the witnesses: %w", err)
	}
	s.gateways = map[string]gateway.Observation{}
	for i, g := range gateways {
		s.gateways[g.Name()] = observed[i]
	}
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
