package turnserver_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"
	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/turnserver"
)

const (
	user     = "alice"
	password = "a secret"
	patience = 10 * time.Second
)

// config is a server on UDP and TCP with one user.
func config(ip string) turnserver.Config {
	addr := netip.MustParseAddr(ip)

	return turnserver.Config{
		Listen: []turnserver.Listener{
			{Network: "udp", Address: netip.AddrPortFrom(addr, 0)},
			{Network: "tcp", Address: netip.AddrPortFrom(addr, 0)},
		},
		RelayAddress: addr,
		Users:        map[string]string{user: password},
	}
}

// start runs a server until the test ends, which then must leave no goroutine.
func start(t *testing.T, cfg turnserver.Config) *turnserver.Server {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s, err := turnserver.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})

	return s
}

func address(t *testing.T, s *turnserver.Server, network string) netip.AddrPort {
	t.Helper()
	for _, l := range s.Addresses() {
		if l.Network == network {
			return l.Address
		}
	}
	t.Fatalf("no %s listener in %v", network, s.Addresses())

	return netip.AddrPort{}
}

// dial opens the client's end of the leg to the server.
func dial(t *testing.T, s *turnserver.Server, network string) net.PacketConn {
	t.Helper()
	server := address(t, s, network)
	var conn net.PacketConn
	switch network {
	case "tls":
		conn = turn.NewSTUNConn(dialTLS(t, s))
	case "dtls":
		conn = dialDTLS(t, s)
	case "tcp":
		tcp, err := net.Dial("tcp4", server.String())
		if err != nil {
			t.Fatal(err)
		}
		conn = turn.NewSTUNConn(tcp)
	default:
		conn = listen(t, server.Addr().String())
	}
	t.Cleanup(func() { _ = conn.Close() })

	return conn
}

func listen(t *testing.T, ip string) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))

	return conn
}

func newClient(t *testing.T, s *turnserver.Server, network, name, secret string) *turn.Client {
	t.Helper()
	c, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: address(t, s, network).String(),
		Username:       name,
		Password:       secret,
		Conn:           dial(t, s, network),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}

	return c
}

func allocate(t *testing.T, s *turnserver.Server, network string) (*turn.Client, net.PacketConn) {
	t.Helper()
	c := newClient(t, s, network, user, password)
	relay, err := c.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relay.Close() })
	_ = relay.SetReadDeadline(time.Now().Add(patience))

	return c, relay
}

// echo answers every datagram with itself until the test ends.
func echo(t *testing.T, ip string) *net.UDPAddr {
	t.Helper()
	conn := listen(t, ip)
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		defer close(done)
		buf := make([]byte, 2000)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(buf[:n], from)
		}
	}()

	return conn.LocalAddr().(*net.UDPAddr)
}

func write(t *testing.T, conn net.PacketConn, payload []byte, to net.Addr) {
	t.Helper()
	if _, err := conn.WriteTo(payload, to); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, conn net.PacketConn) []byte {
	t.Helper()
	buf := make([]byte, 2000)
	n, _, err := conn.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}

	return buf[:n]
}

// await returns the first event that matches, waiting for it if need be.
func await(t *testing.T, s *turnserver.Server, match func(turnserver.Event) bool) turnserver.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var seq uint64
	for {
		events, err := s.WaitEvents(ctx, seq)
		if err != nil {
			t.Fatalf("the event never came (%v) among %+v", err, s.Events(0))
		}
		for _, e := range events {
			if match(e) {
				return e
			}
			seq = e.Seq
		}
	}
}

func awaitKind(t *testing.T, s *turnserver.Server, kind turnserver.Kind) turnserver.Event {
	t.Helper()

	return await(t, s, func(e turnserver.Event) bool { return e.Kind == kind })
}

// rawClient sends requests that turn/v4's client would not.
type rawClient struct {
	net.PacketConn
	server   net.Addr
	username string
	password string
	realm    string // the server's, unless set
	nonce    stun.Nonce
}

func newRawClient(t *testing.T, s *turnserver.Server, network string) *rawClient {
	t.Helper()
	server := net.Addr(net.UDPAddrFromAddrPort(address(t, s, "udp")))
	conn := dial(t, s, network)
	_ = conn.SetDeadline(time.Now().Add(patience))

	return &rawClient{PacketConn: conn, server: server, username: user, password: password}
}

// do sends an authenticated request and returns its answer.
func (c *rawClient) do(t *testing.T, method stun.Method, attrs ...stun.Setter) *stun.Message {
	t.Helper()
	if c.nonce == nil {
		challenge := c.exchange(t, stun.NewType(stun.MethodAllocate, stun.ClassRequest))
		var realm stun.Realm
		if err := errors.Join(c.nonce.GetFrom(challenge), realm.GetFrom(challenge)); err != nil {
			t.Fatalf("the challenge %v: %v", challenge, err)
		}
		if c.realm == "" {
			c.realm = realm.String()
		}
	}

	return c.exchange(t, stun.NewType(method, stun.ClassRequest), c.authenticated(attrs...)...)
}

func (c *rawClient) authenticated(attrs ...stun.Setter) []stun.Setter {
	return append(attrs, stun.NewUsername(c.username), stun.NewRealm(c.realm), c.nonce,
		stun.NewLongTermIntegrity(c.username, c.realm, c.password))
}

func (c *rawClient) send(t *testing.T, attrs ...stun.Setter) *stun.Message {
	t.Helper()
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID}, attrs...)...)
	if err != nil {
		t.Fatal(err)
	}
	write(t, c, m.Raw, c.server)

	return m
}

func (c *rawClient) exchange(t *testing.T, kind stun.MessageType, attrs ...stun.Setter) *stun.Message {
	t.Helper()
	req := c.send(t, append([]stun.Setter{kind}, attrs...)...)
	for {
		answer := new(stun.Message)
		if err := stun.Decode(read(t, c), answer); err == nil && answer.TransactionID == req.TransactionID {
			return answer
		}
	}
}

func (c *rawClient) allocate(t *testing.T, attrs ...stun.Setter) *stun.Message {
	t.Helper()
	answer := c.do(t, stun.MethodAllocate, append(attrs, overUDP)...)
	if answer.Type.Class != stun.ClassSuccessResponse {
		t.Fatalf("Allocate: %v", answer)
	}

	return answer
}

var overUDP = stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}

func lifetime(seconds byte) stun.Setter {
	return stun.RawAttribute{Type: stun.AttrLifetime, Value: []byte{0, 0, 0, seconds}}
}

func channelNumber(n uint16) stun.Setter {
	return stun.RawAttribute{Type: stun.AttrChannelNumber, Value: []byte{byte(n >> 8), byte(n), 0, 0}}
}

type peerAddress string

func (p peerAddress) AddTo(m *stun.Message) error {
	addr := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(string(p)))

	return (&stun.XORMappedAddress{IP: addr.IP, Port: addr.Port}).AddToAs(m, stun.AttrXORPeerAddress)
}

func codeOf(m *stun.Message) int {
	var code stun.ErrorCodeAttribute
	_ = code.GetFrom(m)

	return int(code.Code)
}
