package gateway

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/lab/nat"
)

const tableName = "icelab"

// Program makes this host the gateway that spec declares. The rules are
// replaced in one netlink batch, and every connection and mapping of the
// program before is forgotten. It takes about 20 ms.
func Program(spec Spec) error {
	if err := spec.Link.Validate(); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	programming.Lock()
	defer programming.Unlock()
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	p := &program{Spec: spec, shows: shown(), conn: conn, table: &nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName}}
	// The table is added first so that deleting it in the same batch cannot fail.
	conn.AddTable(p.table)
	conn.DelTable(p.table)
	conn.AddTable(p.table)
	for _, why := range reasons {
		conn.AddObj(&nftables.NamedObj{Table: p.table, Name: string(why), Type: nftables.ObjTypeCounter, Obj: &expr.Counter{}})
	}

	p.sever()
	p.base("screen", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, -150)
	p.base("forward", nftables.ChainTypeFilter, nftables.ChainHookForward, 0)
	p.firewall()
	p.filters()
	if spec.NAT != nil {
		if err := p.translate(*spec.NAT); err != nil {
			return err
		}
	}
	if err := p.countFlows(); err != nil {
		return err
	}
	p.line()
	if err := p.trace(); err != nil {
		return err
	}
	if err := renewTrace(p.WAN, p.LAN); err != nil {
		return fmt.Errorf("watch the packets: %w", err)
	}
	if err := conn.Flush(); err != nil {
		if errors.Is(err, unix.ENOENT) && spec.NAT != nil && spec.NAT.Ports == nat.Sequential {
			return ErrSequential
		}
		return fmt.Errorf("load nftables rules: %w", err)
	}
	if err := p.renewLine(); err != nil {
		return fmt.Errorf("impair the line: %w", err)
	}

	// With a NAT conntrack holds no UDP.
	if spec.NAT == nil {
		if err := setUDPTimeout(nat.DefaultLifetime); err != nil {
			return fmt.Errorf("set conntrack's UDP timeout: %w", err)
		}
	}
	if err := netlink.ConntrackTableFlush(netlink.ConntrackTable); err != nil {
		return fmt.Errorf("flush conntrack: %w", err)
	}
	return nil
}

// programming guards the numbers that the nftables package gives to sets.
var programming sync.Mutex

// program is the batch while it is being written.
type program struct {
	Spec
	conn  *nftables.Conn
	table *nftables.Table
	shows showing

	// The NAT's state in the kernel, see mapping_linux.go.
	mappings    *nftables.Set
	ports       *nftables.Set
	permissions *nftables.Set
	reserved    *nftables.Set // see Forget
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

// add writes a rule. The comment stands beside it in the kernel's listing.
func (p *program) add(chain, comment string, r rule) {
	p.conn.AddRule(&nftables.Rule{
		Table: p.table, Chain: &nftables.Chain{Name: chain, Table: p.table}, Exprs: r,
		UserData: userdata.AppendString(nil, userdata.TypeComment, comment),
	})
}

func lifetimeOf(b nat.Behavior) time.Duration {
	if b.Lifetime == 0 {
		return nat.DefaultLifetime
	}
	return b.Lifetime
}
