package lab

import (
	"fmt"
	"strings"
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
	var proven *Path
	for _, heard := range r.heard {
		res.Witnesses = heard
		path, agreed := agree(heard)
		if !agreed {
			res.Proven = nil
			res.fail("the witnesses disagree: %s", told(heard))
			return
		}
		if proven != nil && *proven != path {
			res.fail("the path changed from %s to %s", proven, path)
		}
		proven = &path
	}
	res.Proven = proven
	switch {
	case proven == nil:
		res.fail("no step proved a path")
	case !proven.meets(res.Expected):
		res.fail("expected %s, proven %s", Path{res.Expected.Path, res.Expected.Transport}, proven)
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
