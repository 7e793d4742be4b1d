package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/icelab-go/icelab/lab/diagnose"
)

// plain reports whether a verdict says no more than that all is as it should be.
func plain(v diagnose.Verdict) bool { return natural(v) && v.Cause == "" }

// natural reports whether nothing is wrong: the path is the best that there is, and
// what keeps it from being better is not a fault.
func natural(v diagnose.Verdict) bool {
	return (v.Outcome == diagnose.DirectOK || v.Outcome == diagnose.RelayExpected) && len(v.Also) == 0
}

// verdict tells the whole of it: the answer first, then how far each side got, what
// speaks for and against the answer, and what to do.
func (p page) verdict(v diagnose.Verdict) {
	p.answer(v)
	p.ladders(v.Ladders)
	p.pairs(v.Pairs)
	p.section("For", v.Evidence)
	p.section("Against", v.Against)
	p.others(v)
	p.benign(v.Benign)
	p.remedy(v)
}

// answer is the verdict in a sentence, and what it is about.
func (p page) answer(v diagnose.Verdict) {
	p.headline(v)
	var facts []string
	if v.Name != "" {
		facts = append(facts, v.Name)
	}
	if v.Cause != "" {
		facts = append(facts, fmt.Sprintf("confidence %.2f", v.Confidence))
	}
	if v.Where != "" {
		facts = append(facts, "at "+v.Where)
	}
	if v.Predicted != "" {
		facts = append(facts, fmt.Sprintf("predicted %s, proven %s", v.Predicted, cmp.Or(v.Proven, "nothing")))
	}
	if len(facts) > 0 {
		p.dim("", strings.Join(facts, " · "))
	}
}

// headline is a verdict in one sentence.
func (p page) headline(v diagnose.Verdict) {
	p.labelled(outcomeColour(v), outcomeOf(v), v.Sentence)
}

func outcomeOf(v diagnose.Verdict) string {
	label := string(v.Outcome) + "  "
	if v.Cause != "" {
		label += v.Cause + "  "
	}
	return label
}

// brief is a verdict in one line: what the outcome already says of the sentence is
// left out, and a terminal gets as much as it has room for.
func (p page) brief(v diagnose.Verdict) {
	label, text := outcomeOf(v), v.Sentence
	if _, reason, found := strings.Cut(text, ", because "); found {
		text = "because " + reason
	}
	if width := widthOf(p.out); width > 0 {
		room := max(0, width-p.indent-utf8.RuneCountInString(label))
		if line := []rune(text); len(line) > room {
			text = string(line[:max(0, room-1)]) + "…"
		}
	}
	fmt.Fprintln(p.out, strings.Repeat(" ", p.indent)+p.paint(outcomeColour(v), label)+text)
}

func outcomeColour(v diagnose.Verdict) colour {
	switch {
	case natural(v), v.Outcome == diagnose.RelayOK:
		return green
	case v.Outcome == diagnose.RelayFailed, v.Outcome == diagnose.ConnectFailed:
		return red
	default:
		return yellow
	}
}

// section lists evidence.
func (p page) section(title string, items []diagnose.Item) {
	if len(items) == 0 {
		return
	}
	p.heading(title)
	for _, text := range toldOnce(items) {
		p.labelled("", "  · ", text)
	}
}

// toldOnce tells pieces of evidence, those that say the same in one.
func toldOnce(items []diagnose.Item) []string {
	var once []diagnose.Item
	times := map[int]int{}
	for _, item := range items {
		at := slices.IndexFunc(once, func(o diagnose.Item) bool { return o.Text == item.Text && o.Of == item.Of })
		if at < 0 {
			at, once = len(once), append(once, diagnose.Item{Text: item.Text, Of: item.Of})
		}
		once[at].Packets = append(once[at].Packets, item.Packets...)
		times[at]++
	}
	var texts []string
	for i, item := range once {
		if n := times[i]; n > 1 {
			item.Text += fmt.Sprintf(", %d times", n)
		}
		texts = append(texts, told(item))
	}
	return texts
}

// told is a piece of evidence with what it rests on: "... (server; packets 3, 4)".
func told(item diagnose.Item) string {
	of := string(item.Of)
	if on := packets(item.Packets); on != "" {
		of = strings.TrimPrefix(of+"; "+on, "; ")
	}
	if of == "" {
		return item.Text
	}
	return fmt.Sprintf("%s (%s)", item.Text, of)
}

// packets names a few of them, by their numbers in the report.
func packets(ids []int) string {
	const most = 4
	if len(ids) == 0 {
		return ""
	}
	var numbers []string
	for _, id := range ids[:min(len(ids), most)] {
		numbers = append(numbers, fmt.Sprint(id))
	}
	word := "packets "
	if len(ids) == 1 {
		word = "packet "
	}
	text := word + strings.Join(numbers, ", ")
	if more := len(ids) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// others are the other causes: those found, and those that are not ruled out.
func (p page) others(v diagnose.Verdict) {
	if len(v.Also) > 0 {
		p.heading("Also found")
		for _, f := range v.Also {
			p.labelled("", fmt.Sprintf("  %-4s%.2f  ", f.Cause, f.Confidence), titleAt(f.Cause, f.Where))
			for _, text := range toldOnce(f.Evidence) {
				p.dim("            · ", text)
			}
		}
	}
	if len(v.Alternatives) > 0 {
		p.heading("Not ruled out")
		for _, a := range v.Alternatives {
			text := titleAt(a.Cause, "")
			if a.Next != "" {
				text += "; to tell: " + a.Next
			}
			p.labelled("", fmt.Sprintf("  %-4s%.2f  ", a.Cause, a.Confidence), text)
		}
	}
}

// titleAt says a cause in a few words, with its place.
func titleAt(code, where string) string {
	title := code
	if c, known := diagnose.Find(code); known {
		title = c.Title
	}
	if where != "" {
		title += ", at " + where
	}
	return title
}

// benign tells in a line what looks bad and is not.
func (p page) benign(items []diagnose.Item) {
	if len(items) == 0 {
		return
	}
	var texts []string
	for _, item := range items {
		if !slices.Contains(texts, item.Text) {
			texts = append(texts, item.Text)
		}
	}
	p.heading("")
	p.dim("Normal: ", strings.Join(texts, "; "))
}

// remedy says who has to do what.
func (p page) remedy(v diagnose.Verdict) {
	if v.Remedy == nil {
		return
	}
	p.heading("")
	p.labelled(bold, "→ "+string(v.Remedy.Owner)+": ", v.Remedy.Do)
}
