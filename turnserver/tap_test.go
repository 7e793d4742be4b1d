package turnserver_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/turnserver"
	"github.com/icelab-go/icelab/wire"
)

// witnessed runs a server with a witness on its wire.
func witnessed(t *testing.T, cfg turnserver.Config) (*turnserver.Server, *wire.Recorder) {
	t.Helper()
	cfg.Recorder = &wire.Recorder{}

	return start(t, cfg), cfg.Recorder
}

// saw waits for a packet: what is relayed is recorded on goroutines of turn/v4's.
func saw(t *testing.T, r *wire.Recorder, what string, which func(wire.Packet) bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for _, p := range r.Packets() {
			if which(p) {
				return
			}
		}
	}
	t.Errorf("not seen: %s, among %+v", what, r.Packets())
}

func TestAWitnessOnTheWireSeesNoAnswerThatAFaultLost(t *testing.T) {
	s, r := witnessed(t, faulty("127.0.0.1", turnserver.Faults{DropAnswers: map[turnserver.Method]int{turnserver.Binding: 1}}))
	c := newRawClient(t, s, "udp")
	if !c.silent(t, stun.BindingRequest) {
		t.Fatal("answered")
	}
	saw(t, r, "the request", func(p wire.Packet) bool {
		return p.Direction == wire.In && p.STUN.Method == "binding" && p.To == address(t, s, "udp") && p.From == c.LocalAddr().(*net.UDPAddr).AddrPort()
	})
	saw(t, r, "another answer", func(p wire.Packet) bool { return p.Direction == wire.Out && p.STUN.Method == "allocate" })
	for _, p := range r.Packets() {
		if p.Direction == wire.Out && p.STUN.Method == "binding" || p.Dropped != "" {
			t.Errorf("saw %+v", p)
		}
	}
}

func TestWhatARelayDropsIsSeenWithItsReason(t *testing.T) {
	require.Namespace(t)
	cfg := config(serverIP)
	cfg.DenyPeers = []netip.Prefix{netip.MustParsePrefix(otherIP + "/32")}
	s, r := witnessed(t, cfg)
	c, relay := allocate(t, s, "udp")
	friend, stranger, denied := listen(t, peerIP), listen(t, clientIP), listen(t, otherIP)
	if err := c.CreatePermission(friend.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	write(t, stranger, []byte("strange"), relay.LocalAddr())
	write(t, denied, []byte("denied"), relay.LocalAddr())
	write(t, friend, []byte("hello"), relay.LocalAddr())
	if got := string(read(t, relay)); got != "hello" {
		t.Fatalf("got %q", got)
	}
	from := func(sender net.PacketConn, reason string) func(wire.Packet) bool {
		return func(p wire.Packet) bool {
			return p.At == wire.AtRelay && p.Direction == wire.In && p.From.String() == sender.LocalAddr().String() &&
				p.To.String() == relay.LocalAddr().String() && (p.Dropped == "") == (reason == "") && strings.Contains(p.Dropped, reason)
		}
	}
	saw(t, r, "what was relayed", from(friend, ""))
	saw(t, r, "what there was no permission for", from(stranger, "no permission"))
	saw(t, r, "what was denied", from(denied, "denied by the server's configuration"))
}

func TestTheEndOfAClientsConnectionIsSeen(t *testing.T) {
	s, r := witnessed(t, config("127.0.0.1"))
	conn, err := net.Dial("tcp4", address(t, s, "tcp").String())
	if err != nil {
		t.Fatal(err)
	}
	saw(t, r, "its beginning", func(p wire.Packet) bool {
		return p.Kind == wire.KindTCP && p.TCP.SYN && p.From.String() == conn.LocalAddr().String()
	})
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	saw(t, r, "its end", func(p wire.Packet) bool { return p.Kind == wire.KindTCP && p.Direction == wire.In && p.TCP.FIN })
}
