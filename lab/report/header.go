package report

import (
	"encoding/binary"
	"net/netip"

	"github.com/icelab-go/icelab/wire"
)

// Protocol numbers of IP, and lengths of headers without options.
const (
	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17

	ip4Bytes  = 20
	ip6Bytes  = 40
	tcpBytes  = 20
	udpBytes  = 8
	icmpBytes = 8
)

// Flags of TCP.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// segmentBytes is how much one synthesised segment carries at most: a chunk of a
// TCP connection at a socket can be longer than an IP packet may be.
const segmentBytes = 1400

// datagram puts IP and UDP headers before a payload of p.Bytes bytes, of which
// as much as there is follows.
func datagram(p wire.Packet) []byte {
	head := make([]byte, udpBytes)
	binary.BigEndian.PutUint16(head, p.From.Port())
	binary.BigEndian.PutUint16(head[2:], p.To.Port())
	binary.BigEndian.PutUint16(head[4:], uint16(udpBytes+p.Bytes))
	all := append(head, p.Payload...)
	if len(p.Payload) == p.Bytes {
		sum := transportSum(p.From.Addr(), p.To.Addr(), protoUDP, all)
		if sum == 0 {
			sum = 0xffff // zero means that there is none (RFC 768)
		}
		binary.BigEndian.PutUint16(all[6:], sum)
	}
	return packet(p.From.Addr(), p.To.Addr(), protoUDP, all, udpBytes+p.Bytes)
}

// segment puts IP and TCP headers before a part of a stream that is length bytes
// long.
func segment(from, to netip.AddrPort, sequence, acknowledged uint32, flags byte, payload []byte, length int) []byte {
	head := make([]byte, tcpBytes)
	binary.BigEndian.PutUint16(head, from.Port())
	binary.BigEndian.PutUint16(head[2:], to.Port())
	binary.BigEndian.PutUint32(head[4:], sequence)
	binary.BigEndian.PutUint32(head[8:], acknowledged)
	head[12] = tcpBytes / 4 << 4
	head[13] = flags
	binary.BigEndian.PutUint16(head[14:], 0xffff) // window
	all := append(head, payload...)
	if len(payload) == length {
		binary.BigEndian.PutUint16(all[16:], transportSum(from.Addr(), to.Addr(), protoTCP, all))
	}
	return packet(from.Addr(), to.Addr(), protoTCP, all, tcpBytes+length)
}

// icmpError is the error and the beginning of the packet that it is about
// (RFC 792).
func icmpError(p wire.Packet) []byte {
	about := make([]byte, udpBytes)
	binary.BigEndian.PutUint16(about, p.ICMP.From.Port())
	binary.BigEndian.PutUint16(about[2:], p.ICMP.To.Port())
	binary.BigEndian.PutUint16(about[4:], udpBytes)
	proto := byte(protoUDP)
	if p.ICMP.Protocol == "tcp" {
		proto = protoTCP
	}
	all := make([]byte, icmpBytes)
	all[0], all[1] = byte(p.ICMP.Type), byte(p.ICMP.Code)
	all = append(all, packet(p.ICMP.From.Addr(), p.ICMP.To.Addr(), proto, about, len(about))...)
	binary.BigEndian.PutUint16(all[2:], ^fold(add(0, all)))
	return packet(p.From.Addr(), p.To.Addr(), protoICMP, all, len(all))
}

// packet puts an IP header before what is length bytes long.
func packet(from, to netip.Addr, proto byte, body []byte, length int) []byte {
	if from, to = from.Unmap(), to.Unmap(); from.Is6() && to.Is6() {
		head := make([]byte, ip6Bytes)
		head[0] = 6 << 4
		binary.BigEndian.PutUint16(head[4:], uint16(length))
		head[6], head[7] = proto, 64
		copy(head[8:], from.AsSlice())
		copy(head[24:], to.AsSlice())
		return append(head, body...)
	}
	head := make([]byte, ip4Bytes)
	head[0] = 4<<4 | ip4Bytes/4
	binary.BigEndian.PutUint16(head[2:], uint16(ip4Bytes+length))
	head[6] = 0x40 // do not fragment
	head[8], head[9] = 64, proto
	copy(head[12:], four(from))
	copy(head[16:], four(to))
	binary.BigEndian.PutUint16(head[10:], ^fold(add(0, head)))
	return append(head, body...)
}

// four is an IPv4 address, 0.0.0.0 for what is none: a socket's own address can
// be unknown.
func four(a netip.Addr) []byte {
	if !a.Is4() {
		return make([]byte, 4)
	}
	return a.AsSlice()
}

// transportSum is the checksum of UDP and TCP, over their pseudo-header and what
// it is the header of, in which the checksum itself is zero.
func transportSum(from, to netip.Addr, proto byte, all []byte) uint16 {
	from, to = from.Unmap(), to.Unmap()
	sum := uint32(proto) + uint32(len(all))
	if from.Is6() && to.Is6() {
		sum = add(add(sum, from.AsSlice()), to.AsSlice())
	} else {
		sum = add(add(sum, four(from)), four(to))
	}
	return ^fold(add(sum, all))
}

// add adds 16 bit words, as the checksum of the internet does (RFC 1071).
func add(sum uint32, data []byte) uint32 {
	for ; len(data) > 1; data = data[2:] {
		sum += uint32(binary.BigEndian.Uint16(data))
	}
	if len(data) == 1 {
		sum += uint32(data[0]) << 8
	}
	return sum
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// seen is a packet from the headers that a witness saw. Their lengths are kept,
// and checksums are those of the payload after redaction.
func seen(p wire.Packet) []byte {
	head := append([]byte(nil), p.Header...)
	if len(head) < ip4Bytes || head[0]>>4 != 4 {
		return append(head, p.Payload...)
	}
	ipBytes := int(head[0]&0xf) * 4
	if len(head) < ipBytes {
		return append(head, p.Payload...)
	}
	from, to := netip.AddrFrom4([4]byte(head[12:16])), netip.AddrFrom4([4]byte(head[16:20]))
	switch head[9] {
	case protoUDP:
		if len(head) < ipBytes+udpBytes {
			whole := datagram(p)
			return append(head[:ipBytes], whole[len(whole)-udpBytes-len(p.Payload):]...)
		}
		all := append(head[ipBytes:ipBytes+udpBytes:ipBytes+udpBytes], p.Payload...)
		setSum(all, 6, from, to, protoUDP, len(p.Payload) == p.Bytes)
		return append(head[:ipBytes:ipBytes], all...)
	case protoTCP:
		if len(head) < ipBytes+tcpBytes {
			return append(head, p.Payload...)
		}
		all := append(head[ipBytes:len(head):len(head)], p.Payload...)
		setSum(all, 16, from, to, protoTCP, len(p.Payload) == p.Bytes)
		return append(head[:ipBytes:ipBytes], all...)
	}
	return append(head, p.Payload...)
}

func setSum(all []byte, at int, from, to netip.Addr, proto byte, whole bool) {
	if !whole {
		return
	}
	binary.BigEndian.PutUint16(all[at:], 0)
	binary.BigEndian.PutUint16(all[at:], transportSum(from, to, proto, all))
}
