package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	tclog "github.com/testcontainers/testcontainers-go/log"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/fabric/compose"
	"github.com/icelab-go/icelab/lab/fabric/docker"
	"github.com/icelab-go/icelab/scenarios"
)

func newRunCommand() *cobra.Command {
	var format, on, control string
	cmd := &cobra.Command{
		Use:   "run [SCENARIO ...]",
		Short: "Run scenarios and prove which path each echo took",
		Long: `Runs the scenarios named, or all bundled ones. A scenario is the name of a
bundled one (see icelab list) or the path of a YAML file.

Four witnesses have to agree on the path: the caller, the callee, the gateways
and the TURN server. A scenario passes when the path they agree on is the
expected one and every step did what it should.

Exit codes: 0 all passed, 1 one failed, 2 a mistake in the command line or a
scenario file, 3 Docker is not there, 4 the lab could not be set up.`,
		Example: `  icelab run
  icelab run srflx-forced relay-symmetric
  icelab run ./my-scenario.yaml --format json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			// Every file is read before anything starts.
			list, err := find(args)
			if err != nil {
				return exit{exitUsage, err}
			}
			out := newReporter(format, list, cmd.OutOrStdout(), cmd.ErrOrStderr())
			place, err := openFabric(cmd.Context(), on, control, out.progress)
			if err != nil {
				return err
			}
			return runAll(cmd.Context(), place, list, out)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	cmd.Flags().StringVar(&on, "on", "docker", "where the lab lives: docker, or compose (inside docker-compose.yml only)")
	cmd.Flags().StringVar(&control, "control", "/control", "with --on compose: the folder of the nodes' sockets")
	_ = cmd.Flags().MarkHidden("control")
	return cmd
}

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

func openFabric(ctx context.Context, on, control string, progress func(string)) (fabric.Fabric, error) {
	switch on {
	case "docker":
		quietTestcontainers()
		return docker.New(ctx, progress)
	case "compose":
		return compose.New(control), nil
	}
	return nil, exit{exitUsage, fmt.Errorf("--on %q: want docker or compose", on)}
}

// quietTestcontainers keeps that library from writing to the terminal and from
// pulling its reaper: the lab ends its own containers. Who sets the variable
// decides for himself.
func quietTestcontainers() {
	const reaper = "TESTCONTAINERS_RYUK_DISABLED"
	if _, set := os.LookupEnv(reaper); !set {
		os.Setenv(reaper, "true")
	}
	tclog.SetDefault(discard{})
}

type discard struct{}

func (discard) Printf(string, ...any) {}

// runAll plays the scenarios one after the other on one lab.
func runAll(ctx context.Context, place fabric.Fabric, list []scenarios.Scenario, out reporter) (err error) {
	if c, ok := place.(io.Closer); ok {
		defer func() { err = errors.Join(err, c.Close()) }()
	}
	begin := time.Now()
	out.progress("bringing the lab up")
	l, err := lab.Start(ctx, place)
	if err != nil {
		return invalid(err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	out.up(l)
	var results []lab.Result
	for _, s := range list {
		out.begin(s)
		r := l.Run(ctx, s)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		results = append(results, r)
		out.result(r)
	}
	out.end(results, time.Since(begin))
	return verdict(results)
}

// invalid gives what went wrong while a lab came up its exit code.
func invalid(err error) error {
	var missing *fabric.Unavailable
	if errors.As(err, &missing) {
		return err
	}
	return exit{exitInvalid, err}
}

func verdict(results []lab.Result) error {
	code := exitPassed
	for _, r := range results {
		switch r.Verdict {
		case lab.Failed:
			code = max(code, exitFailed)
		case lab.Invalid:
			code = exitInvalid
		}
	}
	if code == exitPassed {
		return nil
	}
	return exit{code, errSilent}
}

// reporter tells the user what happens.
type reporter interface {
	progress(what string)
	up(*lab.Lab)
	begin(scenarios.Scenario)
	result(lab.Result)
	end([]lab.Result, time.Duration)
}

func newReporter(format string, list []scenarios.Scenario, out, err io.Writer) reporter {
	if format == "json" {
		return &jsonReporter{out: out, err: err}
	}
	t := &textReporter{out: out, live: newProgress(err), width: len("scenario")}
	for _, s := range list {
		t.width = max(t.width, len(s.Name))
	}
	return t
}

type jsonReporter struct{ out, err io.Writer }

func (j *jsonReporter) progress(what string)     { fmt.Fprintln(j.err, "icelab: "+what) }
func (j *jsonReporter) up(*lab.Lab)              {}
func (j *jsonReporter) begin(scenarios.Scenario) {}
func (j *jsonReporter) result(lab.Result)        {}

func (j *jsonReporter) end(results []lab.Result, took time.Duration) {
	encoder := json.NewEncoder(j.out)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(struct {
		Results []lab.Result `json:"results"`
		Passed  int          `json:"passed"`
		Failed  int          `json:"failed"`
		Invalid int          `json:"invalid"`
		Seconds float64      `json:"seconds"`
	}{results, count(results, lab.Passed), count(results, lab.Failed), count(results, lab.Invalid), took.Seconds()})
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
