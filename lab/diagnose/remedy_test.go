package diagnose_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/icelab-go/icelab/lab/diagnose"
)

func TestTheRemedyFitsTheCall(t *testing.T) {
	for name, want := range map[string]struct {
		owner diagnose.Owner
		says  string
	}{
		"b5-nothing-listens":               {diagnose.Operator, "Start the server"},
		"b5-wrong-port-of-the-caller":      {diagnose.Application, "port 3478"},
		"b6-server-dies-in-the-call":       {diagnose.Operator, "Start the TURN server again"},
		"b6-server-firewalled-in-the-call": {diagnose.Operator, "firewall"},
		"b7-only-443-passes":               {diagnose.ClientNetwork, "Keep the turns: URL"},
		"g1-server-restarts":               {diagnose.Operator, "Drain"},
	} {
		v := diagnose.Explain(read(t, filepath.Join(recordings, name+".json.gz")).Evidence)
		if v.Remedy == nil || v.Remedy.Owner != want.owner || !strings.Contains(v.Remedy.Do, want.says) {
			t.Errorf("%s: %+v, want %q of the %s", name, v.Remedy, want.says, want.owner)
		}
	}
}

// A peer that moved has left a gateway, and what crossed that one belongs to its call
// as well.
func TestTheGatewayThatAPeerLeftIsAmongTheEvidence(t *testing.T) {
	e := read(t, filepath.Join(recordings, "f14-moves-under-the-relay.json.gz")).Evidence
	left := ""
	for _, g := range e.Gateways {
		if g.Left {
			left = g.Name
		}
	}
	if left != "callee-nat" {
		t.Errorf("the callee left %q", left)
	}
	for a, name := range e.Names {
		if a.String() == "10.3.0.10" {
			t.Errorf("%s is %s, where nobody is", a, name)
		}
	}
	for _, x := range diagnose.Explain(e).Also {
		if x.Cause == "F6" || x.Cause == "F13" {
			t.Errorf("also %s: %v", x.Cause, x.Evidence)
		}
	}
}

func TestWhatSaysTheSameIsToldOnce(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(recordings, "*.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		v := diagnose.Explain(read(t, file).Evidence)
		told := map[string]bool{}
		for _, x := range v.Evidence {
			if told[x.Text] {
				t.Errorf("%s: %q twice", filepath.Base(file), x.Text)
			}
			told[x.Text] = true
		}
	}
}
