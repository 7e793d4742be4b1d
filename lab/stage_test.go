package lab

import (
	"context"
	"testing"

	"github.com/icelab-go/icelab/lab/fabric/vnet"
	"github.com/icelab-go/icelab/scenarios"
)

// An order that was given up can be carried out at any time after: a gateway that is
// programmed late would be another one in the middle of the next scenario.
func TestNoScenarioRunsWhereAnOrderHasNoAnswer(t *testing.T) {
	l, err := Start(t.Context(), vnet.New())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	s := scenarios.Scenario{
		Name:   "again",
		Caller: scenarios.Peer{Condition: "open"}, Callee: scenarios.Peer{Condition: "open"},
		Turn:   scenarios.Turn{Off: true},
		Expect: scenarios.Expect{Path: scenarios.PathDirect},
	}
	if r := l.Run(t.Context(), s); r.Verdict != Passed {
		t.Fatalf("%s: %s", r.Verdict, r.Reason)
	}
	used := l.stages[standard]
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	if r := l.Run(interrupted, s); r.Verdict != Invalid {
		t.Fatalf("interrupted: %s, %s", r.Verdict, r.Reason)
	}
	if r := l.Run(t.Context(), s); r.Verdict != Passed {
		t.Fatalf("%s: %s", r.Verdict, r.Reason)
	}
	if l.stages[standard] == used {
		t.Error("a scenario ran on nodes that had an order which nobody waited for")
	}
}
