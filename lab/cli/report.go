package cli

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/pflag"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/report"
)

// reportFlag is the folder that a report is written into, if any.
type reportFlag struct{ folder string }

func (f *reportFlag) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.folder, "report", "", "write "+report.HTMLFile+", "+report.JSONFile+", "+report.JUnitFile+" and "+
		report.CaptureFile+"\ninto this `folder`")
}

// check makes the folder, so that one that cannot be is found before anything is
// played.
func (f reportFlag) check() error {
	if f.folder == "" {
		return nil
	}
	if err := os.MkdirAll(f.folder, 0o755); err != nil {
		return exit{exitUsage, fmt.Errorf("--report: %w; give a folder that can be written", err)}
	}
	return nil
}

// reportHelp tells of reports in the help of commands.
const reportHelp = `With --report FOLDER a report is written: report.html for people, report.json and
junit.xml for programs, and capture.pcapng, which Wireshark opens, with comments
on the packets that matter; of several scenarios each has its capture in
FOLDER/NAME. In GitHub Actions the job's summary and annotations are written, with
--report or without.`

// account is what a command has to report.
type account struct {
	command string
	on      string
	began   time.Time
	took    time.Duration
	results []lab.Result
	cells   []lab.Cell
}

// write writes the report where one was asked for, and in a job of GitHub Actions
// the job's summary and annotations in any case.
func (f reportFlag) write(out io.Writer, p account) error {
	run := p.report()
	if f.folder != "" {
		if err := report.Write(f.folder, run); err != nil {
			return err
		}
	}
	if os.Getenv("GITHUB_ACTIONS") != "true" {
		return nil
	}
	return report.GitHub(out, os.Getenv("GITHUB_STEP_SUMMARY"), run)
}

func (p account) report() report.Run {
	r := report.Run{
		Version: version(), Command: p.command, Fabric: p.on, Started: p.began, Took: p.took,
	}
	for _, result := range p.results {
		r.Cases = append(r.Cases, reportCase(result))
	}
	for _, c := range p.cells {
		r.Cells = append(r.Cells, reportCell(c))
		if c.Result != nil {
			r.Cases = append(r.Cases, reportCase(*c.Result))
		}
	}
	return r
}

// version is that of the module the command was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return ""
}

func reportCase(r lab.Result) report.Case {
	c := report.Case{
		Name: r.Scenario, About: r.About, Caller: r.Caller, Callee: r.Callee,
		Expected: report.Expected{
			Path: string(r.Expected.Path), Transport: r.Expected.Transport,
			Outcome: r.Expected.Verdict, Cause: r.Expected.Cause,
		},
		Verdict: report.Verdict(r.Verdict), Reason: r.Reason,
		Took:   time.Duration(r.Times.Total * float64(time.Millisecond)),
		OpenMS: r.Times.Open, Topology: r.Topology,
		Diagnosis: r.Diagnosis, Evidence: r.Trace, Secrets: r.Secrets,
	}
	if r.Proven != nil {
		c.Proven = r.Proven.String()
	}
	for _, m := range r.NATs {
		if m.Node == "" {
			continue // the lab failed before it was measured
		}
		n := report.NAT{Node: m.Node, Declared: m.Declared, Card: m.Card}
		for _, d := range m.Differs {
			n.Differs = append(n.Differs, d.String())
		}
		c.NATs = append(c.NATs, n)
	}
	for _, w := range r.Witnesses {
		c.Witnesses = append(c.Witnesses, report.Witness{Name: w.Witness, Path: string(w.Path), Saw: w.Saw})
	}
	for _, s := range r.Steps {
		step := report.Step{Step: s.Step, MS: s.MS, RecoveredMS: s.RecoveredMS, Problem: s.Problem}
		if s.Echo != nil {
			step.Sent, step.Echoed = s.Echo.Sent, s.Echo.Echoed
		}
		c.Steps = append(c.Steps, step)
	}
	if c.Evidence == nil {
		c.Evidence = remembered(r)
	}
	return c
}

// remembered is what a result holds of the witnesses where nothing was diagnosed.
func remembered(r lab.Result) *diagnose.Evidence {
	if r.Evidence.Caller == nil && r.Evidence.Callee == nil {
		return nil
	}
	e := &diagnose.Evidence{
		Caller: diagnose.Side{Node: "caller", Report: r.Evidence.Caller},
		Callee: diagnose.Side{Node: "callee", Report: r.Evidence.Callee},
	}
	for i, side := range []*diagnose.Side{&e.Caller, &e.Callee} {
		if i < len(r.NATs) && r.NATs[i].Node != "" {
			side.Node, side.NAT = r.NATs[i].Node, &r.NATs[i].Card
		}
	}
	if t := r.Evidence.Turn; t != nil {
		e.Server = &diagnose.Server{Running: t.Running, Events: t.Events, Allocations: t.Allocations}
	}
	return e
}

func reportCell(c lab.Cell) report.Cell {
	predicted := string(c.Predicted.Path)
	if c.Predicted.Transport != "" {
		predicted += "/" + c.Predicted.Transport
	}
	cell := report.Cell{
		Caller: c.Caller, Callee: c.Callee, Turn: c.Turn, Predicted: predicted, Why: c.Predicted.Reason,
		Verdict: report.Verdict(c.Verdict), Reason: c.Reason, OpenMS: c.Times.Open,
	}
	if c.Proven != nil {
		cell.Proven = c.Proven.String()
	}
	if d := c.Diagnosis; d != nil {
		cell.Outcome, cell.Cause, cell.Name, cell.Where, cell.Confidence = string(d.Outcome), d.Cause, d.Name, d.Where, d.Confidence
	}
	return cell
}

// reported joins what a command ended with and what became of its report.
func reported(err, failed error) error {
	if failed == nil {
		return err
	}
	return exit{exitFailed, fmt.Errorf("the report: %w", failed)}
}
