package gateway

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netns"
)

// testEndpoint is a UDP socket on one of the test network's hosts.
type testEndpoint struct {
	*net.UDPConn
	t *testing.T
}

const patience = 5 * time.Second

func (n *network) listen(t *testing.T, ns netns.NsHandle, local string) testEndpoint {
	t.Helper()
	var conn *net.UDPConn
	n.in(t, ns, func() (err error) {
		conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(local)))
		return
	})
	t.Cleanup(func() { _ = conn.Close() })
	return testEndpoint{conn, t}
}

func (e testEndpoint) local() netip.AddrPort { return e.LocalAddr().(*net.UDPAddr).AddrPort() }

func (e testEndpoint) send(payload string, to netip.AddrPort) {
	e.t.Helper()
	_, err := e.WriteToUDPAddrPort([]byte(payload), to)
	must(e.t, err)
}

// receive returns who sent the next datagram, which must be payload.
func (e testEndpoint) receive(payload string) netip.AddrPort {
	e.t.Helper()
	must(e.t, e.SetReadDeadline(time.Now().Add(patience)))
	buf := make([]byte, 100)
	n, from, err := e.ReadFromUDPAddrPort(buf)
	if err != nil || string(buf[:n]) != payload {
		e.t.Fatalf("%s got %q, %v: want %q", e.local(), buf[:n], err, payload)
	}
	return from
}

// empty fails if something has come in. What was sent before, by whomever, and
// went through a gateway is there before what was sent, and received, after.
func (e testEndpoint) empty() {
	e.t.Helper()
	must(e.t, e.SetReadDeadline(time.Now().Add(time.Millisecond))) // one in the past reads nothing at all
	buf := make([]byte, 100)
	n, from, err := e.ReadFromUDPAddrPort(buf)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		e.t.Errorf("%s got %q from %s, %v", e.local(), buf[:n], from, err)
	}
}

// to is a port on the external address.
func to(port uint16) netip.AddrPort { return netip.AddrPortFrom(external, port) }
