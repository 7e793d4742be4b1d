package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/scenarios"
)

func newRunCommand() *cobra.Command {
	var (
		format  string
		explain bool
		place   fabricFlags
		report  reportFlag
	)
	cmd := &cobra.Command{
		Use:   "run [SCENARIO ...]",
		Short: "Run scenarios and prove which path each echo took",
		Long: `Runs the scenarios named, or all bundled ones without faults. A scenario is the
name of a bundled one (see icelab list) or the path of a YAML file.

Four witnesses have to agree on the path: the caller, the callee, the gateways
and the TURN server. A scenario passes when the path they agree on is the
expected one and every step did what it should; where it says a cause or an outcome
the diagnosis has to name that. One that a fabric cannot play is not supported
there, with the reason: that is no pass, and no failure.

A scenario that passes has a line, and below it another that says why its path is
not direct. One that does not pass is explained: the cause, how far each side got on
the way to the TURN server and in the call (✓ held, ✗ failed, – was not tried), what
became of each candidate pair, what speaks for the cause and against it, and what to
do. Of up to three scenarios by name those are explained too that pass with
something wrong in them. --explain explains every scenario, --explain=false none.

Exit codes: 0 all passed that are supported, 1 one failed, 2 a mistake in the
command line or a scenario file, 3 the fabric is not to be had here, 4 the lab
could not be set up or supports none of them, 130 interrupted.

` + reportHelp,
		Example: `  icelab run
  icelab run srflx-forced relay-symmetric
  icelab run --on netns --parallel 8
  icelab run -v relay-symmetric
  icelab run --report out relay-symmetric
  icelab run ./my-scenario.yaml --format json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			if err := place.check(); err != nil {
				return err
			}
			// Every file is read before anything starts.
			list, err := find(args)
			if err != nil {
				return exit{exitUsage, err}
			}
			if err := report.check(); err != nil {
				return err
			}
			out := newReporter(format, list, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if t, ok := out.(*textReporter); ok {
				t.few = len(args) > 0 && len(args) <= fewScenarios
				if cmd.Flags().Changed("explain") {
					t.explain = &explain
				}
			}
			return stopped(cmd.Context(), runAll(cmd.Context(), place, list, out, report))
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	cmd.Flags().BoolVarP(&explain, "explain", "v", false, "explain every scenario; false explains none")
	place.add(cmd.Flags(), onCompose)
	report.add(cmd.Flags())
	return cmd
}

// fewScenarios is up to how many somebody names because of what each has to say.
const fewScenarios = 3

func find(names []string) ([]scenarios.Scenario, error) {
	if len(names) == 0 {
		return scenarios.Bundled(), nil
	}
	var list []scenarios.Scenario
	for _, name := range names {
		s, err := scenarios.Find(name)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// runAll plays the scenarios on labs beside each other.
func runAll(ctx context.Context, place fabricFlags, list []scenarios.Scenario, out reporter, report reportFlag) (err error) {
	defer out.clear()
	on, chosen, err := place.open(ctx, out.progress)
	if err != nil {
		return err
	}
	defer func() {
		if left := closeFabric(on); left != nil {
			err = errors.Join(err, left)
		}
	}()
	out.on(chosen)
	begin := time.Now()
	results, err := lab.RunAll(ctx, on, list, lab.Plan{
		Parallel: place.parallel, Up: out.up, Progress: out.playing, Final: out.result,
	})
	if err != nil {
		return invalid(err)
	}
	took := time.Since(begin)
	out.end(results, took)
	return reported(verdict(results), report.write(out.log(), account{
		command: "run", on: chosen.On, began: begin, took: took, results: results,
	}))
}

// invalid gives what went wrong with a lab its exit code.
func invalid(err error) error {
	var missing *fabric.Unavailable
	if errors.As(err, &missing) {
		return err
	}
	return exit{exitInvalid, err}
}

func verdict(results []lab.Result) error {
	var verdicts []lab.Verdict
	for _, r := range results {
		verdicts = append(verdicts, r.Verdict)
	}
	return verdictOf(verdicts)
}

// verdictOf is the exit of all verdicts together. What is not supported counts
// only when nothing passed.
func verdictOf(all []lab.Verdict) error {
	code, passed := exitPassed, false
	for _, v := range all {
		switch v {
		case lab.Passed:
			passed = true
		case lab.Failed:
			code = max(code, exitFailed)
		case lab.Invalid:
			code = exitInvalid
		}
	}
	if code == exitPassed && !passed {
		code = exitInvalid
	}
	if code == exitPassed {
		return nil
	}
	return exit{code, errSilent}
}

// reporter tells the user what happens.
type reporter interface {
	progress(what string)
	on(lab.Chosen)
	up(labs int, took time.Duration)
	playing(lab.Progress)
	result(lab.Result)
	end([]lab.Result, time.Duration)
	clear()
	// log is where annotations for CI go, apart from results.
	log() io.Writer
}

func newReporter(format string, list []scenarios.Scenario, out, err io.Writer) reporter {
	if format == "json" {
		return &jsonReporter{out: out, live: newProgress(err)}
	}
	return &textReporter{out: out, live: newProgress(err), columns: fitting(list, widthOf(out))}
}

type jsonReporter struct {
	out  io.Writer
	live progress
	lab  labJSON
}

func (j *jsonReporter) progress(what string)   { j.live.say(what) }
func (j *jsonReporter) playing(p lab.Progress) { j.live.playing(p) }
func (j *jsonReporter) result(lab.Result)      {}
func (j *jsonReporter) clear()                 { j.live.clear() }
func (j *jsonReporter) log() io.Writer         { return j.live.w }

func (j *jsonReporter) on(c lab.Chosen) {
	j.lab.Chosen = c
	j.live.say("bringing the lab up " + onLine(c))
}

func (j *jsonReporter) up(labs int, took time.Duration) {
	j.lab.Parallel, j.lab.UpMS = labs, float64(took.Microseconds())/1000
}

func (j *jsonReporter) end(results []lab.Result, took time.Duration) {
	j.clear()
	encoder := json.NewEncoder(j.out)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(struct {
		Lab         labJSON      `json:"lab"`
		Results     []lab.Result `json:"results"`
		Passed      int          `json:"passed"`
		Failed      int          `json:"failed"`
		Invalid     int          `json:"invalid"`
		Unsupported int          `json:"unsupported"`
		Seconds     float64      `json:"seconds"`
	}{
		j.lab, results, count(results, lab.Passed), count(results, lab.Failed), count(results, lab.Invalid),
		count(results, lab.Unsupported), took.Seconds(),
	})
}

func count(results []lab.Result, v lab.Verdict) int {
	n := 0
	for _, r := range results {
		if r.Verdict == v {
			n++
		}
	}
	return n
}

// summary tells how many of what there are: "20 of 20 passed", or "18 passed, 1
// failed, 4 not supported on vnet".
func summary(results []lab.Result, on string) string {
	passed := count(results, lab.Passed)
	if passed == len(results) {
		return fmt.Sprintf("%d of %d passed", passed, passed)
	}
	text := fmt.Sprintf("%d passed", passed)
	for _, v := range []struct {
		lab.Verdict
		told string
	}{{lab.Failed, "failed"}, {lab.Invalid, "invalid"}, {lab.Unsupported, "not supported on " + on}} {
		if n := count(results, v.Verdict); n > 0 {
			text += fmt.Sprintf(", %d %s", n, v.told)
		}
	}
	return text
}
