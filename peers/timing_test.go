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
			ctx := within(t, 20*time.Second)
			test.caller.Servers = []Server{server}
			caller := newPeer(t, onLoopback(test.caller))
			callee := newPeer(t, onLoopback(Config{Servers: []Server{server}, Candidates: relayOnly}))
			signal(t, ctx, caller, callee)
			if err := caller.WaitOpen(ctx); err != nil {
				t.Fatal(err)
			}
			r := caller.Report()
			var checking float64
			for _, c := range r.Timeline {
				if c.What == "ice" && c.State == "checking" {
					checking = c.AtMS
				}
			}
			took := time.Duration((r.Selected.AtMS - checking) * float64(time.Millisecond))
			// A few milliseconds may pass between a change and the note of it.
			if took < test.atLeast-20*time.Millisecond || took >= test.lessThan {
				t.Errorf("selected %v after checks began, want %v to %v; %s", took, test.atLeast, test.lessThan, test.description)
			}
		})
	}
}
