package gateway

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/lab/nat"
)

// The ports a NAT draws from: what Linux takes for ephemeral ports itself.
const firstPort, portCount = 32768, 28232

// redraws is how often a port that is taken or reserved is drawn anew. With a
// thousand of them the chance that all five draws are is about 6 in 10^8.
const redraws = 4

// draw writes the choice of a free external port. It is kept in the packet's
// mark between the draws, because registers do not outlast a rule.
func (p *program) draw(b nat.Behavior) {
	// Hashing a random number needs no CONFIG_NFT_NUMGEN, which some kernels
	// lack; only counting up does.
	random := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPRANDOM, Register: reg(0)},
		&expr.Hash{SourceRegister: reg(0), DestRegister: reg(0), Length: 4, Modulus: portCount, Seed: 1, Offset: firstPort, Type: expr.HashTypeJenkins},
	}
	first := random
	if b.Ports == nat.Sequential {
		first = []expr.Any{&expr.Numgen{Register: reg(0), Modulus: portCount, Type: unix.NFT_NG_INCREMENTAL, Offset: firstPort}}
	}
	drawn := func(dst uint32) rule {
		return rule{}.then(mark(dst), &expr.Byteorder{SourceRegister: dst, DestRegister: dst, Op: expr.ByteorderHton, Len: 2, Size: 2})
	}
	unfit := []rule{drawn(reg(0)).then(find(p.ports, reg(0), reg(4))), drawn(reg(0)).then(contains(p.reserved, reg(0)))}

	p.add("draw", "draw a port", rule{}.then(first...).then(setMark(reg(0))))
	for range redraws {
		for _, r := range unfit {
			p.add("draw", "draw another one if it is taken or reserved", r.then(random...).then(setMark(reg(0))))
		}
	}
	for _, r := range unfit {
		p.add("draw", "no two hosts share a port", r.drop(PortsExhausted))
	}
	p.add("draw", "take the port", drawn(reg(4)).then(sender(b.Mapping)...).
		then(update(p.mappings, reg(0), reg(4))).goTo("refresh"))
}
