package diagnose

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/turnserver"
	"github.com/icelab-go/icelab/wire"
)

func TestTheCauseIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		tell    func(*story)
		outcome Outcome
		cause   string
		least   float64
	}{
		"a direct call": {func(s *story) {
			s.behind(restricted, restricted, nat.PathDirect)
			s.allocates(true, 0, relayAt)
			s.tries("connect", true)
			s.Proven = "direct"
		}, DirectOK, "", SureBoth},
		"a relay between symmetric NATs": {func(s *story) {
			s.behind(symmetric, symmetric, nat.PathRelay)
			s.allocates(true, 0, relayAt)
			s.tries("connect", true)
			s.Proven, s.Transport = "relay", "udp"
		}, RelayExpected, "F1", SureInferred},
		"a relay between a symmetric NAT and a port-restricted one": {func(s *story) {
			s.behind(restricted, symmetric, nat.PathRelay)
			s.tries("connect", true)
			s.Proven, s.Transport = "relay", "udp"
		}, RelayExpected, "F2", SureInferred},
		"no TURN between symmetric NATs": {func(s *story) {
			s.behind(symmetric, symmetric, nat.PathRelay)
			s.Caller.Config.URLs, s.Callee.Config.URLs = s.Caller.Config.URLs[:1], s.Callee.Config.URLs[:1]
			s.tries("connect", false)
			s.Proven = "none"
		}, ConnectFailed, "F1", SureInferred},
		"a wrong password on both sides": {func(s *story) {
			s.behind(symmetric, symmetric, nat.PathRelay)
			for _, caller := range []bool{true, false} {
				s.refused(caller, "wrong password")
			}
			s.tries("connect", false)
			s.Proven = "none"
		}, RelayFailed, "A1", SureBoth},
		"a wrong password beneath a call that works": {func(s *story) {
			s.behind(symmetric, symmetric, nat.PathRelay)
			s.refused(true, "wrong password")
			s.allocates(false, 0, relayAt)
			s.tries("connect", true)
			s.Proven, s.Transport = "relay", "udp"
		}, Degraded, "A1", SureBoth},
		"a user that the server does not know": {func(s *story) {
			s.behind(symmetric, symmetric, nat.PathRelay)
			s.refused(true, "unknown user")
			s.refused(false, "unknown user")
			s.tries("connect", false)
			s.Proven = "none"
		}, RelayFailed, "A2", SureBoth},
		"no UDP at one side": {func(s *story) {
			s.behind(restricted, restricted, nat.PathRelay)
			s.Predicted.Transport = "tcp"
			s.Caller.NAT.UDP = false
			s.Gateways[0].Drops = []gateway.Drop{{Reason: gateway.UDPBlocked, Packets: 9}}
			s.allocates(false, 0, relayAt)
			s.tries("connect", true)
			s.Proven, s.Transport = "relay", "tcp"
		}, RelayExpected, "B3", SureObserved},
		"a relay that nothing reaches": {func(s *story) {
			s.behind(symmetric, symmetric, nat.PathRelay)
			s.Callee.Config.URLs = s.Callee.Config.URLs[:1]
			s.allocates(true, 0, relayAt)
			s.asks(true, wire.STUN{Method: "create-permission", Peers: []netip.AddrPort{calleeOut}, Integrity: true}, wire.STUN{Class: wire.Success})
			for range 7 {
				s.leaves(relayAt)
			}
			s.tries("connect", false)
			s.Proven = "none"
		}, RelayFailed, "D2", SureObserved},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			c.tell(s)
			v := Explain(s.Evidence)
			if v.Outcome != c.outcome || v.Cause != c.cause || v.Confidence < c.least {
				t.Errorf("%s %q with %.2f, want %s %q with %.2f at least: %s", v.Outcome, v.Cause, v.Confidence, c.outcome, c.cause, c.least, v.Sentence)
			}
			for _, k := range Kinds() {
				sameOrUnsure(t, v, Explain(s.Without(k)), k)
			}
		})
	}
}

// refused has a peer's credentials refused, for a reason that the server has.
func (s *story) refused(caller bool, reason string) {
	s.allocates(caller, 400, netip.AddrPort{})
	client := calleeOut
	if caller {
		client = callerOut
	}
	s.event(turnserver.Event{Kind: turnserver.AuthFailed, Client: client, Method: "Allocate", Code: 400, Reason: reason, Username: "user"})
}

// sameOrUnsure checks what is said with less evidence.
func sameOrUnsure(t *testing.T, all, less Verdict, without Kind) {
	t.Helper()
	switch {
	case less.Cause == all.Cause && less.Confidence > all.Confidence:
		t.Errorf("without %s the answer is surer, %.2f and not %.2f", without, less.Confidence, all.Confidence)
	case less.Cause != all.Cause && less.Cause != Inconclusive && less.Confidence > SureSilent:
		t.Errorf("without %s it is %q with %.2f, and not %q: %s", without, less.Cause, less.Confidence, all.Cause, less.Sentence)
	}
}

func TestRulesNameCausesThatThereAre(t *testing.T) {
	for _, code := range Answered() {
		if _, known := Find(code); !known {
			t.Errorf("no cause is called %s", code)
		}
	}
	for _, want := range []string{"A1", "B3", "D2"} {
		if !slices.Contains(Answered(), want) {
			t.Errorf("no rule answers %s", want)
		}
	}
}

func TestWhatIsSoOfBothPeersIsSaidOfBoth(t *testing.T) {
	for _, row := range []struct{ caller, callee, both string }{
		{"the caller's TURN password is wrong", "the callee's TURN password is wrong", "each peer's TURN password is wrong"},
		{"the caller's URLs have no username", "the callee's URLs have no username", "each peer's URLs have no username"},
		{"no UDP leaves the caller's network", "no UDP leaves the callee's network", "no UDP leaves either peer's network"},
		{"the server does not know the caller's user", "the server does not know the callee's user", "the server does not know either peer's user"},
		{"the caller sent 3", "the callee sent 4", "the caller sent 3"},
		{"the caller lost what the callee sent", "the callee lost what the caller sent", "the caller lost what the callee sent"},
		{"both NATs map per destination", "both NATs map per destination", "both NATs map per destination"},
	} {
		if both := ofBoth(row.caller, row.callee); both != row.both {
			t.Errorf("%q and %q: %q, want %q", row.caller, row.callee, both, row.both)
		}
	}
}
