package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/scenarios"
)

func newScoreCommand() *cobra.Command {
	var (
		format     string
		on         []string
		healthy    bool
		explain    bool
		conditions []string
		seed       uint64
		place      fabricFlags
		report     reportFlag
	)
	cmd := &cobra.Command{
		Use:   "score [SCENARIO ...]",
		Short: "Score the diagnosis against injected faults",
		Long: `Plays the scenarios with a fault that are named, or all bundled ones, and every
pair of conditions without one, with TURN and without. The diagnosis is not told
what was injected; the score compares its answers with that.

An answer is right when it names the cause that the scenario says in expect.cause
and, where there is an expect.verdict, that outcome. A pair of conditions raises a
false alarm when anything is said to be wrong but the conditions themselves. A
fault is masked when the call works in spite of it. What the lab could not set up
or the fabric not play is no right answer, and told apart.

With --vary the parameters of each scenario that do not change the truth are drawn
anew from a seed: who is the caller, NATs, ports, sizes, times, ports of relays.
The same seed draws the same, and each scenario its own, whichever others are
played.

Exit codes: 0 the bar is reached, 1 it is not: top-1 of at least 95 % (90 % with
--vary), no false alarm, every masked fault found, at most 5 % inconclusive, all
played; 2 a mistake in the command line or a scenario file, 3 the fabric is not to
be had here, 4 the lab could not be set up, 130 interrupted.

` + reportHelp + `
Faults are reported, and false alarms; of several fabrics each in FOLDER/FABRIC.`,
		Example: `  icelab score
  icelab score --on netns,docker --format json
  icelab score --on netns --vary 7
  icelab score --on netns --report out
  icelab score --healthy=false ./my-fault.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			places, err := place.each(on)
			if err != nil {
				return err
			}
			for _, name := range conditions {
				if _, err := nat.Named(name); err != nil {
					return exit{exitUsage, fmt.Errorf("--conditions: %w", err)}
				}
			}
			faults, err := findFaults(args)
			if err != nil {
				return exit{exitUsage, err}
			}
			if err := report.check(); err != nil {
				return err
			}
			s := scoring{
				plan:  lab.ScorePlan{Faults: faults, Healthy: healthy, Conditions: conditions, Parallel: place.parallel},
				bar:   lab.BundledBar,
				shown: newProgress(cmd.ErrOrStderr()), explain: explain, report: report, log: cmd.ErrOrStderr(),
			}
			if cmd.Flags().Changed("vary") {
				s.bar = lab.VariedBar
				for i := range faults {
					faults[i] = scenarios.Vary(faults[i], seed)
				}
			}
			if err := s.play(cmd.Context(), places); err != nil {
				return stopped(cmd.Context(), err)
			}
			if format == "json" {
				if err := writeJSON(cmd.OutOrStdout(), s.tally); err != nil {
					return err
				}
			} else {
				s.print(cmd.OutOrStdout())
			}
			var below error
			if len(s.tally.Below(s.bar)) > 0 {
				below = exit{exitFailed, errSilent}
			}
			return reported(below, s.unreported)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&format, "format", "text", "text or json")
	flags.BoolVarP(&explain, "explain", "v", false, "explain wrong answers in full as they come")
	flags.BoolVar(&healthy, "healthy", true, "play the pairs of conditions without a fault too")
	flags.StringSliceVar(&conditions, "conditions", nil, "pair only these `conditions`, separated by commas (see icelab list)")
	flags.Uint64Var(&seed, "vary", 0, "vary the scenarios with a fault by this `seed`")
	place.addMany(flags, &on)
	report.add(flags)
	return cmd
}

// findFaults returns the scenarios named, or all bundled ones with a fault.
func findFaults(names []string) ([]scenarios.Scenario, error) {
	if len(names) == 0 {
		return scenarios.Faulty(), nil
	}
	list, err := find(names)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if s.Expect.Cause == "" {
			return nil, fmt.Errorf("scenario %q: nothing says which cause is the right one; add expect.cause, none where nothing is wrong", s.Name)
		}
	}
	return list, nil
}

// scoring is a score while it is played, on one fabric after the other.
type scoring struct {
	plan  lab.ScorePlan
	bar   lab.Bar
	shown progress
	// explain tells wrong answers in full as they come.
	explain bool
	report  reportFlag
	log     io.Writer // GitHub's, of annotations
	// unreported is why a report could not be written, which costs no score.
	unreported error

	on    []string
	tally lab.Tally
}

// play opens all fabrics before anything is played, so that none is found missing
// in the end.
func (s *scoring) play(ctx context.Context, places []fabricFlags) (err error) {
	defer s.shown.clear()
	type opened struct {
		fabric.Fabric
		lab.Chosen
	}
	var all []opened
	for _, place := range places {
		on, chosen, err := place.open(ctx, s.shown.say)
		if err != nil {
			return err
		}
		defer func() {
			if left := closeFabric(on); left != nil {
				err = errors.Join(err, left)
			}
		}()
		all = append(all, opened{on, chosen})
		s.on = append(s.on, onLine(chosen))
	}
	for _, on := range all {
		report := s.report
		if report.folder != "" && len(all) > 1 {
			report.folder = filepath.Join(report.folder, on.On)
		}
		tally, err := s.playOn(ctx, on.Fabric, on.Chosen, report)
		if err != nil {
			return err
		}
		s.tally = s.tally.Add(tally)
	}
	return nil
}

func (s *scoring) playOn(ctx context.Context, on fabric.Fabric, chosen lab.Chosen, report reportFlag) (lab.Tally, error) {
	s.shown.say("bringing the labs up " + onLine(chosen))
	plan := s.plan
	plan.On, plan.Progress = chosen.On, s.shown.playing
	plan.Up = func(labs int, took time.Duration) {
		s.shown.clear()
		fmt.Fprintf(s.shown.w, "%s up %s in %s\n", number(labs, "lab"), onLine(chosen), lasted(took))
	}
	told := account{command: "score", on: chosen.On, began: time.Now()}
	plan.Judged = func(c lab.Case, r lab.Result) {
		if !c.Healthy || !c.Correct {
			told.results = append(told.results, r)
		}
		s.shown.clear()
		fmt.Fprintln(s.shown.w, coloured(s.shown.w, caseMark(c), caseColour(c))+" "+caseLine(c))
		if s.explain && !c.Correct && r.Diagnosis != nil {
			fmt.Fprintf(s.shown.w, "    %s × %s\n\n", c.Caller, c.Callee)
			newPage(s.shown.w, 4).verdict(*r.Diagnosis)
			fmt.Fprintln(s.shown.w)
		}
	}
	tally, err := lab.Score(ctx, on, plan)
	if err != nil {
		return tally, invalid(err)
	}
	told.took = time.Since(told.began)
	s.unreported = errors.Join(s.unreported, report.write(s.log, told))
	return tally, nil
}

// print tells the score in numbers, and then what is behind those that are not
// perfect.
func (s *scoring) print(out io.Writer) {
	t := s.tally
	for _, on := range s.on {
		fmt.Fprintln(out, wrapped(on, 0, widthOf(out)))
	}
	fmt.Fprintln(out)
	faults := len(t.Cases)
	correct := 0
	for _, c := range t.Cases {
		if c.Correct {
			correct++
		}
	}
	if faults > 0 {
		fmt.Fprintf(out, "top-1         %7s  %d of %s named\n", percentOf(t.Top1), correct, number(faults, "fault"))
		fmt.Fprintf(out, "top-3         %7s\n", percentOf(t.Top3))
		fmt.Fprintf(out, "inconclusive  %7s\n", percentOf(t.Inconclusive))
		fmt.Fprintf(out, "masked        %7d  of %d found beneath a call that works\n", t.MaskedFound, t.Masked)
	}
	if t.Healthy > 0 {
		fmt.Fprintf(out, "false alarms  %7d  in %s\n", t.FalseAlarms, number(t.Healthy, "healthy cell"))
	}
	s.printConfusion(out)
	s.printWrong(out)
	fmt.Fprintln(out)
	below := t.Below(s.bar)
	for _, why := range below {
		fmt.Fprintln(out, coloured(out, "✗", red)+" below the bar: "+why)
	}
	if len(below) == 0 {
		fmt.Fprintln(out, coloured(out, "✓", green)+" the bar is reached")
	}
	fmt.Fprintf(out, "%s in %.1f s\n", number(faults+t.Healthy, "case"), t.Seconds)
}

func percentOf(rate float64) string { return fmt.Sprintf("%.1f %%", 100*rate) }
