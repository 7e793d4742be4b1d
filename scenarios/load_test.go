package scenarios

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/icelab-go/icelab/lab/nat"
)

func TestParseFillsInDefaults(t *testing.T) {
	all, both := []string{Host, Srflx, Relay}, []string{UDP, TCP}
	connect := Step{Connect: &Connect{Within: Duration(10 * time.Second)}}
	echo := Step{Echo: &Echo{Messages: 20, Bytes: 1000, Within: Duration(10 * time.Second)}}
	for _, tt := range []struct {
		name, yaml string
		want       Scenario
	}{
		{
			name: "nothing but the required",
			yaml: "name: x\nexpect: {path: direct}",
			want: Scenario{
				Name:   "x",
				Caller: Peer{Condition: "open", Candidates: all, LAN: CallerLAN},
				Callee: Peer{Condition: "open", Candidates: all, LAN: CalleeLAN},
				Turn:   Turn{Transports: both},
				Timing: Tuned,
				Steps:  []Step{connect, echo},
				Expect: Expect{Path: PathDirect},
				File:   "x.yaml",
			},
		},
		{
			name: "no path, so nothing to echo over",
			yaml: "name: x\ncaller: symmetric\ncallee: symmetric\nturn: off\nexpect: {path: none}",
			want: Scenario{
				Name:   "x",
				Caller: Peer{Condition: "symmetric", Candidates: all, LAN: CallerLAN},
				Callee: Peer{Condition: "symmetric", Candidates: all, LAN: CalleeLAN},
				Turn:   Turn{Off: true},
				Timing: Tuned,
				Steps:  []Step{connect},
				Expect: Expect{Path: PathNone},
				File:   "x.yaml",
			},
		},
		{
			name: "markers around the one document",
			yaml: "# x\n---\nname: x\nexpect: {path: direct}\n---\n",
			want: Scenario{
				Name:   "x",
				Caller: Peer{Condition: "open", Candidates: all, LAN: CallerLAN},
				Callee: Peer{Condition: "open", Candidates: all, LAN: CalleeLAN},
				Turn:   Turn{Transports: both},
				Timing: Tuned,
				Steps:  []Step{connect, echo},
				Expect: Expect{Path: PathDirect},
				File:   "x.yaml",
			},
		},
		{
			name: "the callee on the caller's LAN has no condition",
			yaml: "name: x\ncaller: symmetric\ncallee: {lan: caller-lan}\nexpect: {path: direct}",
			want: Scenario{
				Name:   "x",
				Caller: Peer{Condition: "symmetric", Candidates: all, LAN: CallerLAN},
				Callee: Peer{Candidates: all, LAN: CallerLAN},
				Turn:   Turn{Transports: both},
				Timing: Tuned,
				Steps:  []Step{connect, echo},
				Expect: Expect{Path: PathDirect},
				File:   "x.yaml",
			},
		},
		{
			name: "what both peers are behind, written out",
			yaml: "name: x\ncaller: {nat: {mapping: adm, filtering: eif}, port: 1024}\n" +
				"callee:\n  port: 65535\n  nat: {mapping: apdm, filtering: adf, ports: sequential, hairpin: true, lifetime: 5s, unsolicited: reject}\n" +
				"carrier: {mapping: eim, filtering: apdf, hairpin: true, unsolicited: drop}\nsame-prefix: true\n" +
				"turn: {transports: [tls]}\nexpect: {path: none}",
			want: Scenario{
				Name: "x",
				Caller: Peer{
					NAT:        &nat.Behavior{Mapping: nat.ADM, Filtering: nat.EIF, Ports: nat.Preserving},
					Candidates: all, LAN: CallerLAN, Port: 1024,
				},
				Callee: Peer{
					NAT: &nat.Behavior{
						Mapping: nat.APDM, Filtering: nat.ADF, Ports: nat.Sequential,
						Hairpin: true, Lifetime: 5 * time.Second, Unsolicited: nat.Reject,
					},
					Candidates: all, LAN: CalleeLAN, Port: 65535,
				},
				Carrier: &nat.Behavior{
					Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving, Hairpin: true, Unsolicited: nat.Drop,
				},
				SamePrefix: true,
				Turn:       Turn{Transports: []string{TLS}},
				Timing:     Tuned,
				Steps:      []Step{connect},
				Expect:     Expect{Path: PathNone},
				File:       "x.yaml",
			},
		},
		{
			name: "steps with some of their options",
			yaml: "name: x\ncaller: {candidates: [relay]}\nturn: {transports: [tcp]}\nsteps:\n" +
				"  - connect: {}\n  - echo: {bytes: 65535}\n  - echo: {messages: 1, within: 1m}\n  - kill: turn\n  - no-echo\n  - wait: 1m\n  - no-echo: {for: 300ms}\n" +
				"expect: {path: relay-both, transport: tcp}",
			want: Scenario{
				Name:   "x",
				Caller: Peer{Condition: "open", Candidates: []string{Relay}, LAN: CallerLAN},
				Callee: Peer{Condition: "open", Candidates: all, LAN: CalleeLAN},
				Turn:   Turn{Transports: []string{TCP}},
				Timing: Tuned,
				Steps: []Step{
					connect,
					{Echo: &Echo{Messages: 20, Bytes: 65535, Within: Duration(10 * time.Second)}},
					{Echo: &Echo{Messages: 1, Bytes: 1000, Within: Duration(time.Minute)}},
					{Kill: KillTurn},
					{NoEcho: &NoEcho{For: Duration(2 * time.Second)}},
					{Wait: Duration(time.Minute)},
					{NoEcho: &NoEcho{For: Duration(300 * time.Millisecond)}},
				},
				Expect: Expect{Path: PathRelayBoth, Transport: TCP},
				File:   "x.yaml",
			},
		},
		{
			name: "lines, and what happens to the network",
			yaml: "name: x\ncaller: {condition: symmetric, link: {delay: 20ms, jitter: 5ms, loss: 2%, reorder: 0.07%, rate: 1500kbit}}\n" +
				"callee: {condition: symmetric, link: {down: {loss: 100%}}}\nsteps:\n" +
				"  - connect\n  - echo: {path: relay-both, transport: tcp}\n  - link: callee\n  - link: {side: callee, up: {delay: 1s}}\n  - cut: caller\n  - restore: caller\n" +
				"  - cut: {side: callee, protocol: udp, within: 5s}\n  - rebind: callee\n  - expire: {side: caller, within: 4s}\n  - reboot: caller\n  - reboot: {side: caller, down: 1s, within: 2s}\n" +
				"  - kill: turn\n  - start: turn\n  - restart-ice\n  - move: caller\n  - restart-ice: {within: 3s}\n  - echo\nexpect: {path: relay, transport: tcp}",
			want: Scenario{
				Name: "x",
				Caller: Peer{Condition: "symmetric", Candidates: all, LAN: CallerLAN, Link: nat.Link{
					Up:   nat.Impairment{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.02, Reorder: 0.0007, Rate: 1_500_000},
					Down: nat.Impairment{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.02, Reorder: 0.0007, Rate: 1_500_000},
				}},
				Callee: Peer{Condition: "symmetric", Candidates: all, LAN: CalleeLAN, Link: nat.Link{Down: nat.Impairment{Loss: 1}}},
				Turn:   Turn{Transports: both},
				Timing: Tuned,
				Steps: []Step{
					connect,
					{Echo: &Echo{Messages: 20, Bytes: 1000, Within: Duration(10 * time.Second), Path: PathRelayBoth, Transport: TCP}},
					{Link: &LinkChange{Side: SideCallee}},
					{Link: &LinkChange{SideCallee, nat.Link{Up: nat.Impairment{Delay: time.Second}}}},
					{Cut: &Cut{Side: SideCaller, Protocol: CutAll}},
					{Restore: &Event{Side: SideCaller}},
					{Cut: &Cut{Side: SideCallee, Protocol: UDP, Within: Duration(5 * time.Second)}},
					{Rebind: &Event{Side: SideCallee}},
					{Expire: &Event{Side: SideCaller, Within: Duration(4 * time.Second)}},
					{Reboot: &Reboot{Side: SideCaller, Down: Duration(500 * time.Millisecond)}},
					{Reboot: &Reboot{Side: SideCaller, Down: Duration(time.Second), Within: Duration(2 * time.Second)}},
					{Kill: KillTurn},
					{Start: KillTurn},
					{RestartICE: &RestartICE{Within: Duration(10 * time.Second)}},
					{Move: &Move{Side: SideCaller, To: "port-restricted"}},
					{RestartICE: &RestartICE{Within: Duration(3 * time.Second)}},
					echo,
				},
				Expect: Expect{Path: PathRelay, Transport: TCP},
				File:   "x.yaml",
			},
		},
		{
			name: "a byte order mark, Windows line ends and JSON",
			yaml: "\ufeff{\"name\": \"x\",\r\n\"about\": \" two\\n lines \",\r\n\"channel\": {\"ordered\": false, \"maxPacketLifeTime\": 0},\r\n\"timing\": \"pion-defaults\",\r\n\"expect\": {\"path\": \"direct\"}}\r\n",
			want: Scenario{
				Name:    "x",
				About:   "two\n lines",
				Caller:  Peer{Condition: "open", Candidates: all, LAN: CallerLAN},
				Callee:  Peer{Condition: "open", Candidates: all, LAN: CalleeLAN},
				Turn:    Turn{Transports: both},
				Timing:  PionDefaults,
				Channel: Channel{Ordered: new(false), MaxPacketLifeTime: new(uint16(0))},
				Steps:   []Step{connect, echo},
				Expect:  Expect{Path: PathDirect},
				File:    "x.yaml",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse("x.yaml", []byte(tt.yaml))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadReadsAFileAndNamesItInErrors(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	write(t, good, "name: x\nexpect: {path: direct}\n")
	write(t, bad, "name: x\nexpect: {path: direkt}\n")

	s, err := Load(good)
	if err != nil || s.Name != "x" || s.File != good {
		t.Errorf("Load(good) = %+v, %v", s, err)
	}
	for path, want := range map[string]string{
		bad:                              bad + `:2:16: expect.path is "direkt"; did you mean "direct"?`,
		filepath.Join(dir, "absent.yml"): filepath.Join(dir, "absent.yml") + ": no such file or directory; give the path of a scenario file",
		dir:                              dir + ": is a directory; give the path of a scenario file",
	} {
		_, err := Load(path)
		if err == nil {
			t.Errorf("Load(%s) succeeds", path)
		} else if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whatever the input, an error is one line that begins with a place in the file.
func FuzzParse(f *testing.F) {
	for _, data := range yamlIn(f, "*.yaml") {
		f.Add(string(data))
	}
	for _, s := range []string{"", "---\n---\n", "a: [1,\n", "name: &a x\nb: *a\n<<: *a\n", "? [a]\n: b\n", "%YAML 1.2\n---\nname: x\n", "name: |\n  x\nexpect: >-\n", "\tname: x\n", "name: \"\\n\"\n", "expect: {path: none, path: none}",
		"name: x\ncaller: {condition: symmetric, link: {loss: 0.07%, rate: 1500kbit}}\nsteps: [connect, {link: {side: callee, up: {delay: 1s}}}, {cut: {side: callee, protocol: udp}}, {move: caller}, restart-ice, {echo: {path: relay}}, {kill: turn}, {start: turn}]\nexpect: {path: relay}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		s, err := Parse("x.yaml", []byte(data))
		if err == nil {
			if _, err := s.Complete(); err != nil {
				t.Errorf("what was read is not complete: %v", err)
			}
			written, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse("x.yaml", written)
			if err != nil {
				t.Fatalf("what was written is not read: %v\n%s", err, written)
			}
			if diff := cmp.Diff(s, again, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-read +read again):\n%s", diff)
			}
			return
		}
		e, ok := err.(*Error)
		if !ok {
			t.Fatalf("%T is no *Error: %v", err, err)
		}
		if e.File != "x.yaml" || !strings.HasPrefix(err.Error(), "x.yaml:") {
			t.Errorf("the file is not named: %q", err)
		}
		if e.Line < 1 || e.Column < 1 || e.Line > 1+strings.Count(data, "\n")+strings.Count(data, "\r") {
			t.Errorf("no such place: %q", err)
		}
		if strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("several lines: %q", err)
		}
		if what, remedy, ok := strings.Cut(e.Message, "; "); !ok || what == "" || remedy == "" {
			t.Errorf("nothing on what to do: %q", err)
		}
	})
}
