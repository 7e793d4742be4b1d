package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// alike are causes that look the same to a client: a server that does not answer,
// and one that refuses the credentials.
var alike = [][]string{
	{"B3", "B4", "B5", "B6", "B7", "B15", "B20"},
	{"A1", "A2", "A3", "A4", "A13", "G6"},
}

// probed puts what was found by probing to what the call itself showed. A probe
// comes after the call, and of what looks alike the call's witnesses know more:
// where they named the cause, the probe adds evidence and no other cause.
func (f *facts) probed(list []finding) []finding {
	if f.midcall() {
		return list
	}
	for _, p := range f.peers {
		if p.Ladder == nil {
			continue
		}
		for _, x := range FromLadder(*p.Ladder) {
			if slices.Contains(alike[1], x.Cause) && x.Confidence < SureControlled {
				x.Confidence = min(x.Confidence, SureSilent) // a code alone does not tell these apart
			}
			list = f.probe(list, p, x)
		}
	}
	return list
}

func (f *facts) probe(list []finding, p *peer, x Finding) []finding {
	for _, group := range alike {
		if slices.Contains(group, x.Cause) && slices.ContainsFunc(list, func(y finding) bool {
			return y.Cause != x.Cause && slices.Contains(group, y.Cause) && y.Confidence > SureSilent && concerns(y.Where, p)
		}) {
			return list
		}
	}
	for i := range list {
		y := &list[i]
		if y.Cause != x.Cause {
			continue
		}
		y.Evidence = append(y.Evidence, x.Evidence...)
		if y.Confidence <= SureSilent && x.Confidence > y.Confidence {
			y.Confidence, y.Alternatives = x.Confidence, x.Alternatives
		}
		return list
	}
	if x.Confidence <= SureSilent && slices.ContainsFunc(list, func(y finding) bool { return y.Confidence <= SureSilent && y.Confidence >= x.Confidence }) {
		return list
	}
	// A relay that nobody outside reaches says nothing where UDP does not get outside.
	if x.Cause[0] == 'D' && (x.Confidence < SureControlled || !f.udpElsewhere(p)) {
		return list
	}
	cause, _ := Find(x.Cause)
	y := finding{Finding: x, because: fmt.Sprintf("%s, as probing from the %s finds", uncapitalized(cause.Title), p.role), breaks: f.ifNone(p)}
	if x.Cause[0] == 'D' {
		y.breaks = p.relay
	}
	if !strings.Contains(y.Where, p.role) {
		y.Where = or(y.Where, "turn") + ", from the " + p.role
	}
	return join(list, y)
}

// concerns reports whether a place may be one that a peer has to do with.
func concerns(where string, p *peer) bool {
	return strings.Contains(where, p.role) || strings.Contains(where, "both peers") || !strings.Contains(where, p.other.role)
}

func uncapitalized(text string) string {
	r := []rune(text)
	// "TURN over TCP ..." begins with a name.
	if len(r) > 1 && unicode.IsUpper(r[1]) {
		return text
	}
	r[0] = unicode.ToLower(r[0])
	return string(r)
}
