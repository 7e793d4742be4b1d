package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
)

// played is a result as the table needs it.
func played(name string, v lab.Verdict, reason string) lab.Result {
	r := lab.Result{
		Scenario: name, Caller: "symmetric", Callee: "open", Verdict: v, Reason: reason,
		Expected: scenarios.Expect{Path: scenarios.PathRelay, Transport: "udp"},
	}
	if v == lab.Passed {
		r.Proven = &lab.Path{Path: scenarios.PathRelay, Transport: "udp"}
		r.Times.Open = 626
		r.Steps = []lab.StepTaken{{Step: "echo", Echo: &peers.EchoResult{Sent: 20, Echoed: 20}}}
	}
	return r
}

func TestTheTableTellsWhatHappened(t *testing.T) {
	recovered := played("rebind", lab.Passed, "")
	quick, slow := 812.4, 2345.0
	recovered.Steps = append(recovered.Steps,
		lab.StepTaken{Step: "rebind caller within 3s", RecoveredMS: &quick}, lab.StepTaken{Step: "reboot callee", RecoveredMS: &slow})
	failed := played("fails", lab.Failed, "expected relay/udp, proven direct")
	failed.Witnesses = []lab.Testimony{{Witness: "caller", Path: scenarios.PathDirect, Saw: "host to host"}}
	results := []lab.Result{recovered, failed, played("needs-tcp", lab.Unsupported, "not supported on vnet: it has no TCP")}
	var list []scenarios.Scenario
	for _, r := range results {
		list = append(list, scenarios.Scenario{
			Name: r.Scenario, Caller: scenarios.Peer{Condition: r.Caller}, Callee: scenarios.Peer{Condition: r.Callee},
		})
	}

	var out bytes.Buffer
	report := newReporter("text", list, &out, new(bytes.Buffer))
	report.on(lab.Chosen{On: "vnet", Why: "docker: no engine answers"})
	report.up(3, 42*time.Millisecond)
	for _, r := range results {
		report.result(r)
	}
	report.end(results, 3210*time.Millisecond)
	want := `on vnet (docker: no engine answers)
3 labs up in 42 ms

  scenario   expected        proven             open     echoed  caller × callee
✓ rebind     relay/udp       relay/udp        626 ms      20/20  symmetric × open
    recovered 812 ms after rebind caller, 2.3 s after reboot callee
✗ fails      relay/udp       –                     –          –  symmetric × open
    failed: expected relay/udp, proven direct
      caller     says direct     host to host
· needs-tcp  relay/udp       –                     –          –  symmetric × open
    not supported on vnet: it has no TCP

1 passed, 1 failed, 1 not supported on vnet, in 3.2 s
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTheTableFitsTheTerminal(t *testing.T) {
	list := scenarios.Bundled()
	for width, titles := range map[int]string{
		0:   "scenario expected proven open echoed caller × callee",
		120: "scenario expected proven open echoed caller × callee",
		105: "scenario proven open echoed caller × callee",
		80:  "scenario proven open echoed",
	} {
		columns := fitting(list, width)
		var got []string
		for _, c := range columns {
			got = append(got, c.title)
		}
		if strings.Join(got, " ") != titles {
			t.Errorf("at %d columns: %s, want %s", width, got, titles)
		}
		report := textReporter{columns: columns}
		if row := report.row(func(c column) string { return strings.Repeat("x", max(c.width, -c.width)) }); width > 0 && utf8.RuneCountInString(row)+1 > width {
			t.Errorf("at %d columns a row has %d", width, utf8.RuneCountInString(row)+1)
		}
	}
}

func TestLongTextIsBrokenBetweenWords(t *testing.T) {
	for _, row := range []struct {
		width int
		want  string
	}{
		{0, "  one two three four"},
		{20, "  one two three four"},
		{19, "  one two three\n  four"},
		{5, "  one\n  two\n  three\n  four"},
	} {
		if got := wrapped("one two three four", 2, row.width); got != row.want {
			t.Errorf("at %d columns %q, want %q", row.width, got, row.want)
		}
	}
}

func TestWhatIsNotSupportedFailsOnlyWhenNothingPassed(t *testing.T) {
	for name, row := range map[string]struct {
		verdicts []lab.Verdict
		code     int
	}{
		"all passed":             {[]lab.Verdict{lab.Passed, lab.Passed}, exitPassed},
		"some not supported":     {[]lab.Verdict{lab.Unsupported, lab.Passed, lab.Unsupported}, exitPassed},
		"nothing supported":      {[]lab.Verdict{lab.Unsupported, lab.Unsupported}, exitInvalid},
		"one failed":             {[]lab.Verdict{lab.Passed, lab.Failed, lab.Unsupported}, exitFailed},
		"one failed, none else":  {[]lab.Verdict{lab.Failed, lab.Unsupported}, exitFailed},
		"one failed, one is not": {[]lab.Verdict{lab.Invalid, lab.Failed, lab.Passed}, exitInvalid},
	} {
		code := exitPassed
		if err := verdictOf(row.verdicts); err != nil {
			code = codeOf(err)
		}
		if code != row.code {
			t.Errorf("%s: exit %d, want %d", name, code, row.code)
		}
	}
}
