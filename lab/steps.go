package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
)

// steps plays the steps until one fails. The error is the lab's, not the peers'.
func (r *run) steps(ctx context.Context) error {
	for i, step := range r.scenario.Steps {
		r.expected = r.scenario.ExpectedAt(i)
		taken := StepTaken{Step: step.String()}
		err := timed(&taken.MS, func() error { return r.step(ctx, step, &taken) })
		r.result.Steps = append(r.result.Steps, taken)
		if err != nil {
			return fmt.Errorf("step %s: %w", step.Kind(), err)
		}
		if taken.Problem != "" {
			return nil
		}
	}
	return nil
}

func (r *run) step(ctx context.Context, step scenarios.Step, taken *StepTaken) error {
	switch {
	case step.Connect != nil:
		return r.connect(ctx, *step.Connect, taken)
	case step.Echo != nil:
		return r.echo(ctx, *step.Echo, taken)
	case step.NoEcho != nil:
		return r.noEcho(ctx, *step.NoEcho, taken)
	case step.Wait != 0:
		return pause(ctx, time.Duration(step.Wait))
	}
	return r.happen(ctx, step, taken)
}

// connect carries offer, answer and candidates between the peers, and waits for
// the data channel to open, or for none to.
func (r *run) connect(ctx context.Context, step scenarios.Connect, taken *StepTaken) error {
	within, began := time.Duration(step.Within), time.Now()
	before, err := r.sight(ctx)
	if err != nil {
		return err
	}
	offer, err := r.caller.Offer(ctx)
	if err != nil {
		return err
	}
	if err := r.signal(ctx, offer); err != nil {
		return err
	}
	caller, callee, err := bothWait(ctx, r, (*node.Client).WaitOpen, within)
	if err != nil {
		return err
	}
	if caller.Open && callee.Open {
		r.attempted(diagnose.AttemptedConnect, began, true, "")
		report, err := r.caller.Report(ctx)
		if err != nil {
			return err
		}
		if at := report.Milestones.ChannelOpenMS; at != nil {
			r.result.Times.Open = *at
		}
		if r.expected.Path == scenarios.PathNone {
			// Which path it took is told all the same.
			if err := r.echo(ctx, scenarios.Echo{Messages: 10, Bytes: 1000, Within: step.Within}, taken); err != nil {
				return err
			}
			taken.Problem = fmt.Sprintf("the data channel opened after %.0f ms, where no path was expected", r.result.Times.Open)
		}
		return nil
	}
	r.attempted(diagnose.AttemptedConnect, began, false, r.withRefusal(fmt.Sprintf("no data channel within %s", within)))
	if r.expected.Path != scenarios.PathNone {
		taken.Problem = fmt.Sprintf("no data channel within %s: caller: %s; callee: %s", within, opened(caller), opened(callee))
	}
	return r.prove(ctx, taken.Step, before, 0)
}

func opened(o node.Opened) string {
	if o.Open {
		return "open"
	}
	return o.Why
}

// echo sends messages and proves the path their echoes took.
func (r *run) echo(ctx context.Context, step scenarios.Echo, taken *StepTaken) error {
	before, err := r.sight(ctx)
	if err != nil {
		return err
	}
	plan := peers.EchoPlan{Messages: step.Messages, Bytes: step.Bytes}
	if r.lossy() {
		// On a lossy channel the last echoes may never come.
		plan.QuietMS = 500
	}
	began := time.Now()
	var echoed node.Echoed
	if err := timed(&r.result.Times.Echo, func() (err error) {
		echoed, err = r.caller.Echo(ctx, plan, time.Duration(step.Within))
		return err
	}); err != nil {
		return err
	}
	taken.Echo, taken.Problem = &echoed.EchoResult, echoed.Problem
	if taken.Problem == "" && echoed.Echoed == 0 {
		taken.Problem = "no message came back"
	}
	r.attempted(diagnose.AttemptedEcho, began, taken.Problem == "", taken.Problem)
	if err := r.prove(ctx, taken.Step, before, uint64(echoed.BytesEchoed)); err != nil {
		return err
	}
	if taken.Problem == "" {
		taken.Problem = r.unaccounted(before, echoed)
	}
	return r.lineHeld(echoed)
}

func (r *run) lossy() bool {
	c := r.scenario.Channel
	return c.MaxRetransmits != nil || c.MaxPacketLifeTime != nil
}

// noEcho sends messages and expects silence. A channel that closed is silent
// too.
func (r *run) noEcho(ctx context.Context, step scenarios.NoEcho, taken *StepTaken) error {
	const messages = 10
	before, err := r.sight(ctx)
	if err != nil {
		return err
	}
	within, began := time.Duration(step.For), time.Now()
	plan := peers.EchoPlan{Messages: messages, Bytes: 1000, PaceMS: milliseconds(within) / (2 * messages)}
	echoed, err := r.caller.Echo(ctx, plan, within)
	if err != nil {
		return err
	}
	taken.Echo = &echoed.EchoResult
	r.attempted(diagnose.AttemptedEcho, began, echoed.Echoed > 0, echoed.Problem)
	// A channel that has ended is silent at once; the next step waits all the same.
	if err := pause(ctx, within-time.Since(began)); err != nil {
		return err
	}
	if came := echoed.Echoed + echoed.Late; came > 0 {
		taken.Problem = fmt.Sprintf("%d of %d messages came back, where silence was expected", came, echoed.Sent)
	}
	if r.expected.Path == scenarios.PathNone {
		return r.prove(ctx, taken.Step, before, uint64(echoed.BytesEchoed))
	}
	return nil
}

// unaccounted compares the caller's account of an echo with the callee's.
func (r *run) unaccounted(before sighting, echoed node.Echoed) string {
	was, is := before.callee.Traffic, r.last.callee.Traffic
	messages, bytes := is.MessagesReceived-was.MessagesReceived, is.BytesReceived-was.BytesReceived
	if messages < uint64(echoed.Echoed) || bytes < uint64(echoed.BytesEchoed) {
		return fmt.Sprintf("the caller counts %d echoes, %d bytes, but the callee received only %d messages, %d bytes",
			echoed.Echoed, echoed.BytesEchoed, messages, bytes)
	}
	return ""
}

// prove hears the witnesses about the time since before.
func (r *run) prove(ctx context.Context, step string, before sighting, payload uint64) error {
	after, err := r.settled(ctx, payload > 0)
	if err != nil {
		return err
	}
	heard := court{
		topology: r.topology,
		caller:   r.caller.Name(), callee: r.callee.Name(),
		before: before, after: after, payload: payload,
	}.testimonies()
	r.heard, r.last = append(r.heard, hearing{step, r.expected, heard}), after
	return nil
}

// settled asks all witnesses, and again for a moment where data passes and a peer
// does not tell its pair yet: pion announces it beside the data, which on a busy
// machine can be sooner.
func (r *run) settled(ctx context.Context, passes bool) (sighting, error) {
	const moment, pace = 2 * time.Second, 50 * time.Millisecond
	for began := time.Now(); ; {
		s, err := r.sight(ctx)
		told := s.caller.Selected != nil && s.callee.Selected != nil
		if err != nil || !passes || told || time.Since(began) > moment {
			return s, err
		}
		if err := pause(ctx, pace); err != nil {
			return s, err
		}
	}
}

// ended asks all witnesses at the end, and again for a while where a relay carries
// what the NATs would let pass directly and a candidate has not arrived yet: what is
// slow is not lost.
func (r *run) ended(ctx context.Context) (sighting, error) {
	const while, pace = 4 * time.Second, 200 * time.Millisecond
	direct := r.predicted()
	for began := time.Now(); ; {
		s, err := r.sight(ctx)
		if err != nil || !s.relayed() || s.arrived() || direct == nil || direct.Path != nat.PathDirect || time.Since(began) > while {
			return s, err
		}
		if err := pause(ctx, pace); err != nil {
			return s, err
		}
	}
}
