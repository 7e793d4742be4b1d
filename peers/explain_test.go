package peers

import (
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

func TestExplainNamesTheStageThatFailed(t *testing.T) {
	some := 1.0
	host := Candidate{Type: Host, Address: "10.0.0.2", Port: 4000, Protocol: "udp"}
	local := []LocalCandidate{{Candidate: host}}
	remote := []RemoteCandidate{{Candidate: Candidate{Type: Relay}}}
	selected := &Selection{Local: host, Remote: Candidate{Type: Relay, Address: "198.18.0.10", Port: 5000, Protocol: "udp"}}
	connected := Milestones{ICEConnectedMS: &some}

	tests := []struct {
		name   string
		report Report
		want   string
	}{
		{"still gathering", Report{Gathering: "gathering"}, "no local candidate was gathered yet ["},
		{"nothing gathered", Report{Gathering: "complete", Log: []LogLine{
			{Scope: "ice", Level: "warn", Text: "failed to allocate\non TURN client", LastMS: 1},
			{Scope: "ice", Level: "warn", Text: "Failed to ping without candidate pairs. Connection is not possible yet.", LastMS: 2},
			{Scope: "dtls", Level: "warn", Text: "other", LastMS: 3},
		}}, "not one local candidate was gathered with relay allowed (pion says: failed to allocate on TURN client) ["},
		{"no remote candidate", Report{Local: local}, "no candidate of the other side arrived ["},
		{"all remote candidates ignored", Report{Local: local, Remote: []RemoteCandidate{{Ignored: "IPv6"}, {Ignored: "mDNS name"}}},
			"none of the other side's 2 candidates can be used (last: mDNS name) ["},
		{"agent stuck", Report{Local: local, Remote: remote, StalledMS: 1200}, "pion's ICE agent has stood still for 1.2 s"},
		{"no pair", Report{Local: local, Remote: remote}, "no candidate pair was formed ["},
		{"no answer", Report{Local: local, Remote: remote, Pairs: []Pair{{State: "failed"}, {State: "in-progress"}}},
			"no check was answered [ICE , DTLS , gathering ; candidates: local 1 host, remote 1 relay; pairs: 1 in-progress 1 failed]"},
		{"one way", Report{Local: local, Remote: remote, Pairs: []Pair{{State: "failed", RequestsReceived: 2}}},
			"checks of the other side arrive, but none of ours is answered ["},
		{"not nominated", Report{Local: local, Remote: remote, Pairs: []Pair{{State: "succeeded"}}}, "a candidate pair works, but was not nominated ["},
		{"in the handshake", Report{ICE: "connected", DTLS: "connecting", Milestones: connected, Selected: selected},
			"ICE connected (host 10.0.0.2:4000/udp to relay 198.18.0.10:5000/udp), but the DTLS handshake is not through ["},
		{"path lost", Report{ICE: "disconnected", DTLS: "connecting", Milestones: connected, Selected: selected}, "and lost the path again ["},
		{"handshake failed", Report{DTLS: "failed", Milestones: connected, Log: []LogLine{{Scope: "dtls", Level: "error", Text: "no certificate"}}},
			"the DTLS handshake failed (pion says: no certificate) ["},
		{"no channel offered", Report{DTLS: "connected", Channel: "none"}, "connected, but the caller opened no data channel ["},
		{"channel not confirmed", Report{DTLS: "connected", Channel: "connecting"}, "connected, but the other side did not confirm the data channel ["},
		{"over again", Report{DTLS: "closed", Channel: "closed", Milestones: Milestones{ChannelOpenMS: &some}}, "the channel was open and ended ["},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := test.report.explain(forcing{types: typeSet{Relay: true}, servers: []webrtc.ICEServer{{}}})
			if !strings.HasPrefix(got, test.want) && !strings.Contains(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if strings.Contains(got, "\n") {
				t.Errorf("more than one line: %q", got)
			}
		})
	}
}
