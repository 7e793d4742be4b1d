package lab_test

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/scenarios"
)

// The bundled conditions show only some of the nine mapping × filtering
// behaviours. Here all of them meet each other, with TURN and without.
func TestAllMappingsAndFilteringsMeetAsPredictedOnDocker(t *testing.T) {
	if os.Getenv("ICELAB_ROUNDS") == "" {
		t.Skip("162 scenarios take minutes: set ICELAB_ROUNDS to play them")
	}
	labs := []*lab.Lab{docker(t), docker(t)}
	todo := make(chan scenarios.Scenario)
	var each errgroup.Group
	var counting sync.Mutex
	proven := map[string]int{}
	for _, l := range labs {
		each.Go(func() error {
			for s := range todo {
				r := l.Run(t.Context(), s)
				if r.Verdict != lab.Passed {
					t.Errorf("%s %s: %s, want %s\n%s", s.Name, r.Verdict, r.Reason, s.About, witnesses(r))
					continue
				}
				counting.Lock()
				proven[r.Proven.String()]++
				counting.Unlock()
			}
			return nil
		})
	}
	for _, turn := range []scenarios.Turn{{Transports: []string{scenarios.UDP}}, {Off: true}} {
		for _, caller := range mappingsAndFilterings() {
			for _, callee := range mappingsAndFilterings() {
				todo <- meeting(t, caller, callee, turn)
			}
		}
	}
	close(todo)
	_ = each.Wait()
	t.Logf("proven: %v", proven)
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
	within := scenarios.Duration(10 * time.Second)
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
