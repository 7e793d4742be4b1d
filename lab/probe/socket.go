package probe

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/pion/stun/v3"
	"github.com/pion/transport/v4"
)

// socket is one inside endpoint. Its reader hands answers to who waits for them.
type socket struct {
	conn  net.PacketConn
	local netip.AddrPort
	done  chan struct{}

	mu      sync.Mutex
	waiting map[transactionID]waiter
	last    time.Time // when a request was last sent, zero if none was
	sendErr error     // of the last request that could not be
}

type transactionID = [stun.TransactionIDSize]byte

// waiter takes the answers to one transaction that come from the expected
// source, and of a hairpinned request whatever source it has.
type waiter struct {
	from  netip.AddrPort // zero for requests
	heard func(*stun.Message, netip.AddrPort)
}

// ports that are drawn lie below those that Linux and most NATs draw from, so
// that a port of ours is not taken by a mapping of another one.
const firstLocalPort, localPortCount = 16384, 16384

// open opens a socket on a port that has not been used lately (RFC 5780 §4.1).
func (p *prober) open() (*socket, error) { return p.openOn(0) }

func (p *prober) openOn(port uint16) (*socket, error) {
	const attempts = 10
	var err error
	for range attempts {
		try := port
		if port == 0 {
			try = firstLocalPort + uint16(rand.N(localPortCount))
		}
		var conn net.PacketConn
		local := netip.AddrPortFrom(p.LocalAddress, try)
		if conn, err = p.Net.ListenUDP("udp", net.UDPAddrFromAddrPort(local)); err == nil {
			s := &socket{
				conn: conn, local: local,
				done: make(chan struct{}), waiting: map[transactionID]waiter{},
			}
			p.sockets = append(p.sockets, s)
			go s.read()
			return s, nil
		}
		if port != 0 {
			break
		}
	}
	return nil, fmt.Errorf("open a UDP socket: %w", err)
}

// routedFrom asks the system which of its addresses it would send from. Nothing
// is sent.
func routedFrom(host transport.Net, server netip.AddrPort) (netip.Addr, error) {
	conn, err := host.Dial("udp", server.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return addrPort(conn.LocalAddr()).Addr(), nil
}

// close closes every socket and waits for their readers.
func (p *prober) close() {
	for _, s := range p.sockets {
		_ = s.conn.Close()
	}
	for _, s := range p.sockets {
		<-s.done
	}
}

// read ends when the socket is closed. A datagram may cause an error that
// concerns no later one (ICMP, on some systems), so it takes many in a row.
func (s *socket) read() {
	defer close(s.done)
	buf := make([]byte, 2048)
	for failures := 0; failures < 100; {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			failures++
			continue
		}
		failures = 0
		m := new(stun.Message)
		if stun.Decode(buf[:n], m) != nil {
			continue
		}
		s.mu.Lock()
		w, ok := s.waiting[m.TransactionID]
		s.mu.Unlock()
		source := addrPort(from)
		switch {
		case !ok:
		case m.Type == stun.BindingRequest && !w.from.IsValid(),
			m.Type != stun.BindingRequest && w.from == source:
			w.heard(m, source)
		}
	}
}

// expect has w told of messages with that transaction ID, until forget is called.
func (s *socket) expect(id transactionID, w waiter) (forget func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[id] = w
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, id)
	}
}

// send sends a request once. One that the system does not let out counts as
// lost.
func (s *socket) send(request *stun.Message, to netip.AddrPort) {
	_, err := s.conn.WriteTo(request.Raw, net.UDPAddrFromAddrPort(to))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.sendErr = err
	} else {
		s.last = time.Now()
	}
}

func (s *socket) lastSent() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// unsent is the error if nothing got out at all. A local firewall that forbids
// it is not an error: then UDP is blocked.
func (s *socket) unsent() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.last.IsZero() || errors.Is(s.sendErr, os.ErrPermission) {
		return nil
	}
	return s.sendErr
}

func addrPort(a net.Addr) netip.AddrPort {
	if udp, ok := a.(*net.UDPAddr); ok {
		ap := udp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
