package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/scenarios"
)

// textReporter prints one line a scenario, and more when one did not pass.
type textReporter struct {
	out   io.Writer
	live  progress
	width int // of the longest scenario's name
}

func (t *textReporter) progress(what string) { t.live.say(what) }

func (t *textReporter) up(l *lab.Lab) {
	t.live.clear()
	fmt.Fprintf(t.out, "lab up in %.1f s\n\n", l.UpTime.Seconds())
	fmt.Fprintf(t.out, row, " ", t.width, "scenario", "expected", "proven", "open", "echoed", "caller × callee")
}

// row is mark, scenario, expected, proven, open, echoed, conditions.
const row = "%s %-*s  %-14s  %-14s  %7s  %9s  %s\n"

func (t *textReporter) begin(s scenarios.Scenario) {
	if t.live.live {
		t.progress(s.Name)
	}
}

func (t *textReporter) result(r lab.Result) {
	t.live.clear()
	expected := lab.Path{Path: r.Expected.Path, Transport: r.Expected.Transport}
	proven := "–"
	if r.Proven != nil {
		proven = r.Proven.String()
	}
	open, echoed := "–", "–"
	if r.Times.Open > 0 {
		open = fmt.Sprintf("%.0f ms", r.Times.Open)
	}
	sent, back := 0, 0
	for _, s := range r.Steps {
		if s.Echo != nil {
			sent, back = sent+s.Echo.Sent, back+s.Echo.Echoed
		}
	}
	if sent > 0 {
		echoed = fmt.Sprintf("%d/%d", back, sent)
	}
	fmt.Fprintf(t.out, row, t.mark(r.Verdict), t.width, r.Scenario, expected, proven, open, echoed, r.Caller+" × "+r.Callee)
	if r.Verdict == lab.Passed {
		return
	}
	fmt.Fprintf(t.out, "    %s: %s\n", r.Verdict, r.Reason)
	for _, w := range r.Witnesses {
		fmt.Fprintf(t.out, "      %-10s says %-10s %s\n", w.Witness, w.Path, w.Saw)
	}
}

func (t *textReporter) mark(v lab.Verdict) string {
	switch v {
	case lab.Passed:
		return coloured(t.out, "✓", green)
	case lab.Failed:
		return coloured(t.out, "✗", red)
	case lab.Unsupported:
		return coloured(t.out, "–", yellow)
	default:
		return coloured(t.out, "!", yellow)
	}
}

func (t *textReporter) end(results []lab.Result, took time.Duration) {
	fmt.Fprintf(t.out, "\n%d of %d passed in %.1f s", count(results, lab.Passed), len(results), took.Seconds())
	for _, v := range []lab.Verdict{lab.Failed, lab.Invalid, lab.Unsupported} {
		if n := count(results, v); n > 0 {
			fmt.Fprintf(t.out, ", %d %s", n, v)
		}
	}
	fmt.Fprintln(t.out)
}
