package gateway

import (
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/lab/nat"
)

// ICMP errors about UDP are translated as the packets are that they quote
// (RFC 5508 REQ-3 to REQ-5): conntrack, which does so for TCP, knows nothing of
// these. An error that quotes a packet of no mapping is dropped.

// Where an ICMP error has the addresses and ports of the packet that it quotes,
// whose IP header begins at byte 8 and has no options.
const (
	quotedProtocol           = 8 + 9
	quotedChecksum           = 8 + 10
	quotedSourceAddress      = 8 + 12
	quotedDestinationAddress = 8 + 16
	quotedSourcePort         = 8 + 20
	quotedDestinationPort    = 8 + 22
)

// icmpErrors match destination unreachable, with "fragmentation needed" among
// it, and time exceeded.
var icmpErrors = []byte{3, 11}

func (r rule) quotesUDP(icmpType byte) rule {
	return r.protocol(unix.IPPROTO_ICMP).
		equal(quoted(0, 1, scratch), expr.CmpOpEq, []byte{icmpType}).
		equal(quoted(quotedProtocol, 1, scratch), expr.CmpOpEq, []byte{unix.IPPROTO_UDP})
}

func (p *program) icmp(b nat.Behavior) {
	wan, lan := p.WAN.Interface, p.LAN.Interface
	marked := rule{}.then(&expr.Immediate{Register: reg(0), Data: binaryutil.NativeEndian.PutUint32(1)}, setMark(reg(0)))
	// Whom the inside host sent the quoted packet to, or got it from, is the key
	// of its mapping.
	key := []expr.Any{quoted(quotedDestinationAddress, 4, reg(0)), quoted(quotedDestinationPort, 2, reg(1))}
	if b.Mapping != nat.EIM {
		key = append(key, quoted(quotedSourceAddress, 4, reg(2)))
	}
	if b.Mapping == nat.APDM {
		key = append(key, quoted(quotedSourcePort, 2, reg(3)))
	}
	for _, kind := range icmpErrors {
		in := rule{}.iif(wan).destination(p.WAN.Address).quotesUDP(kind)
		p.add("screen", "ICMP about what went out", in.
			equal(quoted(quotedSourceAddress, 4, scratch), expr.CmpOpEq, p.WAN.Address.AsSlice()).
			then(quoted(quotedSourcePort, 2, reg(0)), find(p.ports, reg(0), reg(4)),
				setQuotedAddress(reg(4), quotedSourceAddress), setQuotedPort(reg(5), quotedSourcePort), setICMPAddress(reg(4), 16)).
			then(marked...))

		out := rule{}.iif(lan).oif(wan).quotesUDP(kind)
		p.add("forward", "ICMP about what came in", out.then(key...).
			then(find(p.mappings, reg(0), reg(4)), &expr.Immediate{Register: reg(5), Data: p.WAN.Address.AsSlice()},
				setQuotedAddress(reg(5), quotedDestinationAddress), setQuotedPort(reg(4), quotedDestinationPort)).
			then(marked...).accept())
		p.add("forward", "ICMP about nothing", out.drop(NoMapping))
		p.add("source", "ICMP", out.marked().then(
			&expr.Immediate{Register: reg(0), Data: p.WAN.Address.AsSlice()}, setICMPAddress(reg(0), 12)))
	}
}

func quoted(offset, length, dst uint32) expr.Any {
	return payload(expr.PayloadBaseTransportHeader, offset, length, dst)
}

// setQuotedAddress corrects the quoted header's checksum, which leaves the sum
// over both, and so the ICMP checksum, as it was.
func setQuotedAddress(src, offset uint32) expr.Any {
	return &expr.Payload{
		OperationType: expr.PayloadWrite, SourceRegister: src,
		Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 4,
		CsumType: expr.CsumTypeInet, CsumOffset: quotedChecksum,
	}
}

func setQuotedPort(src, offset uint32) expr.Any {
	const icmpChecksum = 2
	return &expr.Payload{
		OperationType: expr.PayloadWrite, SourceRegister: src,
		Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2,
		CsumType: expr.CsumTypeInet, CsumOffset: icmpChecksum,
	}
}

// setICMPAddress corrects the checksum of IP alone: that of ICMP has no
// pseudo-header.
func setICMPAddress(src, offset uint32) expr.Any {
	w := setAddress(src, offset).(*expr.Payload)
	w.CsumFlags = 0
	return w
}
