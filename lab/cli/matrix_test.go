package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/scenarios"
)

func TestTheMatrixGroupsWhatIsNotSupported(t *testing.T) {
	direct := &lab.Path{Path: scenarios.PathDirect}
	cannot := lab.Cell{Verdict: lab.Unsupported, Reason: "program the gateway: not supported on vnet: no TCP"}
	m := matrix{
		conditions: []string{"open", "tls-443-only"}, Seconds: 1.25,
		Cells: []lab.Cell{
			{Caller: "open", Callee: "open", Proven: direct, Verdict: lab.Passed, Times: lab.Times{Open: 12}},
			cannot, cannot,
			{Caller: "tls-443-only", Callee: "tls-443-only", Proven: direct, Verdict: lab.Failed, Reason: "predicted none, proven direct"},
		},
	}
	m.Lab.On = "vnet"
	var out bytes.Buffer
	m.print(&out)
	want := `
caller ↓ callee →           1       2
 1 open                  D 12       ·
 2 tls-443-only             ·      ✗D

✗ tls-443-only → tls-443-only: predicted none, proven direct
· 2 cells: not supported on vnet: no TCP

1 of 2 cells proven as predicted, 2 not supported on vnet, without TURN, in 1.2 s
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), out.String()); diff != "" {
		t.Error(diff)
	}
	if err := m.verdict(); codeOf(err) != exitFailed {
		t.Errorf("%v: want a failure", err)
	}
	m.Cells = m.Cells[:3]
	if err := m.verdict(); err != nil {
		t.Errorf("%v: what is not supported is no failure", err)
	}
}
