package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab"
)

// printConfusion tells which truths got which wrong answers.
func (s *scoring) printConfusion(out io.Writer) {
	answers := map[string]map[string]int{}
	for _, c := range slices.Concat(s.tally.Cases, s.tally.Alarms) {
		if c.Correct {
			continue
		}
		if answers[c.Truth] == nil {
			answers[c.Truth] = map[string]int{}
		}
		answers[c.Truth][answered(c)]++
	}
	if len(answers) == 0 {
		return
	}
	heading(out, "Truth → wrong answers")
	for _, truth := range sorted(answers) {
		var told []string
		for _, answer := range sorted(answers[truth]) {
			told = append(told, fmt.Sprintf("%s × %d", answer, answers[truth][answer]))
		}
		hang(out, fmt.Sprintf("  %-5s→ ", truth), strings.Join(told, ", "))
	}
}

// sorted are the keys of a map: A2 before A10.
func sorted[V any](of map[string]V) []string {
	var keys []string
	for key := range of {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if len(a) != len(b) && a[:1] == b[:1] {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return keys
}

// printWrong tells each case that was wrong, was played otherwise than its scenario
// expects, or could not be played.
func (s *scoring) printWrong(out io.Writer) {
	told := false
	tell := func(c lab.Case, more ...string) {
		if !told {
			heading(out, "Cases")
			told = true
		}
		line := caseLine(c)
		if len(s.on) > 1 {
			line += " on " + c.On
		}
		fmt.Fprintln(out, coloured(out, caseMark(c), caseColour(c))+" "+line)
		for _, text := range more {
			if text != "" {
				hang(out, "    ", text)
			}
		}
	}
	for _, c := range slices.Concat(s.tally.Cases, s.tally.Alarms) {
		switch {
		case !c.Correct:
			others := ""
			if len(c.Alternatives) > 0 {
				others = "or " + strings.Join(c.Alternatives, ", ")
			}
			tell(c, c.Caller+" × "+c.Callee, c.Sentence, others, c.Reason)
		case c.Verdict == lab.Failed:
			tell(c, "the answer is right, but the scenario went otherwise: "+c.Reason)
		}
	}
	for _, c := range s.tally.Unplayed {
		tell(c)
	}
}

// caseLine is a case in a line: "a1-caller  A1 → A2 (0.90)".
func caseLine(c lab.Case) string {
	if !c.Played() {
		return fmt.Sprintf("%s  %s: %s", c.Name, c.Verdict, c.Reason)
	}
	if c.Healthy && c.Correct {
		// A cause there is one of the conditions themselves.
		return fmt.Sprintf("%s  healthy: %s %s", c.Name, c.Outcome, c.Answer)
	}
	return fmt.Sprintf("%s  %s → %s (%.2f)", c.Name, c.Truth, answered(c), c.Confidence)
}

// answered is the answer, with the outcome where that is what is wrong.
func answered(c lab.Case) string {
	if c.Expected != "" && c.Outcome != c.Expected {
		return fmt.Sprintf("%s %s instead of %s", c.Answer, c.Outcome, c.Expected)
	}
	return c.Answer
}

func caseMark(c lab.Case) string {
	switch {
	case c.Verdict == lab.Unsupported:
		return "·"
	case !c.Played():
		return "!"
	case c.Correct:
		return "✓"
	default:
		return "✗"
	}
}

func caseColour(c lab.Case) colour {
	switch {
	case !c.Played():
		return yellow
	case c.Correct:
		return green
	default:
		return red
	}
}
