package turnserver_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/turnserver"
)

// granted is the LIFETIME of an answer, in seconds.
func granted(m *stun.Message) int {
	value, err := m.Get(stun.AttrLifetime)
	if err != nil || len(value) != 4 {
		return -1
	}

	return int(binary.BigEndian.Uint32(value))
}

func TestNoAllocationLivesLongerThanTheServerGrants(t *testing.T) {
	cfg := config("127.0.0.1")
	cfg.AllocationLifetime = 20 * time.Second
	for name, test := range map[string]struct {
		attrs []stun.Setter
		want  int
	}{
		"nothing asked for":  {nil, 20},
		"more":               {[]stun.Setter{lifetime(200)}, 20},
		"an hour":            {[]stun.Setter{stun.RawAttribute{Type: stun.AttrLifetime, Value: []byte{0, 0, 14, 16}}}, 20},
		"less":               {[]stun.Setter{lifetime(10)}, 10},
		"with a port to fit": {[]stun.Setter{stun.RawAttribute{Type: stun.AttrEvenPort, Value: []byte{0}}}, 20},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, cfg)
			c := newRawClient(t, s, "udp")
			answer := c.allocate(t, test.attrs...)
			key := stun.NewLongTermIntegrity(c.username, c.realm, c.password)
			if granted(answer) != test.want || key.Check(answer) != nil {
				t.Errorf("allocated for %d s: %v", granted(answer), answer)
			}
			if answer := c.do(t, stun.MethodRefresh, test.attrs...); granted(answer) != test.want {
				t.Errorf("refreshed for %d s", granted(answer))
			}
			if answer := c.do(t, stun.MethodRefresh, lifetime(0)); granted(answer) != 0 {
				t.Errorf("released for %d s", granted(answer))
			}
			if e := awaitKind(t, s, turnserver.AllocationEnded); e.Reason != "released by the client" {
				t.Errorf("event %+v", e)
			}
		})
	}
}

func TestALimitOfLifetimesLetsNobodyInWithoutAPassword(t *testing.T) {
	cfg := config("127.0.0.1")
	cfg.AllocationLifetime = time.Second
	s := start(t, cfg)
	c := newRawClient(t, s, "udp")
	c.password = "guess"
	if code := codeOf(c.do(t, stun.MethodAllocate, overUDP)); code != 400 {
		t.Errorf("code %d", code)
	}
	if e := awaitKind(t, s, turnserver.AuthFailed); e.Reason != "wrong password" {
		t.Errorf("event %+v", e)
	}
}

func TestAnAllocationThatIsNotRefreshedEndsWhenTheServerSaid(t *testing.T) {
	cfg := config("127.0.0.1")
	cfg.AllocationLifetime = time.Second
	s := start(t, cfg)
	newRawClient(t, s, "udp").allocate(t)
	e := awaitKind(t, s, turnserver.AllocationEnded)
	if e.Reason != "its lifetime ended without a refresh (RFC 8656 section 3.2)" {
		t.Errorf("event %+v", e)
	}
	if a := s.Allocations()[0]; a.Ended.Sub(a.Created).Round(time.Second) != time.Second {
		t.Errorf("it lived for %v", a.Ended.Sub(a.Created))
	}
}

// pion's client refreshes a permission every 2 min, as RFC 8656 allows it to.
func TestAShortPermissionLapsesInBothDirectionsUntilItIsRenewed(t *testing.T) {
	require.Namespace(t)
	cfg := config(serverIP)
	cfg.PermissionLifetime = time.Second
	s := start(t, cfg)
	peer := listen(t, peerIP)
	c := newRawClient(t, s, "udp")
	c.allocate(t)
	relay := net.UDPAddrFromAddrPort(s.Allocations()[0].Relay)
	to := peerAddress(peer.LocalAddr().String())
	permit := func() {
		t.Helper()
		if answer := c.do(t, stun.MethodCreatePermission, to); answer.Type.Class != stun.ClassSuccessResponse {
			t.Fatalf("answer %v", answer)
		}
	}
	send := func(text string) {
		t.Helper()
		c.send(t, stun.NewType(stun.MethodSend, stun.ClassIndication), to, stun.RawAttribute{Type: stun.AttrData, Value: []byte(text)})
	}

	permit()
	send("while it lasts")
	if got := string(read(t, peer)); got != "while it lasts" {
		t.Fatalf("got %q", got)
	}
	e := awaitKind(t, s, turnserver.PermissionEnded)
	if want := netip.AddrPortFrom(netip.MustParseAddr(peerIP), 0); e.Peer != want || e.Username != user || !e.Relay.IsValid() {
		t.Errorf("event %+v", e)
	}
	for _, want := range []struct {
		reason string
		act    func()
	}{
		{"from the client: no permission for this peer (RFC 8656 section 9)", func() { send("too late") }},
		{
			"from the peer: the client holds no permission for this peer (RFC 8656 section 9)",
			func() { write(t, peer, []byte("too late"), relay) },
		},
	} {
		want.act()
		await(t, s, func(e turnserver.Event) bool { return e.Kind == turnserver.RelayDropped && e.Reason == want.reason })
	}

	permit()
	send("again")
	if got := string(read(t, peer)); got != "again" {
		t.Errorf("got %q", got)
	}
	if n := count(s, turnserver.PermissionCreated); n != 2 {
		t.Errorf("%d permissions created, want 2", n)
	}
	c.do(t, stun.MethodRefresh, lifetime(0))
	awaitKind(t, s, turnserver.AllocationEnded)
	if n := count(s, turnserver.PermissionEnded); n != 2 {
		t.Errorf("%d permissions ended, want 2", n)
	}
}

func TestAChannelSendsOnAfterItsPermissionLapsedAndHearsNothing(t *testing.T) {
	require.Namespace(t)
	cfg := config(serverIP)
	cfg.PermissionLifetime, cfg.ChannelLifetime = time.Second, 3*time.Second
	s := start(t, cfg)
	peer := listen(t, peerIP)
	c := newRawClient(t, s, "udp")
	c.allocate(t)
	relay := net.UDPAddrFromAddrPort(s.Allocations()[0].Relay)
	c.do(t, stun.MethodChannelBind, channelNumber(0x4001), peerAddress(peer.LocalAddr().String()))
	awaitKind(t, s, turnserver.PermissionEnded)

	channelData := []byte{0x40, 1, 0, 4, 'p', 'i', 'n', 'g'}
	write(t, c, channelData, c.server)
	if got := string(read(t, peer)); got != "ping" {
		t.Fatalf("got %q", got)
	}
	write(t, peer, []byte("pong"), relay)
	awaitKind(t, s, turnserver.RelayDropped)

	e := awaitKind(t, s, turnserver.ChannelEnded)
	if e.Channel != 0x4001 || e.Peer != addrPort(peer) {
		t.Errorf("event %+v", e)
	}
	write(t, c, channelData, c.server)
	await(t, s, func(e turnserver.Event) bool { return e.Reason == "from the client: channel 0x4001 is not bound" })
}

func TestARefreshedPermissionDoesNotLapse(t *testing.T) {
	cfg := config("127.0.0.1")
	cfg.PermissionLifetime, cfg.ChannelLifetime = 2*time.Second, time.Second
	s := start(t, cfg)
	c := newRawClient(t, s, "udp")
	c.allocate(t)
	c.do(t, stun.MethodChannelBind, channelNumber(0x4001), peerAddress("198.18.0.9:1"))
	bound := awaitKind(t, s, turnserver.ChannelEnded).Time // 1 s later, which is a clock too
	c.do(t, stun.MethodCreatePermission, peerAddress("198.18.0.9:1"))
	ended := awaitKind(t, s, turnserver.PermissionEnded).Time
	if lasted := ended.Sub(bound); lasted < 1900*time.Millisecond {
		t.Errorf("ended %v after it was refreshed", lasted)
	}
	if n := count(s, turnserver.PermissionCreated); n != 1 {
		t.Errorf("%d created", n)
	}
}

func TestClientsAreToldTheAdvertisedAddress(t *testing.T) {
	require.Namespace(t)
	cfg := config(serverIP)
	outside := netip.MustParseAddr("203.0.113.9")
	cfg.AdvertiseAddress = outside
	s := start(t, cfg)
	peer := listen(t, peerIP)
	c, relay := allocate(t, s, "udp")
	told := relay.LocalAddr().(*net.UDPAddr).AddrPort()
	if told.Addr() != outside {
		t.Fatalf("told %v", told)
	}
	if a := s.Allocations()[0]; a.Relay != told {
		t.Errorf("allocation %+v", a)
	}
	if e := awaitKind(t, s, turnserver.AllocationCreated); e.Relay != told {
		t.Errorf("event %+v", e)
	}

	// The relay socket is where it always was.
	write(t, relay, []byte("hello"), peer.LocalAddr())
	buf := make([]byte, 10)
	_, from, err := peer.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	if from.String() != netip.AddrPortFrom(netip.MustParseAddr(serverIP), told.Port()).String() {
		t.Errorf("the relay sends from %v", from)
	}

	own := net.UDPAddrFromAddrPort(netip.AddrPortFrom(outside, address(t, s, "udp").Port()))
	if err := c.CreatePermission(own); err != nil {
		t.Fatal(err)
	}
	write(t, relay, []byte("hello"), own)
	if e := awaitKind(t, s, turnserver.RelayDropped); e.Reason != "to the peer: the server's own listening address" {
		t.Errorf("event %+v", e)
	}
}
