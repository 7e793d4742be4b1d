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
	key := nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeIPAddr, nftables.TypeInetService)
	p.base("flows", nftables.ChainTypeFilter, nftables.ChainHookForward, 10)
	for _, d := range []struct {
		Direction
		from, to    string
		inside      func(uint32) expr.Any
		remote, prt func(uint32) expr.Any
	}{
		{Outbound, p.LAN.Interface, p.WAN.Interface, sourceAddress, destinationAddress, destinationPort},
		{Inbound, p.WAN.Interface, p.LAN.Interface, destinationAddress, sourceAddress, sourcePort},
	} {
		set := &nftables.Set{
			Table: p.table, Name: flowSet(d.Direction), Dynamic: true, Size: 65535,
			Concatenation: true, KeyType: key, Counter: true,
		}
		if err := p.conn.AddSet(set, nil); err != nil {
			return fmt.Errorf("add set %s: %w", set.Name, err)
		}
		for _, protocol := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
			p.add("flows", string(d.Direction), rule{}.iif(d.from).oif(d.to).protocol(protocol).then(
				d.inside(reg(0)),
				&expr.Immediate{Register: reg(1), Data: []byte{protocol}},
				d.remote(reg(2)), d.prt(reg(3)),
				&expr.Dynset{
					SrcRegKey: reg(0), SetName: set.Name, SetID: set.ID, Operation: unix.NFT_DYNSET_OP_ADD,
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
	for _, obj := range objects {
		named, ok := obj.(*nftables.NamedObj)
		if !ok {
			continue
		}
		if c, ok := named.Obj.(*expr.Counter); ok {
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
