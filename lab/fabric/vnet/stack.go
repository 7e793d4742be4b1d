package vnet

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/vnet"
)

// stack is the network stack of a host: vnet's for each of its interfaces, with
// no way out of the lab. Without interfaces it opens no socket.
type stack struct {
	nics []*nic
}

var _ transport.Net = (*stack)(nil)

// Interfaces are those that are up.
func (s *stack) Interfaces() ([]*transport.Interface, error) {
	var up []*transport.Interface
	for _, c := range s.nics {
		if c.up.Load() {
			up = append(up, c.Interface)
		}
	}
	return up, nil
}

// InterfaceByIndex knows no indices: an interface has its name.
func (s *stack) InterfaceByIndex(int) (*transport.Interface, error) {
	return nil, transport.ErrInterfaceNotFound
}

func (s *stack) InterfaceByName(name string) (*transport.Interface, error) {
	if c := s.on(name); c != nil && c.up.Load() {
		return c.Interface, nil
	}
	return nil, transport.ErrInterfaceNotFound
}

// on is the interface on a segment, nil if there is none.
func (s *stack) on(segment string) *nic {
	if i := slices.IndexFunc(s.nics, func(c *nic) bool { return c.Name == segment }); i >= 0 {
		return s.nics[i]
	}
	return nil
}

func (s *stack) names() string {
	var names []string
	for _, c := range s.nics {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// with is the interface that has an address, or else the first one that is up.
func (s *stack) with(ip net.IP) *nic {
	a, _ := netip.AddrFromSlice(ip)
	var first *nic
	for _, c := range s.nics {
		switch {
		case !c.up.Load():
		case slices.Contains(c.addresses, a.Unmap()):
			return c
		case first == nil:
			first = c
		}
	}
	return first
}

func (s *stack) DialUDP(network string, local, remote *net.UDPAddr) (transport.UDPConn, error) {
	at := &net.UDPAddr{} // vnet writes to it
	if local != nil {
		*at = *local
	}
	c := s.with(at.IP)
	if c == nil {
		return nil, unsupported("this node of an in-process network has no sockets")
	}
	conn, err := c.sockets.DialUDP(network, at, remote)
	if err != nil {
		return nil, systemError(network, at, err)
	}
	return &socket{UDPConn: conn}, nil
}

func (s *stack) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	return s.DialUDP(network, local, nil)
}

func (s *stack) ListenPacket(network, address string) (net.PacketConn, error) {
	local, err := s.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	return s.ListenUDP(network, local)
}

// Dial binds to the address that it sends from, as a system does.
func (s *stack) Dial(network, address string) (net.Conn, error) {
	if !strings.HasPrefix(network, "udp") {
		return nil, errNoTCP
	}
	remote, err := s.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	var local net.UDPAddr
	if c := s.with(nil); c != nil {
		local.IP = c.addresses[0].AsSlice()
	}
	return s.DialUDP(network, &local, remote)
}

// Names are not resolved: a vnet.Net on no router knows none.

func (s *stack) ResolveIPAddr(network, address string) (*net.IPAddr, error) {
	return new(vnet.Net).ResolveIPAddr(network, address)
}

func (s *stack) ResolveUDPAddr(network, address string) (*net.UDPAddr, error) {
	return new(vnet.Net).ResolveUDPAddr(network, address)
}

func (s *stack) ResolveTCPAddr(network, address string) (*net.TCPAddr, error) {
	return new(vnet.Net).ResolveTCPAddr(network, address)
}

const noTCP = "an in-process network has no TCP"

var errNoTCP = unsupported(noTCP)

func (s *stack) DialTCP(string, *net.TCPAddr, *net.TCPAddr) (transport.TCPConn, error) {
	return nil, errNoTCP
}

func (s *stack) ListenTCP(string, *net.TCPAddr) (transport.TCPListener, error) {
	return nil, errNoTCP
}

func (s *stack) CreateDialer(*net.Dialer) transport.Dialer { return s }

// CreateListenConfig is not vnet's, which for TCP would listen on this machine.
func (s *stack) CreateListenConfig(*net.ListenConfig) transport.ListenConfig { return listener{s} }

type listener struct{ stack *stack }

func (listener) Listen(context.Context, string, string) (net.Listener, error) { return nil, errNoTCP }

func (l listener) ListenPacket(_ context.Context, network, address string) (net.PacketConn, error) {
	return l.stack.ListenPacket(network, address)
}
