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
			"2:24: steps[2] connects a second time; the peers connect once, and then restart-ice"},
		{"kill twice", "[connect, echo, kill: turn, kill: turn]", "expect: {path: direct}",
			"2:36: steps[3] kills the TURN server a second time; remove the step"},
		{"kill of what is off", "[connect, echo, kill: turn]", "turn: off\nexpect: {path: direct}",
			"2:24: steps[2] kills the TURN server, but turn is off; remove the step, or give turn transports"},
		{"echo over no path", "[connect, echo]", "expect: {path: none}",
			"2:18: echo has no path to go over, expect.path being none; end the steps with connect, or give the echo a path that dies later"},
		{"silence over no path", "[connect, kill: turn, no-echo]", "expect: {path: none}",
			"2:30: no-echo has no path to go over, expect.path being none; end the steps with connect, or give the echo a path that dies later"},
		{"nothing echoed", "[connect]", "expect: {path: relay}",
			"2:8: expect.path is relay, which only an echo can prove; add echo after connect"},
		{"silence that nothing was heard before", "[connect, kill: turn, no-echo]", "expect: {path: relay}",
			"2:8: expect.path is relay, which only an echo can prove; add echo after connect"},
		{"silence without a cause", "[connect, echo, no-echo]", "expect: {path: relay}",
			"2:24: steps[2] expects silence, but nothing before it stops the echo; add for example cut: caller above it"},
		{"silence on a direct path", "[connect, echo, kill: turn, no-echo]", "expect: {path: direct}",
			"2:36: steps[3] expects silence, but a direct path outlives the TURN server; write echo"},
		{"relay of a server that is dead before connect", "[kill: turn, connect, echo]", "expect: {path: relay}",
			"2:30: steps[2] echoes over a relay whose server is dead by then; write no-echo, or kill it later"},
		{"echo over a dead relay", "[connect, echo, kill: turn, echo]", "expect: {path: relay-both}",
			"2:36: steps[3] echoes over a relay whose server is dead by then; write no-echo, or kill it later"},
		{"silence after a wait that no mapping expires in", "[connect, echo, wait: 4s, no-echo]", "caller: {nat: {mapping: eim, filtering: eif, lifetime: 5s}}\nexpect: {path: direct}",
			"2:34: steps[3] expects silence, but nothing before it stops the echo; add for example cut: caller above it"},
		{"silence after a wait before connect", "[wait: 4s, connect, echo, no-echo]", "caller: {nat: {mapping: eim, filtering: eif, lifetime: 1s}}\nexpect: {path: direct}",
			"2:34: steps[3] expects silence, but nothing before it stops the echo; add for example cut: caller above it"},

		{"start of what runs", "[connect, start: turn, echo]", "expect: {path: relay}",
			"2:18: steps[1] starts the TURN server, which runs; put kill: turn above it"},
		{"start of what runs again", "[kill: turn, start: turn, connect, start: turn, echo]", "expect: {path: relay}",
			"2:43: steps[3] starts the TURN server, which runs; put kill: turn above it"},
		{"start of what is off", "[connect, start: turn, echo]", "turn: off\nexpect: {path: direct}",
			"2:18: steps[1] starts the TURN server, but turn is off; remove the step, or give turn transports"},
		{"echo over the relay of a server that was started again", "[connect, echo, kill: turn, start: turn, echo]", "expect: {path: relay}",
			"2:49: steps[4] echoes over a relay that died with its server, which forgot it; put restart-ice above it"},
		{"echo over a relay gathered before the server was started", "[kill: turn, connect, start: turn, echo]", "expect: {path: relay}",
			"2:43: steps[3] echoes over a relay that died with its server, which forgot it; put restart-ice above it"},
		{"echo over a relay of its own that is dead", "[connect, echo: {path: relay}, kill: turn, echo: {path: relay-both}, echo]", "expect: {path: direct}",
			"2:51: steps[3] echoes over a relay whose server is dead by then; write no-echo, or kill it later"},
		{"restart before connect", "[restart-ice, connect, echo]", "expect: {path: direct}",
			"2:9: restart-ice comes before connect; put a connect step above it"},
		{"restart over no path", "[connect, restart-ice]", "expect: {path: none}",
			"2:18: steps[1] wants an echo back, but there is no path to go over, expect.path being none; end the steps with connect"},
		{"restore of what is whole", "[connect, restore: caller, echo]", "expect: {path: direct}",
			"2:18: steps[1] restores the caller's line, which is not cut; put cut: caller above it"},
		{"restore of the other side", "[connect, echo, cut: caller, restore: callee, echo]", "expect: {path: direct}",
			"2:37: steps[3] restores the callee's line, which is not cut; put cut: callee above it"},
		{"restore where the peer has left", "[connect, cut: caller, move: caller, restore: caller, restart-ice, echo]", "expect: {path: direct}",
			"2:45: steps[3] restores the caller's line, which is not cut; put cut: caller above it"},
		{"cut of what is cut", "[connect, cut: caller, cut: {side: caller, protocol: all}, echo]", "expect: {path: direct}",
			"2:31: steps[2] cuts what is cut already; remove the step"},
		{"cut of the one gateway that both have", "[connect, cut: caller, cut: callee, echo]", "callee: {lan: caller-lan}\nexpect: {path: direct}",
			"2:31: steps[2] cuts what is cut already; remove the step"},
		{"rebind before connect", "[rebind: caller, connect, echo]", "caller: full-cone\nexpect: {path: direct}",
			"2:9: rebind lets mappings go, but there are none before connect; put it below"},
		{"rebind of no NAT", "[connect, rebind: callee, echo]", "caller: full-cone\nexpect: {path: direct}",
			"2:18: rebind is about mappings, but the callee's open has no NAT; remove the step, or choose another condition"},
		{"expire where the peer has moved to no NAT", "[connect, move: {side: caller, to: open}, expire: caller, echo]", "caller: full-cone\nexpect: {path: direct}",
			"2:50: expire is about mappings, but the caller's open has no NAT; remove the step, or choose another condition"},
		{"reboot of what is cut", "[connect, cut: {side: caller, protocol: udp}, reboot: caller, echo]", "expect: {path: direct}",
			"2:54: steps[2] reboots a gateway whose line is cut; put restore: caller above it"},
		{"recovery while the gateway is down", "[connect, reboot: {side: caller, down: 2s, within: 2s}, echo]", "expect: {path: direct}",
			"2:59: steps[1].reboot.within is 2s, but the gateway is down for 2s of it; give it longer"},
		{"recovery before connect", "[cut: {side: caller, protocol: udp, within: 5s}, connect, echo]", "expect: {path: relay}",
			"2:52: steps[0].cut.within is how long until an echo is back, but there is none before connect; leave it out"},
		{"move twice", "[connect, move: caller, move: caller, echo]", "expect: {path: direct}",
			"2:32: steps[2] moves a second time, but there is one LAN to move to; remove the step"},
		{"move of both", "[connect, move: caller, move: callee, echo]", "expect: {path: direct}",
			"2:32: steps[2] moves a second time, but there is one LAN to move to; remove the step"},
		{"move from one LAN", "[connect, move: callee, echo]", "callee: {lan: caller-lan}\nexpect: {path: direct}",
			"2:18: steps[1] moves a peer, which goes from a LAN of its own only, but callee.lan is caller-lan; leave one of the two out"},
		{"move below a carrier", "[connect, move: callee, echo]", "carrier: {mapping: eim, filtering: eif, hairpin: true}\nexpect: {path: direct}",
			"2:18: steps[1] moves a peer, but not below a carrier, which both homes have; leave out carrier"},
		{"move where the other side has a carrier", "[connect, move: caller, echo]", "callee: cgnat\nexpect: {path: direct}",
			"2:18: steps[1] moves a peer, but the callee's cgnat has a carrier, and then there is no LAN to move to; choose another condition"},
		{"move where prefixes are the same", "[connect, move: callee, echo]", "caller: full-cone\ncallee: full-cone\nsame-prefix: true\nexpect: {path: direct}",
			"2:18: steps[1] moves a peer, but not where same-prefix is set; leave one of the two out"},
		{"last echo over another path", "[connect, echo, echo: {path: relay}]", "expect: {path: direct}",
			"2:37: steps[2].echo.path is relay, but expect.path, which is that of the last echo, is direct; make them the same"},
		{"last echo over another transport", "[connect, echo: {transport: tcp}]", "expect: {path: relay, transport: udp}",
			"2:36: steps[1].echo.transport is tcp, but expect.transport, which is that of the last echo, is udp; make them the same"},
		{"echo with a path where none is expected", "[connect, echo: {path: direct}]", "expect: {path: none}",
			"2:18: steps[1] echoes to the end, but expect.path is none; add the end of the path and no-echo"},
		{"echo of the path that there is not", "[connect, echo: {path: relay}, kill: turn, no-echo, echo]", "expect: {path: none}",
			"2:60: steps[4] takes expect.path, which is none; give it a path of its own"},
		{"silence after an echo that survived", "[connect, cut: {side: caller, protocol: udp}, restart-ice, echo, no-echo]", "expect: {path: relay}",
			"2:73: steps[4] expects silence, but nothing before it stops the echo; add for example cut: caller above it"},
		{"silence after a recovery", "[connect, echo, rebind: {side: caller, within: 5s}, no-echo]", "caller: full-cone\nexpect: {path: direct}",
			"2:60: steps[3] expects silence, but nothing before it stops the echo; add for example cut: caller above it"},
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

// Whether a path survives what happened under it is for the run to tell, and
// stories may begin with the accident.
func TestStepsThatCanFollowEachOtherAreTaken(t *testing.T) {
	for _, event := range []string{
		"link: {side: caller, loss: 90%}", "cut: {side: caller, protocol: udp}", "rebind: caller", "expire: callee",
		"reboot: callee", "move: caller", "move: {side: callee, to: udp-blocked}",
	} {
		for _, last := range []string{"echo", "no-echo, restart-ice, echo", "restart-ice, echo, kill: turn, no-echo, start: turn, restart-ice, echo"} {
			takes(t, "caller: symmetric\ncallee: symmetric\nexpect: {path: relay}\nsteps: [connect, echo, "+event+", "+last+"]")
		}
	}
	for name, steps := range map[string]string{
		"cut before connect":              "cut: {side: caller, protocol: udp}, connect, echo",
		"cut and restored before connect": "cut: caller, restore: caller, connect, echo",
		"less cut than before":            "connect, cut: caller, cut: {side: caller, protocol: udp}, restart-ice, echo",
		"both cut":                        "connect, echo, cut: caller, cut: callee, no-echo, restore: callee, restore: caller, echo",
		"away from a cut":                 "connect, echo, cut: caller, no-echo, move: caller, restart-ice, echo",
		"started before connect":          "kill: turn, start: turn, connect, echo",
		"killed again":                    "connect, echo, kill: turn, start: turn, kill: turn, no-echo",
		"reboot, link, move at first":     "reboot: caller, link: caller, move: callee, connect, echo",
		"silence on a lossy line":         "connect, echo, link: {side: callee, up: {loss: 100%}}, no-echo, link: callee, echo",
		"silence after a restore":         "connect, echo, cut: caller, restore: caller, no-echo",
	} {
		t.Run(name, func(t *testing.T) {
			takes(t, "caller: symmetric\ncallee: symmetric\nexpect: {path: relay}\nsteps: ["+steps+"]")
		})
	}
	takes(t, "expect: {path: direct}\nsteps: [connect, echo: {path: relay}, kill: turn, no-echo, start: turn, restart-ice, echo]")
	takes(t, "callee: {lan: caller-lan}\nexpect: {path: direct}\nsteps: [connect, echo, reboot: {side: callee, down: 1s, within: 1s}, echo]")
	takes(t, "carrier: {mapping: eim, filtering: eif, hairpin: true}\nexpect: {path: direct}\nsteps: [connect, echo, rebind: caller, restart-ice, echo]")
}

func takes(t *testing.T, yaml string) {
	t.Helper()
	if _, err := Parse("x.yaml", []byte("name: x\n"+yaml)); err != nil {
		t.Errorf("%v\n%s", err, yaml)
	}
}
