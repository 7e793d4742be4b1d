package gateway

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/wire"
)

// The hooks of netfilter at which packets leave the gateway, in linux/netfilter.h.
const (
	hookOutput      = 3
	hookPostrouting = 4
)

// decode tells what a copied packet is and where it was seen. Of what is at none of
// the interfaces it returns false.
func decode(l logged, interfaces map[uint32]string) (p wire.Packet, payload []byte, ok bool) {
	p = wire.Packet{Direction: wire.In, At: interfaces[l.in], Dropped: l.prefix}
	if l.hook == hookOutput || l.hook == hookPostrouting {
		p.Direction, p.At = wire.Out, interfaces[l.out]
	}
	ip, ok := parseIP(l.ip)
	if p.At == "" || !ok {
		return p, nil, false
	}
	at, ok := ip.transport(&p)
	if !ok {
		return p, nil, false
	}
	p.Header = append([]byte(nil), l.ip[:at]...)
	payload = ip.packet[at:]
	if p.Protocol == "icmp" {
		// Not all that it quotes: that may hold what Redact takes out.
		p.Kind, p.ICMP = wire.KindICMP, quoting(ip.packet[ip.header:])
		payload = payload[:min(len(payload), quotedBytes)]
	}
	p.Bytes = ip.length - at
	return p, payload, true
}

// quotedBytes are those that every ICMP error quotes (RFC 792): an IP header and 8
// bytes.
const quotedBytes = 28

// ipv4 is a packet, without what may follow it.
type ipv4 struct {
	packet   []byte // cut off, maybe
	length   int    // of the whole
	header   int    // its length
	protocol byte
	from, to netip.Addr
}

func parseIP(b []byte) (ipv4, bool) {
	const shortest = 20
	if len(b) < shortest || b[0]>>4 != 4 {
		return ipv4{}, false
	}
	length := int(binary.BigEndian.Uint16(b[2:]))
	ip := ipv4{
		packet: b[:min(len(b), length)], length: length, header: int(b[0]&0x0f) * 4, protocol: b[9],
		from: netip.AddrFrom4([4]byte(b[12:16])), to: netip.AddrFrom4([4]byte(b[16:20])),
	}
	const offset = 0x1fff // of a fragment that is not the first: it has no ports
	return ip, ip.header >= shortest && ip.header < len(ip.packet) && binary.BigEndian.Uint16(b[6:])&offset == 0
}

// transport fills in protocol and ports, and returns where the payload begins.
func (ip ipv4) transport(p *wire.Packet) (at int, ok bool) {
	const udp, tcp, icmp = 8, 20, 8 // lengths of headers
	b := ip.packet[ip.header:]
	ports := func(protocol string) {
		p.Protocol = protocol
		p.From = netip.AddrPortFrom(ip.from, binary.BigEndian.Uint16(b))
		p.To = netip.AddrPortFrom(ip.to, binary.BigEndian.Uint16(b[2:]))
	}
	switch {
	case ip.protocol == unix.IPPROTO_UDP && len(b) >= udp:
		ports("udp")
		return ip.header + udp, true
	case ip.protocol == unix.IPPROTO_TCP && len(b) >= tcp:
		ports("tcp")
		length := int(b[12]>>4) * 4
		if flags := (wire.TCP{FIN: b[13]&1 != 0, SYN: b[13]&2 != 0, RST: b[13]&4 != 0, ACK: b[13]&16 != 0}); flags.FIN || flags.SYN || flags.RST {
			p.Kind, p.TCP = wire.KindTCP, &flags
		}
		return ip.header + length, length >= tcp && length <= len(b)
	case ip.protocol == unix.IPPROTO_ICMP && len(b) >= icmp:
		p.Protocol, p.From, p.To = "icmp", netip.AddrPortFrom(ip.from, 0), netip.AddrPortFrom(ip.to, 0)
		return ip.header + icmp, true
	}
	return 0, false
}

// quoting reads an ICMP message, and of an error the packet that it is about
// (RFC 792).
func quoting(b []byte) *wire.ICMP {
	const header, unreachable, quench, redirect, exceeded, parameter = 8, 3, 4, 5, 11, 12
	about := &wire.ICMP{Type: int(b[0]), Code: int(b[1])}
	switch about.Type {
	case unreachable, quench, redirect, exceeded, parameter:
	default:
		return about
	}
	// Only its first bytes are there, and its length is that of the whole.
	inner, ok := parseIP(b[header:])
	if !ok {
		return about
	}
	l4 := b[header+inner.header:]
	if len(l4) < 4 {
		return about
	}
	switch inner.protocol {
	case unix.IPPROTO_UDP:
		about.Protocol = "udp"
	case unix.IPPROTO_TCP:
		about.Protocol = "tcp"
	default:
		return about
	}
	about.From = netip.AddrPortFrom(inner.from, binary.BigEndian.Uint16(l4))
	about.To = netip.AddrPortFrom(inner.to, binary.BigEndian.Uint16(l4[2:]))
	return about
}
