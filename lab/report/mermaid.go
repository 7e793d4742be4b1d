package report

import (
	"fmt"
	"slices"
	"strings"
)

// mermaidArrows is how many arrows GitHub draws readably.
const mermaidArrows = 60

// mermaid is a sequence as Mermaid's sequenceDiagram; empty without arrows.
func (s sequence) mermaid() string {
	if len(s.arrows) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	// A participant is named by a number: "-" and "end" mean something else there.
	name := func(node string) string { return fmt.Sprintf("n%d", slices.Index(s.lifelines, node)) }
	for _, node := range s.lifelines {
		fmt.Fprintf(&b, "  participant %s as %s\n", name(node), mermaidText(node))
	}
	noted := ""
	for _, a := range s.arrows {
		line := "->>"
		switch {
		case a.dropped != "" || a.lost:
			line = "-x"
		case a.answer:
			line = "-->>"
		}
		fmt.Fprintf(&b, "  %s%s%s: %s\n", name(a.from), line, name(a.to), mermaidText(a.label()))
		if a.said != "" && a.said != noted {
			noted = a.said
			fmt.Fprintf(&b, "  Note over %s,%s: %s\n", name(a.from), name(a.to), mermaidText(shortened(a.said, 100)))
		}
	}
	if s.left > 0 {
		fmt.Fprintf(&b, "  Note over n0,n%d: %d more arrows are left out\n", len(s.lifelines)-1, s.left)
	}
	return b.String()
}

// label is what stands at an arrow.
func (a arrow) label() string {
	text := a.text + a.times()
	if end := a.ending(); end != "" {
		text += ", " + end
	}
	return text
}

func (a arrow) times() string {
	if a.count > 1 {
		return fmt.Sprintf(" ×%d", a.count)
	}
	return ""
}

// ending is what became of it, where that is not good.
func (a arrow) ending() string {
	switch {
	case a.dropped != "":
		return "dropped: " + shortened(a.dropped, 32)
	case a.lost:
		return "did not arrive"
	case a.unanswered:
		return "no answer"
	}
	return ""
}

// mermaidText escapes what Mermaid, the HTML in it, or the fence around it would
// read: entities are written "#35;".
func mermaidText(text string) string {
	var b strings.Builder
	for _, r := range printable(text) {
		switch r {
		case '#', ';', '<', '>', '&', '"', '`', '%', '{', '}', '\\':
			fmt.Fprintf(&b, "#%d;", r)
		case '\n', '\t':
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// shortened is a text of so many characters at most.
func shortened(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return strings.TrimRight(string(runes[:most-1]), " ") + "…"
	}
	return text
}
