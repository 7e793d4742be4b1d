package lab_test

import (
	"testing"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/scenarios"
)

// A fault that does not do to the path what its scenario says is no test of any
// diagnosis. Here is one of each family; icelab score plays all.
func TestAFaultOfEachFamilyIsProvenAndDiagnosedOnNetns(t *testing.T) {
	on := openFabric(t, "netns")
	var all []scenarios.Scenario
	for _, s := range scenarios.Faulty() {
		if len(all) == 0 || all[len(all)-1].Name[0] != s.Name[0] {
			all = append(all, s)
		}
	}
	results, err := lab.RunAll(t.Context(), on, all, lab.Plan{})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != len(all) {
		t.Fatalf("%d results of %d scenarios", len(results), len(all))
	}
	for i, r := range results {
		if r.Proven == nil {
			t.Errorf("%s: no path was proven: %s: %s", r.Scenario, r.Verdict, r.Reason)
			continue
		}
		want := all[i].Expect
		if r.Proven.Path != want.Path || want.Transport != "" && r.Proven.Transport != want.Transport {
			t.Errorf("%s: proven %s, want %s %s", r.Scenario, r.Proven, want.Path, want.Transport)
		}
		if r.Verdict != lab.Passed {
			t.Errorf("%s: %s: %s", r.Scenario, r.Verdict, r.Reason)
		}
	}
}

// What one scenario breaks is whole in the next on the same nodes.
func TestFaultsEndWithTheirScenarioOnNetns(t *testing.T) {
	healthy, err := scenarios.Find("relay-symmetric")
	if err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string]func(*scenarios.Scenario){
		"filters": func(s *scenarios.Scenario) {
			s.Faults.Filters = []scenarios.Filter{{At: scenarios.Both, Far: scenarios.FarTurn}, {At: scenarios.AtTurn, Protocol: scenarios.UDP}}
		},
		"a filter that is set by a step, in a scenario that fails": func(s *scenarios.Scenario) {
			s.Steps = []scenarios.Step{{Filter: &scenarios.Filter{At: scenarios.SideCaller}}, {Connect: &scenarios.Connect{Within: scenarios.Duration(1e9)}}}
			s.Expect.Path = scenarios.PathNone
		},
		"the server":  func(s *scenarios.Scenario) { s.Faults.Turn.Listen = []string{scenarios.ListenNone} },
		"names":       func(s *scenarios.Scenario) { s.Faults.DNS = scenarios.ServFail },
		"credentials": func(s *scenarios.Scenario) { s.Faults.Caller.CredentialTTL, s.Faults.Callee.CredentialTTL = -1e9, -1e9 },
		"signalling": func(s *scenarios.Scenario) {
			s.Faults.Signalling = []scenarios.SignallingFault{{From: scenarios.Both, Drop: []string{scenarios.AnyType}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := lab.Start(t.Context(), openFabric(t, "netns"))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			s := healthy
			s.Name, s.Steps = "broken", []scenarios.Step{{Connect: &scenarios.Connect{Within: scenarios.Duration(1e9)}}}
			s.Expect = scenarios.Expect{Path: scenarios.PathNone}
			broken(&s)
			if r := l.Run(t.Context(), s); r.Verdict != lab.Passed {
				t.Errorf("%s: %s", r.Verdict, r.Reason)
			}
			if r := l.Run(t.Context(), healthy); r.Verdict != lab.Passed {
				t.Errorf("afterwards: %s: %s", r.Verdict, r.Reason)
			}
		})
	}
}
