package gateway

import (
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// reg returns the n-th 32-bit register (NFT_REG32_00 and on). Concatenated keys
// take consecutive registers, one for each field.
func reg(n int) uint32 { return uint32(unix.NFT_REG32_00 + n) }

// rule is a list of expressions: matches first, then what to do. Its methods
// return the longer list, so that a rule reads like a sentence.
type rule []expr.Any

// scratch is the register that matches compare in; keys start at register 0
// and never reach it.
var scratch = reg(15)

func (r rule) then(e ...expr.Any) rule { return append(r[:len(r):len(r)], e...) }

func (r rule) equal(load expr.Any, op expr.CmpOp, data []byte) rule {
	return r.then(load, &expr.Cmp{Op: op, Register: scratch, Data: data})
}

func (r rule) iif(name string) rule {
	return r.then(&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: interfaceName(name)})
}

func (r rule) oif(name string) rule {
	return r.then(&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: interfaceName(name)})
}

func (r rule) protocol(p byte) rule {
	return r.equal(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: scratch}, expr.CmpOpEq, []byte{p})
}

func (r rule) udp() rule { return r.protocol(unix.IPPROTO_UDP) }
func (r rule) tcp() rule { return r.protocol(unix.IPPROTO_TCP) }

func (r rule) destination(a netip.Addr) rule {
	return r.equal(destinationAddress(scratch), expr.CmpOpEq, a.AsSlice())
}

func (r rule) destinationPort(port uint16) rule {
	return r.equal(destinationPort(scratch), expr.CmpOpEq, binaryutil.BigEndian.PutUint16(port))
}

// known matches packets of connections that conntrack already holds, and the
// ICMP errors that belong to one.
func (r rule) known() rule {
	const states = expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
	return r.then(&expr.Ct{Key: expr.CtKeySTATE, Register: scratch},
		&expr.Bitwise{SourceRegister: scratch, DestRegister: scratch, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(states), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: scratch, Data: make([]byte, 4)})
}

// midway matches TCP segments without SYN, or with ACK or RST, of connections that
// conntrack does not hold.
func (r rule) midway() rule {
	const flags, syn = 13, 0x02 // offset in the header, and what begins a connection
	return r.then(&expr.Ct{Key: expr.CtKeySTATE, Register: scratch},
		&expr.Bitwise{SourceRegister: scratch, DestRegister: scratch, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitNEW), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: scratch, Data: make([]byte, 4)},
		payload(expr.PayloadBaseTransportHeader, flags, 1, scratch),
		&expr.Bitwise{SourceRegister: scratch, DestRegister: scratch, Len: 1, Mask: []byte{0x17}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: scratch, Data: []byte{syn}})
}

// marked matches packets that were found to be translated.
func (r rule) marked() rule {
	return r.equal(mark(scratch), expr.CmpOpNeq, make([]byte, 4))
}

func (r rule) accept() rule { return r.then(&expr.Verdict{Kind: expr.VerdictAccept}) }

func (r rule) jump(chain string) rule {
	return r.then(&expr.Verdict{Kind: expr.VerdictJump, Chain: chain})
}

func (r rule) goTo(chain string) rule {
	return r.then(&expr.Verdict{Kind: expr.VerdictGoto, Chain: chain})
}

// drop, unreachable and reset end the packet, count it under its reason and show it.
// The kernel answers the latter two; they must stand where it can, such as in
// the input hook.
func (r rule) drop(why Reason) rule {
	return r.end(why).then(&expr.Verdict{Kind: expr.VerdictDrop})
}

func (r rule) unreachable(why Reason) rule {
	const portUnreachable = 3
	return r.end(why).then(&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: portUnreachable})
}

func (r rule) reset(why Reason) rule {
	return r.end(why).then(&expr.Reject{Type: unix.NFT_REJECT_TCP_RST})
}

func (r rule) end(why Reason) rule {
	if r = r.count(why); shown().packets {
		r = r.log(why)
	}
	return r
}

func (r rule) count(why Reason) rule {
	return r.then(&expr.Objref{Type: int(nftables.ObjTypeCounter), Name: string(why)})
}

func interfaceName(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}

func payload(base expr.PayloadBase, offset, length, dst uint32) expr.Any {
	return &expr.Payload{DestRegister: dst, Base: base, Offset: offset, Len: length}
}

func sourceAddress(dst uint32) expr.Any {
	return payload(expr.PayloadBaseNetworkHeader, 12, 4, dst)
}

func destinationAddress(dst uint32) expr.Any {
	return payload(expr.PayloadBaseNetworkHeader, 16, 4, dst)
}

func sourcePort(dst uint32) expr.Any {
	return payload(expr.PayloadBaseTransportHeader, 0, 2, dst)
}

func destinationPort(dst uint32) expr.Any {
	return payload(expr.PayloadBaseTransportHeader, 2, 2, dst)
}

func mark(dst uint32) expr.Any {
	return &expr.Meta{Key: expr.MetaKeyMARK, Register: dst}
}

func setMark(src uint32) expr.Any {
	return &expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: src}
}

// The setters correct the checksums of IP and, through the pseudo-header that
// an address is part of, of UDP.

func setSourceAddress(src uint32) expr.Any      { return setAddress(src, 12) }
func setDestinationAddress(src uint32) expr.Any { return setAddress(src, 16) }
func setSourcePort(src uint32) expr.Any         { return setPort(src, 0) }
func setDestinationPort(src uint32) expr.Any    { return setPort(src, 2) }

func setAddress(src, offset uint32) expr.Any {
	const ipChecksum = 10
	return &expr.Payload{
		OperationType: expr.PayloadWrite, SourceRegister: src,
		Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4,
		CsumType: expr.CsumTypeInet, CsumOffset: ipChecksum, CsumFlags: unix.NFT_PAYLOAD_L4CSUM_PSEUDOHDR,
	}
}

func setPort(src, offset uint32) expr.Any {
	const udpChecksum = 6
	return &expr.Payload{
		OperationType: expr.PayloadWrite, SourceRegister: src,
		Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2,
		CsumType: expr.CsumTypeInet, CsumOffset: udpChecksum,
	}
}

// find looks the key at src up and loads the value to dst; a rule ends here
// when there is no such key.
func find(m *nftables.Set, src, dst uint32) expr.Any {
	return &expr.Lookup{SourceRegister: src, SetName: m.Name, SetID: m.ID, DestRegister: dst, IsDestRegSet: true}
}

func contains(s *nftables.Set, src uint32) expr.Any {
	return &expr.Lookup{SourceRegister: src, SetName: s.Name, SetID: s.ID}
}

// update adds or refreshes an element. An element that exists keeps its data:
// that is what makes a mapping stick to its port.
func update(s *nftables.Set, key, data uint32) expr.Any {
	return &expr.Dynset{SrcRegKey: key, SrcRegData: data, SetName: s.Name, SetID: s.ID, Operation: unix.NFT_DYNSET_OP_UPDATE}
}
