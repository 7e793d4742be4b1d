package vnet

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/pion/transport/v4"
)

// socket behaves as a system's where vnet's does not: closed, it sends nothing
// and says net.ErrClosed, and a datagram that is too long is cut without a word.
type socket struct {
	transport.UDPConn
	closed atomic.Bool
}

func (s *socket) Close() error {
	if s.closed.Swap(true) {
		return s.closedError("close")
	}
	return s.UDPConn.Close()
}

func (s *socket) Read(p []byte) (int, error) {
	n, _, err := s.ReadFrom(p)
	return n, err
}

func (s *socket) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := s.UDPConn.ReadFrom(p)
	switch {
	case err == nil || errors.Is(err, io.ErrShortBuffer):
		return n, from, nil
	case s.closed.Load():
		return 0, nil, s.closedError("read")
	}
	return n, from, err
}

func (s *socket) ReadFromUDP(p []byte) (int, *net.UDPAddr, error) {
	n, from, err := s.ReadFrom(p)
	if err != nil {
		return 0, nil, err
	}
	return n, from.(*net.UDPAddr), nil
}

func (s *socket) Write(p []byte) (int, error) {
	if s.closed.Load() {
		return 0, s.closedError("write")
	}
	return s.UDPConn.Write(p)
}

func (s *socket) WriteTo(p []byte, to net.Addr) (int, error) {
	if s.closed.Load() {
		return 0, s.closedError("write")
	}
	return s.UDPConn.WriteTo(p, to)
}

func (s *socket) WriteToUDP(p []byte, to *net.UDPAddr) (int, error) { return s.WriteTo(p, to) }

func (s *socket) closedError(op string) error {
	return &net.OpError{Op: op, Net: "udp", Source: s.LocalAddr(), Err: net.ErrClosed}
}

// systemError gives vnet's errors, which it does not export, the numbers that a
// system has for them.
func systemError(network string, at net.Addr, err error) error {
	for text, number := range map[string]syscall.Errno{
		"address already in use":         syscall.EADDRINUSE,
		"can't assign requested address": syscall.EADDRNOTAVAIL,
	} {
		if strings.HasSuffix(err.Error(), text) {
			return &net.OpError{Op: "listen", Net: network, Addr: at, Err: os.NewSyscallError("bind", number)}
		}
	}
	return fmt.Errorf("listen %s %s: %w", network, at, err)
}
