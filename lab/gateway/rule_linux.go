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

func (r rule) destination(a netip.Addr) rule {
	return r.equal(destinationAddress(scratch), expr.CmpOpEq, a.AsSlice())
}

func (r rule) destinationOutside(p netip.Prefix) rule {
	mask := binaryutil.BigEndian.PutUint32(^uint32(0) << (32 - p.Bits()))
	return r.then(destinationAddress(scratch),
		&expr.Bitwise{SourceRegister: scratch, DestRegister: scratch, Len: 4, Mask: mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: scratch, Data: p.Masked().Addr().AsSlice()})
}

// original and reply match the direction of the packet within its connection.
func (r rule) original() rule {
	return r.equal(&expr.Ct{Key: expr.CtKeyDIRECTION, Register: scratch}, expr.CmpOpEq, []byte{0})
}

func (r rule) reply() rule {
	return r.equal(&expr.Ct{Key: expr.CtKeyDIRECTION, Register: scratch}, expr.CmpOpEq, []byte{1})
}

// known matches packets of connections that conntrack already holds, and the
// ICMP errors that belong to one.
func (r rule) known() rule {
	return r.bits(expr.CtKeySTATE, expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED)
}

// translated matches packets whose destination was rewritten (IPS_DST_NAT).
func (r rule) translated() rule { return r.bits(expr.CtKeySTATUS, 1<<5) }

func (r rule) bits(key expr.CtKey, bits uint32) rule {
	return r.then(&expr.Ct{Key: key, Register: scratch},
		&expr.Bitwise{SourceRegister: scratch, DestRegister: scratch, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: scratch, Data: make([]byte, 4)})
}

func (r rule) accept() rule { return r.then(&expr.Verdict{Kind: expr.VerdictAccept}) }

func (r rule) jump(chain string) rule {
	return r.then(&expr.Verdict{Kind: expr.VerdictJump, Chain: chain})
}

func (r rule) goTo(chain string) rule {
	return r.then(&expr.Verdict{Kind: expr.VerdictGoto, Chain: chain})
}

// drop ends the packet and counts it under its reason.
func (r rule) drop(why Reason) rule {
	return r.then(&expr.Objref{Type: int(nftables.ObjTypeCounter), Name: string(why)},
		&expr.Verdict{Kind: expr.VerdictDrop})
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

// connection loads a field of the connection's original tuple: what the inside
// host itself wrote into its packet, whatever was translated since.
func connection(key expr.CtKey, dst uint32) expr.Any {
	return &expr.Ct{Key: key, Register: dst}
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
