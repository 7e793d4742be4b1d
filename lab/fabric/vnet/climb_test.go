package vnet_test

import (
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/topology"
)

// climb climbs from the caller, behind a condition, with what the filters of its
// gateway let pass.
func climb(t *testing.T, c nat.Condition, filters ...gateway.Filter) ladder.Result {
	t.Helper()
	shape := shapeFor(c)
	nodes := up(t, shape)
	if err := program(t.Context(), shape, nodes, topology.Caller, c); err != nil {
		t.Fatal(err)
	}
	if filters != nil {
		if err := nodes.Node(shape.Gateways(topology.Caller)[0].Name).Filter(t.Context(), filters); err != nil {
			t.Fatal(err)
		}
	}
	r, err := nodes.Node(topology.Caller).Climb(t.Context(), ladder.Config{
		URLs:     []string{"turn:" + server.String() + "?transport=udp", "turn:" + server.String() + "?transport=tcp"},
		Username: "u", Credential: "p", Patience: 500 * time.Millisecond,
	}, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestALadderIsClimbedBehindEveryConditionThatPassesUDP(t *testing.T) {
	for _, c := range nat.Conditions() {
		if c.Name == "tls-443-only" || c.Name == "udp-blocked" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			r := climb(t, c)
			if udp := r.Climbs[0]; !udp.Reached(ladder.Relay) {
				t.Errorf("%+v\n%+v", udp.Rungs, udp.Echoes)
			}
			// There is no TCP here, which is no fault of anybody's.
			if tcp := r.Climbs[1]; tcp.Failed() != nil || tcp.Rung(ladder.Transport).Outcome != ladder.Skipped {
				t.Errorf("%+v", tcp.Rungs)
			}
			if found := diagnose.FromLadder(r); len(found) > 0 {
				t.Errorf("%+v", found)
			}
		})
	}
}

func TestSilenceWithNothingBesideItNamesNoCause(t *testing.T) {
	r := climb(t, nat.Condition{}, gateway.Filter{Protocol: "udp"})
	for _, f := range diagnose.FromLadder(r) {
		if f.Confidence > diagnose.SureSilent || len(f.Alternatives) == 0 {
			t.Errorf("%+v", f)
		}
	}
	if v := diagnose.ExplainLadder(r); v.Cause != diagnose.Inconclusive && v.Confidence > diagnose.SureSilent {
		t.Errorf("%+v", v)
	}
}
