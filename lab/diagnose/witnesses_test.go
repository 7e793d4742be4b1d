package diagnose

import (
	"slices"
	"strings"
	"testing"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/wire"
)

func TestNobodyIsProbedWhereAllIsWell(t *testing.T) {
	s := newStory()
	s.behind(restricted, restricted, nat.PathDirect)
	s.allocates(true, 0, relayAt)
	s.allocates(false, 0, relayAt)
	s.tries("connect", true)
	s.Proven = "direct"
	for _, of := range []*Side{&s.Caller, &s.Callee} {
		of.Config.URLs = of.Config.URLs[:2]
	}
	if caller, callee := Wants(s.Evidence); caller || callee {
		t.Errorf("wants probes of the caller %t, of the callee %t", caller, callee)
	}
}

func TestASideIsProbedWhoseServerKeepsSilent(t *testing.T) {
	s := newStory()
	s.behind(symmetric, symmetric, nat.PathRelay)
	s.allocates(false, 0, relayAt)
	for range 3 {
		s.asks(true, wire.STUN{Method: "allocate"}, wire.STUN{})
	}
	s.Packets = slices.DeleteFunc(s.Packets, func(p wire.Packet) bool { return p.Node != "callee" && p.From == callerOut })
	s.Callee.Config.URLs = s.Callee.Config.URLs[:2]
	s.tries("connect", true)
	s.Proven, s.Transport = "relay", "udp"
	s.Server = nil
	if caller, callee := Wants(s.Evidence); !caller || callee {
		t.Errorf("wants probes of the caller %t, of the callee %t", caller, callee)
	}
}

func TestAPairSaysWhereItsChecksEnded(t *testing.T) {
	host := func(a string, port uint16) peers.Candidate {
		return peers.Candidate{Type: peers.Host, Address: a, Port: port, Protocol: "udp"}
	}
	pair := peers.Pair{Local: host("10.2.0.10", 50000), Remote: peers.Candidate{Type: peers.Srflx, Address: "198.18.0.20", Port: 41000}, State: "failed", RequestsSent: 7}
	for name, c := range map[string]struct {
		see  func(*story)
		want string
	}{
		"lost on the way": {func(s *story) {
			for range 7 {
				s.leaves(callerOut)
			}
		}, "no answer: 7 checks left callee-nat, none arrived at caller-nat"},
		"not let in": {func(s *story) {
			s.leaves(callerOut)
			check := stunPacket(*s.Packets[len(s.Packets)-1].STUN)
			check.Dropped = string(gateway.Filtered)
			s.at("caller-nat", "wan", wire.In, calleeOut, callerOut, check)
		}, "no answer: 1 dropped by caller-nat: filtered"},
		"nobody watched": {func(*story) {}, "no answer to 7 checks"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			s.Callee.Report.Pairs = []peers.Pair{pair}
			c.see(s)
			s.tries("connect", false)
			got := Explain(s.Evidence).Pairs
			if len(got) != 1 || got[0].Reason != c.want {
				t.Errorf("%+v, want %q", got, c.want)
			}
		})
	}
}

func TestTheLadderEndsAtTheRefusal(t *testing.T) {
	s := newStory()
	s.refused(true, "wrong password")
	s.tries("connect", false)
	v := Explain(s.Evidence)
	i := slices.IndexFunc(v.Ladders[0].Climbs, func(c ladder.Climb) bool { return strings.Contains(c.URL, "transport=udp") })
	c := v.Ladders[0].Climbs[i]
	failed := c.Failed()
	if failed == nil || failed.Stage != ladder.Allocate || failed.Code != 400 || len(failed.Packets) == 0 {
		t.Errorf("%+v, want Allocate refused with 400", failed)
	}
	if !c.Reached(ladder.Challenge) || c.Realm != "icelab" {
		t.Errorf("%+v, want a challenge before", c)
	}
}

func TestTheFirstChallengeIsBenign(t *testing.T) {
	s := newStory()
	s.allocates(true, 0, relayAt)
	s.tries("connect", true)
	s.Proven = "direct"
	v := Explain(s.Evidence)
	if len(v.Benign) != 1 || !strings.HasPrefix(v.Benign[0].Text, "401") {
		t.Errorf("%+v, want the 401 that begins an allocation", v.Benign)
	}
}

func TestWithoutLeavesTheEvidenceAsItIs(t *testing.T) {
	s := newStory()
	s.refused(true, "wrong password")
	s.tries("connect", false)
	packets, events := len(s.Packets), len(s.Server.Events)
	for _, k := range Kinds() {
		_ = s.Without(k)
	}
	if len(s.Packets) != packets || len(s.Server.Events) != events || s.Caller.Report == nil || len(s.Caller.Config.URLs) == 0 {
		t.Error("evidence is missing from the original")
	}
	none := s.Evidence
	for _, k := range Kinds() {
		none = none.Without(k)
	}
	if v := Explain(none); v.Cause != Inconclusive || v.Confidence > SureSilent {
		t.Errorf("without anything: %s %q with %.2f", v.Outcome, v.Cause, v.Confidence)
	}
	if v := Explain(Evidence{}); v.Cause != Inconclusive {
		t.Errorf("of nothing: %q", v.Cause)
	}
}
