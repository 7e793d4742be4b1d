package lab

import (
	"testing"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/scenarios"
)

func TestADiagnosisHasToBeTheExpectedOne(t *testing.T) {
	a1 := &diagnose.Verdict{Outcome: diagnose.RelayFailed, Cause: "A1"}
	fine := &diagnose.Verdict{Outcome: diagnose.DirectOK}
	for name, row := range map[string]struct {
		diagnosis *diagnose.Verdict
		expect    scenarios.Expect
		reason    string
	}{
		"nothing expected":              {a1, scenarios.Expect{}, ""},
		"nothing expected, none made":   {nil, scenarios.Expect{}, ""},
		"the cause":                     {a1, scenarios.Expect{Cause: "A1"}, ""},
		"the outcome":                   {a1, scenarios.Expect{Verdict: "RELAY_FAILED"}, ""},
		"another cause":                 {a1, scenarios.Expect{Cause: "A2"}, "diagnosed A1, expected A2"},
		"another outcome":               {a1, scenarios.Expect{Cause: "A1", Verdict: "DEGRADED"}, "diagnosed RELAY_FAILED, expected DEGRADED"},
		"no cause":                      {fine, scenarios.Expect{Cause: "none"}, ""},
		"a cause where there is none":   {a1, scenarios.Expect{Cause: "none"}, "diagnosed A1, expected none"},
		"no cause where there is one":   {fine, scenarios.Expect{Cause: "A1"}, "diagnosed none, expected A1"},
		"no diagnosis where one has to": {nil, scenarios.Expect{Cause: "A1", Verdict: "DEGRADED"}, "no diagnosis was made, expected DEGRADED A1"},
	} {
		res := Result{Verdict: Passed, Expected: row.expect, Diagnosis: row.diagnosis}
		res.judgeDiagnosis()
		if failed := res.Verdict == Failed; res.Reason != row.reason || failed != (row.reason != "") {
			t.Errorf("%s: %s, %q; want %q", name, res.Verdict, res.Reason, row.reason)
		}
	}
}
