package turnserver_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/turnserver"
)

func TestEveryRelayedByteIsCountedOnceInEachDirection(t *testing.T) {
	require.Namespace(t)
	for _, network := range []string{"udp", "tcp", "tls", "dtls"} {
		t.Run(network, func(t *testing.T) {
			s := start(t, secured(t, withTLS(t, config(serverIP)), "dtls"))
			peer := echo(t, peerIP)
			_, relay := allocate(t, s, network)

			var want turnserver.Traffic
			roundTrip := func(payload []byte) {
				t.Helper()
				write(t, relay, payload, peer)
				if got := read(t, relay); !bytes.Equal(got, payload) {
					t.Fatalf("echo of %d bytes came back as %d others", len(payload), len(got))
				}
			}
			data := func(sizes ...int) {
				for _, size := range sizes {
					roundTrip(bytes.Repeat([]byte{23}, size)) // 23 begins a DTLS record
					want.Packets++
					want.Bytes += uint64(size)
				}
			}
			sizes := []int{5, 6, 7, 8, 20, 576, 1200}
			if network == "udp" || network == "dtls" {
				sizes = append(sizes, 1, 2, 3, 4) // over a stream, turn/v4's client holds back what is this small
			}
			data(sizes...)
			check := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
			for range 3 {
				roundTrip(check.Raw)
				want.Checks++
				want.CheckBytes += uint64(len(check.Raw))
			}
			// The client binds a channel as soon as it can; what follows is ChannelData.
			awaitKind(t, s, turnserver.ChannelBound)
			data(sizes...)

			got := s.Allocations()
			if len(got) != 1 {
				t.Fatalf("%d allocations, want 1: %+v", len(got), got)
			}
			wantAllocation := turnserver.Allocation{
				Transport: network, Username: user, ToPeers: want, FromPeers: want,
				Relay: relay.LocalAddr().(*net.UDPAddr).AddrPort(),
			}
			ignore := cmpopts.IgnoreFields(turnserver.Allocation{}, "Client", "Created")
			if diff := cmp.Diff(wantAllocation, got[0], ignore, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
				t.Error(diff)
			}
			if got[0].Relay.Port() < 49152 || got[0].Relay.Addr() != netip.MustParseAddr(serverIP) {
				t.Errorf("relay %s is not on %s in 49152-65535", got[0].Relay, serverIP)
			}
		})
	}
}

func TestTwoRelaysOfOneServerReachEachOther(t *testing.T) {
	require.Namespace(t)
	s := start(t, config(serverIP))
	a, relayA := allocate(t, s, "udp")
	b, relayB := allocate(t, s, "tcp")
	if err := a.CreatePermission(relayB.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if err := b.CreatePermission(relayA.LocalAddr()); err != nil {
		t.Fatal(err)
	}

	write(t, relayA, []byte("ping"), relayB.LocalAddr())
	if got := string(read(t, relayB)); got != "ping" {
		t.Fatalf("got %q", got)
	}
	write(t, relayB, []byte("pong!"), relayA.LocalAddr())
	if got := string(read(t, relayA)); got != "pong!" {
		t.Fatalf("got %q", got)
	}

	ping, pong := turnserver.Traffic{Packets: 1, Bytes: 4}, turnserver.Traffic{Packets: 1, Bytes: 5}
	for _, got := range s.Allocations() {
		to, from := ping, pong
		if got.Transport == "tcp" {
			to, from = pong, ping
		}
		if got.ToPeers != to || got.FromPeers != from || got.Dropped != 0 {
			t.Errorf("%s leg: %+v", got.Transport, got)
		}
	}
}

func TestTheServersOwnListeningAddressIsOutOfReachThroughARelay(t *testing.T) {
	require.Namespace(t)
	for name, listenOn := range map[string]string{"one address": serverIP, "every address": "0.0.0.0"} {
		t.Run(name, func(t *testing.T) {
			cfg := config(serverIP)
			cfg.Listen = []turnserver.Listener{{Network: "udp", Address: netip.AddrPortFrom(netip.MustParseAddr(listenOn), 0)}}
			s := start(t, cfg)
			own := netip.AddrPortFrom(netip.MustParseAddr(serverIP), s.Addresses()[0].Address.Port())

			conn := listen(t, clientIP)
			c, err := turn.NewClient(&turn.ClientConfig{
				TURNServerAddr: own.String(), Username: user, Password: password, Conn: conn,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			if err := c.Listen(); err != nil {
				t.Fatal(err)
			}
			relay, err := c.Allocate()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = relay.Close() })

			// The permission is for an address, which the server's relays share.
			binding := stun.MustBuild(stun.TransactionID, stun.BindingRequest)
			write(t, relay, binding.Raw, net.UDPAddrFromAddrPort(own))
			e := awaitKind(t, s, turnserver.RelayDropped)
			if e.Peer != own || e.Reason != "to the peer: the server's own listening address" {
				t.Errorf("event %+v", e)
			}
			got := s.Allocations()[0]
			if got.ToPeers != (turnserver.Traffic{}) || got.FromPeers != (turnserver.Traffic{}) || got.Dropped != 1 {
				t.Errorf("allocation %+v", got)
			}
		})
	}
}

func TestAPeerWithoutPermissionReachesNobody(t *testing.T) {
	require.Namespace(t)
	s := start(t, config(serverIP))
	c, relay := allocate(t, s, "udp")
	stranger, friend := listen(t, otherIP), listen(t, peerIP)
	if err := c.CreatePermission(friend.LocalAddr()); err != nil {
		t.Fatal(err)
	}

	write(t, stranger, []byte("let me in"), relay.LocalAddr())
	write(t, stranger, []byte("let me in"), relay.LocalAddr())
	write(t, friend, []byte("hello"), relay.LocalAddr())
	if got := string(read(t, relay)); got != "hello" {
		t.Fatalf("got %q", got)
	}

	e := awaitKind(t, s, turnserver.RelayDropped)
	if e.Peer != addrPort(stranger) || !strings.Contains(e.Reason, "no permission for this peer") {
		t.Errorf("event %+v", e)
	}
	got := s.Allocations()[0]
	if got.FromPeers != (turnserver.Traffic{Packets: 1, Bytes: 5}) || got.Dropped != 2 {
		t.Errorf("allocation %+v", got)
	}
	if n := count(s, turnserver.RelayDropped); n != 1 {
		t.Errorf("%d events for the same drop, want 1", n)
	}
}

func TestADeniedPeerReachesNoRelayEither(t *testing.T) {
	require.Namespace(t)
	s := start(t, config(serverIP))
	_, relay := allocate(t, s, "udp")
	write(t, listen(t, "127.0.0.2"), []byte("from the server's host"), relay.LocalAddr())
	if e := awaitKind(t, s, turnserver.RelayDropped); e.Reason != "from the peer: loopback address" {
		t.Errorf("event %+v", e)
	}
}

func TestADatagramTooLargeForTurnIsDroppedWhole(t *testing.T) {
	require.Namespace(t)
	s := start(t, config(serverIP))
	c, relay := allocate(t, s, "udp")
	peer := listen(t, peerIP)
	if err := c.CreatePermission(peer.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	write(t, peer, make([]byte, 1700), relay.LocalAddr())
	write(t, peer, []byte("small"), relay.LocalAddr())
	if got := string(read(t, relay)); got != "small" {
		t.Fatalf("got %d bytes", len(got))
	}
	if e := awaitKind(t, s, turnserver.RelayDropped); !strings.Contains(e.Reason, "1600 bytes or more") {
		t.Errorf("event %+v", e)
	}
	if got := s.Allocations()[0]; got.FromPeers != (turnserver.Traffic{Packets: 1, Bytes: 5}) || got.Dropped != 1 {
		t.Errorf("allocation %+v", got)
	}
}

func TestWhatAClientSendsInVainIsExplained(t *testing.T) {
	require.Namespace(t)
	indication := stun.NewType(stun.MethodSend, stun.ClassIndication)
	data := stun.RawAttribute{Type: stun.AttrData, Value: []byte("data")}
	for name, test := range map[string]struct {
		allocate bool
		send     func(t *testing.T, c *rawClient)
		want     string
	}{
		"ChannelData on a channel that is not bound": {true, func(t *testing.T, c *rawClient) {
			write(t, c, []byte{0x40, 0x01, 0, 4, 1, 2, 3, 4}, c.server)
		}, "channel 0x4001 is not bound"},
		"ChannelData without an allocation": {false, func(t *testing.T, c *rawClient) {
			write(t, c, []byte{0x40, 0x01, 0, 4, 1, 2, 3, 4}, c.server)
		}, "no allocation for this client"},
		"ChannelData shorter than it says": {true, func(t *testing.T, c *rawClient) {
			write(t, c, []byte{0x40, 0x01, 0, 9, 1, 2, 3, 4}, c.server)
		}, "malformed ChannelData"},
		"Send to a peer without a permission": {true, func(t *testing.T, c *rawClient) {
			c.send(t, indication, peerAddress(peerIP+":9"), data)
		}, "no permission for this peer"},
		"Send without an allocation": {false, func(t *testing.T, c *rawClient) {
			c.send(t, indication, peerAddress(peerIP+":9"), data)
		}, "no allocation for this client"},
		"Send without data": {true, func(t *testing.T, c *rawClient) {
			c.send(t, indication, peerAddress(peerIP+":9"))
		}, "malformed Send indication"},
		"a message larger than turn/v4 reads": {true, func(t *testing.T, c *rawClient) {
			write(t, c, make([]byte, 1700), c.server)
		}, "message of 1600 bytes or more"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, config(serverIP))
			c := newRawClient(t, s, "udp")
			if test.allocate {
				c.allocate(t)
			}
			test.send(t, c)
			e := awaitKind(t, s, turnserver.RelayDropped)
			if !strings.Contains(e.Reason, test.want) || e.Client != addrPort(c) {
				t.Errorf("event %+v, want reason %q from %s", e, test.want, c.LocalAddr())
			}
			if strings.HasPrefix(name, "Send") && e.Peer != netip.MustParseAddrPort(peerIP+":9") {
				t.Errorf("peer %s", e.Peer)
			}
			if test.allocate && s.Allocations()[0].Dropped != 1 {
				t.Errorf("allocation %+v", s.Allocations()[0])
			}
		})
	}
}

func TestASendThatTheNetworkRefusesIsNotCountedAsRelayed(t *testing.T) {
	require.Namespace(t)
	s := start(t, config(serverIP))
	_, relay := allocate(t, s, "udp")
	nowhere := &net.UDPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 9}
	write(t, relay, []byte("data"), nowhere)

	if e := awaitKind(t, s, turnserver.RelayDropped); e.Reason != "to the peer: network is unreachable" {
		t.Errorf("event %+v", e)
	}
	awaitKind(t, s, turnserver.ChannelBound) // comes after the data: everything about it is logged
	if n := count(s, turnserver.RelayDropped); n != 1 {
		t.Errorf("%d reasons for one drop: %+v", n, s.Events(0))
	}
	if a := s.Allocations()[0]; a.ToPeers != (turnserver.Traffic{}) || a.Dropped != 1 {
		t.Errorf("allocation %+v", a)
	}
}

func TestADropIsLoggedAgainAfterAnotherAllocation(t *testing.T) {
	s := start(t, config("127.0.0.1"))
	c := newRawClient(t, s, "udp")
	vain := func() { write(t, c, []byte{0x40, 0x01, 0, 4, 1, 2, 3, 4}, c.server) }
	vain()
	vain()
	c.allocate(t)
	c.do(t, stun.MethodRefresh, lifetime(0))
	vain()
	c.exchange(t, stun.BindingRequest) // handled after what was sent before
	if n := count(s, turnserver.RelayDropped); n != 2 {
		t.Errorf("%d drops logged, want 2: %+v", n, s.Events(0))
	}
}

// turn/v4's own framing holds back a ChannelData message of up to four bytes.
func TestAFewBytesOverTCPAreRelayedAtOnce(t *testing.T) {
	require.Namespace(t)
	s := start(t, config(serverIP))
	peer := listen(t, peerIP)
	c := newRawClient(t, s, "tcp")
	c.allocate(t)
	if answer := c.do(t, stun.MethodChannelBind, channelNumber(0x4001), peerAddress(peer.LocalAddr().String())); answer.Type.Class != stun.ClassSuccessResponse {
		t.Fatal(answer)
	}
	write(t, c, []byte{0x40, 0x01, 0, 3, 'a', 'b', 'c', 0}, c.server)
	if got := string(read(t, peer)); got != "abc" {
		t.Fatalf("got %q", got)
	}
}

// turn/v4's own framing adds 20 to this length in 16 bits, gets 0, and reads nothing without end.
func TestAHugeMessageOverTCPIsSkipped(t *testing.T) {
	s := start(t, config("127.0.0.1"))
	c := newRawClient(t, s, "tcp")
	huge := make([]byte, 20+65516)
	binary.BigEndian.PutUint16(huge[2:], 65516)
	binary.BigEndian.PutUint32(huge[4:], 0x2112A442)
	write(t, c, huge, c.server)
	answer := c.exchange(t, stun.BindingRequest)
	if answer.Type != stun.BindingSuccess {
		t.Fatal(answer)
	}
}

func TestGarbageOverTCPEndsTheConnection(t *testing.T) {
	s := start(t, config("127.0.0.1"))
	c := newRawClient(t, s, "tcp")
	write(t, c, []byte("\xffGET / HTTP/1.1\r\n\r\n"), c.server)
	if n, _, err := c.ReadFrom(make([]byte, 1)); err == nil {
		t.Fatalf("read %d bytes", n)
	}
}

func addrPort(conn net.PacketConn) netip.AddrPort {
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func count(s *turnserver.Server, kind turnserver.Kind) (n int) {
	for _, e := range s.Events(0) {
		if e.Kind == kind {
			n++
		}
	}

	return n
}
