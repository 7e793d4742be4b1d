package scenarios

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStepsThatCannotFollowEachOtherAreRefused(t *testing.T) {
	for _, tt := range []struct{ name, steps, rest, want string }{
		{"echo before connect", "[echo, connect]", "expect: {path: direct}",
			"2:9: echo comes before connect; put a connect step above it"},
		{"no-echo before connect", "[kill: turn, no-echo, connect]", "expect: {path: relay}",
			"2:21: no-echo comes before connect; put a connect step above it"},
		{"no connect", "[kill: turn]", "expect: {path: none}",
			"2:8: no step connects the peers; add connect"},
		{"connect twice", "[connect, echo, connect]", "expect: {path: direct}",
			"2:24: steps[2] connects a second time; the peers connect once"},
		{"kill twice", "[connect, echo, kill: turn, kill: turn]", "expect: {path: direct}",
			"2:36: steps[3] kills the TURN server a second time; remove the step"},
		{"kill of what is off", "[connect, echo, kill: turn]", "turn: off\nexpect: {path: direct}",
			"2:24: steps[2] kills the TURN server, but turn is off; remove the step, or give turn transports"},
		{"echo over no path", "[connect, echo]", "expect: {path: none}",
			"2:18: echo has no path to go over, expect.path being none; end the steps with connect"},
		{"silence over no path", "[connect, kill: turn, no-echo]", "expect: {path: none}",
			"2:30: no-echo has no path to go over, expect.path being none; end the steps with connect"},
		{"nothing echoed", "[connect]", "expect: {path: relay}",
			"2:8: expect.path is relay, which only an echo can prove; add echo after connect"},
		{"silence that nothing was heard before", "[connect, kill: turn, no-echo]", "expect: {path: relay}",
			"2:8: expect.path is relay, which only an echo can prove; add echo after connect"},
		{"silence without a cause", "[connect, echo, no-echo]", "expect: {path: relay}",
			"2:24: steps[2] expects silence, but nothing before it stops the echo; add kill: turn above it"},
		{"silence on a direct path", "[connect, echo, kill: turn, no-echo]", "expect: {path: direct}",
			"2:36: steps[3] expects silence, but a direct path outlives the TURN server; write echo"},
		{"relay of a server that is dead before connect", "[kill: turn, connect, echo]", "expect: {path: relay}",
			"2:30: steps[2] echoes over a relay whose server is dead by then; write no-echo, or kill it later"},
		{"echo over a dead relay", "[connect, echo, kill: turn, echo]", "expect: {path: relay-both}",
			"2:36: steps[3] echoes over a relay whose server is dead by then; write no-echo, or kill it later"},
		{"silence after a wait that no mapping expires in", "[connect, echo, wait: 4s, no-echo]", "caller: {nat: {mapping: eim, filtering: eif, lifetime: 5s}}\nexpect: {path: direct}",
			"2:34: steps[3] expects silence, but nothing before it stops the echo; add kill: turn above it"},
		{"silence after a wait before connect", "[wait: 4s, connect, echo, no-echo]", "caller: {nat: {mapping: eim, filtering: eif, lifetime: 1s}}\nexpect: {path: direct}",
			"2:34: steps[3] expects silence, but nothing before it stops the echo; add kill: turn above it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte("name: x\nsteps: "+tt.steps+"\n"+tt.rest))
			if err == nil {
				t.Fatal("taken")
			}
			if diff := cmp.Diff("x.yaml:"+tt.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whether a mapping comes back as it was is for the run to tell.
func TestEchoAndSilenceAreBothTakenWhereAMappingExpires(t *testing.T) {
	for _, behind := range []string{
		"caller: {nat: {mapping: eim, filtering: apdf, lifetime: 4s}}",
		"callee: {nat: {mapping: eim, filtering: apdf, lifetime: 1s}}",
		"carrier: {mapping: eim, filtering: apdf, lifetime: 2s}",
	} {
		for _, last := range []string{"echo", "no-echo"} {
			yaml := "name: x\n" + behind + "\nsteps: [connect, echo, wait: 4s, " + last + "]\nexpect: {path: direct}"
			if _, err := Parse("x.yaml", []byte(yaml)); err != nil {
				t.Errorf("%s, %s: %v", behind, last, err)
			}
		}
	}
}
