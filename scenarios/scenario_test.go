package scenarios

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/icelab-go/icelab/lab/nat"
)

func TestJSONOfAScenarioIsAScenario(t *testing.T) {
	for file, data := range yamlFiles(t) {
		want, err := Parse(file, data)
		if err != nil {
			t.Fatal(err)
		}
		written, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(file, written)
		if err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

func TestCompleteMakesOfGoWhatParseMakesOfYAML(t *testing.T) {
	short := Scenario{
		Name:   "x",
		Callee: Peer{Condition: "symmetric"},
		Steps: []Step{{Connect: &Connect{}}, {Echo: &Echo{Messages: 5}}, {Kill: KillTurn}, {NoEcho: &NoEcho{}},
			{Start: KillTurn}, {Cut: &Cut{Side: SideCaller}}, {Restore: &Event{Side: SideCaller}}, {Reboot: &Reboot{Side: SideCallee}},
			{Move: &Move{Side: SideCaller}}, {RestartICE: &RestartICE{}}, {Echo: &Echo{}}},
		Expect: Expect{Path: PathRelay},
	}
	got, err := short.Complete()
	if err != nil {
		t.Fatal(err)
	}
	want, err := Parse("", []byte("name: x\ncallee: symmetric\nsteps: [connect, {echo: {messages: 5}}, {kill: turn}, no-echo, "+
		"start: turn, cut: caller, restore: caller, reboot: callee, move: caller, restart-ice, echo]\nexpect: {path: relay}"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if short.Steps[1].Echo.Bytes != 0 || short.Steps[0].Connect.Within != 0 || short.Steps[5].Cut.Protocol != "" {
		t.Error("Complete wrote to what it was called on")
	}
}

func TestCompleteRefusesWhatCannotBe(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		scenario   Scenario
	}{
		{"impossible expectation", `scenario "x": expect.path is relay, but turn is off; want direct or none`,
			Scenario{Name: "x", Turn: Turn{Off: true}, Expect: Expect{Path: PathRelay}}},
		{"turn off with transports", `scenario "x": turn is off and has transports; decide for one`,
			Scenario{Name: "x", Turn: Turn{Off: true, Transports: []string{UDP}}, Expect: Expect{Path: PathDirect}}},
		{"no candidate types", `scenario "x": caller.candidates is an empty list; name one or more, or leave the key out for the default`,
			Scenario{Name: "x", Caller: Peer{Candidates: []string{}}, Expect: Expect{Path: PathDirect}}},
		{"NAT without filtering", `scenario "x": caller.nat has no filtering; add for example filtering: apdf`,
			Scenario{Name: "x", Caller: Peer{NAT: &nat.Behavior{Mapping: nat.EIM}}, Expect: Expect{Path: PathDirect}}},
		{"NAT with a lifetime that no kernel takes", `scenario "x": carrier.lifetime is 1.5s; want whole seconds, at least 1s`,
			Scenario{Name: "x", Carrier: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Lifetime: 1500 * time.Millisecond}, Expect: Expect{Path: PathDirect}}},
		{"nothing at all", `scenario "": the scenario has no name; add for example name: relay-symmetric`, Scenario{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.scenario.Complete()
			if err == nil {
				t.Fatalf("taken as %+v", got)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestConditionsAreTheCallersForBothOnOneLAN(t *testing.T) {
	for _, tt := range []struct{ yaml, caller, callee string }{
		{"caller: symmetric\ncallee: udp-blocked\nexpect: {path: none}", "symmetric", "udp-blocked"},
		{"caller: symmetric\ncallee: {lan: caller-lan}\nexpect: {path: direct}", "symmetric", "symmetric"},
	} {
		s, err := Parse("x.yaml", []byte("name: x\n"+tt.yaml))
		if err != nil {
			t.Fatal(err)
		}
		caller, callee, err := s.Conditions()
		if err != nil || caller.Name != tt.caller || callee.Name != tt.callee {
			t.Errorf("%q: %s, %s, %v; want %s, %s", tt.yaml, caller.Name, callee.Name, err, tt.caller, tt.callee)
		}
	}
	if _, _, err := (Scenario{Caller: Peer{Condition: "wall"}}).Conditions(); err == nil {
		t.Error("a condition that does not exist is taken")
	}
}

func TestStepsTellWhatTheyDo(t *testing.T) {
	for _, tt := range []struct {
		step         Step
		kind, string string
	}{
		{Step{Connect: newConnect()}, "connect", "connect within 10s"},
		{Step{Echo: newEcho()}, "echo", "echo 20 × 1000 bytes within 10s"},
		{Step{NoEcho: &NoEcho{For: Duration(1500 * time.Millisecond)}}, "no-echo", "no echo for 1.5s"},
		{Step{Kill: KillTurn}, "kill", "kill turn"},
		{Step{Wait: Duration(4 * time.Second)}, "wait", "wait 4s"},
		{Step{Start: KillTurn}, "start", "start turn"},
		{Step{Link: &LinkChange{Side: SideCaller}}, "link", "link caller perfect"},
		{Step{Link: &LinkChange{SideCallee, nat.Link{
			Up:   nat.Impairment{Delay: 20 * time.Millisecond, Loss: 0.02, Rate: 5_000_000},
			Down: nat.Impairment{Delay: 20 * time.Millisecond, Loss: 0.02, Rate: 5_000_000},
		}}}, "link", "link callee delay 20ms, loss 2%, rate 5mbit"},
		{Step{Link: &LinkChange{SideCallee, nat.Link{Down: nat.Impairment{Loss: 0.005}}}}, "link", "link callee up perfect, down loss 0.5%"},
		{Step{Cut: &Cut{SideCaller, UDP, Duration(5 * time.Second)}}, "cut", "cut caller udp within 5s"},
		{Step{Restore: &Event{Side: SideCaller}}, "restore", "restore caller"},
		{Step{Rebind: &Event{SideCallee, Duration(5 * time.Second)}}, "rebind", "rebind callee within 5s"},
		{Step{Expire: &Event{Side: SideCallee}}, "expire", "expire callee"},
		{Step{Reboot: &Reboot{Side: SideCallee, Down: defaultDown}}, "reboot", "reboot callee down 500ms"},
		{Step{Move: &Move{Side: SideCallee, To: "open"}}, "move", "move callee to open"},
		{Step{RestartICE: newRestartICE()}, "restart-ice", "restart-ice within 10s"},
		{Step{}, "", "nothing"},
	} {
		if got := tt.step.Kind(); got != tt.kind {
			t.Errorf("Kind() = %q, want %q", got, tt.kind)
		}
		if got := tt.step.String(); got != tt.string {
			t.Errorf("String() = %q, want %q", got, tt.string)
		}
	}
}

func TestAChannelIsOrderedUnlessItSaysOtherwise(t *testing.T) {
	if !(Channel{}).IsOrdered() || !(Channel{Ordered: new(true)}).IsOrdered() || (Channel{Ordered: new(false)}).IsOrdered() {
		t.Error("want nil and true ordered, false unordered")
	}
}

func TestBundledScenariosAreTheCallersToChange(t *testing.T) {
	first := Bundled()
	for i := range first {
		first[i].Caller.Candidates[0] = "changed"
		*first[i].Steps[0].Connect = Connect{}
	}
	for _, s := range Bundled() {
		again, err := s.Complete()
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(s, again, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
}
