package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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
}

// MatrixPlan says which cells are played, and how.
type MatrixPlan struct {
	// Conditions are paired with each other, in both orders; empty means all
	// that have a name.
	Conditions []string
	// Turn offers TURN over UDP, TCP and TLS; without it STUN stays.
	Turn bool
	// Parallel is how many labs play at once; at least 1.
	Parallel int
	// Played is told of every cell as it ends, from one goroutine at a time.
	Played func(Cell)
}

// Matrix predicts and proves every ordered pair of conditions. The cells come
// in the order of the conditions, row by row; the caller's is the row. The error
// is the lab's: a cell that differs is in the cells.
func Matrix(ctx context.Context, on fabric.Fabric, plan MatrixPlan) ([]Cell, error) {
	names := plan.Conditions
	if len(names) == 0 {
		names = nat.ConditionNames()
	}
	cells := make([]Cell, len(names)*len(names))
	for i := range cells {
		cells[i] = Cell{Caller: names[i/len(names)], Callee: names[i%len(names)], Turn: plan.Turn}
	}
	todo := make(chan *Cell, len(cells))
	for _, i := range order(cells) {
		todo <- &cells[i]
	}
	close(todo)

	var telling sync.Mutex
	each, ctx := errgroup.WithContext(ctx)
	for range min(max(plan.Parallel, 1), len(cells)) {
		each.Go(func() (err error) {
			l, err := Start(ctx, on)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, l.Close()) }()
			for cell := range todo {
				l.play(ctx, cell)
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if plan.Played != nil {
					telling.Lock()
					plan.Played(*cell)
					telling.Unlock()
				}
			}
			return nil
		})
	}
	return cells, each.Wait()
}

// order puts cells with a carrier's NAT last, so that only as many labs as are
// needed bring the larger topology up.
func order(cells []Cell) []int {
	indices := make([]int, len(cells))
	for i := range indices {
		indices[i] = i
	}
	chained := func(i int) int {
		for _, name := range []string{cells[i].Caller, cells[i].Callee} {
			if c, err := nat.Named(name); err == nil && len(c.Chain()) > 1 {
				return 1
			}
		}
		return 0
	}
	slices.SortStableFunc(indices, func(a, b int) int { return chained(a) - chained(b) })
	return indices
}

// play predicts and proves one cell.
func (l *Lab) play(ctx context.Context, cell *Cell) {
	s, err := cell.scenario()
	if err != nil {
		cell.Verdict, cell.Reason = Invalid, err.Error()
		return
	}
	r := l.Run(ctx, s)
	cell.Proven, cell.Verdict, cell.Reason, cell.Times = r.Proven, r.Verdict, r.Reason, r.Times
	if predicted := (Path{scenarios.Path(cell.Predicted.Path), cell.Predicted.Transport}); r.Proven != nil && *r.Proven != predicted {
		cell.Verdict = Failed
		cell.Reason = fmt.Sprintf("predicted %s (%s), proven %s", predicted, cell.Predicted.Reason, r.Proven)
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
