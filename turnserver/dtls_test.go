package turnserver_test

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/stun/v3"
	"github.com/pion/transport/v4/vnet"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/turnserver"
)

// withDTLS adds a "dtls" listener.
func withDTLS(t *testing.T, cfg turnserver.Config) turnserver.Config {
	t.Helper()

	return secured(t, cfg, "dtls")
}

// dtlsClient is the client's end of a DTLS connection, by record.
type dtlsClient struct{ *dtls.Conn }

func (c dtlsClient) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := c.Read(p)

	return n, c.RemoteAddr(), err
}

func (c dtlsClient) WriteTo(p []byte, _ net.Addr) (int, error) { return c.Write(p) }

// dialDTLS does the handshake as a client that trusts the tests' certificate and no other.
func dialDTLS(t *testing.T, s *turnserver.Server) dtlsClient {
	t.Helper()

	return shakeHands(t, listen(t, address(t, s, "dtls").Addr().String()), address(t, s, "dtls"))
}

func shakeHands(t *testing.T, socket net.PacketConn, server netip.AddrPort) dtlsClient {
	t.Helper()
	pair, err := certified()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(pair.certificate))
	conn, err := dtls.ClientWithOptions(socket, net.UDPAddrFromAddrPort(server),
		dtls.WithRootCAs(roots), dtls.WithServerName(server.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}

	return dtlsClient{conn}
}

func TestTheLifeOfAnAllocationOverDTLSSaysSo(t *testing.T) {
	s := start(t, withDTLS(t, config("127.0.0.1")))
	c := newRawClient(t, s, "dtls")
	client := c.LocalAddr().(*net.UDPAddr).AddrPort()
	c.allocate(t)
	_ = c.Close() // says goodbye

	e := awaitKind(t, s, turnserver.AllocationEnded)
	if e.Reason != "the client's DTLS connection ended: EOF" {
		t.Errorf("event %+v", e)
	}
	for _, e := range s.Events(0) {
		if e.Transport != "dtls" || e.Client != client {
			t.Errorf("event %+v", e)
		}
	}
	if all := s.Allocations(); len(all) != 1 || all[0].Transport != "dtls" || all[0].Client != client {
		t.Errorf("allocations %+v", all)
	}
}

func TestDTLSClientsShareOneSocketAndNothingElse(t *testing.T) {
	s := start(t, withDTLS(t, config("127.0.0.1")))
	server := net.UDPAddrFromAddrPort(address(t, s, "dtls"))
	first, second := newRawClient(t, s, "dtls"), newRawClient(t, s, "dtls")
	first.allocate(t)
	second.allocate(t)

	stranger := listen(t, "127.0.0.1")
	for _, rubbish := range []string{
		string(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw),
		"\x16\xfe\xfd", "\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x01rubbish",
		"\x17\xfe\xfd" + strings.Repeat("x", 100),
	} {
		write(t, stranger, []byte(rubbish), server)
	}
	_ = first.Close()
	awaitKind(t, s, turnserver.AllocationEnded)
	if code := codeOf(second.do(t, stun.MethodRefresh, lifetime(60))); code != 0 {
		t.Errorf("refresh of the other client's allocation: code %d", code)
	}
	if all := s.Allocations(); len(all) != 2 || all[0].Ended.IsZero() || !all[1].Ended.IsZero() {
		t.Errorf("allocations %+v", all)
	}
}

func TestAClientThatSaidGoodbyeMayReturnFromTheSamePort(t *testing.T) {
	s := start(t, withDTLS(t, config("127.0.0.1")))
	socket := listen(t, "127.0.0.1")
	for i := range 2 {
		_ = socket.SetReadDeadline(time.Now().Add(patience))
		conn := shakeHands(t, keptOpen{socket}, address(t, s, "dtls"))
		_ = conn.SetDeadline(time.Now().Add(patience))
		c := &rawClient{PacketConn: conn, username: user, password: password}
		c.allocate(t)
		_ = conn.Close()
		await(t, s, func(turnserver.Event) bool {
			all := s.Allocations()

			return len(all) == i+1 && !all[i].Ended.IsZero()
		})
	}
}

// keptOpen is a socket that outlives the connection over it.
type keptOpen struct{ *net.UDPConn }

func (k keptOpen) Close() error { return k.SetReadDeadline(time.Now()) }

// A server that crashes says no goodbye: clients shall not learn more from one that is closed.
func TestCloseIsSilentAndPromptOverDTLSToo(t *testing.T) {
	s := start(t, withDTLS(t, config("127.0.0.1")))
	c := newRawClient(t, s, "dtls")
	c.allocate(t)
	halfway := listen(t, "127.0.0.1")
	hello := "\x16\xfe\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0d\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01\x00"
	write(t, halfway, []byte(hello), net.UDPAddrFromAddrPort(address(t, s, "dtls")))

	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("Close took %v", took)
	}
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if _, _, err := c.ReadFrom(make([]byte, 2000)); !isTimeout(err) {
		t.Errorf("the client heard of it: %v", err)
	}
}

func TestADTLSMessageTooLargeForTurnIsDroppedWhole(t *testing.T) {
	s := start(t, withDTLS(t, config("127.0.0.1")))
	c := newRawClient(t, s, "dtls")
	c.allocate(t)
	large := append([]byte{0x40, 0x01, 0x06, 0xa4}, make([]byte, 1700)...)
	write(t, c, large, nil)
	e := awaitKind(t, s, turnserver.RelayDropped)
	if !strings.Contains(e.Reason, "turn/v4's limit") {
		t.Errorf("event %+v", e)
	}
	if code := codeOf(c.do(t, stun.MethodRefresh, lifetime(60))); code != 0 {
		t.Errorf("refresh: code %d", code)
	}
}

func TestTheDTLSPortIsOutOfReachThroughARelay(t *testing.T) {
	require.Namespace(t)
	s := start(t, withDTLS(t, config(serverIP)))
	c, relay := allocate(t, s, "udp")
	own := net.UDPAddrFromAddrPort(address(t, s, "dtls"))
	if err := c.CreatePermission(own); err != nil {
		t.Fatal(err)
	}
	write(t, relay, []byte("\x16\xfe\xfd"), own)
	e := awaitKind(t, s, turnserver.RelayDropped)
	if e.Peer != own.AddrPort() || e.Reason != "to the peer: the server's own listening address" {
		t.Errorf("event %+v", e)
	}
}

func TestDTLSRunsOnAnotherNetworkStack(t *testing.T) {
	router, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "198.18.0.0/24", LoggerFactory: logging.NewDefaultLoggerFactory()})
	if err != nil {
		t.Fatal(err)
	}
	stack := func(ip string) *vnet.Net {
		t.Helper()
		n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
		if err == nil {
			err = router.AddNet(n)
		}
		if err != nil {
			t.Fatal(err)
		}

		return n
	}
	cfg := config(serverIP)
	cfg.Listen = nil // vnet has no TCP
	cfg = withDTLS(t, cfg)
	cfg.Net = stack(serverIP)
	client := stack(clientIP)
	if err := router.Start(); err != nil {
		t.Fatal(err)
	}
	s := start(t, cfg)
	t.Cleanup(func() { _ = router.Stop() })

	socket, err := client.ListenPacket("udp4", clientIP+":0")
	if err != nil {
		t.Fatal(err)
	}
	conn := shakeHands(t, socket, address(t, s, "dtls"))
	_ = conn.SetDeadline(time.Now().Add(patience))
	(&rawClient{PacketConn: conn, username: user, password: password}).allocate(t)
	if all := s.Allocations(); len(all) != 1 || all[0].Client.Addr().String() != clientIP {
		t.Errorf("allocations %+v", all)
	}
}
