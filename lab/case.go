package lab

import (
	"cmp"
	"slices"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/scenarios"
)

// Case is one scenario, what is wrong in it, and what the diagnosis answered.
type Case struct {
	Name string `json:"name"`
	On   string `json:"on"`
	// Truth is the code of the cause, or none. Answer is the code that was diagnosed,
	// none or INCONCLUSIVE, with Confidence from 0 to 1.
	Truth      string  `json:"truth"`
	Answer     string  `json:"answer"`
	Confidence float64 `json:"confidence"`
	// Alternatives are the codes found beside it and those not ruled out, likeliest
	// first.
	Alternatives []string `json:"alternatives"`
	// Correct: the cause is the true one and, where that is known, so is the outcome.
	// Where nothing is wrong: nothing was said that the conditions do not explain.
	Correct bool `json:"correct"`

	// Healthy says that nothing is wrong: a pair of conditions.
	Healthy bool `json:"healthy,omitempty"`
	// Caller and Callee are the conditions it was played behind.
	Caller string `json:"caller,omitempty"`
	Callee string `json:"callee,omitempty"`
	// Expected is the outcome that would be right, empty if any would; Outcome the
	// one that was diagnosed.
	Expected diagnose.Outcome `json:"expected_outcome,omitempty"`
	Outcome  diagnose.Outcome `json:"outcome,omitempty"`
	Sentence string           `json:"sentence,omitempty"`
	// Found says that the truth was named as the answer, or as found beside it.
	Found bool `json:"found"`
	// Verdict is the run's, and Reason what of it was not as expected.
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason,omitempty"`
}

// Played reports whether the lab could play the case: neither invalid nor
// unsupported.
func (c Case) Played() bool { return c.Verdict == Passed || c.Verdict == Failed }

// Masked reports whether the fault is beneath a call that works.
func (c Case) Masked() bool { return !c.Healthy && c.Expected == diagnose.Degraded }

// among reports whether the truth is the answer or among those next to it, n in
// all.
func (c Case) among(n int) bool {
	best := append([]string{c.Answer}, c.Alternatives...)
	return slices.Contains(best[:min(n, len(best))], c.Truth)
}

// judge compares a result with the right answer.
func (e exam) judge(r Result) Case {
	c := Case{
		Name: e.scenario.Name, Truth: e.truth, Healthy: e.healthy, Expected: e.outcome,
		Alternatives: []string{}, Caller: r.Caller, Callee: r.Callee, Verdict: r.Verdict, Reason: r.Reason,
	}
	d := r.Diagnosis
	if d == nil {
		if c.Played() {
			c.Verdict, c.Reason = Invalid, "no diagnosis was made"
		}
		return c
	}
	c.Answer, c.Confidence = cmp.Or(d.Cause, scenarios.NoCause), d.Confidence
	c.Outcome, c.Sentence = d.Outcome, d.Sentence
	c.Alternatives = ranked(*d)
	c.Found = c.Answer == c.Truth || slices.ContainsFunc(d.Also, func(f diagnose.Finding) bool { return f.Cause == c.Truth })
	c.Correct = (c.Expected == "" || c.Outcome == c.Expected) && e.right(*d)
	return c
}

// right reports whether the causes of a diagnosis are what they should be. Where
// nothing is wrong none may be said, not even beside another, but those that
// follow from the conditions.
func (e exam) right(d diagnose.Verdict) bool {
	if !e.healthy {
		return cmp.Or(d.Cause, scenarios.NoCause) == e.truth
	}
	said := []string{d.Cause}
	for _, f := range d.Also {
		said = append(said, f.Cause)
	}
	return !slices.ContainsFunc(said, func(cause string) bool {
		return cause != "" && !slices.Contains(e.explained, cause)
	})
}

// ranked are the causes of a diagnosis beside its answer, likeliest first, each
// once.
func ranked(d diagnose.Verdict) []string {
	type other struct {
		cause      string
		confidence float64
	}
	var others []other
	for _, f := range d.Also {
		others = append(others, other{f.Cause, f.Confidence})
	}
	for _, a := range d.Alternatives {
		others = append(others, other{a.Cause, a.Confidence})
	}
	slices.SortStableFunc(others, func(a, b other) int { return cmp.Compare(b.confidence, a.confidence) })
	codes := []string{}
	for _, o := range others {
		if o.cause != d.Cause && !slices.Contains(codes, o.cause) {
			codes = append(codes, o.cause)
		}
	}
	return codes
}
