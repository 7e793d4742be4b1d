package diagnose

import (
	"fmt"
	"slices"
)

// rule looks for one or a few causes that lie close together.
type rule struct {
	name string
	// codes are the causes that it may answer.
	codes []string
	find  func(*facts) []finding
}

// rules are all of them, in the order of the catalogue.
func rules() []rule {
	return slices.Concat(configRules, reachRules, allocateRules, relayRules, iceRules, natRules, serviceRules)
}

// Answered returns the codes of the causes that Explain can name.
func Answered() []string {
	var codes []string
	for _, r := range rules() {
		codes = append(codes, r.codes...)
	}
	slices.SortFunc(codes, byCode)
	return slices.Compact(codes)
}

// byCode orders codes as the catalogue does: A2 before A10.
func byCode(a, b string) int {
	position := func(code string) int {
		return slices.IndexFunc(Causes(), func(c Cause) bool { return c.Code == code })
	}
	return position(a) - position(b)
}

// finding is a Finding and what judging it takes.
type finding struct {
	Finding
	// because continues a sentence: "the callee never got the caller's srflx candidate".
	because string
	// breaks is what does not work for it.
	breaks broken
	// midcall: it did not break anything before the call was up.
	midcall bool
}

// broken is a set of what a cause breaks.
type broken uint8

const (
	// theDirect: no direct path.
	theDirect broken = 1 << iota
	// callersRelay and calleesRelay: that peer's own relay is not there, or carries
	// nothing.
	callersRelay
	calleesRelay
	// theCall: whatever the path.
	theCall
	// better: nothing is broken, but the networks leave no better path than there is.
	better

	bothRelays = callersRelay | calleesRelay
)

func found(cause, where, because string, confidence float64, evidence ...Item) finding {
	return finding{
		Finding: Finding{Cause: cause, Where: where, Confidence: confidence, Evidence: evidence},
		because: because,
	}
}

func (x finding) breaking(b broken) finding { x.breaks |= b; return x }

// or adds a cause that would look the same.
func (x finding) or(cause string, confidence float64, next string) finding {
	x.Alternatives = append(x.Alternatives, Alternative{cause, confidence, next})
	return x
}

func item(of Kind, packets []int, format string, args ...any) Item {
	if len(packets) > maxItemPackets {
		packets = packets[:maxItemPackets]
	}
	return Item{Text: fmt.Sprintf(format, args...), Of: of, Packets: packets}
}

// maxItemPackets is how many packets an item names at most: the first ones.
const maxItemPackets = 12
