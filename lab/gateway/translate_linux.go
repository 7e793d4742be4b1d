package gateway

import (
	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"github.com/icelab-go/icelab/lab/nat"
)

// translate writes the NAT: mapping, filtering and hairpinning of UDP, and plain
// masquerading of everything else.
//
// A UDP packet that may pass carries a mark: outbound and hairpinned ones their
// external port, inbound ones any. The kernel takes no packet with one of its
// own addresses as source from outside (RFC 1812 §5.3.8), so the source is
// translated last, after routing.
func (p *program) translate(b nat.Behavior) error {
	if err := b.Validate(); err != nil {
		return err
	}
	if err := p.addSets(b); err != nil {
		return err
	}
	p.base("source", nftables.ChainTypeFilter, nftables.ChainHookPostrouting, 100)
	p.untrack()
	p.learn(b)
	p.inbound(b)
	p.hairpin(b)
	p.outbound(b)
	p.icmp(b)
	p.refuseUnsolicited(b)
	return nil
}

// untrack keeps conntrack's hands off UDP.
func (p *program) untrack() {
	p.base("raw", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, -300)
	for _, i := range []string{p.WAN.Interface, p.LAN.Interface} {
		p.add("raw", "UDP is translated without conntrack", rule{}.iif(i).udp().then(&expr.Notrack{}))
	}
}

// inbound sends a packet that came to an external port to the inside host that
// has it, if the port's filter knows the sender.
func (p *program) inbound(b nat.Behavior) {
	p.chain("inbound")
	p.add("screen", "inbound", rule{}.iif(p.WAN.Interface).udp().destination(p.WAN.Address).then(
		&expr.Immediate{Register: reg(0), Data: binaryutil.NativeEndian.PutUint32(1)}, setMark(reg(0))).goTo("inbound"))
	p.enter("inbound", rule{}.then(sourceAddress(reg(1)), sourcePort(reg(2))))
	if b.Unsolicited == nat.Reject {
		return // the gateway itself gets it, and can answer
	}
	p.refuse("inbound", rule{}, rule.drop)
}

// hairpin writes what becomes of a packet from an inside host to the NAT's own
// external address (RFC 4787 REQ-9).
func (p *program) hairpin(b nat.Behavior) {
	toSelf := rule{}.iif(p.LAN.Interface).udp().destination(p.WAN.Address)
	if !b.Hairpin {
		p.add("screen", "no hairpinning", toSelf.drop(HairpinOff))
		return
	}
	p.chain("hairpin")
	p.add("screen", "hairpin: map the sender", toSelf.jump("learn"))
	p.add("screen", "hairpin", toSelf.goTo("hairpin"))
	// The sender is known as the other inside host will see it: by the external
	// address and its own mapped port (RFC 4787 REQ-9a).
	p.enter("hairpin", rule{}.then(&expr.Immediate{Register: reg(1), Data: p.WAN.Address.AsSlice()}, mark(reg(2))))
	p.refuse("hairpin", rule{}, rule.drop)

	p.source(rule{}.iif(p.LAN.Interface).oif(p.LAN.Interface).udp(), "hairpin: the source is external too")
}

// enter writes the way in for a packet whose sender remote loads to registers 1
// and 2, where they complete the permission's key.
func (p *program) enter(chain string, remote rule) {
	may, comment := rule{}.then(destinationPort(reg(0))), "EIF: every sender may enter"
	if p.permissions != nil {
		may, comment = may.then(remote...).then(contains(p.permissions, reg(0))), "a sender that is permitted may enter"
	}
	p.add(chain, comment, may.then(find(p.ports, reg(0), reg(4)),
		setDestinationAddress(reg(4)), setDestinationPort(reg(5))).accept())
}

// refuse tells apart why UDP to the external address was not let in.
func (p *program) refuse(chain string, which rule, how func(rule, Reason) rule) {
	mapped := which.then(destinationPort(reg(0)), find(p.ports, reg(0), reg(4)))
	p.add(chain, "filtered", how(mapped, Filtered))
	p.add(chain, "no mapping", how(which, NoMapping))
}

// outbound maps what leaves, and masquerades what is not UDP.
func (p *program) outbound(b nat.Behavior) {
	wan, lan := p.WAN.Interface, p.LAN.Interface
	p.add("forward", "outbound: map the sender", rule{}.iif(lan).oif(wan).udp().jump("learn"))
	p.source(rule{}.iif(lan).oif(wan).udp(), "outbound")

	// Conntrack would take a segment from amid a connection for the beginning of
	// one, and give what was forgotten its old port back.
	p.add("screen", "TCP begins with SYN", rule{}.iif(lan).tcp().midway().drop(NoMapping))
	p.base("nat_post", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, 100)
	p.add("nat_post", "masquerade what is not UDP", rule{}.oif(wan).then(&expr.Masq{FullyRandom: b.Mapping == nat.APDM}))
}

// source writes the translation of the source to the external address and the
// port in the mark.
func (p *program) source(r rule, comment string) {
	p.add("source", comment, r.marked().then(mark(reg(0)), setSourcePort(reg(0)),
		&expr.Immediate{Register: reg(1), Data: p.WAN.Address.AsSlice()}, setSourceAddress(reg(1))))
}

// refuseUnsolicited drops what came from outside and belongs to nothing inside.
// On the gateway's own address it must be dropped before conntrack confirms it:
// a confirmed entry occupies the port, and a later outbound connection would
// be moved to another one.
func (p *program) refuseUnsolicited(b nat.Behavior) {
	from := rule{}.iif(p.WAN.Interface)
	p.base("in", nftables.ChainTypeFilter, nftables.ChainHookInput, 0)
	p.add("in", "answers to what is not UDP", from.known().accept())
	if b.Unsolicited == nat.Reject {
		p.refuse("in", from.udp().destination(p.WAN.Address), rule.unreachable)
		p.add("in", "refused", from.tcp().destination(p.WAN.Address).reset(NoMapping))
	}
	p.add("in", "unsolicited", from.drop(NoMapping))

	p.add("forward", "translated", from.marked().accept())
	p.add("forward", "answers to what is not UDP", from.known().accept())
	p.add("forward", "private destinations", from.drop(PrivateDestination))
}
