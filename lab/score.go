package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/scenarios"
)

// ScorePlan says what the diagnosis is tried with.
type ScorePlan struct {
	// Faults are scenarios that say in Expect.Cause what is wrong, or none. The
	// diagnosis does not see it.
	Faults []scenarios.Scenario
	// Healthy has every condition paired with every other too, with TURN and
	// without: there nothing is wrong.
	Healthy bool
	// Conditions are those that are paired; empty means all that have a name.
	Conditions []string
	// On is the fabric's name, for the cases.
	On string
	// Parallel, Up and Progress are those of Plan.
	Parallel int
	Up       func(labs int, took time.Duration)
	Progress func(Progress)
	// Judged is told each case as it ends, and the result behind it; it may be nil.
	Judged func(Case, Result)
}

// Tally is what the diagnosis answered, compared with what is so. Rates are from 0
// to 1, and of the faults that were played.
type Tally struct {
	// Top1 is how often the answer was right, Top3 how often the truth was among the
	// answer and the two next best.
	Top1 float64 `json:"top1"`
	Top3 float64 `json:"top3"`
	// FalseAlarms is in how many of the Healthy cases something was said to be wrong.
	FalseAlarms int `json:"false_alarms"`
	Healthy     int `json:"healthy"`
	// MaskedFound is how many of the Masked faults, those beneath a call that works,
	// were found.
	MaskedFound int `json:"masked_found"`
	Masked      int `json:"masked"`
	// Inconclusive is how often the answer was that the evidence decides for none.
	Inconclusive float64 `json:"inconclusive"`
	// Cases are the faults that were played.
	Cases   []Case  `json:"cases"`
	Seconds float64 `json:"seconds"`

	// Alarms are the false ones.
	Alarms []Case `json:"alarms"`
	// Unplayed are those that were invalid or not supported: no right answers, and no
	// wrong ones.
	Unplayed []Case `json:"unplayed"`
}

// Score plays what is planned on labs beside each other and compares the diagnoses
// with the truth. The error is the lab's, a mistake in the plan, or the cause why
// ctx ended; then the tally is of what was played until then.
func Score(ctx context.Context, on fabric.Fabric, plan ScorePlan) (Tally, error) {
	exams := make([]exam, 0, len(plan.Faults))
	for _, s := range plan.Faults {
		if s.Expect.Cause == "" {
			return Tally{}, fmt.Errorf("scenario %q: nothing says which cause is the right one; add expect.cause", s.Name)
		}
		exams = append(exams, faultExam(s))
	}
	if plan.Healthy {
		healthy, err := healthyExams(plan.Conditions)
		if err != nil {
			return Tally{}, err
		}
		exams = append(exams, healthy...)
	}
	begin := time.Now()
	p := pool{parallel: plan.Parallel, up: plan.Up, progress: plan.Progress}
	ended := make([]*Case, len(exams))
	for i, e := range exams {
		p.jobs = append(p.jobs, job{
			name: e.scenario.Name, shape: shapeNeeded(e.scenario),
			play: func(ctx context.Context, l *Lab) func() {
				r := l.Run(ctx, e.scenario)
				return func() {
					c := e.judge(r)
					c.On = plan.On
					ended[i] = &c
					if plan.Judged != nil {
						plan.Judged(c, r)
					}
				}
			},
		})
	}
	err := p.play(ctx, on)
	var cases []Case
	for _, c := range ended {
		if c != nil {
			cases = append(cases, *c)
		}
	}
	t := count(cases)
	t.Seconds = time.Since(begin).Seconds()
	return t, err
}

// exam is a scenario and what the right answer to it is.
type exam struct {
	scenario scenarios.Scenario
	healthy  bool
	truth    string
	outcome  diagnose.Outcome // empty if any will do
	// explained are the causes that are no false alarm where nothing is wrong.
	explained []string
}

// faultExam is a scenario that says itself what is right.
func faultExam(s scenarios.Scenario) exam {
	return exam{scenario: s, truth: s.Expect.Cause, outcome: diagnose.Outcome(s.Expect.Verdict)}
}

// count adds cases up.
func count(cases []Case) Tally {
	t := Tally{Cases: []Case{}, Alarms: []Case{}, Unplayed: []Case{}}
	var top1, top3, inconclusive int
	for _, c := range cases {
		switch {
		case !c.Played():
			t.Unplayed = append(t.Unplayed, c)
			continue
		case c.Healthy:
			t.Healthy++
			if !c.Correct {
				t.FalseAlarms++
				t.Alarms = append(t.Alarms, c)
			}
			continue
		}
		t.Cases = append(t.Cases, c)
		top1 += one(c.Correct)
		top3 += one(c.among(3))
		inconclusive += one(c.Answer == diagnose.Inconclusive && c.Truth != diagnose.Inconclusive)
		if c.Masked() {
			t.Masked++
			t.MaskedFound += one(c.Found)
		}
	}
	t.Top1, t.Top3, t.Inconclusive = rate(top1, len(t.Cases)), rate(top3, len(t.Cases)), rate(inconclusive, len(t.Cases))
	return t
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// rate is n of all, and zero of none.
func rate(n, all int) float64 { return float64(n) / float64(max(all, 1)) }

// Add counts the cases of another tally too.
func (t Tally) Add(other Tally) Tally {
	sum := count(append(t.all(), other.all()...))
	sum.Healthy, sum.FalseAlarms = t.Healthy+other.Healthy, t.FalseAlarms+other.FalseAlarms
	sum.Seconds = t.Seconds + other.Seconds
	return sum
}

// all are the cases that a tally still knows: healthy ones that raised no alarm
// are only counted.
func (t Tally) all() []Case {
	return append(append(append([]Case{}, t.Cases...), t.Alarms...), t.Unplayed...)
}

// Bar is what a tally has to reach.
type Bar struct {
	// Top1 is the least rate of right answers, Inconclusive the greatest of none.
	Top1, Inconclusive float64
}

// The bars: what is bundled, and what it was varied to, which the rules were not
// written against. Both allow no false alarm and no fault beneath a working call
// that goes unfound.
var (
	BundledBar = Bar{Top1: 0.95, Inconclusive: 0.05}
	VariedBar  = Bar{Top1: 0.90, Inconclusive: 0.05}
)

// Below says in a line each what a tally falls short in; nothing if it does not.
func (t Tally) Below(b Bar) []string {
	var short []string
	add := func(is bool, format string, args ...any) {
		if is {
			short = append(short, fmt.Sprintf(format, args...))
		}
	}
	faults := len(t.Cases)
	add(faults+t.Healthy == 0, "nothing was played")
	add(faults > 0 && t.Top1 < b.Top1, "top-1 is %s, want %s", percent(t.Top1), percent(b.Top1))
	add(t.FalseAlarms > 0, "%d of %d healthy cells raised an alarm", t.FalseAlarms, t.Healthy)
	add(t.MaskedFound < t.Masked, "%d of %d faults beneath a working call were not found", t.Masked-t.MaskedFound, t.Masked)
	add(t.Inconclusive > b.Inconclusive, "%s are inconclusive, want at most %s", percent(t.Inconclusive), percent(b.Inconclusive))
	add(len(t.Unplayed) > 0, "%d could not be played", len(t.Unplayed))
	return short
}

func percent(rate float64) string { return fmt.Sprintf("%.1f %%", 100*rate) }
