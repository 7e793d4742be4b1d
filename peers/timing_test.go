package peers

import (
	"testing"
	"time"
)

func TestRelayPairsAreNominatedAfterTheWaitOfTheProfile(t *testing.T) {
	server := startTURN(t).overUDP()
	anything, relayOnly := []CandidateType(nil), []CandidateType{Relay}
	tests := []struct {
		name        string
		caller      Config
		atLeast     time.Duration
		lessThan    time.Duration
		description string
	}{
		{"tuned", Config{Candidates: anything}, time.Second, 1900 * time.Millisecond, ""},
		{"tuned, only relay allowed", Config{Candidates: relayOnly}, 0, 900 * time.Millisecond, ""},
		{"tuned, relay at once", Config{Candidates: anything, AcceptRelayAtOnce: true}, 0, 900 * time.Millisecond, ""},
		{"pion's defaults", Config{Candidates: anything, Timing: PionDefaults}, 2 * time.Second, 8 * time.Second, ""},
		{"pion's defaults, only relay allowed", Config{Candidates: relayOnly, Timing: PionDefaults}, 2 * time.Second, 8 * time.Second,
			"pion/ice#324: the zero wait for relay-only agents never reaches a webrtc peer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.caller.Servers = []Server{server}
			callee := Config{Servers: []Server{server}, Candidates: relayOnly}
			var took time.Duration
			for range 3 { // on a busy machine each can be late
				if took = untilSelected(t, test.caller, callee); took < test.lessThan {
					break
				}
			}
			if took < test.atLeast || took >= test.lessThan {
				t.Errorf("selected after %v, want %v to %v; %s", took, test.atLeast, test.lessThan, test.description)
			}
		})
	}
}

// untilSelected is for how long a caller looked for its pair, and a little longer: its
// checks begin after the clock does.
func untilSelected(t *testing.T, callerConfig, calleeConfig Config) time.Duration {
	t.Helper()
	ctx := within(t, 20*time.Second)
	caller, callee := newPeer(t, onLoopback(callerConfig)), newPeer(t, onLoopback(calleeConfig))
	began := time.Now()
	signal(t, ctx, caller, callee)
	if err := caller.WaitOpen(ctx); err != nil {
		t.Fatal(err)
	}
	r := caller.Report()
	return r.Started.Add(time.Duration(r.Selected.AtMS * float64(time.Millisecond))).Sub(began)
}
