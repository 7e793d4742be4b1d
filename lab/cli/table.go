package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/scenarios"
)

// textReporter prints one line a scenario, and more when one did not pass.
type textReporter struct {
	out, err io.Writer
	live     bool // progress overwrites itself
	started  bool
	width    int // of the longest scenario's name
}

func (t *textReporter) progress(what string) {
	if t.live {
		fmt.Fprintf(t.err, "\r\x1b[K%s ...", what)
		return
	}
	fmt.Fprintln(t.err, what+" ...")
}

// clear takes the line of progress away.
func (t *textReporter) clear() {
	if t.live {
		fmt.Fprint(t.err, "\r\x1b[K")
	}
}

func (t *textReporter) up(l *lab.Lab) {
	t.clear()
	if t.started {
		return
	}
	t.started = true
	fmt.Fprintf(t.out, "lab up in %.1f s\n\n", l.UpTime.Seconds())
	fmt.Fprintf(t.out, row, " ", t.width, "scenario", "expected", "proven", "open", "echoed", "caller × callee")
}

// row is mark, scenario, expected, proven, open, echoed, conditions.
const row = "%s %-*s  %-14s  %-14s  %7s  %9s  %s\n"

func (t *textReporter) begin(s scenarios.Scenario) {
	if t.live {
		t.progress(s.Name)
	}
}

func (t *textReporter) result(r lab.Result) {
	t.clear()
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
	sign, colour := "✓", "32"
	switch v {
	case lab.Failed:
		sign, colour = "✗", "31"
	case lab.Invalid:
		sign, colour = "!", "33"
	case lab.Unsupported:
		sign, colour = "–", "33"
	}
	if !isTerminal(t.out) || os.Getenv("NO_COLOR") != "" {
		return sign
	}
	return "\x1b[" + colour + "m" + sign + "\x1b[0m"
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

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
