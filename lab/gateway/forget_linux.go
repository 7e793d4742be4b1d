package gateway

import (
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

// Forget ends every mapping and permission of the NAT and every connection of
// its conntrack, at once; rules and counters stay. A TCP connection that was
// forgotten cannot go on: the NAT takes no segment without SYN for a new one.
//
// With newPorts what is mapped afterwards gets no external UDP port that was
// mapped when Forget was called, this time or before, even on a NAT that
// preserves ports. Program lifts that.
func Forget(newPorts bool) error {
	p, err := programmed()
	if err != nil {
		return fmt.Errorf("forget mappings: %w", err)
	}
	defer programming.Unlock()
	sets, err := p.conn.GetSets(p.table)
	if err != nil {
		return fmt.Errorf("forget mappings: %w", err)
	}
	named := make(map[string]*nftables.Set)
	for _, s := range sets {
		named[s.Name] = s
	}
	if newPorts && named["ports"] != nil {
		if err := p.reserve(named["ports"], named["reserved"]); err != nil {
			return fmt.Errorf("reserve the ports in use: %w", err)
		}
	}
	// Mappings first: one made meanwhile is better left without its port, which
	// the next packet gives it, than the other way round.
	for _, name := range []string{"mappings", "ports", "permissions"} {
		if s := named[name]; s != nil {
			p.conn.FlushSet(s)
		}
	}
	if err := p.conn.Flush(); err != nil {
		return fmt.Errorf("forget mappings: %w", err)
	}
	if err := netlink.ConntrackTableFlush(netlink.ConntrackTable); err != nil {
		return fmt.Errorf("flush conntrack: %w", err)
	}
	return nil
}

// reserve sees to it that no new mapping gets one of the ports.
func (p *program) reserve(ports, reserved *nftables.Set) error {
	const atOnce = 1000 // a netlink message has 64 KiB
	taken, err := p.conn.GetSetElements(ports)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(taken, atOnce) {
		keys := make([]nftables.SetElement, len(some))
		for i, e := range some {
			keys[i].Key = e.Key
		}
		if err := p.conn.SetAddElements(reserved, keys); err != nil {
			return err
		}
		if err := p.conn.Flush(); err != nil {
			return err
		}
	}
	return nil
}
