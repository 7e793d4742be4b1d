package turnserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/pion/transport/v4"
)

// listenUDP and listenStream name the IP version, so that a wildcard address takes only its own.
func (c Config) listenUDP(addr netip.AddrPort) (transport.UDPConn, error) {
	conn, err := c.Net.ListenUDP(network("udp", addr.Addr()), net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, listenError("udp", addr, err)
	}

	return conn, nil
}

// clientListener takes clients that have a connection each.
type clientListener struct {
	net.Listener
	transport string                        // "tcp", "tls" or "dtls"
	messages  func(net.Conn) net.PacketConn // reads and writes a connection by message
}

func (s *Server) listenConnections(l Listener) (clientListener, error) {
	if l.Network == "dtls" {
		return s.listenDTLS(l)
	}

	return s.listenStream(l)
}

func (s *Server) listenStream(l Listener) (clientListener, error) {
	ln, err := s.config.Net.ListenTCP(network("tcp", l.Address.Addr()), net.TCPAddrFromAddrPort(l.Address))
	if err != nil {
		return clientListener{}, listenError(l.Network, l.Address, err)
	}
	if l.Network != "tls" {
		return clientListener{ln, l.Network, newStream}, nil
	}
	certificate, err := s.config.certificate()
	if err != nil {
		_ = ln.Close()

		return clientListener{}, fmt.Errorf("listen %s: %w", l, err)
	}

	// The handshake is done by the leg's first read, so a slow one holds nobody up.
	oldest, newest := s.config.Faults.tlsVersions()

	return clientListener{tls.NewListener(ln, &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: oldest, MaxVersion: newest,
		KeyLogWriter: s.config.KeyLog,
	}), l.Network, newStream}, nil
}

func network(transport string, addr netip.Addr) string {
	if addr.Is4() {
		return transport + "4"
	}

	return transport + "6"
}

func listenError(transport string, addr netip.AddrPort, err error) error {
	remedy := "choose another address or port"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		remedy = "stop the other server or choose another port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		remedy = "give an address of this host"
	case errors.Is(err, os.ErrPermission):
		remedy = "ports below 1024 need privileges: choose a higher port"
	}

	return fmt.Errorf("listen %s %s: %w: %s", transport, addr, cause(err), remedy)
}

// cause strips what net and os wrap around the system's error, since listenError says it already.
func cause(err error) error {
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		return sys.Err
	}

	return err
}

// addrPort returns the zero AddrPort for what is neither a UDP nor a TCP address.
func addrPort(addr net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := addr.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	}

	return unmap(ap)
}

func unmap(ap netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
