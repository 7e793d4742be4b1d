package gateway

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"

	"github.com/icelab-go/icelab/lab/nat"
)

const tableName = "icelab"

// Program makes this host the gateway that spec declares. The rules are
// replaced in one netlink batch, and every connection and mapping of the
// program before is forgotten. It takes about 20 ms.
func Program(spec Spec) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	p := &program{Spec: spec, conn: conn, table: &nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName}}
	// The table is added first so that deleting it in the same batch cannot fail.
	conn.AddTable(p.table)
	conn.DelTable(p.table)
	conn.AddTable(p.table)
	for _, why := range reasons {
		conn.AddObj(&nftables.NamedObj{Table: p.table, Name: string(why), Type: nftables.ObjTypeCounter, Obj: &expr.Counter{}})
	}

	p.base("screen", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, -150)
	p.firewall()
	if spec.NAT != nil {
		if err := p.translate(*spec.NAT); err != nil {
			return err
		}
	}
	if err := p.countFlows(); err != nil {
		return err
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("load nftables rules: %w", err)
	}

	lifetime := nat.DefaultLifetime
	if spec.NAT != nil && spec.NAT.Lifetime != 0 {
		lifetime = spec.NAT.Lifetime
	}
	if err := setUDPTimeout(lifetime); err != nil {
		return fmt.Errorf("set conntrack's UDP timeout: %w", err)
	}
	if err := netlink.ConntrackTableFlush(netlink.ConntrackTable); err != nil {
		return fmt.Errorf("flush conntrack: %w", err)
	}
	return nil
}

// program is the batch while it is being written.
type program struct {
	Spec
	conn  *nftables.Conn
	table *nftables.Table

	// The NAT's state in the kernel, see mapping_linux.go.
	mappings    *nftables.Set
	ports       *nftables.Set
	permissions *nftables.Set
}

func (p *program) base(name string, typ nftables.ChainType, hook *nftables.ChainHook, priority int) {
	accept := nftables.ChainPolicyAccept
	p.conn.AddChain(&nftables.Chain{
		Name: name, Table: p.table, Type: typ, Hooknum: hook,
		Priority: nftables.ChainPriorityRef(nftables.ChainPriority(priority)), Policy: &accept,
	})
}

func (p *program) chain(name string) {
	p.conn.AddChain(&nftables.Chain{Name: name, Table: p.table})
}

func (p *program) add(chain string, r rule) {
	p.conn.AddRule(&nftables.Rule{Table: p.table, Chain: &nftables.Chain{Name: chain, Table: p.table}, Exprs: r})
}

// firewall writes what is dropped whatever the NAT says. It stands before the
// NAT, so that a blocked packet leaves no mapping behind.
func (p *program) firewall() {
	if p.Firewall.BlockUDP {
		p.add("screen", rule{}.iif(p.LAN.Interface).udp().drop(UDPBlocked))
		p.add("screen", rule{}.iif(p.WAN.Interface).udp().drop(UDPBlocked))
	}
}

// translate writes the NAT: mapping, filtering, and the plain masquerading of
// everything that is not UDP.
func (p *program) translate(b nat.Behavior) error {
	if err := b.Validate(); err != nil {
		return err
	}
	if err := p.addSets(b); err != nil {
		return err
	}
	p.learn(b)

	p.base("nat_pre", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, -100)
	p.base("nat_post", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, 100)
	p.inbound(b)
	p.outbound(b)
	p.refuseUnsolicited()
	return nil
}

// refuseUnsolicited drops what the NAT has no mapping for. On the gateway's own
// address it must be dropped before conntrack confirms it: a confirmed entry
// occupies the port, and the mapping of a later outbound flow would be moved to
// another one.
func (p *program) refuseUnsolicited() {
	wan := p.WAN.Interface
	p.base("in", nftables.ChainTypeFilter, nftables.ChainHookInput, 0)
	p.add("in", rule{}.iif(wan).known().accept())
	mapped := rule{}.iif(wan).udp().then(destinationPort(reg(0)), find(p.ports, reg(0), reg(4)))
	p.add("in", mapped.drop(Filtered))
	p.add("in", rule{}.iif(wan).drop(NoMapping))
	hairpin := rule{}.iif(p.LAN.Interface).udp().destination(p.WAN.Address)
	p.add("in", hairpin.then(destinationPort(reg(0)), find(p.ports, reg(0), reg(4))).drop(Filtered))
	p.add("in", hairpin.drop(NoMapping))

	p.base("forward", nftables.ChainTypeFilter, nftables.ChainHookForward, 0)
	p.add("forward", rule{}.iif(wan).known().accept())
	p.add("forward", rule{}.iif(wan).translated().accept())
	p.add("forward", rule{}.iif(wan).drop(PrivateDestination))
}

func lifetimeOf(b nat.Behavior) time.Duration {
	if b.Lifetime == 0 {
		return nat.DefaultLifetime
	}
	return b.Lifetime
}

// seed starts a hash chain of its own for every program.
func seed() uint32 { return rand.Uint32() | 1 }
