package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/ladder"
)

// ladders tell how far each side got: with each URL, and in the call.
func (p page) ladders(sides []diagnose.SideLadder) {
	began := false
	climb := func(who, what string, rungs []ladder.Rung) {
		if len(rungs) == 0 {
			return
		}
		if !began {
			p.heading("How far each side got")
			began = true
		}
		p.climb(who, what, rungs)
	}
	for _, side := range sides {
		for _, c := range side.Climbs {
			climb(side.Node, c.URL, c.Rungs)
		}
		climb(side.Node, "the call", side.Call)
	}
}

// climb is one row of rungs, and what decided it.
func (p page) climb(who, what string, rungs []ladder.Rung) {
	rungs = inOrder(rungs)
	p.labelled("", fmt.Sprintf("  %-7s ", who), what)
	inner := p
	inner.indent += len("  caller  ")
	inner.rungs(rungs)
	if r := deciding(rungs); r != nil && seen(*r) != "" {
		detail := fmt.Sprintf("%s: %s", r.Stage, seen(*r))
		if on := packets(r.Packets); on != "" {
			detail += " (" + on + ")"
		}
		inner.labelled("", "└ ", detail)
	}
}

// deciding is the first rung that failed, or else the last that held.
func deciding(rungs []ladder.Rung) *ladder.Rung {
	var last *ladder.Rung
	for i := range rungs {
		switch rungs[i].Outcome {
		case ladder.Failed:
			return &rungs[i]
		case ladder.OK:
			last = &rungs[i]
		}
	}
	return last
}

// stages are all of them, in the order in which a connection is made.
var stages = []ladder.Stage{
	ladder.Setup, ladder.DNS, ladder.Transport, ladder.TLS, ladder.Binding,
	ladder.Challenge, ladder.Allocate, ladder.Permission, ladder.Relay,
	ladder.Signalling, ladder.Checks, ladder.Nomination, ladder.Handshake, ladder.SCTP, ladder.Data,
}

// inOrder sorts rungs as they are climbed: a Binding, for one, may be seen after an
// allocation.
func inOrder(rungs []ladder.Rung) []ladder.Rung {
	return slices.SortedStableFunc(slices.Values(rungs), func(a, b ladder.Rung) int {
		return slices.Index(stages, a.Stage) - slices.Index(stages, b.Stage)
	})
}

// seen is what decided a rung, in words if there are any.
func seen(r ladder.Rung) string {
	switch {
	case r.Detail != "":
		return r.Detail
	case r.Code != 0:
		return fmt.Sprintf("error %d", r.Code)
	}
	return string(r.Fault)
}

// rungs writes them beside each other, and never breaks a mark from its rung.
func (p page) rungs(rungs []ladder.Rung) {
	var line strings.Builder
	column := 0
	for _, r := range rungs {
		mark, hue := rungMark(r.Outcome)
		text := mark + " " + string(r.Stage)
		length := utf8.RuneCountInString(text)
		switch {
		case column == 0:
		case p.indent+column+2+length > p.width:
			fmt.Fprintln(p.out, strings.Repeat(" ", p.indent)+line.String())
			line.Reset()
			column = 0
		default:
			line.WriteString("  ")
			column += 2
		}
		line.WriteString(p.paint(hue, text))
		column += length
	}
	fmt.Fprintln(p.out, strings.Repeat(" ", p.indent)+line.String())
}

func rungMark(o ladder.Outcome) (string, colour) {
	switch o {
	case ladder.OK:
		return "✓", green
	case ladder.Failed:
		return "✗", red
	default:
		return "–", grey
	}
}
