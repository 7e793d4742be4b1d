package lab

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/scenarios"
)

// answer is a result as a diagnosis leaves it.
func answer(outcome diagnose.Outcome, cause string, others ...string) Result {
	d := &diagnose.Verdict{Outcome: outcome, Cause: cause, Confidence: 0.9}
	for i, code := range others {
		d.Alternatives = append(d.Alternatives, diagnose.Alternative{Cause: code, Confidence: 0.5 - float64(i)/10})
	}
	return Result{Verdict: Passed, Diagnosis: d}
}

func fault(cause string, outcome diagnose.Outcome) exam {
	return faultExam(scenarios.Scenario{Name: "f", Expect: scenarios.Expect{Cause: cause, Verdict: string(outcome)}})
}

func TestAnAnswerIsRightWhenCauseAndOutcomeAre(t *testing.T) {
	for name, row := range map[string]struct {
		exam
		Result
		correct, top3 bool
	}{
		"the cause":                     {fault("A1", ""), answer(diagnose.RelayFailed, "A1"), true, true},
		"the cause and the outcome":     {fault("A1", diagnose.RelayFailed), answer(diagnose.RelayFailed, "A1"), true, true},
		"another outcome":               {fault("A1", diagnose.Degraded), answer(diagnose.RelayFailed, "A1"), false, true},
		"another cause":                 {fault("A1", ""), answer(diagnose.RelayFailed, "A2"), false, false},
		"the second alternative":        {fault("A1", ""), answer(diagnose.RelayFailed, "A2", "A3", "A1"), false, true},
		"the third alternative":         {fault("A1", ""), answer(diagnose.RelayFailed, "A2", "A3", "A4", "A1"), false, false},
		"nothing where nothing is":      {fault("none", ""), answer(diagnose.DirectOK, ""), true, true},
		"something where nothing is":    {fault("none", ""), answer(diagnose.DirectOK, "D5"), false, false},
		"nothing where something is":    {fault("D5", ""), answer(diagnose.DirectOK, ""), false, false},
		"the alternative that is again": {fault("A1", ""), answer(diagnose.RelayFailed, "A2", "A2", "A3", "A1"), false, true},
	} {
		c := row.judge(row.Result)
		if c.Correct != row.correct || c.among(3) != row.top3 {
			t.Errorf("%s: correct %t, among three %t", name, c.Correct, c.among(3))
		}
	}
}

func TestWhatIsFoundBesideTheAnswerRanksWithTheAlternatives(t *testing.T) {
	r := answer(diagnose.Degraded, "A2", "A3", "A4")
	r.Diagnosis.Also = []diagnose.Finding{{Cause: "D2", Confidence: 0.45}}
	c := fault("D2", diagnose.Degraded).judge(r)
	if want := []string{"A3", "D2", "A4"}; !slices.Equal(c.Alternatives, want) || !c.Found || c.Correct {
		t.Errorf("alternatives %v, found %t, correct %t", c.Alternatives, c.Found, c.Correct)
	}
	if s := count([]Case{c}); s.Masked != 1 || s.MaskedFound != 1 {
		t.Errorf("%d of %d masked faults found", s.MaskedFound, s.Masked)
	}
	// An alternative is a guess, and no find.
	c = fault("A3", diagnose.Degraded).judge(r)
	if s := count([]Case{c}); c.Found || s.MaskedFound != 0 {
		t.Error("a cause that was not ruled out counts as found")
	}
}

func TestHealthyCellsMayOnlySayWhatTheConditionsAre(t *testing.T) {
	for name, row := range map[string]struct {
		cell Cell
		Result
		fine bool
	}{
		"direct":                       {Cell{Caller: "open", Callee: "symmetric", Turn: true}, answer(diagnose.DirectOK, ""), true},
		"direct, with a cause":         {Cell{Caller: "open", Callee: "symmetric", Turn: true}, answer(diagnose.DirectOK, "F1"), false},
		"direct called avoidable":      {Cell{Caller: "open", Callee: "symmetric", Turn: true}, answer(diagnose.RelayAvoidable, ""), false},
		"symmetric, no cause":          {Cell{Caller: "symmetric", Callee: "symmetric", Turn: true}, answer(diagnose.RelayExpected, ""), true},
		"symmetric, named":             {Cell{Caller: "symmetric", Callee: "symmetric", Turn: true}, answer(diagnose.RelayExpected, "F1"), true},
		"symmetric, called blocked":    {Cell{Caller: "symmetric", Callee: "symmetric", Turn: true}, answer(diagnose.RelayExpected, "B3"), false},
		"symmetric without TURN":       {Cell{Caller: "symmetric", Callee: "port-restricted"}, answer(diagnose.ConnectFailed, "F2"), true},
		"blocked, named":               {Cell{Caller: "open", Callee: "udp-blocked", Turn: true}, answer(diagnose.RelayExpected, "B3"), true},
		"blocked, called the web only": {Cell{Caller: "open", Callee: "udp-blocked", Turn: true}, answer(diagnose.RelayExpected, "B7"), false},
		"the web only":                 {Cell{Caller: "tls-443-only", Callee: "open", Turn: true}, answer(diagnose.RelayExpected, "B7"), true},
		"two relays":                   {Cell{Caller: "tls-443-only", Callee: "udp-blocked", Turn: true}, answer(diagnose.RelayExpected, "B7"), true},
		"no TURN called a fault":       {Cell{Caller: "udp-blocked", Callee: "open"}, answer(diagnose.ConnectFailed, "A12"), false},
		"inconclusive":                 {Cell{Caller: "udp-blocked", Callee: "open"}, answer(diagnose.ConnectFailed, diagnose.Inconclusive), false},
	} {
		e, err := healthyExam(row.cell)
		if err != nil {
			t.Fatal(err)
		}
		c := e.judge(row.Result)
		s := count([]Case{c})
		if alarms := one(!row.fine); c.Correct != row.fine || s.FalseAlarms != alarms || s.Healthy != 1 || len(s.Alarms) != alarms {
			t.Errorf("%s: %d false alarms of %d, want %d", name, s.FalseAlarms, s.Healthy, alarms)
		}
	}
	r := answer(diagnose.RelayExpected, "")
	r.Diagnosis.Also = []diagnose.Finding{{Cause: "D2"}}
	e, _ := healthyExam(Cell{Caller: "symmetric", Callee: "symmetric", Turn: true})
	if e.judge(r).Correct {
		t.Error("a false alarm beside the answer is none")
	}
}

func TestEveryPairIsHealthyWithTurnAndWithout(t *testing.T) {
	exams, err := healthyExams(nil)
	if err != nil || len(exams) != 242 {
		t.Fatalf("%d cells, %v; want 242", len(exams), err)
	}
	names := map[string]bool{}
	for _, e := range exams {
		names[e.scenario.Name] = true
		if _, err := e.scenario.Complete(); err != nil {
			t.Error(err)
		}
	}
	if len(names) != len(exams) {
		t.Errorf("only %d names for %d cells", len(names), len(exams))
	}
}

func TestTheTallyIsInRates(t *testing.T) {
	cases := []Case{
		fault("A1", "").judge(answer(diagnose.RelayFailed, "A1")),
		fault("A2", "").judge(answer(diagnose.RelayFailed, "A1", "A2")),
		fault("A3", "").judge(answer(diagnose.RelayFailed, diagnose.Inconclusive, "A1", "A2", "A3")),
		fault("A4", "").judge(answer(diagnose.RelayFailed, "A4")),
		fault("A5", "").judge(Result{Verdict: Invalid, Reason: "a node died"}),
		fault("A6", "").judge(Result{Verdict: Unsupported, Reason: "not supported on vnet"}),
		fault("A7", "").judge(Result{Verdict: Passed}),
	}
	s := count(cases)
	if s.Top1 != 0.5 || s.Top3 != 0.75 || s.Inconclusive != 0.25 || len(s.Cases) != 4 || len(s.Unplayed) != 3 {
		t.Errorf("%+v", s)
	}
	sum := s.Add(count(cases[:1]))
	if sum.Top1 != 0.6 || len(sum.Cases) != 5 || len(sum.Unplayed) != 3 {
		t.Errorf("with one more right: %+v", sum)
	}
}

func TestAddingKeepsHealthyCellsThatRaisedNoAlarm(t *testing.T) {
	e, err := healthyExam(Cell{Caller: "open", Callee: "open", Turn: true})
	if err != nil {
		t.Fatal(err)
	}
	quiet, alarm := e.judge(answer(diagnose.DirectOK, "")), e.judge(answer(diagnose.Degraded, "D2"))
	sum := count([]Case{quiet, quiet, alarm}).Add(count([]Case{quiet, alarm}))
	if sum.Healthy != 5 || sum.FalseAlarms != 2 || len(sum.Alarms) != 2 {
		t.Errorf("%d of %d, %d told", sum.FalseAlarms, sum.Healthy, len(sum.Alarms))
	}
}

func TestTheBarIsReachedOnlyWithEverythingPlayed(t *testing.T) {
	right := fault("A1", "").judge(answer(diagnose.RelayFailed, "A1"))
	wrong := fault("A1", "").judge(answer(diagnose.RelayFailed, "A2"))
	open := fault("A1", "").judge(answer(diagnose.RelayFailed, diagnose.Inconclusive))
	masked := fault("D2", diagnose.Degraded).judge(answer(diagnose.RelayExpected, ""))
	unsupported := fault("A1", "").judge(Result{Verdict: Unsupported, Reason: "no TCP"})
	many := func(n int, more ...Case) []Case { return append(slices.Repeat([]Case{right}, n), more...) }
	for name, row := range map[string]struct {
		cases []Case
		want  string
	}{
		"all right":               {many(20), ""},
		"95 %":                    {many(19, wrong), ""},
		"less":                    {many(18, wrong), "top-1 is 94.7 %, want 95.0 %"},
		"too often inconclusive":  {many(38, open, open, open), "top-1 is 92.7 %, want 95.0 %; 7.3 % are inconclusive, want at most 5.0 %"},
		"a masked fault unfound":  {many(20, masked), "1 of 1 faults beneath a working call were not found"},
		"one that was not played": {many(20, unsupported), "1 could not be played"},
		"nothing":                 {nil, "nothing was played"},
	} {
		if got := strings.Join(count(row.cases).Below(BundledBar), "; "); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
	if below := count(many(18, wrong)).Below(VariedBar); len(below) > 0 {
		t.Errorf("94.7 %% of what was varied: %v", below)
	}
}

func TestTheTallyAsJSONHasTheKeysThatScriptsRead(t *testing.T) {
	text, err := json.Marshal(count([]Case{fault("A1", "").judge(answer(diagnose.RelayFailed, "A2", "A1"))}))
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Top1, Top3, Inconclusive, Seconds *float64
		FalseAlarms                       *int `json:"false_alarms"`
		Healthy, Masked                   *int
		MaskedFound                       *int `json:"masked_found"`
		Cases                             []map[string]any
	}
	if err := json.Unmarshal(text, &said); err != nil {
		t.Fatal(err)
	}
	if said.Top1 == nil || said.Top3 == nil || said.Inconclusive == nil || said.Seconds == nil ||
		said.FalseAlarms == nil || said.Healthy == nil || said.Masked == nil || said.MaskedFound == nil || len(said.Cases) != 1 {
		t.Fatalf("%s", text)
	}
	got := said.Cases[0]
	want := map[string]any{"name": "f", "on": "", "truth": "A1", "answer": "A2", "confidence": 0.9, "alternatives": []any{"A1"}, "correct": false}
	for key := range got {
		if _, asked := want[key]; !asked {
			delete(got, key)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
