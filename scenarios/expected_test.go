package scenarios

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEachEchoIsExpectedOnItsPath(t *testing.T) {
	overTCP := Expect{Path: PathRelay, Transport: TCP}
	for _, tt := range []struct {
		name, steps string
		last        Expect
		want        []Expect
	}{
		{"by default where the last is", "[connect, echo, wait: 1s, echo]", overTCP,
			[]Expect{overTCP, overTCP, {}, overTCP}},
		{"connect as the first echo", "[connect, echo: {path: direct}, cut: {side: caller, protocol: udp}, restart-ice, echo]", overTCP,
			[]Expect{{Path: PathDirect}, {Path: PathDirect}, {}, {}, overTCP}},
		{"transport of the last where the path is", "[connect, echo: {path: relay}, echo: {path: relay-both}, echo: {transport: tls}, echo]", overTCP,
			[]Expect{overTCP, overTCP, {Path: PathRelayBoth}, {Path: PathRelay, Transport: TLS}, overTCP}},
		{"no path at all", "[cut: caller, connect]", Expect{Path: PathNone},
			[]Expect{{}, {Path: PathNone}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			yaml := "name: x\nturn: {transports: [udp, tcp, tls]}\nsteps: " + tt.steps + "\nexpect: {path: " + string(tt.last.Path)
			if tt.last.Transport != "" {
				yaml += ", transport: " + tt.last.Transport
			}
			s, err := Parse("x.yaml", []byte(yaml+"}"))
			if err != nil {
				t.Fatal(err)
			}
			var got []Expect
			for i := range s.Steps {
				got = append(got, s.ExpectedAt(i))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is reported as predicted is what the last echo can be expected to prove.
func TestPredictIsAboutTheLastProof(t *testing.T) {
	for _, tt := range []struct{ name, yaml, path, transport string }{
		{"before anything happens", "steps: [connect, echo]", "direct", ""},
		{"what happens after the last echo", "steps: [connect, echo, cut: caller, kill: turn]", "direct", ""},
		{"UDP cut", "steps: [connect, echo: {path: direct}, cut: {side: caller, protocol: udp}, restart-ice, echo]", "relay", "tcp"},
		{"UDP cut on both sides", "steps: [connect, cut: {side: caller, protocol: udp}, cut: {side: callee, protocol: udp}, restart-ice, echo]", "relay-both", "tcp"},
		{"UDP cut and restored", "steps: [cut: {side: caller, protocol: udp}, connect, restore: caller, restart-ice, echo]", "direct", ""},
		{"moved to a better place", "caller: symmetric\ncallee: symmetric\nsteps: [connect, echo: {path: relay}, move: {side: callee, to: full-cone}, restart-ice, echo]", "direct", ""},
		{"moved to a worse place", "callee: port-restricted\nsteps: [connect, move: {side: caller, to: tls-443-only}, restart-ice, echo]\nturn: {transports: [udp, tls]}", "relay", "tls"},
		{"server killed once a path was found", "caller: {condition: full-cone, candidates: [srflx]}\ncallee: {condition: full-cone, candidates: [srflx]}\nsteps: [connect, echo, kill: turn, echo]", "direct", ""},
		{"server started again", "caller: symmetric\ncallee: symmetric\nsteps: [connect, kill: turn, start: turn, restart-ice, echo]", "relay", "udp"},
		{"server started before connect", "caller: symmetric\ncallee: symmetric\nsteps: [kill: turn, start: turn, connect, echo]", "relay", "udp"},
		{"connect alone, over a line that is cut", "steps: [cut: caller, connect, restore: caller]", "none", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Parse("x.yaml", []byte("name: x\n"+tt.yaml+"\nexpect: {path: "+tt.path+"}"))
			if err != nil {
				t.Fatal(err)
			}
			p, err := s.Predict()
			if err != nil || string(p.Path) != tt.path || p.Transport != tt.transport {
				t.Errorf("predicted %s over %q: %s, %v", p.Path, p.Transport, p.Reason, err)
			}
		})
	}
}

func TestMovesIsTheMove(t *testing.T) {
	s, err := Parse("x.yaml", []byte("name: x\nsteps: [connect, echo, move: callee, restart-ice, echo]\nexpect: {path: direct}"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Move{Side: SideCallee, To: "port-restricted"}, s.Moves()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m := (Scenario{Steps: []Step{{Connect: newConnect()}}}).Moves(); m != nil {
		t.Errorf("a scenario without a move has %s", m)
	}
}

func TestStepsTellWhoseTheyAreAndHowSoonTheyAreOver(t *testing.T) {
	for _, tt := range []struct{ yaml, side, recovery string }{
		{"echo", "", "0s"},
		{"kill: turn", "", "0s"},
		{"link: {side: callee, delay: 1ms}", SideCallee, "0s"},
		{"cut: {side: caller, protocol: udp, within: 1s}", SideCaller, "1s"},
		{"rebind: {side: callee, within: 2s}", SideCallee, "2s"},
		{"expire: caller", SideCaller, "0s"},
		{"reboot: {side: caller, within: 3s}", SideCaller, "3s"},
		{"move: {side: callee, within: 4s}", SideCallee, "4s"},
		{"restart-ice", "", "10s"},
	} {
		s, err := Parse("x.yaml", []byte("name: x\ncaller: symmetric\ncallee: symmetric\nsteps: [connect, echo, "+tt.yaml+"]\nexpect: {path: relay}"))
		if err != nil {
			t.Error(err)
			continue
		}
		if step := s.Steps[2]; step.Side() != tt.side || step.Recovery().String() != tt.recovery {
			t.Errorf("%s: side %q, recovery %s; want %q, %s", tt.yaml, step.Side(), step.Recovery(), tt.side, tt.recovery)
		}
	}
}
