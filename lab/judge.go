package lab

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/icelab-go/icelab/scenarios"
)

// judge turns what was heard into a verdict.
func (r *run) judge() {
	res := &r.result
	res.Verdict = Passed
	for _, s := range res.Steps {
		if s.Problem != "" {
			res.fail("%s: %s", s.Step, s.Problem)
		}
	}
	for i, h := range r.heard {
		res.Witnesses = h.said
		path, agreed := agree(h.said)
		if !agreed {
			res.Proven = nil
			res.fail("the witnesses disagree: %s", told(h.said))
			return
		}
		before := res.Proven
		res.Proven = &path
		switch {
		case i > 0 && h.expected == r.heard[i-1].expected && *before != path:
			res.fail("the path changed from %s to %s", before, path)
		case !path.meets(h.expected):
			res.fail("%s: expected %s, proven %s", h.step, Path{h.expected.Path, h.expected.Transport}, path)
		}
	}
	if res.Proven == nil {
		res.fail("no step proved a path")
	}
}

// judgeDiagnosis compares the diagnosis with what the scenario says that it has to
// find.
func (res *Result) judgeDiagnosis() {
	e := res.Expected
	var outcome, cause string
	if d := res.Diagnosis; d != nil {
		outcome, cause = string(d.Outcome), cmp.Or(d.Cause, scenarios.NoCause)
	} else if e.Verdict != "" || e.Cause != "" {
		res.fail("no diagnosis was made, expected %s", strings.TrimSpace(e.Verdict+" "+e.Cause))
		return
	}
	if e.Cause != "" && cause != e.Cause {
		res.fail("diagnosed %s, expected %s", cause, e.Cause)
	}
	if e.Verdict != "" && outcome != e.Verdict {
		res.fail("diagnosed %s, expected %s", outcome, e.Verdict)
	}
}

// fail adds a reason. The first one mostly is the cause of what follows.
func (res *Result) fail(format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	if res.Verdict == Failed {
		reason = res.Reason + "; " + reason
	}
	res.Verdict, res.Reason = Failed, reason
}

// told puts who said what into one line.
func told(heard []Testimony) string {
	var said []string
	for _, t := range heard {
		said = append(said, fmt.Sprintf("%s says %s", t.Witness, t.Path))
	}
	return strings.Join(said, ", ")
}
