package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/scenarios"
)

// noneWithin is how long a cell without a path is watched. Pion gives a pair up
// after seven checks, one every 200 ms.
const noneWithin = 2 * time.Second

// Cell is one ordered pair of conditions: what the behaviours predict, and what
// was proven.
type Cell struct {
	Caller    string         `json:"caller"`
	Callee    string         `json:"callee"`
	Turn      bool           `json:"turn"`
	Predicted nat.Prediction `json:"predicted"`
	// Proven is nil when the witnesses do not agree, or the lab did not work.
	Proven  *Path   `json:"proven"`
	Verdict Verdict `json:"verdict"`
	// Reason says why the cell did not pass.
	Reason string `json:"reason,omitempty"`
	Times  Times  `json:"times_ms"`
	// Diagnosis says why the path is what it is; nil where the lab did not work.
	Diagnosis *diagnose.Verdict `json:"-"`
	// Result is the whole account of a cell that failed, or was invalid; nil of
	// others.
	Result *Result `json:"-"`
}

// MatrixPlan says which cells are played, and how.
type MatrixPlan struct {
	// Conditions are paired with each other, in both orders; empty means all
	// that have a name.
	Conditions []string
	// Turn offers TURN over UDP, TCP and TLS; without it STUN stays.
	Turn bool
	// Parallel, Up and Progress are those of Plan.
	Parallel int
	Up       func(labs int, took time.Duration)
	Progress func(Progress)
}

// Matrix predicts and proves every ordered pair of conditions. The cells come
// in the order of the conditions, row by row; the caller's is the row. The error
// is the lab's, or the cause why ctx ended: a cell that differs is in the cells.
func Matrix(ctx context.Context, on fabric.Fabric, plan MatrixPlan) ([]Cell, error) {
	names := plan.Conditions
	if len(names) == 0 {
		names = nat.ConditionNames()
	}
	cells := make([]Cell, len(names)*len(names))
	p := pool{parallel: plan.Parallel, up: plan.Up, progress: plan.Progress}
	for i := range cells {
		cells[i] = Cell{Caller: names[i/len(names)], Callee: names[i%len(names)], Turn: plan.Turn}
		p.jobs = append(p.jobs, cells[i].job())
	}
	return cells, p.play(ctx, on)
}

// job predicts the cell and plays it.
func (c *Cell) job() job {
	s, err := c.scenario()
	if err != nil {
		return job{play: func(context.Context, *Lab) func() {
			return func() { c.Verdict, c.Reason = Invalid, err.Error() }
		}}
	}
	return job{
		name: c.Caller + " → " + c.Callee, shape: shapeNeeded(s),
		play: func(ctx context.Context, l *Lab) func() {
			r := l.Run(ctx, s)
			return func() { c.take(r) }
		},
	}
}

// take takes over what came of the cell's scenario.
func (c *Cell) take(r Result) {
	c.Proven, c.Verdict, c.Reason, c.Times, c.Diagnosis = r.Proven, r.Verdict, r.Reason, r.Times, r.Diagnosis
	if predicted := (Path{scenarios.Path(c.Predicted.Path), c.Predicted.Transport}); r.Proven != nil && *r.Proven != predicted {
		c.Verdict = Failed
		c.Reason = fmt.Sprintf("predicted %s (%s), proven %s", predicted, c.Predicted.Reason, r.Proven)
	}
	if c.Verdict == Failed || c.Verdict == Invalid {
		r.Verdict, r.Reason = c.Verdict, c.Reason
		c.Result = &r
	}
}

// scenario is the cell as a story that expects what is predicted.
func (c *Cell) scenario() (scenarios.Scenario, error) {
	caller, err := nat.Named(c.Caller)
	if err != nil {
		return scenarios.Scenario{}, err
	}
	callee, err := nat.Named(c.Callee)
	if err != nil {
		return scenarios.Scenario{}, err
	}
	turn := scenarios.Turn{Off: true}
	var options nat.Options
	if c.Turn {
		turn = scenarios.Turn{Transports: []string{scenarios.UDP, scenarios.TCP, scenarios.TLS}}
		options.TURN = turn.Transports
	}
	c.Predicted = nat.Predict(caller, callee, options)
	s := scenarios.Scenario{
		Name:   fmt.Sprintf("%s-to-%s", c.Caller, c.Callee),
		Caller: scenarios.Peer{Condition: c.Caller},
		Callee: scenarios.Peer{Condition: c.Callee},
		Turn:   turn,
		Steps:  []scenarios.Step{{Connect: &scenarios.Connect{Within: scenarios.Duration(10 * time.Second)}}},
		Expect: scenarios.Expect{Path: scenarios.Path(c.Predicted.Path)},
	}
	if s.Expect.Path == scenarios.PathNone {
		s.Steps[0].Connect.Within = scenarios.Duration(noneWithin)
		return s, nil
	}
	s.Steps = append(s.Steps, scenarios.Step{Echo: &scenarios.Echo{Messages: 10}})
	return s, nil
}
