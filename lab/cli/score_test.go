package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/diagnose"
)

func TestTheScoreTellsWhatWasWrong(t *testing.T) {
	one := func(name, truth, answer string, outcome diagnose.Outcome) lab.Case {
		return lab.Case{
			Name: name, On: "netns", Truth: truth, Answer: answer, Confidence: 0.9, Correct: truth == answer,
			Outcome: outcome, Verdict: lab.Passed, Sentence: "This is why.",
			Caller: "symmetric", Callee: "open",
		}
	}
	right := one("a1-caller", "A1", "A1", diagnose.RelayFailed)
	otherwise := one("d2-masked", "D2", "D2", diagnose.Degraded)
	otherwise.Verdict, otherwise.Reason = lab.Failed, "expected relay-both, proven relay/udp"
	wrong := one("a2-caller", "A2", "A1", diagnose.RelayFailed)
	wrong.Verdict, wrong.Reason, wrong.Alternatives = lab.Failed, "diagnosed A1, expected A2", []string{"A3", "A2"}
	tenth := one("a10-forced", "A10", "INCONCLUSIVE", diagnose.RelayExpected)
	outcome := one("b3-caller", "B3", "B3", diagnose.RelayFailed)
	outcome.Correct, outcome.Expected = false, diagnose.RelayExpected
	alarm := one("open-to-open-turn-on", "none", "D5", diagnose.Degraded)
	alarm.Healthy, alarm.Expected = true, diagnose.DirectOK
	unsupported := one("b8-tls", "B8", "", "")
	unsupported.Verdict, unsupported.Reason = lab.Unsupported, "not supported on vnet: it has no TCP"

	s := scoring{on: []string{"on netns (as root)"}, bar: lab.BundledBar, tally: lab.Tally{
		Top1: 0.4, Top3: 0.8, Inconclusive: 0.2, FalseAlarms: 1, Healthy: 242, Masked: 1, MaskedFound: 1,
		Cases: []lab.Case{right, tenth, wrong, outcome, otherwise}, Alarms: []lab.Case{alarm}, Unplayed: []lab.Case{unsupported},
		Seconds: 93.44,
	}}
	var out bytes.Buffer
	s.print(&out)
	golden(t, "score.txt", out.String())

	s.tally = lab.Tally{Top1: 1, Top3: 1, Healthy: 242, Cases: []lab.Case{right}, Seconds: 61}
	out.Reset()
	s.print(&out)
	golden(t, "score-reached.txt", out.String())
}

func TestWhatScoreCannotCompareIsAMistake(t *testing.T) {
	file := filepath.Join(t.TempDir(), "silent.yaml")
	if err := os.WriteFile(file, []byte("{name: silent, expect: {path: direct}}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		file:                   "add expect.cause",
		"--on nowhere":         `--on "nowhere"`,
		"--conditions nothing": "--conditions: unknown condition",
		"--format yaml":        "--format",
		"no-such-scenario":     "unknown scenario",
	} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), append([]string{"score"}, strings.Fields(args)...), &out, &errs)
		if code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("score %s: exit %d, %q", args, code, errs.String())
		}
	}
}

func TestTheScoreOfTwoFabricsIsOne(t *testing.T) {
	var out, errs bytes.Buffer
	code := execute(t.Context(), []string{"score", "--on", "vnet,vnet", "--conditions", "open", "--format", "json", "a1-wrong-password-both"}, &out, &errs)
	if code != exitPassed && code != exitFailed {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	var said struct {
		Healthy         int
		Cases, Unplayed []lab.Case
	}
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		t.Fatal(err)
	}
	// A pair of conditions with TURN and without, and a fault, twice.
	if n := said.Healthy + len(said.Cases) + len(said.Unplayed); n != 6 {
		t.Errorf("%d cases, want 6:\n%s", n, out.String())
	}
	for _, c := range append(said.Cases, said.Unplayed...) {
		if c.On != "vnet" {
			t.Errorf("%s was played on %q", c.Name, c.On)
		}
	}
}
