package gateway

import (
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"github.com/icelab-go/icelab/lab/nat"
)

// UDP is translated without conntrack, by two maps and a set and nothing else,
// all with the lifetime that was declared:
//
//	mappings     inside address . port [. remote address [. remote port]] → external port
//	ports        external port → inside address . port
//	permissions  external port . remote address [. remote port]
//
// A set besides, which never expires, holds the external ports that Forget has
// taken out of use.
//
// What stands in brackets is the mapping's key for ADM and APDM, and the
// filter's for ADF and APDF; EIF needs no permissions. So the external port is
// a function of who sends to whom, and nothing else (RFC 4787 §4.1).
//
// Conntrack would add behaviour of its own: a reply leaves from the port its
// request came to, whatever the mapping says; an inbound packet is dropped when
// the inside host has sent to the same remote from another external port; and
// inbound packets keep a connection alive whose mapping has expired.

func (p *program) addSets(b nat.Behavior) error {
	inside := []nftables.SetDatatype{nftables.TypeIPAddr, nftables.TypeInetService}
	// with adds as much of the remote endpoint as a behaviour looks at.
	with := func(key []nftables.SetDatatype, address, port bool) nftables.SetDatatype {
		key = slices.Clone(key)
		if address {
			key = append(key, nftables.TypeIPAddr)
		}
		if port {
			key = append(key, nftables.TypeInetService)
		}
		return nftables.MustConcatSetType(key...)
	}
	set := func(name string) *nftables.Set {
		return &nftables.Set{
			Table: p.table, Name: name, Dynamic: true, Size: 65535,
			HasTimeout: true, Timeout: lifetimeOf(b),
		}
	}
	p.mappings = set("mappings")
	p.mappings.IsMap, p.mappings.Concatenation = true, true
	p.mappings.KeyType, p.mappings.DataType = with(inside, b.Mapping != nat.EIM, b.Mapping == nat.APDM), nftables.TypeInetService

	p.ports = set("ports")
	p.ports.IsMap = true
	p.ports.KeyType, p.ports.DataType = nftables.TypeInetService, nftables.MustConcatSetType(inside...)

	p.permissions = nil
	p.reserved = &nftables.Set{Table: p.table, Name: "reserved", KeyType: nftables.TypeInetService}
	sets := []*nftables.Set{p.mappings, p.ports, p.reserved}
	if b.Filtering != nat.EIF {
		p.permissions = set("permissions")
		p.permissions.Concatenation = true
		p.permissions.KeyType = with([]nftables.SetDatatype{nftables.TypeInetService}, true, b.Filtering == nat.APDF)
		sets = append(sets, p.permissions)
	}
	for _, s := range sets {
		if err := p.conn.AddSet(s, nil); err != nil {
			return fmt.Errorf("add set %s: %w", s.Name, err)
		}
	}
	return nil
}

// sender loads the key of the mappings map to register 0 and on, from a packet
// that is not translated yet.
func sender(m nat.Mapping) []expr.Any {
	key := []expr.Any{sourceAddress(reg(0)), sourcePort(reg(1))}
	if m != nat.EIM {
		key = append(key, destinationAddress(reg(2)))
	}
	if m == nat.APDM {
		key = append(key, destinationPort(reg(3)))
	}
	return key
}

// learn writes the chain that every outbound packet passes before it is
// translated. It makes or refreshes the packet's mapping and permission, and
// leaves the external port in the packet's mark. Only outbound packets pass it:
// inbound ones refresh nothing (RFC 4787 REQ-6).
func (p *program) learn(b nat.Behavior) {
	for _, chain := range []string{"learn", "draw", "refresh"} {
		p.chain(chain)
	}
	key := rule{}.then(sender(b.Mapping)...)
	found := key.then(find(p.mappings, reg(0), reg(4)))

	p.add("learn", "a mapping stays what it is", found.goTo("refresh"))
	if b.Ports == nat.Preserving {
		// Only the first mapping of an inside port keeps it. An ADM or APDM NAT
		// with one external address that kept it for every destination ("port
		// overloading", forbidden by RFC 4787 REQ-3) would be an EIM NAT to all
		// who meet it.
		taken := rule{}.then(sourcePort(reg(0)), find(p.ports, reg(0), reg(4)))
		p.add("learn", "a port that is taken is not preserved", taken.goTo("draw"))
		p.add("learn", "nor one that is reserved", rule{}.then(sourcePort(reg(0)), contains(p.reserved, reg(0))).goTo("draw"))
		p.add("learn", "preserve the port", key.then(sourcePort(reg(4)), update(p.mappings, reg(0), reg(4))).goTo("refresh"))
	} else {
		p.add("learn", "draw a port", rule{}.goTo("draw"))
	}
	p.draw(b)

	p.add("refresh", "refresh the mapping", found.then(update(p.mappings, reg(0), reg(4)), update(p.ports, reg(4), reg(0))))
	if p.permissions != nil {
		p.add("refresh", "permit the remote", found.then(
			destinationAddress(reg(5)), destinationPort(reg(6)), update(p.permissions, reg(4), 0)))
	}
	p.add("refresh", "leave the external port in the mark", found.then(setMark(reg(4))))
}
