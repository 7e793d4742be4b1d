package gateway

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"syscall"

	"github.com/icelab-go/icelab/lab/nat"
)

func (n *network) drops(t *testing.T) map[Reason]uint64 {
	t.Helper()
	var o Observation
	n.in(t, n.gateway, func() (err error) { o, err = Observe(); return })
	drops := map[Reason]uint64{}
	for _, d := range o.Drops {
		if d.Packets > 0 {
			drops[d.Reason] = d.Packets
		}
	}
	return drops
}

func TestEveryDropIsCountedUnderItsReason(t *testing.T) {
	cone := nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving}
	hairpinning := cone
	hairpinning.Hairpin = true
	in := func(n *network, to string) {
		n.listen(t, n.outside, "198.18.0.11:0").send("x", netip.MustParseAddrPort(to))
	}
	out := func(n *network, to string) {
		n.listen(t, n.inside, "10.1.0.10:5000").send("x", netip.MustParseAddrPort(to))
	}
	for _, c := range []struct {
		name     string
		declared nat.Condition
		send     func(*network)
		want     map[Reason]uint64
	}{
		{"to a port that nobody has", nat.Condition{NAT: &cone}, func(n *network) { in(n, "198.18.0.20:6000") }, map[Reason]uint64{NoMapping: 1}},
		{"from whom nobody has sent to", nat.Condition{NAT: &cone}, func(n *network) {
			out(n, "198.18.0.10:9")
			in(n, "198.18.0.20:5000")
			in(n, "198.18.0.20:5000")
		}, map[Reason]uint64{Filtered: 2}},
		{"to a private address", nat.Condition{NAT: &cone}, func(n *network) { in(n, "10.1.0.10:5000") }, map[Reason]uint64{PrivateDestination: 1}},
		{"to the NAT from inside", nat.Condition{NAT: &cone}, func(n *network) { out(n, "198.18.0.20:6000") }, map[Reason]uint64{HairpinOff: 1}},
		{"hairpinned to a port that nobody has", nat.Condition{NAT: &hairpinning}, func(n *network) { out(n, "198.18.0.20:6000") }, map[Reason]uint64{NoMapping: 1}},
		{"hairpinned from whom nobody has sent to", nat.Condition{NAT: &hairpinning}, func(n *network) {
			out(n, "198.18.0.10:9")
			n.listen(t, n.inside, "10.1.0.11:5001").send("x", to(5000))
		}, map[Reason]uint64{Filtered: 1}},
		{"UDP where there is none", nat.Condition{NAT: &cone, Firewall: nat.Firewall{BlockUDP: true}}, func(n *network) {
			out(n, "198.18.0.10:9")
			in(n, "198.18.0.20:5000")
		}, map[Reason]uint64{UDPBlocked: 2}},
		{"unsolicited to a routed address", nat.Condition{Firewall: nat.Firewall{Stateful: true}}, func(n *network) { in(n, "10.1.0.10:5000") }, map[Reason]uint64{Unsolicited: 1}},
		{"TCP to another port", nat.Condition{NAT: &cone, Firewall: nat.Firewall{TCPPorts: []uint16{443}}}, func(n *network) {
			n.in(t, n.inside, func() error { return startTCP("198.18.0.10", 80) })
			n.in(t, n.inside, func() error { return startTCP("198.18.0.10", 443) })
		}, map[Reason]uint64{TCPBlocked: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			n.program(t, c.declared)
			c.send(n)
			deadline := time.After(patience)
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for !maps.Equal(n.drops(t), c.want) {
				select {
				case <-tick.C:
				case <-deadline:
					t.Fatalf("counted %v, want %v", n.drops(t), c.want)
				}
			}
			if c.declared.Firewall.BlockUDP && len(n.state(t).Mappings) > 0 {
				t.Error("what is blocked left a mapping")
			}
		})
	}
}

// startTCP sends the first packet of a connection.
func startTCP(ip string, port int) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: netip.MustParseAddr(ip).As4()})
	if err == syscall.EINPROGRESS {
		return nil
	}
	return err
}

func TestMappingsAndPermissionsAreListed(t *testing.T) {
	remote := netip.MustParseAddrPort("198.18.0.10:4000")
	address := netip.AddrPortFrom(remote.Addr(), 0)
	for _, c := range []struct {
		nat.Mapping
		nat.Filtering
		mappedFor, permitted netip.AddrPort
	}{
		{nat.EIM, nat.EIF, netip.AddrPort{}, netip.AddrPort{}},
		{nat.ADM, nat.ADF, address, address},
		{nat.APDM, nat.APDF, remote, remote},
	} {
		b := nat.Behavior{Mapping: c.Mapping, Filtering: c.Filtering, Ports: nat.Preserving, Lifetime: 30 * time.Second}
		t.Run(cellName(b), func(t *testing.T) {
			n := newNetwork(t)
			n.program(t, nat.Condition{NAT: &b})
			inside, outside := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.outside, remote.String())
			inside.send("out", remote)
			outside.receive("out")

			got := n.state(t)
			want := State{Mappings: []Mapping{{Inside: inside.local(), Remote: c.mappedFor, External: 5000}}}
			if b.Filtering != nat.EIF {
				want.Permissions = []Permission{{External: 5000, Remote: c.permitted}}
			}
			comparable := cmpopts.EquateComparable(netip.AddrPort{})
			if diff := cmp.Diff(want, got, comparable, cmpopts.IgnoreTypes(time.Duration(0))); diff != "" {
				t.Error(diff)
			}
			for _, m := range got.Mappings {
				if m.Expires < 20*time.Second || m.Expires > b.Lifetime {
					t.Errorf("expires in %s, want a little less than %s", m.Expires, b.Lifetime)
				}
			}

			n.program(t, nat.Condition{NAT: &b})
			if s := n.state(t); len(s.Mappings)+len(s.Permissions) > 0 {
				t.Errorf("a new program holds %+v", s)
			}
		})
	}
	t.Run("none without a NAT", func(t *testing.T) {
		n := newNetwork(t)
		n.program(t, nat.Condition{})
		if s := n.state(t); len(s.Mappings)+len(s.Permissions) > 0 {
			t.Errorf("holds %+v", s)
		}
	})
}

// flows are those that the gateway has counted, without the sizes.
func (n *network) flows(t *testing.T) []Flow {
	t.Helper()
	var o Observation
	n.in(t, n.gateway, func() (err error) { o, err = Observe(); return })
	for i := range o.Flows {
		o.Flows[i].Bytes = 0
	}
	return o.Flows
}

var anyOrder = cmpopts.SortSlices(func(a, b Flow) bool {
	return fmt.Sprint(a.Direction, a.Inside, a.Remote) < fmt.Sprint(b.Direction, b.Inside, b.Remote)
})

func TestFlowsAreCountedInBothDirections(t *testing.T) {
	for _, m := range []nat.Mapping{nat.EIM, nat.APDM} {
		t.Run(string(m), func(t *testing.T) {
			n := newNetwork(t)
			n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: m, Filtering: nat.APDF, Ports: nat.Random}})
			inside, outside := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.outside, "198.18.0.10:4000")
			inside.send("out", outside.local())
			mapped := outside.receive("out")
			for range 2 {
				outside.send("in", mapped)
				inside.receive("in")
			}
			n.listen(t, n.outside, "198.18.0.11:4000").send("filtered", mapped)
			want := []Flow{
				{Direction: Outbound, Protocol: "udp", Inside: host, Remote: outside.local(), Packets: 1},
				{Direction: Inbound, Protocol: "udp", Inside: host, Remote: outside.local(), Packets: 2},
			}
			if diff := cmp.Diff(want, n.flows(t), anyOrder, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAHairpinnedPacketIsAFlowOfBothHosts(t *testing.T) {
	for _, ports := range []nat.PortAssignment{nat.Preserving, nat.Random} {
		t.Run(string(ports), func(t *testing.T) {
			n := newNetwork(t)
			n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: ports, Hairpin: true}})
			a, b := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.inside, "10.1.0.11:5001")
			outside := n.listen(t, n.outside, "198.18.0.10:4000")
			b.send("out", outside.local())
			mapped := outside.receive("out")
			a.send("round the pin", mapped)
			from := b.receive("round the pin")
			for range 2 {
				b.send("and back", from)
				a.receive("and back")
			}
			want := []Flow{
				{Direction: Outbound, Protocol: "udp", Inside: neighbour, Remote: outside.local(), Packets: 1},
				{Direction: Outbound, Protocol: "udp", Inside: host, Remote: b.local(), Packets: 1},
				{Direction: Inbound, Protocol: "udp", Inside: neighbour, Remote: from, Packets: 1},
				{Direction: Outbound, Protocol: "udp", Inside: neighbour, Remote: a.local(), Packets: 2},
				{Direction: Inbound, Protocol: "udp", Inside: host, Remote: mapped, Packets: 2},
			}
			if diff := cmp.Diff(want, n.flows(t), anyOrder, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
