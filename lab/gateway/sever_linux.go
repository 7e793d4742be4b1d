package gateway

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
)

// Sever drops what c says from now on, until it is called again or the gateway is
// programmed. What the NAT holds goes on ageing as if nothing were sent. Packets
// that impairment was delaying when the line was cut still leave.
func Sever(c Cut) error {
	var which rule
	switch c {
	case Whole:
	case CutUDP:
		which = rule{}.udp()
	case CutAll:
		which = rule{}
	default:
		return fmt.Errorf("cut %q is unknown; use %q, %q or none", c, CutUDP, CutAll)
	}
	p, err := programmed()
	if err != nil {
		return fmt.Errorf("cut the line: %w", err)
	}
	defer programming.Unlock()
	p.conn.FlushChain(&nftables.Chain{Name: "cut", Table: p.table})
	if c != Whole {
		p.add("cut", "the line is cut", which.drop(LineCut))
	}
	if err := p.conn.Flush(); err != nil {
		return fmt.Errorf("cut the line: %w", err)
	}
	return nil
}

// sever writes what Sever fills: a chain that every packet passes before anything
// else looks at it, conntrack and defragmentation included, and the gateway's own
// packets too. Matching by interface spares those of a network underneath.
func (p *program) sever() {
	const first = -450 // NF_IP_PRI_RAW_BEFORE_DEFRAG
	p.chain("cut")
	p.base("line_in", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, first)
	p.base("line_out", nftables.ChainTypeFilter, nftables.ChainHookOutput, first)
	for _, i := range []string{p.WAN.Interface, p.LAN.Interface} {
		p.add("line_in", "unless the line is cut", rule{}.iif(i).jump("cut"))
		p.add("line_out", "unless the line is cut", rule{}.oif(i).jump("cut"))
	}
}

var errNoGateway = errors.New("this host is no gateway yet: program it first")

// programmed opens the program that this host runs, to change it. Unlock
// programming after.
func programmed() (*program, error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	tables, err := conn.ListTablesOfFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return nil, fmt.Errorf("list nftables' tables: %w", err)
	}
	i := slices.IndexFunc(tables, func(t *nftables.Table) bool { return t.Name == tableName })
	if i < 0 {
		return nil, errNoGateway
	}
	programming.Lock()
	return &program{conn: conn, table: tables[i]}, nil
}
