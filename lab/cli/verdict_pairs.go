package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/icelab-go/icelab/lab/diagnose"
)

// pairs are the check list of each side: a matrix of its candidates and the
// other's, with a letter for what became of each pair. The letters are told below.
func (p page) pairs(all []diagnose.PairReason) {
	var nodes []string
	for _, pair := range all {
		if !slices.Contains(nodes, pair.Node) {
			nodes = append(nodes, pair.Node)
		}
	}
	for _, node := range nodes {
		of := slices.DeleteFunc(slices.Clone(all), func(pair diagnose.PairReason) bool { return pair.Node != node })
		newCheckList(node, of).print(p)
	}
}

// checkList is one side's pairs as a matrix.
type checkList struct {
	node            string
	locals, remotes []string
	// fates are what became of pairs, each told once; cells index them by local and
	// remote, from 1.
	fates []fate
	cells map[[2]string]int
}

type fate struct{ state, reason string }

func newCheckList(node string, pairs []diagnose.PairReason) checkList {
	l := checkList{node: node, cells: map[[2]string]int{}}
	for _, pair := range pairs {
		if !slices.Contains(l.locals, pair.Local) {
			l.locals = append(l.locals, pair.Local)
		}
		if !slices.Contains(l.remotes, pair.Remote) {
			l.remotes = append(l.remotes, pair.Remote)
		}
		f := fate{pair.State, pair.Reason}
		at := slices.Index(l.fates, f)
		if at < 0 {
			at, l.fates = len(l.fates), append(l.fates, f)
		}
		l.cells[[2]string{pair.Local, pair.Remote}] = at + 1
	}
	return l
}

// cell is a pair's mark and letter, three characters wide.
func (l checkList) cell(p page, local, remote string) string {
	n := l.cells[[2]string{local, remote}]
	if n == 0 {
		return "   "
	}
	mark, hue := stateMark(l.fates[n-1].state)
	return p.paint(hue, fmt.Sprintf("%s%-2s", mark, letter(n-1)))
}

// letter counts a to z, then aa, ab.
func letter(n int) string {
	if n >= 26 {
		return letter(n/26-1) + letter(n%26)
	}
	return string(rune('a' + n))
}

func (l checkList) print(p page) {
	p.heading("Pairs of the " + l.node)
	const column = 5
	width := 0
	for _, local := range l.locals {
		width = max(width, utf8.RuneCountInString(local))
	}
	margin := strings.Repeat(" ", p.indent+2)
	// What does not fit beside each other comes below.
	fit := max(1, (p.width-p.indent-2-width)/column)
	for from := 0; from < len(l.remotes); from += fit {
		remotes := l.remotes[from:min(from+fit, len(l.remotes))]
		head := margin + strings.Repeat(" ", width)
		for i := range remotes {
			head += fmt.Sprintf("  %-3d", from+i+1)
		}
		fmt.Fprintln(p.out, strings.TrimRight(head, " "))
		for _, local := range l.locals {
			row := margin + local + strings.Repeat(" ", width-utf8.RuneCountInString(local))
			for _, remote := range remotes {
				row += "  " + l.cell(p, local, remote)
			}
			fmt.Fprintln(p.out, strings.TrimRight(row, " "))
		}
	}
	for i, remote := range l.remotes {
		p.dim(fmt.Sprintf("  %-3d", i+1), remote)
	}
	for i, f := range l.fates {
		mark, hue := stateMark(f.state)
		text := f.state
		if f.reason != "" {
			text += ": " + f.reason
		}
		p.labelled(hue, fmt.Sprintf("  %s%-2s", mark, letter(i)), text)
	}
}

// stateMark is the mark of a pair's state (RFC 8445 section 6.1.2.6), and of those
// that were nominated.
func stateMark(state string) (string, colour) {
	switch state {
	case "succeeded", "nominated", "selected":
		return "✓", green
	case "failed":
		return "✗", red
	default:
		return "–", grey
	}
}
