package gateway

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// SetFilters drops what the filters name from now on, and nothing else of what it
// dropped before, until it is called again or the gateway is programmed. A host
// that is no gateway may have filters too: they spare its loopback interface.
// Drops are counted under Policy.
//
// On a gateway they see an outbound packet before anything is done for it, so what
// they drop leaves no mapping, and an inbound one once its NAT and its firewall
// let it in.
func SetFilters(filters []Filter) error {
	var counts, rejects bool
	for _, f := range filters {
		if err := f.Validate(); err != nil {
			return err
		}
		counts, rejects = counts || f.Every > 1, rejects || f.Reject
	}
	p, err := programmed()
	isGateway := err == nil
	if errors.Is(err, errNoGateway) {
		p, err = guard()
	}
	if err != nil {
		return fmt.Errorf("set filters: %w", err)
	}
	defer programming.Unlock()
	if isGateway {
		if err := p.removeFilters(); err != nil {
			return fmt.Errorf("set filters: %w", err)
		}
	}
	for i, f := range filters {
		p.filter(i, f)
	}
	err = p.conn.Flush()
	switch {
	case errors.Is(err, unix.ENOENT) && counts:
		return ErrEvery
	case errors.Is(err, unix.EOPNOTSUPP) && rejects:
		return ErrReject
	case err != nil:
		return fmt.Errorf("set filters: %w", err)
	}
	return nil
}

// The chains that SetFilters fills. Those of single filters have names that begin
// with filterChain.
const (
	filterOut, filterIn = "policy_out", "policy_in"
	filterChain         = "filter_"
)

// filters writes the chains that SetFilters fills.
func (p *program) filters() {
	const beforeScreen, beforeForward = -160, -10
	p.chain(filterOut)
	p.chain(filterIn)
	p.base("policy_before", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, beforeScreen)
	p.base("policy_after", nftables.ChainTypeFilter, nftables.ChainHookForward, beforeForward)
	p.add("policy_before", "filters out", rule{}.iif(p.LAN.Interface).jump(filterOut))
	p.add("policy_after", "filters in", rule{}.iif(p.WAN.Interface).oif(p.LAN.Interface).jump(filterIn))
}

// removeFilters empties the chains that SetFilters fills.
func (p *program) removeFilters() error {
	chains, err := p.conn.ListChainsOfTableFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return fmt.Errorf("list nftables' chains: %w", err)
	}
	var single []*nftables.Chain
	for _, c := range chains {
		if c.Table.Name == p.table.Name && strings.HasPrefix(c.Name, filterChain) {
			single = append(single, c)
		}
	}
	for _, name := range []string{filterOut, filterIn} {
		p.conn.FlushChain(&nftables.Chain{Name: name, Table: p.table})
	}
	// No chain may go that another one still leads to.
	for _, c := range single {
		p.conn.FlushChain(c)
	}
	for _, c := range single {
		p.conn.DelChain(c)
	}
	return nil
}

// guard begins a table for the filters of a host that is no gateway. Unlock
// programming after.
func guard() (*program, error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	programming.Lock()
	p := &program{conn: conn, table: &nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName + "_filter"}}
	conn.AddTable(p.table)
	conn.DelTable(p.table)
	conn.AddTable(p.table)
	conn.AddObj(&nftables.NamedObj{Table: p.table, Name: string(Policy), Type: nftables.ObjTypeCounter, Obj: &expr.Counter{}})
	p.chain(filterOut)
	p.chain(filterIn)
	p.base("in", nftables.ChainTypeFilter, nftables.ChainHookInput, 0)
	p.base("out", nftables.ChainTypeFilter, nftables.ChainHookOutput, 0)
	// The lab's segments may be carried by VXLAN, on a network that is not its own.
	const vxlan = 4789 // RFC 7348 section 5
	for _, way := range []struct {
		chain, filters string
		over           func(rule, string) rule
	}{{"in", filterIn, rule.iif}, {"out", filterOut, rule.oif}} {
		p.add(way.chain, "loopback", way.over(rule{}, "lo").accept())
		p.add(way.chain, "the network underneath", rule{}.udp().destinationPort(vxlan).accept())
		p.add(way.chain, "filters", rule{}.jump(way.filters))
	}
	return p, nil
}

// filter writes one filter: a chain for each direction that leads to a third one,
// once at most however often it matches, and that one counts and drops.
func (p *program) filter(i int, f Filter) {
	name := func(what string) string { return fmt.Sprintf("%s%d_%s", filterChain, i, what) }
	drop := name("drop")
	p.chain(drop)
	if f.Every > 1 {
		p.add(drop, "only each Nth", rule{}.then(
			&expr.Numgen{Register: scratch, Modulus: uint32(f.Every), Type: unix.NFT_NG_INCREMENTAL},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: scratch, Data: binaryutil.NativeEndian.PutUint32(uint32(f.Every - 1))},
			&expr.Verdict{Kind: expr.VerdictReturn}))
	}
	if f.Reject {
		p.add(drop, "refused", rule{}.udp().unreachable(Policy))
		p.add(drop, "refused", rule{}.tcp().reset(Policy))
	}
	p.add(drop, "dropped", rule{}.drop(Policy))
	for _, way := range []struct {
		Direction
		chain string
	}{{Outbound, filterOut}, {Inbound, filterIn}} {
		if f.Direction != "" && f.Direction != way.Direction {
			continue
		}
		match := name(string(way.Direction))
		p.chain(match)
		for _, r := range f.rules(way.Direction) {
			p.add(match, "filter", r.goTo(drop))
		}
		p.add(way.chain, "filter", rule{}.jump(match))
	}
}
