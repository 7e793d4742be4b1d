package vnet

import (
	"io"
	"net"
	"net/netip"

	"github.com/pion/logging"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/vnet"

	"github.com/icelab-go/icelab/lab/topology"
)

// segment is one layer-2 network.
type segment struct {
	topology.Segment
	router *vnet.Router
	// Who is on it, by address. They do not change once the lab is up.
	hosts    map[netip.Addr]*nic
	gateways map[netip.Addr]*gatewayNode

	// uplink sends what comes from other segments, from a socket for each sender:
	// vnet has no other way to put a packet on a router.
	uplink    *vnet.Net
	addresses *transport.Interface
	speaks    map[netip.Addr]bool
	sockets   map[netip.AddrPort]net.PacketConn
}

func newSegment(declared topology.Segment) (*segment, error) {
	s := &segment{
		Segment: declared,
		hosts:   map[netip.Addr]*nic{}, gateways: map[netip.Addr]*gatewayNode{},
		speaks: map[netip.Addr]bool{}, sockets: map[netip.AddrPort]net.PacketConn{},
	}
	var err error
	if s.router, err = vnet.NewRouter(&vnet.RouterConfig{
		Name: s.Name, CIDR: s.Prefix.String(),
		LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled},
	}); err != nil {
		return nil, err
	}
	// The network's own address: no node has it.
	if s.uplink, err = s.attach(s.Prefix.Masked().Addr()); err != nil {
		return nil, err
	}
	s.addresses, err = s.uplink.InterfaceByName(vnetInterface)
	return s, err
}

// vnetInterface is what vnet calls the interface of every host.
const vnetInterface = "eth0"

// attach gives the segment a host with those addresses.
func (s *segment) attach(addresses ...netip.Addr) (*vnet.Net, error) {
	var static []string
	for _, a := range addresses {
		static = append(static, a.String())
	}
	n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: static})
	if err != nil {
		return nil, err
	}
	return n, s.router.AddNet(n)
}

// deliver brings a packet from another segment to a host on this one. What the
// host cannot take is lost.
func (s *segment) deliver(p packet) {
	if s.hosts[p.to.Addr()] == nil {
		return
	}
	socket, open := s.sockets[p.from]
	if !open {
		from := p.from.Addr()
		if !s.speaks[from] {
			s.addresses.AddAddress(&net.IPNet{IP: from.AsSlice(), Mask: net.CIDRMask(from.BitLen(), from.BitLen())})
			s.speaks[from] = true
		}
		var err error
		if socket, err = s.uplink.ListenUDP("udp4", net.UDPAddrFromAddrPort(p.from)); err != nil {
			return
		}
		s.sockets[p.from] = socket
	}
	_, _ = socket.WriteTo(p.payload, net.UDPAddrFromAddrPort(p.to))
}

// forget closes the sockets, which would become more and more.
func (s *segment) forget() {
	for from, socket := range s.sockets {
		_ = socket.Close()
		delete(s.sockets, from)
	}
}

// addrPort is a UDP address that vnet gave.
func addrPort(a net.Addr) netip.AddrPort {
	ap := a.(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
