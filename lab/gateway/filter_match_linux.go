package gateway

import (
	"net"
	"net/netip"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
)

// rules match, between them, what the filter names in one direction.
func (f Filter) rules(d Direction) []rule {
	all := []rule{{}}
	// each makes of every rule one for each alternative.
	each := func(alternatives []func(rule) rule) {
		if len(alternatives) == 0 {
			return
		}
		var more []rule
		for _, r := range all {
			for _, a := range alternatives {
				more = append(more, a(r))
			}
		}
		all = more
	}
	each(f.protocols())
	each(f.farEnds(d))
	each(f.payloads())
	if f.LargerThan > 0 {
		each([]func(rule) rule{func(r rule) rule { return r.largerThan(f.LargerThan) }})
	}
	return all
}

func (f Filter) protocols() (all []func(rule) rule) {
	udp, tcp := f.Protocol != "tcp", f.Protocol != "udp" && !f.carries()
	if udp && tcp && !f.hasPorts() {
		return nil // whatever else there is, too
	}
	if udp {
		all = append(all, rule.udp)
	}
	if tcp {
		all = append(all, rule.tcp)
	}
	return all
}

// farEnds match the ports too, whoever's they are.
func (f Filter) farEnds(d Direction) (all []func(rule) rule) {
	address, port := destinationAddress, destinationPort
	if d == Inbound {
		address, port = sourceAddress, sourcePort
	}
	if f.Own && d == Inbound {
		port = destinationPort
	} else if f.Own {
		port = sourcePort
	}
	ports := func(r rule) rule {
		if !f.hasPorts() {
			return r
		}
		return r.between(port(scratch), f.Ports)
	}
	for _, prefix := range f.Far {
		all = append(all, func(r rule) rule { return ports(r.within(address(scratch), prefix)) })
	}
	if len(f.Far) == 0 {
		all = append(all, ports)
	}
	return all
}

// The first bytes of UDP's payload tell STUN, ChannelData and DTLS apart (RFC 7983).
func (f Filter) payloads() (all []func(rule) rule) {
	for _, m := range f.STUN {
		all = append(all, func(r rule) rule { return r.stun(m) })
	}
	if f.ChannelData {
		all = append(all, func(r rule) rule { return r.between(carried(0, 2), [2]uint16{0x4000, 0x4fff}) })
	}
	if f.DTLS {
		all = append(all, func(r rule) rule {
			return r.then(carried(0, 1), &expr.Range{Op: expr.CmpOpEq, Register: scratch, FromData: []byte{20}, ToData: []byte{63}})
		})
	}
	return all
}

// stun matches messages of a method, or all, by the magic cookie (RFC 8489 section 5).
func (r rule) stun(method string) rule {
	r = r.equal(carried(4, 4), expr.CmpOpEq, []byte{0x21, 0x12, 0xa4, 0x42})
	if method == AnySTUN {
		return r
	}
	const class = 0x0110
	return r.then(carried(0, 2),
		&expr.Bitwise{SourceRegister: scratch, DestRegister: scratch, Len: 2, Mask: binaryutil.BigEndian.PutUint16(^uint16(class)), Xor: make([]byte, 2)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: scratch, Data: binaryutil.BigEndian.PutUint16(STUNMethods[method])})
}

// between matches a number of two bytes in network order.
func (r rule) between(load expr.Any, n [2]uint16) rule {
	return r.then(load, &expr.Range{
		Op: expr.CmpOpEq, Register: scratch,
		FromData: binaryutil.BigEndian.PutUint16(n[0]), ToData: binaryutil.BigEndian.PutUint16(n[1]),
	})
}

// within matches an address in a prefix.
func (r rule) within(load expr.Any, p netip.Prefix) rule {
	return r.then(load,
		&expr.Bitwise{SourceRegister: scratch, DestRegister: scratch, Len: 4, Mask: net.CIDRMask(p.Bits(), 32), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: scratch, Data: p.Masked().Addr().AsSlice()})
}

// largerThan looks at the total length in the IP header: that of a packet which
// came in fragments is of the whole.
func (r rule) largerThan(size int) rule {
	const totalLength = 2
	return r.then(payload(expr.PayloadBaseNetworkHeader, totalLength, 2, scratch),
		&expr.Cmp{Op: expr.CmpOpGt, Register: scratch, Data: binaryutil.BigEndian.PutUint16(uint16(size))})
}

// carried is what UDP carries, from an offset.
func carried(offset, length uint32) expr.Any {
	const header = 8
	return payload(expr.PayloadBaseTransportHeader, header+offset, length, scratch)
}
