package lab

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

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
	within := time.Duration(step.Within)
	before, err := r.sight(ctx)
	if err != nil {
		return err
	}
	offer, err := r.caller.Offer(ctx)
	if err != nil {
		return err
	}
	answer, err := r.callee.Answer(ctx, offer)
	if err != nil {
		return err
	}
	if err := r.caller.Accept(ctx, answer); err != nil {
		return err
	}
	caller, callee, err := bothWait(ctx, r, (*node.Client).WaitOpen, within)
	if err != nil {
		return err
	}
	if caller.Open && callee.Open {
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

// trickle carries candidates both ways, in order, until the returned function
// is called.
func (r *run) trickle(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var each errgroup.Group
	carry := func(from, to *node.Client) {
		// A peer has a handful of candidates: the buffer never fills.
		lines := make(chan peers.CandidateLine, 256)
		from.OnCandidate(func(line peers.CandidateLine) {
			select {
			case lines <- line:
			case <-ctx.Done():
			}
		})
		each.Go(func() error {
			for {
				select {
				case line := <-lines:
					// The peer itself reports what it thinks of a candidate.
					_ = to.AddCandidate(ctx, line)
				case <-ctx.Done():
					return nil
				}
			}
		})
	}
	carry(r.caller.Client, r.callee.Client)
	carry(r.callee.Client, r.caller.Client)
	return func() {
		cancel()
		_ = each.Wait()
	}
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
	within, began := time.Duration(step.For), time.Now()
	plan := peers.EchoPlan{Messages: messages, Bytes: 1000, PaceMS: milliseconds(within) / (2 * messages)}
	echoed, err := r.caller.Echo(ctx, plan, within)
	if err != nil {
		return err
	}
	taken.Echo = &echoed.EchoResult
	// A channel that has ended is silent at once; the next step waits all the same.
	if err := pause(ctx, within-time.Since(began)); err != nil {
		return err
	}
	if came := echoed.Echoed + echoed.Late; came > 0 {
		taken.Problem = fmt.Sprintf("%d of %d messages came back, where silence was expected", came, echoed.Sent)
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
	after, err := r.sight(ctx)
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
