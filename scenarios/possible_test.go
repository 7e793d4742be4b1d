package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icelab-go/icelab/lab/nat"
)

func TestImpossibleExpectationsAreRefused(t *testing.T) {
	for _, tt := range []struct{ name, yaml, want string }{
		// Better than what the peers can reach.
		{"direct through two symmetric NATs",
			"caller: symmetric\ncallee: symmetric\nexpect: {path: direct}",
			"4:16: expect.path is direct, but the best there can be is relay: both sides map per destination (APDM), so neither learns the port that the other's filter has open for it; want relay, relay-both or none"},
		{"direct through a NAT that is written out",
			"caller: {nat: {mapping: adm, filtering: eif}}\ncallee:\n  nat: {mapping: apdm, filtering: apdf}\n  candidates: [relay]\nexpect: {path: direct}",
			"6:16: expect.path is direct, but the best there can be is relay-both: the callee may use relay candidates only, so each peer needs a relay of its own; want relay-both or none"},
		{"direct with a caller limited to relay",
			"caller: {candidates: [relay]}\nexpect: {path: direct}",
			"3:16: expect.path is direct, but the best there can be is relay-both: the caller may use relay candidates only, so each peer needs a relay of its own; want relay-both or none"},
		{"one relay where both peers may use nothing else",
			"caller: {candidates: [relay]}\ncallee: {candidates: [relay]}\nexpect: {path: relay}",
			"4:16: expect.path is relay, but the best there can be is relay-both: both peers may use relay candidates only, so each peer needs a relay of its own; want relay-both or none"},
		{"direct with both limited to relay on one LAN",
			"caller: {candidates: [relay]}\ncallee: {lan: caller-lan, candidates: [relay]}\nexpect: {path: direct}",
			"4:16: expect.path is direct, but the best there can be is relay-both: both peers may use relay candidates only, so each peer needs a relay of its own; want relay-both or none"},
		{"nothing but relay without a server",
			"caller: {candidates: [relay]}\nturn: off\nexpect: {path: relay}",
			"4:16: expect.path is relay, but the best there can be is none: the caller may use relay candidates only, and no TURN server is offered; want none"},
		{"direct without UDP",
			"callee: udp-blocked\nexpect: {path: direct}",
			"3:16: expect.path is direct, but the best there can be is relay: no UDP passes the callee's firewall, so the callee can use nothing but its relay over tcp; want relay, relay-both or none"},
		{"direct on one LAN by addresses that STUN cannot tell",
			"caller: {condition: udp-blocked, candidates: [srflx]}\ncallee: {lan: caller-lan}\nexpect: {path: direct}",
			"4:16: expect.path is direct, but the best there can be is none: no UDP passes the firewall of the peers' LAN, and the caller may not use relay candidates; want none"},
		{"direct on one LAN by external addresses of a NAT that does not hairpin",
			"caller: {condition: full-cone, candidates: [srflx, relay]}\ncallee: {lan: caller-lan, candidates: [srflx, relay]}\nexpect: {path: direct}",
			"4:16: expect.path is direct, but the best there can be is relay: the NAT that both peers share does not hairpin; want relay, relay-both or none"},
		{"direct below a carrier that does not hairpin",
			"caller: full-cone\ncallee: full-cone\ncarrier: {mapping: eim, filtering: eif}\nturn: off\nexpect: {path: direct}",
			"6:16: expect.path is direct, but the best there can be is none: the NAT that both peers share does not hairpin, and no TURN server is offered; want none"},
		{"direct by private addresses alone",
			"caller: {condition: symmetric, candidates: [host]}\ncallee: {condition: port-restricted, candidates: [host]}\nexpect: {path: direct}",
			"4:16: expect.path is direct, but the best there can be is none: both peers give only private addresses away, and neither peer may use relay candidates; want none"},
		{"direct by private addresses that are the sender's own",
			"caller: {condition: full-cone, candidates: [host]}\ncallee: {condition: full-cone, candidates: [host]}\nsame-prefix: true\nexpect: {path: direct}",
			"5:16: expect.path is direct, but the best there can be is none: both LANs use the same private addresses, so a check to a host candidate never leaves the sender's, and neither peer may use relay candidates; want none"},
		{"srflx from a server that is dead before connect",
			"caller: {condition: port-restricted, candidates: [srflx]}\nsteps: [kill: turn, connect, echo]\nexpect: {path: direct}",
			"4:16: expect.path is direct, but the best there can be is none: no STUN server tells the peers their addresses, and nothing answers at the TURN server; want none"},
		{"relay over UDP that does not pass",
			"caller: udp-blocked\nturn: {transports: [udp]}\nexpect: {path: relay}",
			"4:16: expect.path is relay, but the best there can be is none: no UDP passes the caller's firewall, and TURN over udp is out of reach for the caller; want none"},
		{"relay where only TLS would pass",
			"callee: tls-443-only\nexpect: {path: relay}",
			"3:16: expect.path is relay, but the best there can be is none: no UDP passes the callee's firewall, and TURN over udp or tcp is out of reach for the callee; want none"},
		{"relay over TCP that the other end cannot reach",
			"caller: udp-blocked\ncallee: udp-blocked\nexpect: {path: relay}",
			"4:16: expect.path is relay, but the best there can be is relay-both: no UDP passes either firewall, so each peer needs a relay of its own; want relay-both or none"},
		{"two relays over UDP that does not pass",
			"caller: udp-blocked\nturn: {transports: [udp]}\nexpect: {path: relay-both}",
			"4:16: expect.path is relay-both, but the best there can be is none: no UDP passes the caller's firewall, and TURN over udp is out of reach for the caller; want none"},

		// Worse, and without what it takes.
		{"relay without a server",
			"turn: off\nexpect: {path: relay}",
			"3:16: expect.path is relay, but turn is off; want direct or none"},
		{"two relays without a server",
			"turn: off\nexpect: {path: relay-both}",
			"3:16: expect.path is relay-both, but turn is off; want direct or none"},
		{"relay that no peer may use",
			"caller: {candidates: [host]}\ncallee: {candidates: [host, srflx]}\nexpect: {path: relay}",
			"4:16: expect.path is relay, but the caller may not use relay candidates, and the callee may not use relay candidates; want direct or none"},
		{"two relays where one peer may use none",
			"callee: {candidates: [srflx]}\ncaller: {condition: symmetric}\nexpect: {path: relay-both}",
			"4:16: expect.path is relay-both, but the callee may not use relay candidates; want direct, relay or none"},
		{"relay on a LAN that no UDP leaves",
			"caller: udp-blocked\ncallee: {lan: caller-lan}\nexpect: {path: relay}",
			"4:16: expect.path is relay, but no UDP passes the callee's udp-blocked, and no UDP passes the caller's udp-blocked; want direct, relay-both or none"},
		{"two relays on a LAN that lets TLS only out",
			"caller: tls-443-only\ncallee: {lan: caller-lan}\nexpect: {path: relay-both}",
			"4:16: expect.path is relay-both, but no TURN over udp or tcp passes the caller's tls-443-only, and no TURN over udp or tcp passes the callee's tls-443-only; want direct or none"},

		// Transports.
		{"transport on a direct path",
			"expect: {path: direct, transport: udp}",
			"2:35: expect.transport is udp, but path direct has no leg to a TURN server; leave transport out"},
		{"transport of no path",
			"steps: [connect]\nexpect: {path: none, transport: tcp}",
			"3:33: expect.transport is tcp, but path none has no leg to a TURN server; leave transport out"},
		{"transport that is not offered",
			"turn: {transports: [udp]}\nexpect: {path: relay, transport: tcp}",
			"3:34: expect.transport is tcp, but turn.transports is [udp]; change one of the two, or leave transport out"},
		{"transport that is not offered by default",
			"expect: {path: relay, transport: tls}",
			"2:34: expect.transport is tls, but turn.transports is [udp, tcp]; change one of the two, or leave transport out"},
		{"UDP to the server from the only side that can be relayed",
			"caller: udp-blocked\nexpect: {path: relay, transport: udp}",
			"3:34: expect.transport is udp, but no UDP passes the caller's udp-blocked; change one of the two, or leave transport out"},
		{"TCP to a port that is closed",
			"callee: tls-443-only\nturn: {transports: [tls, tcp]}\nexpect: {path: relay, transport: tcp}",
			"4:34: expect.transport is tcp, but no UDP passes the callee's tls-443-only, and no TURN over tcp passes the callee's tls-443-only; change one of the two, or leave transport out"},
		{"UDP on both legs where one side has none",
			"callee: udp-blocked\nexpect: {path: relay-both, transport: udp}",
			"3:39: expect.transport is udp, but no UDP passes the callee's udp-blocked; change one of the two, or leave transport out"},

		// What the story leaves.
		{"direct after UDP was cut",
			"steps: [connect, echo, cut: {side: caller, protocol: udp}, restart-ice, echo]\nexpect: {path: direct}",
			"3:16: expect.path is direct, but by steps[4] the caller's UDP is cut, and the best there can be is relay: no UDP passes the caller's firewall, so the caller can use nothing but its relay over tcp; want relay or relay-both"},
		{"direct in an echo of its own after UDP was cut",
			"steps:\n  - connect\n  - cut: {side: callee, protocol: udp}\n  - restart-ice\n  - echo: {path: direct}\n  - restore: callee\n  - restart-ice\n  - echo\nexpect: {path: direct}",
			"6:18: steps[3].echo.path is direct, but by steps[3] the callee's UDP is cut, and the best there can be is relay: no UDP passes the callee's firewall, so the callee can use nothing but its relay over tcp; want relay or relay-both"},
		{"echo over a line that is cut",
			"steps: [connect, echo, cut: caller, echo]\nexpect: {path: direct}",
			"3:16: expect.path is direct, but by steps[3] the caller's line is cut, and the best there can be is none: no UDP passes the caller's firewall, and TURN over udp or tcp is out of reach for the caller; write no-echo"},
		{"TURN over UDP that was cut",
			"steps: [connect, echo: {path: direct}, cut: {side: caller, protocol: udp}, restart-ice, echo]\nexpect: {path: relay, transport: udp}",
			"3:34: expect.transport is udp, but no UDP passes the caller's cut line; change one of the two, or leave transport out"},
		{"TURN over UDP in an echo of its own after it was cut",
			"steps: [connect, cut: {side: caller, protocol: udp}, restart-ice, echo: {path: relay, transport: udp}, echo]\nexpect: {path: relay}",
			"2:98: steps[3].echo.transport is udp, but no UDP passes the caller's cut line; change one of the two, or leave transport out"},
		{"direct from where the peer has moved to",
			"caller: port-restricted\ncallee: port-restricted\nsteps: [connect, echo, move: {side: callee, to: symmetric}, restart-ice, echo]\nexpect: {path: direct}",
			"5:16: expect.path is direct, but by steps[4] the callee has moved behind symmetric, and the best there can be is relay: the callee maps per destination (APDM) and the caller's APDF filter wants the exact port; want relay or relay-both"},
		{"direct before the peer moves",
			"caller: symmetric\ncallee: symmetric\nsteps: [connect, echo, move: {side: callee, to: open}, restart-ice, echo]\nexpect: {path: direct}",
			"5:16: expect.path is direct, but the best there can be is relay: both sides map per destination (APDM), so neither learns the port that the other's filter has open for it; want relay, relay-both or none"},
		{"relay from one LAN whose UDP was cut",
			"callee: {lan: caller-lan}\nsteps: [connect, echo: {path: direct}, cut: {side: callee, protocol: udp}, restart-ice, echo]\nexpect: {path: relay}",
			"4:16: expect.path is relay, but no UDP passes the callee's cut line, and no UDP passes the caller's cut line; want direct or relay-both"},
		{"restart where nothing passes",
			"steps: [connect, echo, cut: caller, restart-ice, restore: caller, echo]\nexpect: {path: direct}",
			"2:37: steps[3] lets the peers hear each other, but by steps[3] the caller's line is cut, and the best there can be is none: no UDP passes the caller's firewall, and TURN over udp or tcp is out of reach for the caller; put it where there is a path"},
		{"restart for a relay while its server is dead",
			"caller: symmetric\ncallee: symmetric\nsteps: [connect, echo, kill: turn, restart-ice, start: turn, restart-ice, echo]\nexpect: {path: relay}",
			"4:36: steps[3] lets the peers hear each other, but the best there can be is none: both peers give only private addresses away, and nothing answers at the TURN server; put it where there is a path"},
		{"recovery over a line that is cut",
			"steps: [connect, echo, cut: {side: callee, within: 5s}, restore: callee, echo]\nexpect: {path: direct}",
			"2:24: steps[2] lets the peers hear each other, but by steps[2] the callee's line is cut, and the best there can be is none: no UDP passes the callee's firewall, and TURN over udp or tcp is out of reach for the callee; put it where there is a path"},
		{"connect over a line that is cut",
			"steps: [cut: caller, connect, restore: caller, echo]\nexpect: {path: direct}",
			"2:22: steps[1] lets the peers hear each other, but by steps[1] the caller's line is cut, and the best there can be is none: no UDP passes the caller's firewall, and TURN over udp or tcp is out of reach for the caller; put it where there is a path"},
		{"direct by srflx that no server told when ICE restarted",
			"caller: {condition: port-restricted, candidates: [srflx]}\ncallee: {condition: port-restricted, candidates: [srflx]}\nsteps: [connect, echo, kill: turn, echo, reboot: caller, restart-ice, echo]\nexpect: {path: direct}",
			"5:16: expect.path is direct, but the best there can be is none: no STUN server tells the peers their addresses, and nothing answers at the TURN server; want none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte("name: x\n"+tt.yaml))
			if err == nil {
				t.Fatal("taken")
			}
			if diff := cmp.Diff("x.yaml:"+tt.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnlikelyExpectationsAreTaken(t *testing.T) {
	for name, yaml := range map[string]string{
		"no path between open peers":                "expect: {path: none}",
		"a relay between open peers":                "expect: {path: relay}",
		"two relays where one is enough":            "caller: symmetric\ncallee: symmetric\nexpect: {path: relay-both}",
		"one private address and one learnt":        "caller: {condition: symmetric, candidates: [host]}\ncallee: {condition: full-cone, candidates: [host, srflx]}\nsteps: [connect]\nexpect: {path: none}",
		"a private address and a routed one":        "caller: {condition: symmetric, candidates: [host]}\ncallee: {candidates: [host]}\nexpect: {path: direct}",
		"private addresses on one LAN":              "caller: {condition: symmetric, candidates: [host]}\ncallee: {lan: caller-lan, candidates: [host]}\nexpect: {path: direct}",
		"one LAN whose gateway blocks UDP":          "caller: udp-blocked\ncallee: {lan: caller-lan}\nexpect: {path: direct}",
		"hairpinning on one LAN":                    "caller: {nat: {mapping: eim, filtering: apdf, hairpin: true}, candidates: [srflx]}\ncallee: {lan: caller-lan, candidates: [srflx]}\nexpect: {path: direct}",
		"a relay where the carrier hairpins":        "caller: full-cone\ncallee: full-cone\ncarrier: {mapping: eim, filtering: eif, hairpin: true}\nexpect: {path: relay}",
		"one prefix on both LANs":                   "caller: full-cone\ncallee: cgnat\nsame-prefix: true\nexpect: {path: direct}",
		"TCP to the server where UDP would do":      "expect: {path: relay, transport: tcp}",
		"TLS to the server where UDP would do":      "turn: {transports: [udp, tls]}\nexpect: {path: relay, transport: tls}",
		"both relayed over TCP, neither having UDP": "caller: udp-blocked\ncallee: udp-blocked\nexpect: {path: relay-both, transport: tcp}",
		"TLS on both legs where one could use TCP":  "caller: udp-blocked\ncallee: tls-443-only\nturn: {transports: [tcp, tls]}\nexpect: {path: relay-both, transport: tls}",
		"relay types without server, and no path":   "caller: {candidates: [relay]}\nturn: off\nexpect: {path: none}",
		"relay among types without server":          "caller: {candidates: [host, relay]}\nturn: off\nexpect: {path: direct}",
		"direct after the server's death":           "steps: [kill: turn, connect, echo]\nexpect: {path: direct}",
		"a relay over TCP once UDP is cut":          "steps: [connect, echo: {path: direct}, cut: {side: caller, protocol: udp}, restart-ice, echo]\nexpect: {path: relay, transport: tcp}",
		"direct once UDP is back":                   "steps: [connect, cut: {side: caller, protocol: udp}, restart-ice, echo: {path: relay, transport: tcp}, restore: caller, restart-ice, echo]\nexpect: {path: direct}",
		"a path that may have survived":             "steps: [cut: {side: caller, protocol: udp}, connect, echo: {path: relay, transport: tcp}, restore: caller, echo]\nexpect: {path: relay, transport: tcp}",
		"one LAN whose gateway is cut":              "callee: {lan: caller-lan}\nsteps: [connect, echo, cut: callee, echo, restart-ice, echo]\nexpect: {path: direct}",
		"direct from where the peer has moved to":   "caller: symmetric\ncallee: symmetric\nsteps: [connect, echo: {path: relay, transport: udp}, move: {side: caller, to: open}, restart-ice, echo]\nexpect: {path: direct}",
		"direct away from a cut":                    "steps: [connect, echo, cut: caller, move: caller, restart-ice, echo]\nexpect: {path: direct}",
		"direct where the server dies later":        "caller: {condition: port-restricted, candidates: [srflx]}\ncallee: {condition: port-restricted, candidates: [srflx]}\nsteps: [wait: 1s, connect, echo, kill: turn, wait: 1s, echo]\nexpect: {path: direct}",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse("x.yaml", []byte("name: x\n"+yaml)); err != nil {
				t.Error(err)
			}
		})
	}
}

// What is predicted can be expected, and nothing better.
func TestThePredictionIsTheLimit(t *testing.T) {
	for _, s := range everything() {
		m := meansOf(t, s)
		best := Path(m.best.Path)
		for _, path := range paths() {
			why := m.obstacle(path, "")
			switch {
			case path == best && why != "":
				t.Errorf("%s: predicted %s is refused: %s", show(s), path, why)
			case path.rank() < best.rank() && why == "":
				t.Errorf("%s: %s is taken, better than the predicted %s", show(s), path, best)
			}
		}
		if !best.Relayed() || strings.Contains(m.best.Transport, "+") {
			continue
		}
		if why := m.obstacle(best, m.best.Transport); why != "" {
			t.Errorf("%s: predicted %s over %s is refused: %s", show(s), best, m.best.Transport, why)
		}
		for _, transport := range s.Turn.Transports {
			if transport == m.best.Transport {
				break // those that follow are worse
			}
			if m.obstacle(best, transport) == "" {
				t.Errorf("%s: %s over %s is taken, better than the predicted %s", show(s), best, transport, m.best.Transport)
			}
		}
	}
}

// Swapping the peers never changes what is possible.
func TestPossibleIsSymmetric(t *testing.T) {
	for _, s := range everything() {
		if s.SameLAN() {
			continue
		}
		swapped := s
		swapped.Caller, swapped.Callee = s.Callee, s.Caller
		swapped.Caller.LAN, swapped.Callee.LAN = CallerLAN, CalleeLAN
		if a, b := meansOf(t, s).possible(), meansOf(t, swapped).possible(); a != b {
			t.Errorf("%s: %s; swapped: %s", show(s), a, b)
		}
	}
}

// Behind stricter walls there are never more paths.
func TestBlockingUDPNeverMakesAPathPossible(t *testing.T) {
	for _, free := range everything() {
		if free.Caller.Condition != "port-restricted" {
			continue
		}
		blocked := free
		blocked.Caller.Condition = "udp-blocked"
		before, after := meansOf(t, free).feasible(), meansOf(t, blocked).feasible()
		for _, path := range after {
			if !slices.Contains(before, path) {
				t.Errorf("%s: blocking the caller's UDP makes %s possible", show(free), path)
			}
		}
	}
}

// everything returns every two peers behind conditions that have a name, with
// every offer of TURN, on one LAN and on two.
func everything() []Scenario {
	var types [][]string
	for bits := 1; bits < 8; bits++ {
		var list []string
		for i, name := range candidateTypes() {
			if bits>>i&1 == 1 {
				list = append(list, name)
			}
		}
		types = append(types, list)
	}
	connect := []Step{{Connect: newConnect()}}
	worlds := []Scenario{
		{Turn: Turn{Off: true}, Steps: connect},
		{Turn: Turn{Transports: []string{UDP}}, Steps: connect},
		{Turn: Turn{Transports: []string{TCP, TLS}}, Steps: connect},
		{Turn: Turn{Transports: transports()}, Steps: connect},
		{Turn: Turn{Transports: transports()}, Steps: append([]Step{{Kill: KillTurn}}, connect...)},
	}
	var callers, callees []Peer
	for _, list := range types {
		for _, name := range nat.ConditionNames() {
			callers = append(callers, Peer{Condition: name, Candidates: list, LAN: CallerLAN})
			callees = append(callees, Peer{Condition: name, Candidates: list, LAN: CalleeLAN})
		}
		callees = append(callees, Peer{Candidates: list, LAN: CallerLAN})
	}
	var all []Scenario
	for _, caller := range callers {
		for _, callee := range callees {
			for _, s := range worlds {
				s.Caller, s.Callee = caller, callee
				all = append(all, s)
			}
		}
	}
	return all
}

func meansOf(t *testing.T, s Scenario) means {
	t.Helper()
	w, err := s.lastProof()
	if err != nil {
		t.Fatal(err)
	}
	return w.means(0)
}

func show(s Scenario) string {
	return fmt.Sprintf("%s %v and %s %v on %s, TURN %v, steps %v", s.Caller.Condition, s.Caller.Candidates,
		s.Callee.Condition, s.Callee.Candidates, s.Callee.LAN, s.Turn.Transports, s.Steps)
}
