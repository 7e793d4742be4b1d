package turnserver

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/pion/transport/v4"
)

// thisNetwork holds 0.0.0.0, which reaches the sending host itself (RFC 1122 section 3.2.1.3).
var thisNetwork = netip.MustParsePrefix("0.0.0.0/8")

// denials decides which relay targets are refused. turn/v4 asks about an address alone, when a
// permission is created; a refusal of one port can only be enforced on each datagram, which is
// what the relay socket uses datagram for.
type denials struct {
	prefixes   []netip.Prefix
	broadcasts []netip.Addr
	control    map[netip.AddrPort]bool
}

// peer returns why addr is refused as a peer whatever the port, or "" when it is not.
func (d denials) peer(addr netip.Addr) string {
	switch {
	case !addr.IsValid():
		return "not an address"
	case !addr.Is4():
		return "IPv6 peer on an IPv4 relay (RFC 8656 section 10.2)"
	case thisNetwork.Contains(addr):
		return "unspecified address"
	case addr.IsLoopback():
		return "loopback address"
	case addr.IsLinkLocalUnicast():
		return "link-local address"
	case addr.IsMulticast():
		return "multicast address"
	case addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "broadcast address"
	}
	for _, broadcast := range d.broadcasts {
		if addr == broadcast {
			return "broadcast address of a network of this server"
		}
	}
	for _, prefix := range d.prefixes {
		if prefix.Contains(addr) {
			return "denied by the server's configuration: " + prefix.String()
		}
	}

	return ""
}

// datagram returns why nothing may be relayed to or from a peer, or "" when it may.
func (d denials) datagram(peer netip.AddrPort) string {
	if d.control[peer] {
		return "the server's own listening address"
	}

	return d.peer(peer.Addr())
}

// newDenials knows the host's networks as they are now: an address added later is refused by
// prefix or kind, but its broadcast address is not known.
func newDenials(prefixes []netip.Prefix, listening []Listener, host []netip.Prefix) denials {
	d := denials{prefixes: prefixes, control: map[netip.AddrPort]bool{}}
	for _, network := range host {
		if network.Addr().Is4() && network.Bits() < 31 {
			d.broadcasts = append(d.broadcasts, lastAddress(network))
		}
	}
	for _, l := range listening {
		// A relay sends UDP only, and its own port may equal that of a TCP listener.
		if l.Network != "udp" && l.Network != "dtls" {
			continue
		}
		d.control[l.Address] = true
		if l.Address.Addr().IsUnspecified() {
			for _, network := range host {
				d.control[netip.AddrPortFrom(network.Addr(), l.Address.Port())] = true
			}
		}
	}

	return d
}

func lastAddress(network netip.Prefix) netip.Addr {
	ip := network.Addr().As4()
	host := uint32(1)<<(32-network.Bits()) - 1
	binary.BigEndian.PutUint32(ip[:], binary.BigEndian.Uint32(ip[:])|host)

	return netip.AddrFrom4(ip)
}

// hostNetworks returns a host's addresses, each with the length of its network's prefix.
func hostNetworks(host transport.Net) ([]netip.Prefix, error) {
	interfaces, err := host.Interfaces()
	if err != nil {
		return nil, err
	}
	var addrs []net.Addr
	for _, i := range interfaces {
		// The only error is that it has none.
		of, _ := i.Addrs()
		addrs = append(addrs, of...)
	}
	var networks []netip.Prefix
	for _, addr := range addrs {
		ipNet, ok := addr.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(ipNet.IP)
		ones, _ := ipNet.Mask.Size()
		if ok {
			networks = append(networks, netip.PrefixFrom(ip.Unmap(), ones))
		}
	}

	return networks, nil
}
