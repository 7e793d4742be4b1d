package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/scenarios"
)

// textReporter prints one line a scenario, and more when there is more to tell.
type textReporter struct {
	out     io.Writer
	live    progress
	columns []column
	chosen  lab.Chosen
	// explain says whether every diagnosis is told in full, or none; nil means those
	// of what did not pass.
	explain *bool
	// few: somebody asked for these scenarios, and wants to know of each.
	few bool
	// gap is due before the next row.
	gap bool
}

func (t *textReporter) progress(what string)   { t.live.say(what) }
func (t *textReporter) playing(p lab.Progress) { t.live.playing(p) }
func (t *textReporter) clear()                 { t.live.clear() }
func (t *textReporter) log() io.Writer         { return t.live.w }

func (t *textReporter) on(c lab.Chosen) {
	t.chosen = c
	t.clear()
	fmt.Fprintln(t.out, wrapped(onLine(c), 0, widthOf(t.out)))
	t.progress("bringing the lab up")
}

func (t *textReporter) up(labs int, took time.Duration) {
	t.clear()
	fmt.Fprintf(t.out, "%s up in %s\n\n", number(labs, "lab"), lasted(took))
	titles := func(c column) string { return c.title }
	fmt.Fprintln(t.out, " "+t.row(titles))
}

// lasted is a time as people read it: "38 ms", "2.2 s".
func lasted(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// row is all columns after the mark.
func (t *textReporter) row(text func(column) string) string {
	var b strings.Builder
	for i, c := range t.columns {
		b.WriteString(strings.Repeat(" ", min(i+1, 2)))
		b.WriteString(c.padded(text(c)))
	}
	return strings.TrimRight(b.String(), " ")
}

func (t *textReporter) result(r lab.Result) {
	t.clear()
	if t.gap {
		fmt.Fprintln(t.out)
		t.gap = false
	}
	fmt.Fprintln(t.out, t.mark(r.Verdict)+t.row(func(c column) string { return c.of(r) }))
	if told := recoveries(r); told != "" {
		t.below(4, told)
	}
	t.unmet(r)
	if r.Diagnosis != nil {
		t.diagnosis(r)
	}
}

// diagnosis tells why the path is what it is: in full where that is asked for or the
// scenario did not pass; of a few scenarios where anything is wrong too. Otherwise in
// a line, where the path is not direct.
func (t *textReporter) diagnosis(r lab.Result) {
	v := *r.Diagnosis
	full := r.Verdict != lab.Passed || t.few && !natural(v)
	if t.explain != nil {
		full = *t.explain
	}
	p := newPage(t.out, 4)
	switch {
	case full:
		fmt.Fprintln(t.out)
		p.verdict(v)
		t.gap = true
	case t.few && !plain(v):
		p.headline(v)
	case v.Outcome != diagnose.DirectOK && !plain(v):
		p.brief(v)
	}
}

// unmet tells what of a scenario is not as expected.
func (t *textReporter) unmet(r lab.Result) {
	switch r.Verdict {
	case lab.Passed:
		return
	case lab.Unsupported:
		t.below(4, r.Reason)
		return
	}
	t.below(4, fmt.Sprintf("%s: %s", r.Verdict, r.Reason))
	for _, w := range r.Witnesses {
		said := fmt.Sprintf("      %-10s says %-10s ", w.Witness, w.Path)
		saw := wrapped(w.Saw, len(said), widthOf(t.out))
		fmt.Fprintln(t.out, said+strings.TrimLeft(saw, " "))
	}
}

func (t *textReporter) below(indent int, text string) {
	fmt.Fprintln(t.out, wrapped(text, indent, widthOf(t.out)))
}

// recoveries tells how long the echo was away after each step that asked.
func recoveries(r lab.Result) string {
	var told []string
	for _, s := range r.Steps {
		if s.RecoveredMS != nil {
			took := time.Duration(*s.RecoveredMS * float64(time.Millisecond))
			step, _, _ := strings.Cut(s.Step, " within ")
			told = append(told, fmt.Sprintf("%s after %s", lasted(took), step))
		}
	}
	if len(told) == 0 {
		return ""
	}
	return "recovered " + strings.Join(told, ", ")
}

func (t *textReporter) mark(v lab.Verdict) string {
	switch v {
	case lab.Passed:
		return coloured(t.out, "✓", green)
	case lab.Failed:
		return coloured(t.out, "✗", red)
	case lab.Unsupported:
		return coloured(t.out, "·", yellow)
	default:
		return coloured(t.out, "!", yellow)
	}
}

func (t *textReporter) end(results []lab.Result, took time.Duration) {
	t.clear()
	text := summary(results, t.chosen.On)
	if strings.Contains(text, ",") {
		text += ","
	}
	fmt.Fprintf(t.out, "\n%s in %s\n", text, lasted(took))
}

// column is one of the table's.
type column struct {
	title string
	width int // negative: to the left
	of    func(lab.Result) string
}

func (c column) padded(text string) string {
	space := strings.Repeat(" ", max(0, max(c.width, -c.width)-utf8.RuneCountInString(text)))
	if c.width < 0 {
		return text + space
	}
	return space + text
}

// fitting are the columns that a line of a width has room for; zero is no limit.
// The conditions stand in icelab list too, and a path that is not the expected one
// is told below.
func fitting(list []scenarios.Scenario, width int) []column {
	name, sides := column{"scenario", len("scenario"), scenarioOf}, column{"caller × callee", len("caller x callee"), sidesOf}
	for _, s := range list {
		name.width = max(name.width, utf8.RuneCountInString(s.Name))
		if caller, callee, err := s.Conditions(); err == nil {
			sides.width = max(sides.width, len(caller.Name+" x "+callee.Name))
		}
	}
	name.width, sides.width = -name.width, -sides.width
	expected := column{"expected", -14, func(r lab.Result) string {
		return lab.Path{Path: r.Expected.Path, Transport: r.Expected.Transport}.String()
	}}
	proven, open, echoed := column{"proven", -14, provenOf}, column{"open", 7, openOf}, column{"echoed", 9, echoedOf}
	for _, all := range [][]column{
		{name, expected, proven, open, echoed, sides},
		{name, proven, open, echoed, sides},
	} {
		needs := 0
		for _, c := range all {
			needs += 2 + max(c.width, -c.width)
		}
		if width == 0 || needs <= width {
			return all
		}
	}
	return []column{name, proven, open, echoed}
}

func scenarioOf(r lab.Result) string { return r.Scenario }
func sidesOf(r lab.Result) string    { return r.Caller + " × " + r.Callee }

func provenOf(r lab.Result) string {
	if r.Proven == nil {
		return "–"
	}
	return r.Proven.String()
}

func openOf(r lab.Result) string {
	if r.Times.Open == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f ms", r.Times.Open)
}

func echoedOf(r lab.Result) string {
	sent, back := 0, 0
	for _, s := range r.Steps {
		if s.Echo != nil {
			sent, back = sent+s.Echo.Sent, back+s.Echo.Echoed
		}
	}
	if sent == 0 {
		return "–"
	}
	return fmt.Sprintf("%d/%d", back, sent)
}
