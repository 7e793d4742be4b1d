package gateway

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// countFlows writes a counter for every flow that is forwarded, one set for
// each direction. It stands after the filters: what they drop is no flow.
func (p *program) countFlows() error {
	p.base("flows", nftables.ChainTypeFilter, nftables.ChainHookForward, 10)
	sets := map[Direction]*nftables.Set{}
	for _, d := range []Direction{Outbound, Inbound} {
		sets[d] = &nftables.Set{
			Table: p.table, Name: flowSet(d), Dynamic: true, Size: 65535, Concatenation: true, Counter: true,
			KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeIPAddr, nftables.TypeInetService),
		}
		if err := p.conn.AddSet(sets[d], nil); err != nil {
			return fmt.Errorf("add set %s: %w", sets[d].Name, err)
		}
	}
	sent := []expr.Any{sourceAddress(reg(0)), destinationAddress(reg(2)), destinationPort(reg(3))}
	received := []expr.Any{destinationAddress(reg(0)), sourceAddress(reg(2)), sourcePort(reg(3))}
	// A packet that hairpins is one flow of its sender and another one of its
	// receiver. Here its destination is translated already and its source is not
	// yet, but the external port that the source gets is in the mark.
	around := rule{}.iif(p.LAN.Interface).oif(p.LAN.Interface).marked()
	pinned := []expr.Any{destinationAddress(reg(0)), &expr.Immediate{Register: reg(2), Data: p.WAN.Address.AsSlice()}, mark(reg(3))}
	for _, f := range []struct {
		Direction
		comment string
		which   rule
		key     []expr.Any
	}{
		{Outbound, "out", rule{}.iif(p.LAN.Interface).oif(p.WAN.Interface), sent},
		{Inbound, "in", rule{}.iif(p.WAN.Interface).oif(p.LAN.Interface), received},
		{Outbound, "out, and back in", around, sent},
		{Inbound, "in from another inside host", around, pinned},
	} {
		for _, protocol := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
			p.add("flows", f.comment, f.which.protocol(protocol).then(f.key...).then(
				&expr.Immediate{Register: reg(1), Data: []byte{protocol}},
				&expr.Dynset{
					SrcRegKey: reg(0), SetName: sets[f.Direction].Name, SetID: sets[f.Direction].ID, Operation: unix.NFT_DYNSET_OP_ADD,
					Exprs: []expr.Any{&expr.Counter{}},
				}))
		}
	}
	return nil
}

func flowSet(d Direction) string { return "flows_" + string(d) }

// Observe reads the counters.
func Observe() (Observation, error) {
	var o Observation
	conn, err := nftables.New()
	if err != nil {
		return o, fmt.Errorf("open nftables: %w", err)
	}
	table := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName}
	for _, d := range []Direction{Outbound, Inbound} {
		elements, err := conn.GetSetElements(&nftables.Set{Table: table, Name: flowSet(d)})
		if err != nil {
			return o, fmt.Errorf("read set %s: %w", flowSet(d), err)
		}
		for _, e := range elements {
			f, err := parseFlow(d, e)
			if err != nil {
				return o, err
			}
			o.Flows = append(o.Flows, f)
		}
	}
	objects, err := conn.GetNamedObjects(table)
	if err != nil {
		return o, fmt.Errorf("read drop counters: %w", err)
	}
	lost, err := lineLosses()
	if err != nil {
		return o, err
	}
	for _, obj := range objects {
		named, ok := obj.(*nftables.NamedObj)
		if !ok {
			continue
		}
		if c, ok := named.Obj.(*expr.Counter); ok {
			if Reason(named.Name) == LineLoss {
				c.Packets, c.Bytes = lost.packets, lost.bytes
			}
			o.Drops = append(o.Drops, Drop{Reason: Reason(named.Name), Packets: c.Packets, Bytes: c.Bytes})
		}
	}
	return o, nil
}

// parseFlow takes a concatenated key apart: every field starts on a 4-byte
// boundary.
func parseFlow(d Direction, e nftables.SetElement) (Flow, error) {
	if len(e.Key) != 16 || e.Counter == nil {
		return Flow{}, fmt.Errorf("read set %s: the kernel gave a key of %d bytes, counter %v: want 16 bytes and a counter", flowSet(d), len(e.Key), e.Counter)
	}
	f := Flow{Direction: d, Protocol: "udp", Packets: e.Counter.Packets, Bytes: e.Counter.Bytes}
	if e.Key[4] == unix.IPPROTO_TCP {
		f.Protocol = "tcp"
	}
	f.Inside = netip.AddrFrom4([4]byte(e.Key[0:4]))
	f.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte(e.Key[8:12])), binary.BigEndian.Uint16(e.Key[12:14]))
	return f, nil
}
