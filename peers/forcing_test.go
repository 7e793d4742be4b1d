package peers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/webrtc/v4"
)

func TestOnlyTheTypesAskedForAreGatheredAndSent(t *testing.T) {
	server := startTURN(t)
	every := []Server{server.stun(), server.overUDP(), server.overTCP()}
	turnOnly := []Server{server.overUDP()}
	tests := []struct {
		name    string
		servers []Server
		allowed []CandidateType
		want    []CandidateType
	}{
		{"nothing forced", every, nil, []CandidateType{Host, Relay, Srflx}},
		{"host", every, []CandidateType{Host}, []CandidateType{Host}},
		{"srflx", every, []CandidateType{Srflx}, []CandidateType{Srflx}},
		{"relay", every, []CandidateType{Relay}, []CandidateType{Relay}},
		{"host and srflx", every, []CandidateType{Host, Srflx}, []CandidateType{Host, Srflx}},
		{"host and relay", every, []CandidateType{Host, Relay}, []CandidateType{Host, Relay}},
		{"srflx and relay", every, []CandidateType{Srflx, Relay}, []CandidateType{Relay, Srflx}},
		{"all three named", every, []CandidateType{Host, Srflx, Relay}, []CandidateType{Host, Relay, Srflx}},
		{"srflx from a TURN server alone", turnOnly, []CandidateType{Srflx}, []CandidateType{Srflx}},
		{"host and relay from a TURN server alone", turnOnly, []CandidateType{Host, Relay}, []CandidateType{Host, Relay}},
		{"relay over TCP alone", []Server{server.overTCP()}, []CandidateType{Relay}, []CandidateType{Relay}},
		{"srflx from TURN over TCP, which gives none", []Server{server.overTCP()}, []CandidateType{Srflx}, nil},
		{"relay without a server", nil, []CandidateType{Relay}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx := within(t, 10*time.Second)
			bindings := server.bindings.Load()
			p := newPeer(t, onLoopback(Config{Servers: test.servers, Candidates: test.allowed}))
			offer, err := p.Offer(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(offer, "a=candidate") {
				t.Errorf("candidates in the trickle offer:\n%s", offer)
			}

			var trickled []CandidateType
			for line := range p.Candidates(ctx) {
				c, err := parseCandidate(line.Candidate)
				if err != nil {
					t.Fatal(err)
				}
				trickled = append(trickled, c.Type)
			}
			full, err := p.FullDescription(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var written, gathered []CandidateType
			for line := range strings.Lines(full) {
				if strings.HasPrefix(line, "a=candidate:") {
					c, err := parseCandidate(line)
					if err != nil {
						t.Fatal(err)
					}
					written = append(written, c.Type)
				}
			}
			for _, c := range p.Report().Local {
				gathered = append(gathered, c.Type)
			}
			for what, got := range map[string][]CandidateType{"trickled": trickled, "in the SDP": written, "gathered": gathered} {
				slices.Sort(got)
				if diff := cmp.Diff(test.want, slices.Compact(got)); diff != "" {
					t.Errorf("types %s (-want +got):\n%s", what, diff)
				}
			}
			// Not even a question for an address may leave the machine.
			if asked := server.bindings.Load() - bindings; asked > 0 && !slices.Contains(test.want, Srflx) {
				t.Errorf("%d Binding requests for srflx candidates nobody wants", asked)
			}
			for _, line := range p.Report().Log {
				t.Errorf("pion complains: %+v", line)
			}
		})
	}
}

func TestForcedPeersMeetOverTheTypeTheyAreForcedTo(t *testing.T) {
	server := startTURN(t)
	for _, test := range []struct {
		name     string
		server   Server
		protocol string
	}{
		{"TURN over UDP", server.overUDP(), "udp"},
		{"TURN over TCP", server.overTCP(), "tcp"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := within(t, 10*time.Second)
			caller, callee := connected(t, ctx, onLoopback(Config{
				Servers: []Server{test.server}, Candidates: []CandidateType{Relay},
			}))
			if result, err := caller.Echo(ctx, EchoPlan{Messages: 5, Bytes: 100}); err != nil {
				t.Errorf("%v: %+v", err, result)
			}
			for _, p := range []*Peer{caller, callee} {
				r := p.Report()
				if r.Selected == nil || r.Selected.Local.Type != Relay || r.Selected.Local.RelayProtocol != test.protocol {
					t.Errorf("%s selected %+v", r.Role, r.Selected)
				}
			}
			t.Logf("open after %.1f ms", *caller.Report().Milestones.ChannelOpenMS)
		})
	}
}

func TestCandidatesOfOtherTypesAreIgnoredWithAReason(t *testing.T) {
	ctx := within(t, 10*time.Second)
	p := newPeer(t, onLoopback(Config{Candidates: []CandidateType{Relay}}))
	caller := newPeer(t, onLoopback(Config{}))
	if _, err := caller.Offer(ctx); err != nil {
		t.Fatal(err)
	}
	offer, err := caller.FullDescription(ctx) // with a host candidate in it
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Answer(ctx, offer); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"candidate:1 1 udp 1694498815 198.18.0.1 4000 typ srflx raddr 10.0.0.1 rport 4000",
		"candidate:2 1 udp 16777215 198.18.0.9 4001 typ relay raddr 0.0.0.0 rport 0",
		"candidate:3 1 udp 2130706431 f3a5c1d2-0000-4000-8000-000000000000.local 4002 typ host",
		"a=candidate:4 1 tcp 1518280447 198.18.0.1 9 typ relay raddr 0.0.0.0 rport 0 tcptype active",
		"candidate:5 1 udp 16777215 fd00::9 4001 typ relay raddr :: rport 0",
		"",
	} {
		if err := p.AddCandidate(CandidateLine{Candidate: line}); err != nil {
			t.Errorf("add %q: %v", line, err)
		}
	}
	var got []string
	for _, c := range p.Report().Remote {
		got = append(got, string(c.Type)+": "+c.Ignored)
	}
	want := []string{
		"host: type host: only relay is allowed", // in the offer
		"srflx: type srflx: only relay is allowed",
		"relay: ",
		"host: type host: only relay is allowed",
		"relay: ICE-TCP: this peer speaks UDP only",
		"relay: IPv6: this peer uses IPv4 only",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("remote candidates (-want +got):\n%s", diff)
	}
	if err := p.AddCandidate(CandidateLine{Candidate: "candidate:rubbish"}); err == nil {
		t.Error("rubbish was taken for a candidate")
	}
	known := p.pc.RemoteDescription().SDP
	if strings.Contains(known, "a=candidate") {
		t.Errorf("pion was given the host candidate:\n%s", known)
	}
	// pion takes candidates in goroutines of its own: ask until it has the one.
	for {
		var remote []string
		for _, entry := range p.pc.GetStats() {
			if c, ok := entry.(webrtc.ICECandidateStats); ok && c.Type == webrtc.StatsTypeRemoteCandidate {
				remote = append(remote, c.IP)
			}
		}
		if len(remote) > 0 {
			if diff := cmp.Diff([]string{"198.18.0.9"}, remote); diff != "" {
				t.Errorf("candidates pion was given (-want +got):\n%s", diff)
			}
			return
		}
		if ctx.Err() != nil {
			t.Fatal("pion was not given the relay candidate")
		}
	}
}

func TestWrongOptionsAreNamed(t *testing.T) {
	three := uint16(3)
	tests := []struct {
		name   string
		config Config
		want   string
	}{
		{"unknown type", Config{Candidates: []CandidateType{"local"}}, `"local" is unknown; use host, srflx or relay`},
		{"prflx asked for", Config{Candidates: []CandidateType{Prflx}}, "cannot be asked for"},
		{"bad URL", Config{Servers: []Server{{URLs: []string{"http://198.18.0.1"}}}}, `ICE server "http://198.18.0.1"`},
		{"no password", Config{Servers: []Server{{URLs: []string{"turn:198.18.0.1"}, Username: "lab"}}}, "needs a user name and a password"},
		{"unknown timing", Config{Timing: "slow"}, `timing "slow" is unknown`},
		{"two limits", Config{Channel: Channel{MaxRetransmits: &three, MaxPacketLifeTime: &three}}, "exclude each other"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := New(test.config)
			if err == nil {
				_ = p.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q lacks %q", err, test.want)
			}
		})
	}
}
