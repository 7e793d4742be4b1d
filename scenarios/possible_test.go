package scenarios

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/icelab-go/icelab/lab/nat"
)

func TestImpossibleExpectationsAreRefused(t *testing.T) {
	for _, tt := range []struct{ name, yaml, want string }{
		{"relay without a server",
			"turn: off\nexpect: {path: relay}",
			"3:16: expect.path is relay, but turn is off; want direct or none"},
		{"two relays without a server",
			"turn: off\nexpect: {path: relay-both}",
			"3:16: expect.path is relay-both, but turn is off; want direct or none"},
		{"nothing but relay without a server",
			"caller: {candidates: [relay]}\nturn: off\nexpect: {path: relay}",
			"4:16: expect.path is relay, but turn is off; want none"},
		{"relay that no peer may use",
			"caller: {candidates: [host]}\ncallee: {candidates: [host, srflx]}\nexpect: {path: relay}",
			"4:16: expect.path is relay, but the caller may not use relay candidates, and the callee may not use relay candidates; want direct or none"},
		{"two relays where one peer may use none",
			"callee: {candidates: [srflx]}\nexpect: {path: relay-both}",
			"3:16: expect.path is relay-both, but the callee may not use relay candidates; want direct, relay or none"},
		{"one relay where both peers may use nothing else",
			"caller: {candidates: [relay]}\ncallee: {candidates: [relay]}\nexpect: {path: relay}",
			"4:16: expect.path is relay, but the callee may use nothing but relay, and the caller may use nothing but relay; want relay-both or none"},
		{"direct with a caller limited to relay",
			"caller: {candidates: [relay]}\nexpect: {path: direct}",
			"3:16: expect.path is direct, but the caller may use nothing but relay; want relay, relay-both or none"},
		{"direct with both limited to relay on one LAN",
			"caller: {candidates: [relay]}\ncallee: {lan: caller-lan, candidates: [relay]}\nexpect: {path: direct}",
			"4:16: expect.path is direct, but the caller may use nothing but relay, and the callee may use nothing but relay; want relay-both or none"},
		{"direct without UDP",
			"callee: udp-blocked\nexpect: {path: direct}",
			"3:16: expect.path is direct, but no UDP passes the callee's udp-blocked; want relay, relay-both or none"},
		{"direct on one LAN by addresses that STUN cannot tell",
			"caller: {condition: udp-blocked, candidates: [srflx]}\ncallee: {lan: caller-lan}\nexpect: {path: direct}",
			"4:16: expect.path is direct, but no UDP passes the caller's udp-blocked; want none"},
		{"direct by private addresses alone",
			"caller: {condition: symmetric, candidates: [host]}\ncallee: {condition: port-restricted, candidates: [host]}\nexpect: {path: direct}",
			"4:16: expect.path is direct, but both peers are behind NATs and give only their private addresses away; want none"},
		{"relay over UDP that does not pass",
			"caller: udp-blocked\nturn: {transports: [udp]}\nexpect: {path: relay}",
			"4:16: expect.path is relay, but no UDP passes the caller's udp-blocked and turn.transports has no tcp; want none"},
		{"relay over TCP that the other end cannot reach",
			"caller: udp-blocked\ncallee: udp-blocked\nexpect: {path: relay}",
			"4:16: expect.path is relay, but no UDP passes the callee's udp-blocked, and no UDP passes the caller's udp-blocked; want relay-both or none"},
		{"two relays over UDP that does not pass",
			"caller: udp-blocked\nturn: {transports: [udp]}\nexpect: {path: relay-both}",
			"4:16: expect.path is relay-both, but no UDP passes the caller's udp-blocked and turn.transports has no tcp; want none"},
		{"direct with a caller limited to relay, and no server for that either",
			"caller: {candidates: [relay]}\nsteps: [kill: turn, connect, echo]\nexpect: {path: direct}",
			"4:16: expect.path is direct, but the caller may use nothing but relay; want none"},
		{"srflx from a server that is dead before connect",
			"caller: {condition: port-restricted, candidates: [srflx]}\nsteps: [kill: turn, connect, echo]\nexpect: {path: direct}",
			"4:16: expect.path is direct, but the caller can learn no srflx candidate from a server that is killed before connect; want none"},
		{"transport on a direct path",
			"expect: {path: direct, transport: udp}",
			"2:35: expect.transport is udp, but path direct has no leg to a TURN server; leave transport out"},
		{"transport of no path",
			"steps: [connect]\nexpect: {path: none, transport: tcp}",
			"3:33: expect.transport is tcp, but path none has no leg to a TURN server; leave transport out"},
		{"transport that is not offered",
			"turn: {transports: [udp]}\nexpect: {path: relay, transport: tcp}",
			"3:34: expect.transport is tcp, but turn.transports is [udp]; change one of the two, or leave transport out"},
		{"UDP to the server from the only side that can be relayed",
			"caller: udp-blocked\nexpect: {path: relay, transport: udp}",
			"3:34: expect.transport is udp, but no UDP passes the caller's udp-blocked; change one of the two, or leave transport out"},
		{"UDP on both legs where one side has none",
			"callee: udp-blocked\nexpect: {path: relay-both, transport: udp}",
			"3:39: expect.transport is udp, but no UDP passes the callee's udp-blocked; change one of the two, or leave transport out"},
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
		"punching two symmetric NATs":               "caller: symmetric\ncallee: symmetric\nexpect: {path: direct}",
		"no path between open peers":                "expect: {path: none}",
		"a relay between open peers":                "expect: {path: relay}",
		"one private address and one learnt":        "caller: {condition: symmetric, candidates: [host]}\ncallee: {condition: port-restricted, candidates: [srflx]}\nexpect: {path: direct}",
		"a private address and a routed one":        "caller: {condition: symmetric, candidates: [host]}\ncallee: {candidates: [host]}\nexpect: {path: direct}",
		"private addresses on one LAN":              "caller: {condition: symmetric, candidates: [host]}\ncallee: {lan: caller-lan, candidates: [host]}\nexpect: {path: direct}",
		"one LAN whose gateway blocks UDP":          "caller: udp-blocked\ncallee: {lan: caller-lan}\nexpect: {path: direct}",
		"private addresses and relays beside them":  "caller: {condition: symmetric, candidates: [host, relay]}\ncallee: {condition: symmetric, candidates: [host, relay]}\nexpect: {path: direct}",
		"hairpinning on one LAN":                    "caller: {condition: port-restricted, candidates: [srflx]}\ncallee: {lan: caller-lan, candidates: [srflx]}\nexpect: {path: direct}",
		"TCP to the server where UDP would do":      "expect: {path: relay, transport: tcp}",
		"both relayed over TCP, neither having UDP": "caller: udp-blocked\ncallee: udp-blocked\nexpect: {path: relay-both, transport: tcp}",
		"relay types without server, and no path":   "caller: {candidates: [relay]}\nturn: off\nexpect: {path: none}",
		"relay among types without server":          "caller: {candidates: [host, relay]}\nturn: off\nexpect: {path: direct}",
		"direct after the server's death":           "steps: [kill: turn, connect, echo]\nexpect: {path: direct}",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse("x.yaml", []byte("name: x\n"+yaml)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Swapping the peers never changes what is possible.
func TestPossibleIsSymmetric(t *testing.T) {
	for _, pair := range pairs() {
		a, b := pair, pair
		b.caller.peer, b.callee.peer = a.callee.peer, a.caller.peer
		b.caller.condition, b.callee.condition = a.callee.condition, a.caller.condition
		if a.possible() != b.possible() {
			t.Errorf("%s and %s: %s; swapped: %s", show(a.caller), show(a.callee), a.possible(), b.possible())
		}
	}
}

// Behind stricter walls there are never more paths.
func TestBlockingUDPNeverMakesAPathPossible(t *testing.T) {
	for _, free := range pairs() {
		blocked := free
		blocked.caller.condition.Firewall.BlockUDP = true
		before := strings.Split(strings.ReplaceAll(free.possible(), " or ", ", "), ", ")
		after := strings.Split(strings.ReplaceAll(blocked.possible(), " or ", ", "), ", ")
		for _, path := range after {
			if !slices.Contains(before, path) {
				t.Errorf("%s and %s: blocking the caller's UDP makes %s possible", show(free.caller), show(free.callee), path)
			}
		}
	}
}

// pairs returns every two peers on LANs of their own, with every TURN offer.
func pairs() []means {
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
	turns := []Turn{{Off: true}, {Transports: []string{UDP}}, {Transports: []string{TCP}}, {Transports: []string{UDP, TCP}}}
	var sides []side
	for _, c := range nat.Conditions() {
		for _, list := range types {
			sides = append(sides, side{peer: Peer{Candidates: list}, condition: c})
		}
	}
	var all []means
	for _, a := range sides {
		for _, b := range sides {
			for _, turn := range turns {
				for _, dead := range []bool{false, true} {
					m := means{caller: a, callee: b}
					m.caller.who, m.callee.who = "caller", "callee"
					m.caller.turn, m.callee.turn = turn, turn
					m.caller.dead, m.callee.dead = dead, dead
					all = append(all, m)
				}
			}
		}
	}
	return all
}

func show(s side) string { return s.condition.Name + " " + strings.Join(s.peer.Candidates, "+") }
