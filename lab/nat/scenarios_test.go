package nat_test

import (
	"fmt"
	"testing"

	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/scenarios"
)

// What a bundled scenario expects is what is predicted for it.
func TestBundledScenariosExpectWhatIsPredicted(t *testing.T) {
	if len(scenarios.Bundled()) == 0 {
		t.Fatal("no scenarios")
	}
	for _, s := range scenarios.Bundled() {
		t.Run(s.Name, func(t *testing.T) {
			p, err := s.Predict()
			if err != nil {
				t.Fatal(err)
			}
			if scenarios.Path(p.Path) != s.Expect.Path || s.Expect.Transport != "" && p.Transport != s.Expect.Transport {
				t.Errorf("expects %s/%s, predicted %s/%s: %s", s.Expect.Path, s.Expect.Transport, p.Path, p.Transport, p.Reason)
			}
		})
	}
}

func ExamplePredict() {
	home := nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving}}
	office := nat.Condition{NAT: &nat.Behavior{Mapping: nat.APDM, Filtering: nat.APDF, Ports: nat.Random}}
	guest := nat.Condition{Firewall: nat.Firewall{BlockUDP: true}}

	o := nat.Options{TURN: []string{nat.UDP, nat.TCP}}
	for _, callee := range []nat.Condition{home, office, guest} {
		fmt.Println(nat.Predict(home, callee, o).Reason)
	}
	// Output:
	// direct: the callee's checks open its APDF filter for the caller's stable EIM mapping, so the checks of both cross
	// relay: the callee maps per destination (APDM) and the caller's APDF filter wants the exact port
	// relay: no UDP passes the callee's firewall, so the callee can use nothing but its relay over tcp
}
