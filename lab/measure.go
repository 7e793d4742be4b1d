package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/probe"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/scenarios"
)

// measureWithin bounds a measurement, which takes half a second on a NAT that
// passes UDP and one where it is blocked.
const measureWithin = 20 * time.Second

// Measured is a NAT card taken from one peer's own node, before the peer is
// there.
type Measured struct {
	Node     string             `json:"node"`
	Declared string             `json:"declared"` // the condition's name
	Card     probe.Card         `json:"card"`
	Differs  []probe.Difference `json:"differs,omitempty"`
}

// measure asks from both peers' nodes whether their NATs are what they were
// declared to be. If not, nothing that follows could be believed.
func (r *run) measure(ctx context.Context, callerBehind, calleeBehind nat.Condition) error {
	r.result.NATs = make([]Measured, 2)
	each, eachCtx := errgroup.WithContext(ctx)
	ask(each, &r.result.NATs[0], func() (Measured, error) { return r.card(eachCtx, r.caller.Client, callerBehind) })
	ask(each, &r.result.NATs[1], func() (Measured, error) { return r.card(eachCtx, r.callee.Client, calleeBehind) })
	if err := each.Wait(); err != nil {
		return err
	}
	if err := r.measureVisited(ctx); err != nil {
		return err
	}
	var wrong []string
	for _, m := range r.result.NATs {
		for _, d := range m.Differs {
			wrong = append(wrong, fmt.Sprintf("%s behind %s: %s (%s)", m.Node, m.Declared, d, observed(d.Raw)))
		}
	}
	if wrong != nil {
		return fmt.Errorf("the NAT is not what was declared: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// measureVisited measures the NAT that a peer will move behind, from there.
func (r *run) measureVisited(ctx context.Context) error {
	step := r.scenario.Moves()
	if step == nil {
		return nil
	}
	to, err := nat.Named(step.To)
	if err != nil {
		return err
	}
	who := r.side(step.Side).Client
	if err := r.move(ctx, who, topology.VisitedLAN); err != nil {
		return err
	}
	visited, err := r.card(ctx, who, to)
	if err != nil {
		return err // and Run moves it back
	}
	r.result.NATs = append(r.result.NATs, visited)
	return r.moveBack(ctx)
}

// card measures the NAT in front of a node.
func (r *run) card(ctx context.Context, at *node.Client, behind nat.Condition) (Measured, error) {
	card, err := at.Probe(ctx, probe.Config{Server: r.stage.turnAddress(topology.TurnPort)}, measureWithin)
	if err != nil {
		return Measured{}, err
	}
	return Measured{at.Name(), behind.Name, card, card.Compare(behind)}, nil
}

// Measure puts the caller behind a condition and measures it from there: the
// answer to whether this lab's NATs are what they say. The lifetime of mappings
// is measured when the condition declares one; that takes one and a half times
// as long.
func (l *Lab) Measure(ctx context.Context, behind nat.Condition) (Measured, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := behind.Validate(); err != nil {
		return Measured{}, err
	}
	r := &run{lab: l}
	var err error
	if r.stage, err = l.stage(ctx, shapeOf(scenarios.Scenario{}, behind, nat.Condition{})); err != nil {
		return Measured{}, err
	}
	r.cast()
	if err := r.program(ctx, behind, nat.Condition{}); err != nil {
		return Measured{}, err
	}
	if err := r.turn.StartTurn(ctx, r.turnConfig()); err != nil {
		return Measured{}, fmt.Errorf("start the TURN server: %w", err)
	}
	server := probe.Config{Server: r.stage.turnAddress(topology.TurnPort)}
	if behind.NAT != nil {
		server.DeclaredLifetime = behind.NAT.Lifetime
	}
	card, err := r.caller.Probe(ctx, server, measureWithin+2*server.DeclaredLifetime)
	if err != nil {
		return Measured{}, err
	}
	return Measured{r.caller.Name(), behind.Name, card, card.Compare(behind)}, nil
}

// observed puts the first few observations behind a difference into a line.
func observed(raw []probe.Observation) string {
	const few = 4
	var lines []string
	for _, o := range raw[:min(few, len(raw))] {
		lines = append(lines, o.String())
	}
	return strings.Join(lines, ", ")
}
