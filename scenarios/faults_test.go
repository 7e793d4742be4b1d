package scenarios

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFaultsAreReadAsTheyAreWritten(t *testing.T) {
	s, err := Parse("x.yaml", []byte(`
name: x
turn: {transports: [udp, tls]}
faults:
  turn:
    listen: [none]
    relay-ports: 49160-49161
    deny-peers: [caller, 10.0.0.0/8]
    permission-lifetime: 5s
    drop-answers: {allocate: 1, channel-bind: 3}
    no-realm: true
    clock-offset: -1h
    tls-max: "1.1"
  filters:
    - {at: turn, direction: in, ports: 3478, far: caller}
    - {at: both, stun: [any], every: 2, reject: true}
  caller: {credential-ttl: -2s, urls: ["turn:{turn}:3478"]}
  callee: {no-turn: true, no-queue: true}
  signalling:
    - {from: caller, drop: [relay], every: 2}
    - {from: both, ufrag: wrong}
  dns: servfail
steps: [connect, {filter: {at: caller, larger-than: 600}}, {restart-ice: {path: none, within: 3s}}]
expect: {path: none, verdict: CONNECT_FAILED, cause: E4}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Faults{
		Turn: TurnFaults{
			Listen: []string{ListenNone}, RelayPorts: Ports{49160, 49161}, DenyPeers: []string{"caller", "10.0.0.0/8"},
			PermissionLifetime: Duration(5 * time.Second), DropAnswers: DropAnswers{Allocate: 1, ChannelBind: 3},
			NoRealm: true, ClockOffset: Offset(-time.Hour), TLSMax: "1.1",
		},
		Filters: []Filter{
			{At: AtTurn, Direction: In, Ports: Ports{3478, 3478}, Far: SideCaller},
			{At: Both, STUN: []string{AnySTUN}, Every: 2, Reject: true},
		},
		Caller: PeerFaults{CredentialTTL: Offset(-2 * time.Second), URLs: []string{"turn:{turn}:3478"}},
		Callee: PeerFaults{NoTurn: true, NoQueue: true},
		Signalling: []SignallingFault{
			{From: SideCaller, Drop: []string{Relay}, Every: 2}, {From: Both, Ufrag: "wrong"},
		},
		DNS: ServFail,
	}
	if diff := cmp.Diff(want, s.Faults); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&Filter{At: SideCaller, LargerThan: 600}, s.Steps[1].Filter); diff != "" {
		t.Errorf("filter step (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Expect{Path: PathNone, Verdict: "CONNECT_FAILED", Cause: "E4"}, s.Expect); diff != "" {
		t.Errorf("expect (-want +got):\n%s", diff)
	}
}

func TestFaultsThatCannotBeAreRefused(t *testing.T) {
	for _, tt := range []struct{ name, faults, want string }{
		{"nothing known", "{tern: {}}", `2:10: unknown key "tern" in faults; did you mean "turn"?`},
		{"transport", "{turn: {listen: [quic]}}", `2:26: unknown transport "quic"; want udp, tcp, tls or none`},
		{"none and others", "{turn: {listen: [none, udp]}}", "2:25: faults.turn.listen has none and others; leave either out"},
		{"no address", "{turn: {advertise-address: nowhere}}", `2:36: faults.turn.advertise-address is "nowhere"; write an IPv4 address, for example 192.0.2.1`},
		{"ports backwards", "{turn: {relay-ports: 2-1}}", `2:30: faults.turn.relay-ports is "2-1", not a range of ports; write for example 49152-65535 or 3478`},
		{"no port", "{filters: [{at: turn, ports: 0}]}", `2:38: faults.filters[0].ports is 0, not a range of ports; write for example 49152-65535 or 3478`},
		{"prefix of nothing", "{turn: {deny-peers: [lan]}}", `2:30: faults.turn.deny-peers[0] is "lan"; write an IPv4 prefix such as 10.0.0.0/8, an address, caller, or callee`},
		{"part of a second", "{turn: {permission-lifetime: 1500ms}}", "2:38: faults.turn.permission-lifetime is 1.5s; TURN counts whole seconds, write for example 1s"},
		{"unknown method", "{turn: {drop-answers: {alocate: 1}}}", `2:32: unknown key "alocate" in faults.turn.drop-answers; did you mean "allocate"?`},
		{"less than no answer", "{turn: {drop-answers: {refresh: -1}}}", "2:41: faults.turn.drop-answers.refresh is -1; want 1 to 1000"},
		{"a clock that nobody reads", "{turn: {clock-offset: 1h}}", "2:31: faults.turn.clock-offset matters to time-limited credentials only; add for example faults: {caller: {credential-ttl: 1h}}"},
		{"a certificate that nobody sees", "{turn: {certificate: expired}}", "2:30: faults.turn.certificate is about TURN over TLS, which is not offered; write turn: {transports: [tls]}"},
		{"version as a number", "{turn: {tls-max: 1.1}}", "2:26: faults.turn.tls-max is 1.1, not text; write text, in quotes if it looks like something else"},
		{"no filters", "{filters: []}", "2:19: faults.filters is an empty list; leave the key out"},
		{"filter nowhere", "{filters: [{protocol: udp}]}", "2:20: faults.filters[0] does not say where; add at: caller, callee, both or turn"},
		{"STUN over TCP", "{filters: [{at: turn, stun: [any], protocol: tcp}]}", "2:54: faults.filters[0].protocol is tcp, but stun is told apart over udp only; leave one of the two out"},
		{"far end of a peer at a gateway", "{filters: [{at: caller, far: callee}]}", "2:38: faults.filters[0].far is callee, but at a gateway the far end is turn or peer; write one of these, or leave it out"},
		{"far end of the server at itself", "{filters: [{at: turn, far: peer}]}", "2:36: faults.filters[0].far is peer, but at the TURN server the far end is the caller or the callee; write one of these, or leave it out"},
		{"every first", "{filters: [{at: turn, every: 1}]}", "2:38: faults.filters[0].every is 1; want 2 to 1000"},
		{"a password that is left out", "{caller: {no-credentials: true, password: x}}", "2:35: faults.caller has no-credentials and password; leave one of the two out"},
		{"two kinds of credentials", "{caller: {credential-ttl: 1s, password: x}}", "2:49: faults.caller has password and credential-ttl, which makes another; leave one of the two out"},
		{"a URL of another kind", "{callee: {urls: [https://turn]}}", `2:26: faults.callee.urls[0] is "https://turn"; write for example turn:{turn}:3478?transport=udp`},
		{"a life of a year", "{callee: {credential-ttl: 8760h}}", "2:35: faults.callee.credential-ttl is 8760h0m0s; want -24h to 24h"},
		{"nobody's candidates", "{signalling: [{drop: [relay]}]}", "2:23: faults.signalling[0] does not say whose; add from: caller, callee or both"},
		{"nothing wrong", "{signalling: [{from: caller}]}", "2:23: faults.signalling[0] says nothing that is wrong; add for example drop: [relay]"},
		{"some of nothing", "{signalling: [{from: caller, every: 2}]}", "2:45: faults.signalling[0].every says how many of nothing are dropped; add for example drop: [any]"},
		{"what is delayed by nothing", "{signalling: [{from: caller, delayed: [host]}]}", "2:47: faults.signalling[0].delayed says what arrives later, but not how much; add for example delay: 500ms"},
		{"short ufrag", "{signalling: [{from: caller, ufrag: abc}]}", `2:45: faults.signalling[0].ufrag is "abc"; use 4 to 256 letters, digits, + or /`},
		{"unknown answer", "{dns: nxdomian}", `2:15: faults.dns is "nxdomian"; did you mean "nxdomain"?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte("name: x\nfaults: "+tt.faults+"\nexpect: {path: none}"))
			if err == nil {
				t.Fatal("taken")
			}
			if diff := cmp.Diff("x.yaml:"+tt.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFaultsOfTurnNeedTurn(t *testing.T) {
	const rest = "\nturn: off\nexpect: {path: direct}"
	_, err := Parse("x.yaml", []byte("name: x\nfaults: {callee: {password: wrong}}"+rest))
	want := "x.yaml:2:29: faults.callee.password is about TURN, which is off; leave it out, or write turn: {transports: [udp]}"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	for _, faults := range []string{
		`{callee: {password: wrong}, caller: {urls: ["turn:{turn}:3478"]}}`, "{turn: {drop-answers: {binding: 1}}}",
	} {
		if _, err := Parse("x.yaml", []byte("name: x\nfaults: "+faults+rest)); err != nil {
			t.Errorf("%s: %v", faults, err)
		}
	}
}

func TestDiagnosesThatCannotBeAreRefused(t *testing.T) {
	for _, tt := range []struct{ expect, want string }{
		{"{path: direct, verdict: DIRECT}", `2:33: expect.verdict is "DIRECT"; did you mean "DIRECT_OK"?`},
		{"{path: none, verdict: DIRECT_OK}", "2:31: expect.verdict is DIRECT_OK, which no call is whose path is none; change one of the two"},
		{"{path: relay, verdict: RELAY_FAILED}", "2:32: expect.verdict is RELAY_FAILED, which no call is whose path is relay; change one of the two"},
		{"{path: relay, cause: AUTH_BAD_PASSWORD}", `2:30: expect.cause is "AUTH_BAD_PASSWORD"; write its code, A1`},
		{"{path: relay, cause: A99}", `2:30: expect.cause is "A99", which is no code of a cause; those of A are A1 to A14; icelab explain lists them, and none is no cause`},
		{"{path: relay, cause: Z9}", `2:30: expect.cause is "Z9", which is no code of a cause; codes are a letter from A to G and a number, such as A1; icelab explain lists them, and none is no cause`},
		{"{path: relay, cause: AUTH_BAD_PASWORD}", `2:30: expect.cause is "AUTH_BAD_PASWORD", which is no code of a cause; did you mean A1 (AUTH_BAD_PASSWORD)?`},
	} {
		_, err := Parse("x.yaml", []byte("name: x\nexpect: "+tt.expect))
		if err == nil {
			t.Errorf("%s is taken", tt.expect)
		} else if got := strings.TrimPrefix(err.Error(), "x.yaml:"); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.expect, got, tt.want)
		}
	}
}

// A fault can only make a path worse, or end it.
func TestWhatFaultsCanDoMayBeExpected(t *testing.T) {
	for _, tt := range []struct{ name, yaml string }{
		{"no path though the NATs allow one", "faults: {signalling: [{from: both, drop: [any]}]}\nexpect: {path: none}"},
		{"two relays in place of one", "caller: symmetric\ncallee: symmetric\nfaults: {filters: [{at: turn, ports: 49152-65535}]}\nexpect: {path: relay-both}"},
		{"a transport that only the URLs have", "turn: {transports: [udp]}\ncaller: udp-blocked\nfaults: {turn: {listen: [udp, tcp]}, caller: {urls: ['turn:{turn}:3478?transport=tcp']}}\nexpect: {path: relay}"},
		{"silence by itself", "caller: symmetric\ncallee: symmetric\nfaults: {turn: {permission-lifetime: 5s}}\nsteps: [connect, echo, {wait: 6s}, no-echo]\nexpect: {path: relay}"},
		{"a path that died", "caller: symmetric\ncallee: symmetric\nsteps: [connect, {echo: {path: relay}}, kill: turn, no-echo]\nexpect: {path: none, verdict: RELAY_FAILED, cause: G1}"},
		{"a restart that fails", "caller: symmetric\ncallee: symmetric\nsteps: [connect, {echo: {path: relay}}, kill: turn, {restart-ice: {path: none, within: 2s}}]\nexpect: {path: none}"},
		{"silence after a filter", "steps: [connect, echo, {filter: {at: caller}}, no-echo]\nexpect: {path: direct}"},
	} {
		if _, err := Parse("x.yaml", []byte("name: x\n"+tt.yaml)); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	_, err := Parse("x.yaml", []byte("name: x\ncaller: symmetric\ncallee: symmetric\nfaults: {dns: silent}\nexpect: {path: direct}"))
	if err == nil {
		t.Error("a fault makes a path better")
	}
}

func TestFaultyScenariosAreNamedByTheirCause(t *testing.T) {
	names := bundledNames(faulty)
	for i, s := range Faulty() {
		if s.Name != names[i] {
			t.Errorf("%s is in the file %s.yaml", s.Name, names[i])
		}
		code, _, _ := strings.Cut(s.Name, "-")
		// A benign one is there to be passed over.
		if want := strings.ToUpper(code); s.Expect.Cause != want && s.Expect.Cause != NoCause {
			t.Errorf("%s expects the cause %q, want %q as its name says", s.Name, s.Expect.Cause, want)
		}
		if s.Expect.Verdict == "" {
			t.Errorf("%s expects no verdict", s.Name)
		}
		if !strings.HasSuffix(s.About, ".") {
			t.Errorf("%s: about is no sentence: %q", s.Name, s.About)
		}
		if found, err := Find(s.Name); err != nil || found.File != "scenarios/faults/"+s.Name+".yaml" {
			t.Errorf("Find(%q) = %s, %v", s.Name, found.File, err)
		}
		if slices.Contains(bundledNames(healthy), s.Name) {
			t.Errorf("%s is a healthy one too", s.Name)
		}
	}
	for file, data := range yamlIn(t, "faults/*.yaml") {
		if !strings.HasPrefix(string(data), "# yaml-language-server: $schema=../schema.json\n") {
			t.Errorf("%s does not begin with the line that editors look for", file)
		}
	}
}
