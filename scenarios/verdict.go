package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/diagnose"
)

// NoCause is the value of Expect.Cause where the diagnosis must find nothing wrong.
const NoCause = "none"

func verdicts() []string {
	var words []string
	for _, o := range []diagnose.Outcome{
		diagnose.DirectOK, diagnose.RelayExpected, diagnose.RelayAvoidable,
		diagnose.RelayFailed, diagnose.ConnectFailed, diagnose.Degraded,
	} {
		words = append(words, string(o))
	}
	return words
}

func causes() []string {
	codes := []string{NoCause}
	for _, c := range diagnose.Causes() {
		codes = append(codes, c.Code)
	}
	return codes
}

// checkDiagnosis checks what the diagnosis has to say of a scenario.
func checkDiagnosis(s Scenario) *problem {
	e := s.Expect
	if e.Verdict != "" {
		if p := checkWord("expect.verdict", e.Verdict, verdicts()); p != nil {
			return p
		}
		if p := checkOutcome(s); p != nil {
			return p
		}
	}
	if e.Cause == "" || slices.Contains(causes(), e.Cause) {
		return nil
	}
	if c, known := diagnose.Find(e.Cause); known {
		return problemf("expect.cause", "expect.cause is %s; write its code, %s", quote(e.Cause), c.Code)
	}
	return problemf("expect.cause", "expect.cause is %s, which is no code of a cause; %s", quote(e.Cause), nearCause(e.Cause))
}

// nearCause says which code can have been meant: of a word that is like a cause's
// name that one, otherwise the codes of the family.
func nearCause(word string) string {
	if similar := diagnose.Similar(word); len(similar) > 0 && len(similar) <= 4 {
		var codes []string
		for _, c := range similar {
			codes = append(codes, c.Code+" ("+c.Name+")")
		}
		return "did you mean " + enumerate(codes, " or ") + "?"
	}
	const all = "; icelab explain lists them, and none is no cause"
	families := diagnose.Families()
	for _, f := range families {
		if strings.HasPrefix(strings.ToUpper(word), f.Letter) && len(word) <= len("A100") {
			return fmt.Sprintf("those of %s are %s to %s"+all, f.Letter, f.Causes[0].Code, f.Causes[len(f.Causes)-1].Code)
		}
	}
	return fmt.Sprintf("codes are a letter from %s to %s and a number, such as %s"+all, families[0].Letter, families[len(families)-1].Letter, families[0].Causes[0].Code)
}

// checkOutcome refuses an outcome that the path rules out.
func checkOutcome(s Scenario) *problem {
	e := s.Expect
	// A call that died was not without a path before.
	dies := slices.ContainsFunc(s.Steps, func(step Step) bool { return step.NoEcho != nil })
	possible := true
	switch diagnose.Outcome(e.Verdict) {
	case diagnose.DirectOK:
		possible = e.Path == PathDirect
	case diagnose.RelayExpected, diagnose.RelayAvoidable:
		possible = e.Path.Relayed()
	case diagnose.Degraded:
		possible = e.Path != PathNone
	case diagnose.RelayFailed, diagnose.ConnectFailed:
		possible = e.Path == PathNone || dies
	}
	if !possible {
		return problemf("expect.verdict", "expect.verdict is %s, which no call is whose path is %s; change one of the two", e.Verdict, e.Path)
	}
	return nil
}
