package gateway

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/lab/nat"
)

// inbound writes filtering and the way back in: a packet to an external port
// goes to the inside host that has it, if the filter knows the sender.
func (p *program) inbound(b nat.Behavior) {
	toInside := []expr.Any{
		destinationPort(reg(0)), find(p.ports, reg(0), reg(4)),
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: reg(4), RegProtoMin: reg(5)},
	}
	fromWAN := rule{}.iif(p.WAN.Interface).udp().destination(p.WAN.Address)
	if p.permissions != nil {
		fromWAN = fromWAN.then(destinationPort(reg(0)), sourceAddress(reg(1)), sourcePort(reg(2)), contains(p.permissions, reg(0)))
	}
	p.add("nat_pre", fromWAN.then(toInside...))

	if !b.Hairpin {
		return
	}
	fromLAN := rule{}.iif(p.LAN.Interface).udp().destination(p.WAN.Address)
	if p.permissions != nil {
		// The sender is known as the other inside host will see it: by the
		// external address and its own mapped port (RFC 4787 REQ-9a).
		fromLAN = fromLAN.then(mappingKey(b.Mapping)...).then(
			find(p.mappings, reg(0), reg(10)),
			destinationPort(reg(8)),
			&expr.Immediate{Register: reg(9), Data: p.WAN.Address.AsSlice()},
			contains(p.permissions, reg(8)))
	}
	p.add("nat_pre", fromLAN.then(toInside...))
}

// outbound writes the source translation: UDP by its mapping, the rest by
// plain masquerading.
func (p *program) outbound(b nat.Behavior) {
	fromExternal := append(mappingKey(b.Mapping),
		find(p.mappings, reg(0), reg(4)),
		&expr.Immediate{Register: reg(5), Data: p.WAN.Address.AsSlice()},
		&expr.NAT{Type: expr.NATTypeSourceNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: reg(5), RegProtoMin: reg(4)})
	p.add("nat_post", rule{}.oif(p.WAN.Interface).udp().then(fromExternal...))
	if b.Hairpin {
		p.add("nat_post", rule{}.iif(p.LAN.Interface).oif(p.LAN.Interface).udp().translated().then(fromExternal...))
	}
	p.add("nat_post", rule{}.oif(p.WAN.Interface).then(&expr.Masq{FullyRandom: b.Mapping == nat.APDM}))
}
