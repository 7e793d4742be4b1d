package nat

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var oneSentence = regexp.MustCompile(`^(direct|relay|relay-both|none): [a-zA-Z].*[a-zA-Z)]$`)

// everywhere calls f for every prediction that a scenario can ask for by name.
func everywhere(f func(what func() string, p Prediction)) {
	variants := []Options{{}, {NoServer: true}, {SamePrefix: true}, {SameLAN: true}, {SameLAN: true, NoServer: true},
		{SharedCarrier: carrier(EIM, EIF, false)}, {SharedCarrier: carrier(EIM, ADF, true)}, {SharedCarrier: carrier(APDM, APDF, true)}}
	for _, o := range variants {
		for _, a := range Conditions() {
			for _, b := range Conditions() {
				if o.SameLAN && a.Name != b.Name {
					continue
				}
				for _, o.CallerCandidates = range typeSets {
					for _, o.CalleeCandidates = range typeSets {
						for _, o.TURN = range [][]string{nil, {UDP}, {UDP, TCP, TLS}} {
							f(func() string { return fmt.Sprintf("%s × %s %+v", a.Name, b.Name, o) }, Predict(a, b, o))
						}
					}
				}
			}
		}
	}
}

func TestEveryReasonIsOneSentenceThatNamesSomething(t *testing.T) {
	everywhere(func(what func() string, p Prediction) {
		if !oneSentence.MatchString(p.Reason) || strings.Contains(p.Reason, ". ") || strings.Contains(p.Reason, "  ") ||
			strings.Contains(p.Reason, "%!") || strings.Contains(p.Reason, "lack of") {
			t.Errorf("%s: %q", what(), p.Reason)
		}
		for _, vague := range []string{vagueFilters, vagueChecks} {
			if strings.Contains(p.Reason, vague) {
				t.Errorf("%s: nothing is named in %q", what(), p.Reason)
			}
		}
		if !strings.HasPrefix(p.Reason, string(p.Path)+": ") {
			t.Errorf("%s: path %s, reason %q", what(), p.Path, p.Reason)
		}
	})
}

// What a reason names decides: without it the outcome is another.
func TestTheNamedPropertyDecides(t *testing.T) {
	with := func(c Condition, change func(b *Behavior)) Condition {
		own := *c.NAT
		c.NAT = &own
		change(c.NAT)
		return c
	}
	stable := func(b *Behavior) { b.Mapping = EIM }
	byAddress := func(b *Behavior) { b.Filtering = ADF }
	varying := func(b *Behavior) { b.Mapping = APDM }
	byPort := func(b *Behavior) { b.Filtering = APDF }
	path := func(a, b Condition) Path { return Predict(a, b, Options{}).Path }

	counted := map[string]int{}
	for _, a := range behaviours() {
		for _, b := range behaviours() {
			why := Predict(a, b, Options{}).Reason
			expect := func(kind string, want Path, got ...Path) {
				counted[kind]++
				for i, g := range got {
					if g != want {
						t.Errorf("%s × %s: %q, but change %d gives %s", a.Name, b.Name, why, i, g)
					}
				}
			}
			if strings.Contains(why, "ADM mapping of") {
				expect("one lasts", PathNone, path(with(a, varying), with(b, varying)))
			}
			switch {
			case strings.Contains(why, "the caller maps per destination"):
				expect("caller maps", PathDirect, path(with(a, stable), b), path(a, with(b, byAddress)))
			case strings.Contains(why, "the callee maps per destination"):
				expect("callee maps", PathDirect, path(a, with(b, stable)), path(with(a, byAddress), b))
			case strings.Contains(why, "both sides map per destination"):
				expect("both map", PathDirect, path(with(a, stable), with(b, stable)))
				expect("both map", PathNone, path(with(with(a, stable), byPort), b), path(a, with(with(b, stable), byPort)))
			case strings.Contains(why, "the caller's EIF filter"), strings.Contains(why, "the caller's checks open its ADF"):
				expect("caller lets in", PathNone, path(with(a, byPort), with(with(b, varying), byPort)))
			case strings.Contains(why, "the callee's EIF filter"), strings.Contains(why, "the callee's checks open its ADF"):
				expect("callee lets in", PathNone, path(with(with(a, varying), byPort), with(b, byPort)))
			case strings.Contains(why, "for the caller's stable EIM mapping"):
				expect("caller is stable", PathNone, path(with(a, varying), b))
			case strings.Contains(why, "for the callee's stable EIM mapping"):
				expect("callee is stable", PathNone, path(a, with(b, varying)))
			default:
				t.Errorf("%s × %s: %q is not understood here", a.Name, b.Name, why)
			}
		}
	}
	if len(counted) < 7 {
		t.Errorf("only these were met: %v", counted)
	}
}
