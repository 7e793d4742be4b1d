package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/turnserver"
)

func startServer(t *testing.T) netip.AddrPort {
	t.Helper()
	s, err := turnserver.Start(turnserver.Config{
		Listen:       []turnserver.Listener{{Network: "udp", Address: netip.MustParseAddrPort("127.0.0.1:0")}},
		Alternate:    netip.MustParseAddrPort("127.0.0.2:0"),
		RelayAddress: netip.MustParseAddr("127.0.0.1"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.Addresses()[0].Address
}

func TestAHostWithoutNATIsRecognised(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	card, err := Run(t.Context(), Config{Server: startServer(t), DeclaredLifetime: 120 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if found := card.Compare(nat.Condition{}); len(found) > 0 {
		t.Errorf("%v\n%s", found, card)
	}
	if card.Local != card.External || !card.Local.Addr().IsLoopback() {
		t.Errorf("local %s, external %s", card.Local, card.External)
	}
}

func TestSilenceIsUDPBlocked(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	silent := listenUDP(t)
	card, err := Run(t.Context(), Config{Server: addrPort(silent.LocalAddr()), RTO: 10 * time.Millisecond})
	if err != nil || card.UDP {
		t.Errorf("%v\n%s", err, card)
	}
	if len(card.Observations) != 1 || card.Observations[0].Requests != DefaultRetransmits+1 {
		t.Errorf("asked %v, want 16 times", card.Observations)
	}
}

func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// scripted is a server that answers every request with what script sends.
func scripted(t *testing.T, script func(conn *net.UDPConn, request *stun.Message, client net.Addr)) netip.AddrPort {
	t.Helper()
	conn, done := listenUDP(t), make(chan struct{})
	t.Cleanup(func() { <-done })
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, client, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			request := new(stun.Message)
			if stun.Decode(buf[:n], request) == nil {
				script(conn, request, client)
			}
		}
	}()
	return addrPort(conn.LocalAddr())
}

func reply(conn net.PacketConn, to net.Addr, attrs ...stun.Setter) {
	_, _ = conn.WriteTo(stun.MustBuild(attrs...).Raw, to)
}

func mappedTo(port int) stun.Setter {
	return &stun.XORMappedAddress{IP: net.IPv4(198, 18, 0, 20), Port: port}
}

func otherThan(ip string, port int) stun.Setter {
	return &stun.OtherAddress{IP: net.ParseIP(ip), Port: port}
}

func TestOnlyTheAnswerThatWasAskedForIsTaken(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	liar := listenUDP(t)
	server := scripted(t, func(conn *net.UDPConn, request *stun.Message, client net.Addr) {
		reply(liar, client, request, stun.BindingSuccess, mappedTo(1))            // from elsewhere
		reply(conn, client, stun.TransactionID, stun.BindingSuccess, mappedTo(2)) // to another request
		reply(conn, client, request, stun.BindingRequest)                         // no answer
		reply(conn, client, request, stun.BindingSuccess)                         // says nothing
		_, _ = conn.WriteTo([]byte("not STUN"), client)
		reply(conn, client, request, stun.BindingSuccess, mappedTo(4))
		reply(conn, client, request, stun.BindingSuccess, mappedTo(5)) // too late
	})
	card, err := Run(t.Context(), Config{Server: server})
	if err == nil || !strings.Contains(err.Error(), "not RFC 5780") {
		t.Errorf("error %v, want that the server cannot do it", err)
	}
	if !card.UDP || card.External.Port() != 4 {
		t.Errorf("seen as %s", card.External)
	}
}

// The first of two questions that nobody answers uses up the time of both.
func TestAnAnswerThatIsThereCountsWhenTheTimeIsUp(t *testing.T) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	silent := &pending{answered: make(chan *answer, 1)}
	for range 50 {
		if a, err := silent.take(t.Context(), timer); a != nil || err != nil {
			t.Fatalf("silence is %v, %v", a, err)
		}
		answered := &pending{answered: make(chan *answer, 1)}
		answered.answered <- &answer{}
		if a, err := answered.take(t.Context(), timer); a == nil || err != nil {
			t.Fatalf("the answer was left behind: %v", err)
		}
	}
}

func TestAServerThatCannotMeasureIsNamed(t *testing.T) {
	for _, c := range []struct {
		name  string
		attrs []stun.Setter
		want  string
	}{
		{"the same address", []stun.Setter{stun.BindingSuccess, mappedTo(1), otherThan("127.0.0.1", 9)}, "does not differ"},
		{"a refusal", []stun.Setter{stun.BindingError, stun.CodeServerError}, "refuses a plain Binding request: 500"},
		{"alternates that are dead", []stun.Setter{stun.BindingSuccess, mappedTo(1), otherThan("127.0.0.2", 9)}, "no answer from"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Cleanup(func() { goleak.VerifyNone(t) })
			server := scripted(t, func(conn *net.UDPConn, request *stun.Message, client net.Addr) {
				reply(conn, client, append([]stun.Setter{request}, c.attrs...)...)
			})
			_, err := Run(t.Context(), Config{Server: server, RTO: 20 * time.Millisecond})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), server.String()) {
				t.Errorf("error %v, want %q of %s", err, c.want, server)
			}
		})
	}
}

func TestTheContextEndsIt(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	ctx, cancel := context.WithCancelCause(t.Context())
	server := scripted(t, func(*net.UDPConn, *stun.Message, net.Addr) { cancel(nil) })
	if _, err := Run(ctx, Config{Server: server, RTO: time.Hour}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	server := netip.MustParseAddrPort("127.0.0.1:3478")
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"no server", Config{}, "want the IP:PORT"},
		{"no port", Config{Server: netip.MustParseAddrPort("127.0.0.1:0")}, "want the IP:PORT"},
		{"negative patience", Config{Server: server, RTO: -1}, "negative"},
		{"an address of another host", Config{Server: server, LocalAddress: netip.MustParseAddr("198.51.100.1")}, "open a UDP socket"},
	} {
		if _, err := Run(t.Context(), c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}
