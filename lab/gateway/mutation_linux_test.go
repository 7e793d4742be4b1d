package gateway

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"

	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/probe"
)

// mutation edits the rules of a gateway in place.
type mutation struct {
	*program
	chain string
}

// remove deletes the one rule with that comment.
func (m mutation) remove(comment string) error {
	rules, err := m.conn.GetRules(m.table, &nftables.Chain{Name: m.chain, Table: m.table})
	if err != nil {
		return err
	}
	found := 0
	for _, r := range rules {
		if c, _ := userdata.GetString(r.UserData, userdata.TypeComment); c == comment {
			found++
			if err := m.conn.DelRule(r); err != nil {
				return err
			}
		}
	}
	if found != 1 {
		return fmt.Errorf("%d rules in %s are called %q", found, m.chain, comment)
	}
	return nil
}

func (m mutation) insert(r rule) {
	m.conn.InsertRule(&nftables.Rule{Table: m.table, Chain: &nftables.Chain{Name: m.chain, Table: m.table}, Exprs: r})
}

// mutate loads the sets that the rules refer to, and the edited rules.
func (n *network) mutate(t *testing.T, chain string, edit func(mutation) error) {
	t.Helper()
	n.in(t, n.gateway, func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		m := mutation{&program{Spec: n.spec(), conn: conn, table: &nftables.Table{Family: nftables.TableFamilyIPv4, Name: tableName}}, chain}
		sets, err := conn.GetSets(m.table)
		if err != nil {
			return err
		}
		for _, s := range sets {
			switch s.Name {
			case "mappings":
				m.mappings = s
			case "ports":
				m.ports = s
			case "permissions":
				m.permissions = s
			}
		}
		if err := edit(m); err != nil {
			return err
		}
		return conn.Flush()
	})
}

// forget deletes an element. The kernel wants a value to be named for a map.
func forget(s *nftables.Set, key, data uint32) expr.Any {
	const opDelete = 2 // NFT_DYNSET_OP_DELETE
	return &expr.Dynset{SrcRegKey: key, SrcRegData: data, SetName: s.Name, SetID: s.ID, Operation: opDelete}
}

func lasting(s *nftables.Set, key, data uint32, timeout time.Duration) expr.Any {
	u := *update(s, key, data).(*expr.Dynset)
	u.Timeout = timeout
	return &u
}

// TestABrokenRuleIsFound breaks one rule of a gateway: exactly the property that
// it stands for must measure differently.
func TestABrokenRuleIsFound(t *testing.T) {
	base := nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving, Hairpin: true}
	with := func(edit func(*nat.Behavior)) nat.Behavior {
		b := base
		edit(&b)
		return b
	}
	short := with(func(b *nat.Behavior) { b.Lifetime, b.Filtering = 2*time.Second, nat.EIF })
	lives := func(d time.Duration) func(mutation) error {
		return func(m mutation) error {
			m.insert(rule{}.then(sender(nat.EIM)...).then(find(m.mappings, reg(0), reg(4)),
				lasting(m.mappings, reg(0), reg(4), d), lasting(m.ports, reg(4), reg(0), d)))
			return m.remove("refresh the mapping")
		}
	}
	for _, c := range []struct {
		name     string
		declared nat.Behavior
		chain    string
		edit     func(mutation) error
		property probe.Property
		measured string
	}{
		{"mappings are not kept", base, "learn", func(m mutation) error {
			m.insert(rule{}.then(sender(nat.EIM)...).then(destinationPort(reg(4)), forget(m.mappings, reg(0), reg(4))))
			return nil
		}, probe.PropertyMapping, "apdm"},
		{"the filter lets everybody in", base, "inbound", func(m mutation) error {
			m.insert(rule{}.then(destinationPort(reg(0)), find(m.ports, reg(0), reg(4)),
				setDestinationAddress(reg(4)), setDestinationPort(reg(5))).accept())
			return nil
		}, probe.PropertyFiltering, "eif"},
		{"the filter lets nobody in but one", with(func(b *nat.Behavior) { b.Filtering = nat.ADF }), "inbound", func(m mutation) error {
			// Answers from the other port are let in only if that port was sent to,
			// which a permission for its number stands for.
			blocked := rule{}.equal(destinationAddress(scratch), expr.CmpOpEq, external.AsSlice()).
				equal(sourceAddress(scratch), expr.CmpOpEq, server.Addr().AsSlice()).
				equal(sourcePort(scratch), expr.CmpOpEq, []byte{byte(alternate.Port() >> 8), byte(alternate.Port())})
			m.insert(blocked.then(destinationPort(reg(0)), sourceAddress(reg(1)), &expr.Immediate{Register: reg(2), Data: []byte{0, 0}}).drop(Filtered))
			// The mapping test, whose endpoint has sent there, must go on.
			m.insert(blocked.then(destinationPort(reg(0)), find(m.ports, reg(0), reg(4)),
				&expr.Cmp{Op: expr.CmpOpEq, Register: reg(5), Data: []byte{measuredPort >> 8, measuredPort & 0xff}},
				setDestinationAddress(reg(4)), setDestinationPort(reg(5))).accept())
			return nil
		}, probe.PropertyFiltering, "apdf"},
		{"ports are not preserved", base, "learn", func(m mutation) error {
			m.add(m.chain, "", rule{}.goTo("draw"))
			return m.remove("preserve the port")
		}, probe.PropertyPorts, "random"},
		{"ports do not count up", with(func(b *nat.Behavior) { b.Ports = nat.Sequential }), "draw", func(m mutation) error {
			m.insert(rule{}.then(
				&expr.Meta{Key: expr.MetaKeyPRANDOM, Register: reg(0)},
				&expr.Hash{SourceRegister: reg(0), DestRegister: reg(0), Length: 4, Modulus: portCount, Seed: 1, Offset: firstPort, Type: expr.HashTypeJenkins},
				setMark(reg(0))))
			return m.remove("draw a port")
		}, probe.PropertyPorts, "random"},
		{"hairpinned packets do not enter", base, "hairpin", func(m mutation) error {
			return m.remove("a sender that is permitted may enter")
		}, probe.PropertyHairpin, "no"},
		{"hairpinned packets show their inside source", base, "source", func(m mutation) error {
			return m.remove("hairpin: the source is external too")
		}, probe.PropertyHairpin, "internal-source"},
		{"hairpinned packets are not dropped", with(func(b *nat.Behavior) { b.Hairpin, b.Filtering = false, nat.EIF }), "screen", func(m mutation) error {
			toSelf := rule{}.iif(m.LAN.Interface).udp().destination(m.WAN.Address)
			m.insert(toSelf.then(destinationPort(reg(0)), find(m.ports, reg(0), reg(4)), setDestinationAddress(reg(4)), setDestinationPort(reg(5))).accept())
			m.insert(toSelf.jump("learn"))
			m.source(rule{}.iif(m.LAN.Interface).oif(m.LAN.Interface).udp(), "")
			return nil
		}, probe.PropertyHairpin, "yes"},
		{"mappings die early", short, "refresh", lives(time.Second), probe.PropertyLifetime, ""},
		{"mappings live on", short, "refresh", lives(time.Minute), probe.PropertyLifetime, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			declared := nat.Condition{NAT: &c.declared}
			n := behind(t, declared)
			config := probe.Config{DeclaredLifetime: c.declared.Lifetime, LocalPort: measuredPort}
			report(t, probe.Card{}, n.probe(t, config).Compare(declared))

			n.program(t, declared) // forgets the first measurement
			n.mutate(t, c.chain, c.edit)
			card := n.probe(t, config)
			found := card.Compare(declared)
			if len(found) != 1 || found[0].Property != c.property || c.measured != "" && found[0].Measured != c.measured || len(found[0].Raw) == 0 {
				t.Errorf("found %v, want %s to measure %s, with evidence\n%s", found, c.property, c.measured, card)
			}
		})
	}
}

// measuredPort is the endpoint of the mapping test, where a mutation has to know it.
const measuredPort = 0x1388

// TestAnyOtherBehaviourIsFound programs another behaviour than was declared, one
// property at a time.
func TestAnyOtherBehaviourIsFound(t *testing.T) {
	for _, declared := range []nat.Behavior{
		{Mapping: nat.EIM, Filtering: nat.ADF, Ports: nat.Preserving, Hairpin: true},
		{Mapping: nat.ADM, Filtering: nat.EIF, Ports: nat.Random},
		{Mapping: nat.APDM, Filtering: nat.APDF, Ports: nat.Preserving},
	} {
		type other struct {
			probe.Property
			nat.Behavior
		}
		var others []other
		add := func(p probe.Property, edit func(*nat.Behavior)) {
			b := declared
			if edit(&b); b != declared {
				others = append(others, other{p, b})
			}
		}
		for _, m := range []nat.Mapping{nat.EIM, nat.ADM, nat.APDM} {
			add(probe.PropertyMapping, func(b *nat.Behavior) { b.Mapping = m })
		}
		for _, f := range []nat.Filtering{nat.EIF, nat.ADF, nat.APDF} {
			add(probe.PropertyFiltering, func(b *nat.Behavior) { b.Filtering = f })
		}
		for _, p := range []nat.PortAssignment{nat.Preserving, nat.Random, nat.Sequential} {
			add(probe.PropertyPorts, func(b *nat.Behavior) { b.Ports = p })
		}
		add(probe.PropertyHairpin, func(b *nat.Behavior) { b.Hairpin = !b.Hairpin })

		for _, o := range others {
			t.Run(cellName(declared)+"/"+cellName(o.Behavior), func(t *testing.T) {
				t.Parallel()
				card := behind(t, nat.Condition{NAT: &o.Behavior}).probe(t, probe.Config{})
				found := card.Compare(nat.Condition{NAT: &declared})
				if !slices.EqualFunc(found, []probe.Property{o.Property}, func(d probe.Difference, p probe.Property) bool { return d.Property == p }) {
					t.Errorf("found %v, want %s\n%s", found, o.Property, card)
				}
			})
		}
	}
}
