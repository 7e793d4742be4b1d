package turnserver_test

import (
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/turnserver"
)

// faulty is a server on UDP and TCP, with a fault.
func faulty(ip string, f turnserver.Faults) turnserver.Config {
	cfg := config(ip)
	cfg.Faults = f

	return cfg
}

func faulted(t *testing.T, s *turnserver.Server, want map[string]uint64) {
	t.Helper()
	if got := s.Faulted(); !maps.Equal(got, want) {
		t.Errorf("faulted %v, want %v", got, want)
	}
}

// silent tells whether a request stays without an answer, while the next one has it: the server
// takes a client's requests in turn.
func (c *rawClient) silent(t *testing.T, kind stun.MessageType, attrs ...stun.Setter) bool {
	t.Helper()
	probe := stun.BindingRequest
	if kind == probe {
		probe = stun.NewType(stun.MethodAllocate, stun.ClassRequest)
	}
	asked := c.send(t, append([]stun.Setter{kind}, attrs...)...)
	next := c.send(t, probe)
	silent := true
	for {
		answer := new(stun.Message)
		if err := stun.Decode(read(t, c), answer); err != nil {
			t.Fatal(err)
		}
		switch answer.TransactionID {
		case asked.TransactionID:
			silent = false
		case next.TransactionID:
			return silent
		}
	}
}

func TestDroppedAnswersAreLostToTheClientOnly(t *testing.T) {
	to := peerAddress("198.18.0.9:1")
	for method, test := range map[turnserver.Method]struct {
		stun  stun.Method
		attrs []stun.Setter
		acted turnserver.Kind // what the server logs all the same
	}{
		turnserver.Binding:          {stun.MethodBinding, nil, ""},
		turnserver.Allocate:         {stun.MethodAllocate, nil, ""},
		turnserver.Refresh:          {stun.MethodRefresh, []stun.Setter{lifetime(0)}, turnserver.AllocationEnded},
		turnserver.CreatePermission: {stun.MethodCreatePermission, []stun.Setter{to}, turnserver.PermissionCreated},
		turnserver.ChannelBind:      {stun.MethodChannelBind, []stun.Setter{to, channelNumber(0x4001)}, turnserver.ChannelBound},
	} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(string(method)+" over "+network, func(t *testing.T) {
				s := start(t, faulty("127.0.0.1", turnserver.Faults{DropAnswers: map[turnserver.Method]int{method: 1}}))
				c := newRawClient(t, s, network)
				attrs := test.attrs
				if test.acted != "" {
					c.allocate(t)
					attrs = c.authenticated(attrs...)
				}
				if !c.silent(t, stun.NewType(test.stun, stun.ClassRequest), attrs...) {
					t.Error("answered")
				}
				faulted(t, s, map[string]uint64{"drop_answers." + string(method): 1})
				if test.acted != "" {
					awaitKind(t, s, test.acted)
				}
				for _, e := range s.Events(0) {
					if strings.Contains(e.Reason, "drop") || strings.Contains(e.Reason, "fault") {
						t.Errorf("the log tells: %+v", e)
					}
				}
			})
		}
	}
}

func TestEveryNthAnswerIsDropped(t *testing.T) {
	s := start(t, faulty("127.0.0.1", turnserver.Faults{DropAnswers: map[turnserver.Method]int{turnserver.Binding: 3}}))
	c := newRawClient(t, s, "udp")
	var lost []int
	for i := range 9 {
		if c.silent(t, stun.BindingRequest) {
			lost = append(lost, i+1)
		}
	}
	if len(lost) != 3 || lost[0] != 3 || lost[1] != 6 || lost[2] != 9 {
		t.Errorf("lost %v", lost)
	}
	faulted(t, s, map[string]uint64{"drop_answers.binding": 3})
}

func TestAClientRetransmitsItsWayPastDroppedAnswers(t *testing.T) {
	s := start(t, faulty("127.0.0.1", turnserver.Faults{DropAnswers: map[turnserver.Method]int{turnserver.Allocate: 2}}))
	allocate(t, s, "udp")
	if all := s.Allocations(); len(all) != 1 {
		t.Errorf("allocations %+v", all)
	}
	faulted(t, s, map[string]uint64{"drop_answers.allocate": 1})
}

func TestDiscoverysAnswersAreDroppedToo(t *testing.T) {
	require.Namespace(t)
	cfg := faulty(serverIP, turnserver.Faults{DropAnswers: map[turnserver.Method]int{turnserver.Binding: 1}})
	cfg.Alternate = netip.AddrPortFrom(netip.MustParseAddr(otherIP), 0)
	s := start(t, cfg)
	c := newRawClient(t, s, "udp")
	if !c.silent(t, stun.BindingRequest) {
		t.Error("answered")
	}
	faulted(t, s, map[string]uint64{"drop_answers.binding": 1})
}

func TestWithoutARealmNoClientCanLogIn(t *testing.T) {
	s := start(t, faulty("127.0.0.1", turnserver.Faults{NoRealm: true}))
	challenge := newRawClient(t, s, "udp").exchange(t, stun.NewType(stun.MethodAllocate, stun.ClassRequest))
	if codeOf(challenge) != 401 || challenge.Contains(stun.AttrRealm) || !challenge.Contains(stun.AttrNonce) {
		t.Errorf("challenge %v", challenge)
	}
	relay, err := newClient(t, s, "udp", user, password).Allocate()
	if err == nil {
		_ = relay.Close()
		t.Fatal("it allocated")
	}
	if events := s.Events(0); len(events) != 0 {
		t.Errorf("a server knows nothing of clients that gave up: %+v", events)
	}
	faulted(t, s, map[string]uint64{"no_realm": 2})
}

func TestStaleNoncesNeverEnd(t *testing.T) {
	s := start(t, faulty("127.0.0.1", turnserver.Faults{StaleNonce: true}))
	c := newRawClient(t, s, "udp")
	for range 4 {
		answer := c.do(t, stun.MethodAllocate, overUDP)
		if codeOf(answer) != 438 || c.nonce.GetFrom(answer) != nil || !answer.Contains(stun.AttrRealm) {
			t.Fatalf("answer %v", answer)
		}
	}
	for _, e := range s.Events(0) {
		if e.Kind != turnserver.NonceStale || e.Code != 438 {
			t.Errorf("event %+v", e)
		}
	}
	faulted(t, s, map[string]uint64{"stale_nonce": 5})

	relay, err := newClient(t, s, "udp", user, password).Allocate()
	if err == nil {
		_ = relay.Close()
		t.Error("a real client allocated")
	}
}

func TestASTUNOnlyServerRefusesWhoIsAUserElsewhere(t *testing.T) {
	cfg := faulty("127.0.0.1", turnserver.Faults{STUNOnly: true})
	cfg.Secret = secret
	s := start(t, cfg)
	for _, c := range []*rawClient{newRawClient(t, s, "udp"), newRawClient(t, s, "tcp").as("bob", time.Minute)} {
		if code := codeOf(c.do(t, stun.MethodAllocate, overUDP)); code != 400 {
			t.Errorf("code %d", code)
		}
		if code := codeOf(c.exchange(t, stun.BindingRequest)); code != 0 {
			t.Errorf("STUN refused: %d", code)
		}
	}
	if e := awaitKind(t, s, turnserver.AllocationRefused); e.Code != 400 || !strings.HasSuffix(e.Reason, "it serves STUN only") {
		t.Errorf("event %+v", e)
	}
}

func TestSTUNForUsersOnly(t *testing.T) {
	s := start(t, faulty("127.0.0.1", turnserver.Faults{SecureSTUN: true}))
	for _, network := range []string{"udp", "tcp"} {
		c := newRawClient(t, s, network)
		challenge := c.exchange(t, stun.BindingRequest)
		if codeOf(challenge) != 401 || !challenge.Contains(stun.AttrRealm) || !challenge.Contains(stun.AttrNonce) {
			t.Errorf("%s: challenge %v", network, challenge)
		}
		c.allocate(t) // TURN is as it was
		// Data on a channel whose number is like the type of a Binding request.
		write(t, c, []byte{0x40, byte(stun.BindingRequest.Value()), 0, 4, 'd', 'a', 't', 'a'}, c.server)
		if code := codeOf(c.do(t, stun.MethodBinding)); code != 0 {
			t.Errorf("%s: a user is refused: %d", network, code)
		}
		c.password = "another"
		if code := codeOf(c.do(t, stun.MethodBinding)); code != 401 {
			t.Errorf("%s: a wrong password: code %d", network, code)
		}
	}
	faulted(t, s, map[string]uint64{"secure_stun": 4})
}

func TestADeafRelaySendsAndHearsItsOwnHostAlone(t *testing.T) {
	require.Namespace(t)
	s := start(t, faulty(serverIP, turnserver.Faults{RelayDeaf: true}))
	a, relayA := allocate(t, s, "udp")
	_, relayB := allocate(t, s, "tcp")
	peer := listen(t, peerIP)
	if err := a.CreatePermission(relayB.LocalAddr()); err != nil {
		t.Fatal(err)
	}

	write(t, relayA, []byte("can you hear me?"), peer.LocalAddr())
	if got := string(read(t, peer)); got != "can you hear me?" {
		t.Fatalf("got %q", got)
	}
	write(t, peer, []byte("yes"), relayA.LocalAddr())
	write(t, relayB, []byte("next door"), relayA.LocalAddr())
	if got := string(read(t, relayA)); got != "next door" {
		t.Errorf("got %q", got)
	}
	faulted(t, s, map[string]uint64{"relay_deaf": 1})
	for _, allocation := range s.Allocations() {
		if allocation.Dropped != 0 {
			t.Errorf("a server does not see what a firewall lost: %+v", allocation)
		}
	}
	if n := count(s, turnserver.RelayDropped); n != 0 {
		t.Errorf("%d events of drops", n)
	}
}

func TestAServerWithoutFaultsHasNone(t *testing.T) {
	require.Namespace(t)
	s := start(t, config(serverIP))
	_, relay := allocate(t, s, "udp")
	peer := echo(t, peerIP)
	write(t, relay, []byte("hello"), peer)
	read(t, relay)
	faulted(t, s, nil)
}

func TestAFaultThatCannotBeIsRefused(t *testing.T) {
	for want, drop := range map[string]map[turnserver.Method]int{
		`turn server: drop answers to "connect": no such method: use one of ` +
			`[allocate binding channel-bind create-permission refresh]`: {"connect": 1},
		"turn server: drop every 0th answer to refresh: use 1 for all, or more": {turnserver.Refresh: 0},
	} {
		s, err := turnserver.Start(faulty("127.0.0.1", turnserver.Faults{DropAnswers: drop}))
		if err == nil {
			_ = s.Close()
			t.Fatal("it started")
		}
		if err.Error() != want {
			t.Errorf("got  %s\nwant %s", err, want)
		}
	}
}

// Real clients give up at a peer that is denied only if they are told properly.
func TestARefusalOfAPeerIsSignedAnd403(t *testing.T) {
	for _, method := range []stun.Method{stun.MethodCreatePermission, stun.MethodChannelBind} {
		s := start(t, config("127.0.0.1"))
		c := newRawClient(t, s, "udp")
		c.allocate(t)
		answer := c.do(t, method, peerAddress("127.0.0.1:7"), channelNumber(0x4001))
		key := stun.NewLongTermIntegrity(c.username, c.realm, c.password)
		if codeOf(answer) != 403 || key.Check(answer) != nil {
			t.Errorf("%s: %v", method, answer)
		}
		_ = s.Close()
	}
}
