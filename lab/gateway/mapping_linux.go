package gateway

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/lab/nat"
)

// The NAT's state is two maps and a set, all with the mapping's lifetime:
//
//	mappings     inside address . port [. remote address [. remote port]] → external port
//	ports        external port → inside address . port
//	permissions  external port . remote address [. remote port]
//
// What stands in brackets is the mapping's key for ADM and APDM, and the
// filter's for ADF and APDF; EIF needs no permissions.

// The ports a NAT draws from: what Linux takes for ephemeral ports itself.
const firstPort, portCount = 32768, 28232

// redraws is how often a port that is taken is drawn anew. With a thousand
// mappings the chance that all five draws are taken is about 6 in 10^8.
const redraws = 4

func (p *program) addSets(b nat.Behavior) error {
	inside := []nftables.SetDatatype{nftables.TypeIPAddr, nftables.TypeInetService}
	key := inside
	switch b.Mapping {
	case nat.ADM:
		key = append(key[:2:2], nftables.TypeIPAddr)
	case nat.APDM:
		key = append(key[:2:2], nftables.TypeIPAddr, nftables.TypeInetService)
	}
	set := func(name string) *nftables.Set {
		return &nftables.Set{
			Table: p.table, Name: name, Dynamic: true, Size: 65535,
			HasTimeout: true, Timeout: lifetimeOf(b),
		}
	}
	p.mappings = set("mappings")
	p.mappings.IsMap, p.mappings.Concatenation = true, true
	p.mappings.KeyType, p.mappings.DataType = nftables.MustConcatSetType(key...), nftables.TypeInetService

	p.ports = set("ports")
	p.ports.IsMap = true
	p.ports.KeyType, p.ports.DataType = nftables.TypeInetService, nftables.MustConcatSetType(inside...)

	p.permissions = nil
	sets := []*nftables.Set{p.mappings, p.ports}
	if b.Filtering != nat.EIF {
		remote := []nftables.SetDatatype{nftables.TypeInetService, nftables.TypeIPAddr}
		if b.Filtering == nat.APDF {
			remote = append(remote, nftables.TypeInetService)
		}
		p.permissions = set("permissions")
		p.permissions.Concatenation = true
		p.permissions.KeyType = nftables.MustConcatSetType(remote...)
		sets = append(sets, p.permissions)
	}
	for _, s := range sets {
		if err := p.conn.AddSet(s, nil); err != nil {
			return fmt.Errorf("add set %s: %w", s.Name, err)
		}
	}
	return nil
}

// mappingKey loads the key of the mappings map to register 0 and on. It comes
// from the connection's original tuple, because after a hairpin translation the
// packet no longer shows whom the inside host sent to.
func mappingKey(m nat.Mapping) []expr.Any {
	key := []expr.Any{connection(expr.CtKeySRC, reg(0)), connection(expr.CtKeyPROTOSRC, reg(1))}
	if m != nat.EIM {
		key = append(key, connection(expr.CtKeyDST, reg(2)))
	}
	if m == nat.APDM {
		key = append(key, connection(expr.CtKeyPROTODST, reg(3)))
	}
	return key
}

// learn writes how outbound packets make and refresh mappings, before they are
// translated.
func (p *program) learn(b nat.Behavior) {
	lan := rule{}.iif(p.LAN.Interface).udp()
	if !b.Hairpin {
		p.add("screen", lan.destination(p.WAN.Address).drop(HairpinOff))
	}
	for _, chain := range []string{"learn", "draw", "refresh"} {
		p.chain(chain)
	}
	p.add("screen", lan.destinationOutside(p.LAN.Prefix).original().jump("learn"))

	// Outbound packets of a connection that began outside refresh its mapping.
	refresh := lan.reply().then(sourceAddress(reg(0)), sourcePort(reg(1)),
		connection(expr.CtKeyPROTODST, reg(4)), update(p.ports, reg(4), reg(0)))
	if b.Mapping == nat.EIM {
		refresh = refresh.then(update(p.mappings, reg(0), reg(4)))
	}
	p.add("screen", refresh)

	key := rule{}.then(mappingKey(b.Mapping)...)
	p.add("learn", key.then(find(p.mappings, reg(0), reg(4))).goTo("refresh"))
	if b.Ports == nat.Preserving {
		taken := rule{}.then(connection(expr.CtKeyPROTOSRC, reg(0)), find(p.ports, reg(0), reg(4)))
		p.add("learn", taken.goTo("draw"))
		p.add("learn", key.then(connection(expr.CtKeyPROTOSRC, reg(4)), update(p.mappings, reg(0), reg(4))).goTo("refresh"))
	} else {
		p.add("learn", rule{}.goTo("draw"))
	}
	p.draw(b)

	found := key.then(find(p.mappings, reg(0), reg(4)))
	p.add("refresh", found.then(update(p.mappings, reg(0), reg(4)), update(p.ports, reg(4), reg(0))))
	if p.permissions != nil {
		p.add("refresh", found.then(connection(expr.CtKeyDST, reg(5)), connection(expr.CtKeyPROTODST, reg(6)),
			update(p.permissions, reg(4), 0)))
	}
}

// draw writes the choice of a free external port. It is kept in the packet's
// mark between the draws.
func (p *program) draw(b nat.Behavior) {
	s := seed()
	next := func(r rule) rule {
		if b.Ports == nat.Sequential {
			r = r.then(&expr.Numgen{Register: reg(0), Modulus: portCount, Type: unix.NFT_NG_INCREMENTAL, Offset: firstPort})
		} else {
			// Hashing the connection needs no CONFIG_NFT_NUMGEN, which some
			// kernels lack; another seed gives another port.
			s = s*1664525 + 1013904223
			r = r.then(connection(expr.CtKeySRC, reg(0)), connection(expr.CtKeyPROTOSRC, reg(1)),
				connection(expr.CtKeyDST, reg(2)), connection(expr.CtKeyPROTODST, reg(3)),
				connection(expr.CtKey(unix.NFT_CT_ID), reg(4)),
				&expr.Hash{SourceRegister: reg(0), DestRegister: reg(0), Length: 20, Modulus: portCount, Seed: s | 1, Offset: firstPort, Type: expr.HashTypeJenkins})
		}
		return r.then(&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: reg(0)})
	}
	drawn := func(dst uint32) []expr.Any {
		return []expr.Any{
			&expr.Meta{Key: expr.MetaKeyMARK, Register: dst},
			&expr.Byteorder{SourceRegister: dst, DestRegister: dst, Op: expr.ByteorderHton, Len: 2, Size: 2},
		}
	}
	p.add("draw", next(rule{}))
	for range redraws {
		p.add("draw", next(rule{}.then(drawn(reg(0))...).then(find(p.ports, reg(0), reg(4)))))
	}
	p.add("draw", rule{}.then(mappingKey(b.Mapping)...).then(drawn(reg(4))...).
		then(update(p.mappings, reg(0), reg(4))).goTo("refresh"))
}
