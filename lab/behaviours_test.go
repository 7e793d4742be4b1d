package lab_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/scenarios"
)

// The bundled conditions show only some of the nine mapping × filtering
// behaviours. Here all of them meet each other, with TURN and without.
func TestAllMappingsAndFilteringsMeetAsPredicted(t *testing.T) {
	if raceDetector {
		t.Skip("an APDM mapping with an EIF filter gives pion hundreds of pairs to check: too many in time under the race detector")
	}
	var all []scenarios.Scenario
	for _, turn := range []scenarios.Turn{{Transports: []string{scenarios.UDP}}, {Off: true}} {
		for _, caller := range mappingsAndFilterings() {
			for _, callee := range mappingsAndFilterings() {
				all = append(all, meeting(t, caller, callee, turn))
			}
		}
	}
	for _, name := range []string{"vnet", "netns"} {
		t.Run(name, func(t *testing.T) {
			if name != "vnet" && os.Getenv("ICELAB_ROUNDS") == "" {
				t.Skip("162 scenarios take a minute: set ICELAB_ROUNDS to play them")
			}
			results, err := lab.RunAll(t.Context(), openFabric(t, name), all, lab.Plan{Parallel: 4 * fewLabs})
			if err != nil {
				t.Fatal(err)
			}
			proven := map[string]int{}
			for i, r := range results {
				if r.Verdict != lab.Passed {
					t.Errorf("%s %s: %s, want %s\n%s", r.Scenario, r.Verdict, r.Reason, all[i].About, witnesses(r))
					continue
				}
				proven[r.Proven.String()]++
			}
			t.Logf("proven: %v", proven)
		})
	}
}

// mappingsAndFilterings are all nine, with random ports.
func mappingsAndFilterings() []nat.Behavior {
	var all []nat.Behavior
	for _, b := range behaviours() {
		if b.Ports == nat.Random && !b.Hairpin {
			all = append(all, b)
		}
	}
	return all
}

// meeting is two behaviours as a scenario that expects what is predicted.
func meeting(t *testing.T, caller, callee nat.Behavior, turn scenarios.Turn) scenarios.Scenario {
	t.Helper()
	name := fmt.Sprintf("%s-%s-to-%s-%s", caller.Mapping, caller.Filtering, callee.Mapping, callee.Filtering)
	if turn.Off {
		name += "-without-turn"
	}
	s := scenarios.Scenario{
		Name: name, Turn: turn,
		Caller: scenarios.Peer{NAT: &caller}, Callee: scenarios.Peer{NAT: &callee},
	}
	p, err := s.Predict()
	if err != nil {
		t.Fatal(err)
	}
	s.About = p.Reason
	s.Expect = scenarios.Expect{Path: scenarios.Path(p.Path), Transport: p.Transport}
	within := scenarios.Duration(30 * time.Second)
	if p.Path == nat.PathNone {
		// Two NATs that let strangers in keep pion busy for as long as it is let.
		within = scenarios.Duration(3 * time.Second)
	}
	s.Steps = []scenarios.Step{{Connect: &scenarios.Connect{Within: within}}}
	if p.Path != nat.PathNone {
		s.Steps = append(s.Steps, scenarios.Step{Echo: &scenarios.Echo{Messages: 10}})
	}
	return s
}
