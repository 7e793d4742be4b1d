package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
)

// happen plays a step that changes the world under a call, and measures how long
// it takes until an echo is back, where the step demands that.
func (r *run) happen(ctx context.Context, step scenarios.Step, taken *StepTaken) error {
	began, within := time.Now(), time.Duration(step.Recovery())
	if step.Reboot != nil && within > 0 {
		return r.outlive(ctx, began, within, step, taken)
	}
	if step.RestartICE != nil && step.RestartICE.Path == scenarios.PathNone {
		return r.restartInVain(ctx, time.Duration(step.RestartICE.Within), taken)
	}
	if err := r.event(ctx, step); err != nil || within == 0 {
		return err
	}
	if err := r.recovery(ctx, began, within, taken); err != nil || taken.Problem != "" || step.RestartICE == nil {
		return err
	}
	return r.reconnected(ctx, began, within, taken)
}

// outlive sends messages all through a reboot: none may come back before the
// gateway is up again.
func (r *run) outlive(ctx context.Context, began time.Time, within time.Duration, step scenarios.Step, taken *StepTaken) error {
	g := r.side(step.Reboot.Side).gateways[0]
	if err := g.Sever(ctx, gateway.CutAll); err != nil {
		return err
	}
	each, eachCtx := errgroup.WithContext(ctx)
	each.Go(func() error { return r.event(eachCtx, step) })
	each.Go(func() error { return r.recovery(eachCtx, began, within, taken) })
	if err := each.Wait(); err != nil {
		return err
	}
	if down := milliseconds(time.Duration(step.Reboot.Down)); taken.RecoveredMS != nil && *taken.RecoveredMS < down {
		return fmt.Errorf("%s let an echo through after %.0f ms, while it was to be down for %.0f ms", g.Name(), *taken.RecoveredMS, down)
	}
	return nil
}

// event plays a step that changes the world under a call.
func (r *run) event(ctx context.Context, step scenarios.Step) error {
	switch {
	case step.Link != nil:
		return r.impair(ctx, r.side(step.Link.Side).gateways[0], step.Link.Link)
	case step.Cut != nil:
		return r.side(step.Cut.Side).gateways[0].Sever(ctx, cutOf(step.Cut.Protocol))
	case step.Restore != nil:
		return r.side(step.Restore.Side).gateways[0].Sever(ctx, gateway.Whole)
	case step.Rebind != nil:
		return r.forget(ctx, step.Rebind.Side, true)
	case step.Expire != nil:
		return r.forget(ctx, step.Expire.Side, false)
	case step.Reboot != nil:
		return r.reboot(ctx, *step.Reboot)
	case step.Move != nil:
		return r.move(ctx, r.side(step.Move.Side).Client, topology.VisitedLAN)
	case step.RestartICE != nil:
		return r.restartICE(ctx)
	case step.Kill == scenarios.KillTurn:
		return r.switchTurn(ctx, false, r.turn.StopTurn(ctx))
	case step.Start == scenarios.KillTurn:
		return r.switchTurn(ctx, true, r.startTurn(ctx))
	case step.Filter != nil:
		return r.filter(ctx, *step.Filter)
	}
	return errors.New("the lab does not know this step")
}

func cutOf(protocol string) gateway.Cut {
	if protocol == scenarios.UDP {
		return gateway.CutUDP
	}
	return gateway.CutAll
}

// switchTurn sees to it that the TURN server runs, or does not, after it was told
// so.
func (r *run) switchTurn(ctx context.Context, on bool, err error) error {
	if err != nil {
		return err
	}
	is, err := r.turn.ObserveTurn(ctx)
	if err == nil && is.Running != on {
		err = fmt.Errorf("the TURN server runs: %t, want %t", is.Running, on)
	}
	return err
}

// forget makes every NAT of a side's chain forget its mappings.
func (r *run) forget(ctx context.Context, side string, newPorts bool) error {
	for _, g := range r.side(side).gateways {
		if r.specs[g.Name()].NAT == nil {
			continue
		}
		if err := g.Forget(ctx, newPorts); err != nil {
			return err
		}
	}
	return nil
}

// reboot lets nothing through a peer's own gateway for a while; afterwards it is
// what it was, without a memory of what crossed it: the program that was measured
// before.
func (r *run) reboot(ctx context.Context, step scenarios.Reboot) error {
	g := r.side(step.Side).gateways[0]
	if err := g.Sever(ctx, gateway.CutAll); err != nil {
		return err
	}
	if err := pause(ctx, time.Duration(step.Down)); err != nil {
		return err
	}
	if err := g.Program(ctx, r.specs[g.Name()]); err != nil {
		return err
	}
	if filters := r.filters[g.Name()]; len(filters) > 0 {
		if err := g.Filter(ctx, filters); err != nil {
			return err
		}
	}
	if line, bad := r.lines[g.Name()]; bad {
		return r.impair(ctx, g, line)
	}
	return nil
}

// move takes a peer's node to another segment that it has an interface on.
func (r *run) move(ctx context.Context, who *node.Client, segment string) error {
	before, err := r.topology.Node(who.Name())
	if err != nil {
		return err
	}
	moved, err := r.topology.Moved(who.Name(), segment)
	if err != nil {
		return err
	}
	after, err := moved.Node(who.Name())
	if err != nil {
		return err
	}
	if err := who.Move(ctx, node.Move{
		From: before.Interfaces[0].Segment, To: segment, Default: after.Default, Routes: after.Routes,
	}); err != nil {
		return err
	}
	r.topology = moved
	r.placeParts()
	return nil
}

// moveBack leaves the stage as it was found.
func (r *run) moveBack(ctx context.Context) error {
	for _, n := range r.stage.topology.Nodes {
		home := n.Interfaces[0].Segment
		if now, err := r.topology.Node(n.Name); err != nil || now.Interfaces[0].Segment == home {
			continue
		}
		if err := r.move(ctx, r.stage.nodes.Node(n.Name), home); err != nil {
			r.stage.broken = true
			return fmt.Errorf("move back: %w", err)
		}
	}
	return nil
}

// restartICE carries a new offer, its answer and the new candidates (RFC 8445 §9).
func (r *run) restartICE(ctx context.Context) error {
	offer, err := r.caller.Restart(ctx)
	if err != nil {
		return err
	}
	return r.signal(ctx, offer)
}

// restartInVain restarts ICE, and wants it to find nothing in its time.
func (r *run) restartInVain(ctx context.Context, within time.Duration, taken *StepTaken) error {
	began := time.Now()
	before, err := r.sight(ctx)
	if err != nil {
		return err
	}
	if err := r.restartICE(ctx); err != nil {
		return err
	}
	caller, callee, err := bothWait(ctx, r, (*node.Client).WaitConnected, within)
	if err != nil {
		return err
	}
	if caller.Open && callee.Open {
		taken.Problem = "ICE is connected again, where no path was expected"
		r.attempted(diagnose.AttemptedRestart, began, true, "")
	} else {
		r.attempted(diagnose.AttemptedRestart, began, false, r.withRefusal(fmt.Sprintf("ICE is not connected again within %s", within)))
	}
	return r.prove(ctx, taken.Step, before, 0)
}

// recovery sends small messages until one comes back, and tells how long after
// the step began that was.
func (r *run) recovery(ctx context.Context, began time.Time, within time.Duration, taken *StepTaken) error {
	plan := peers.EchoPlan{UntilEcho: true, PaceMS: 20, Bytes: 100}
	sending := time.Now()
	echoed, err := r.caller.Echo(ctx, plan, max(0, within-sending.Sub(began)))
	if err != nil {
		return err
	}
	r.attempted(diagnose.AttemptedEcho, sending, echoed.FirstEchoMS != nil, echoed.Problem)
	if echoed.FirstEchoMS == nil {
		taken.Problem = fmt.Sprintf("no echo was back within %s: %s", within, echoed.Problem)
		return nil
	}
	taken.RecoveredMS = new(milliseconds(sending.Sub(began)) + *echoed.FirstEchoMS)
	return nil
}

// reconnected waits until both peers have selected a pair again: pion carries
// messages over any valid pair before that.
func (r *run) reconnected(ctx context.Context, began time.Time, within time.Duration, taken *StepTaken) error {
	caller, callee, err := bothWait(ctx, r, (*node.Client).WaitConnected, max(0, within-time.Since(began)))
	if err == nil {
		r.attempted(diagnose.AttemptedRestart, began, caller.Open && callee.Open, "")
	}
	if err == nil && !(caller.Open && callee.Open) {
		taken.Problem = fmt.Sprintf("ICE is not connected again within %s: caller: %s; callee: %s", within, opened(caller), opened(callee))
	}
	return err
}

// bothWait lets both peers wait for the same.
func bothWait(ctx context.Context, r *run, wait func(*node.Client, context.Context, time.Duration) (node.Opened, error), within time.Duration) (caller, callee node.Opened, err error) {
	each, ctx := errgroup.WithContext(ctx)
	ask(each, &caller, func() (node.Opened, error) { return wait(r.caller.Client, ctx, within) })
	ask(each, &callee, func() (node.Opened, error) { return wait(r.callee.Client, ctx, within) })
	err = each.Wait()
	return caller, callee, err
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
