package overlay

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// underlays are the addresses of the standard topology's nodes, in its order,
// on three networks of an engine.
func underlays() [][]netip.Prefix {
	return [][]netip.Prefix{
		prefixes("172.20.0.2/16"),                  // caller
		prefixes("172.20.0.3/16"),                  // neighbour
		prefixes("172.21.0.2/16"),                  // callee
		prefixes("172.20.0.4/16", "172.22.0.2/16"), // caller-nat, its LAN first
		prefixes("172.22.0.3/16", "172.21.0.3/16"), // callee-nat
		prefixes("172.22.0.4/16"),                  // turn
	}
}

func TestEveryNodeFindsTheOthersOfItsSegment(t *testing.T) {
	top := topology.Standard()
	plan, err := Plan(top, underlays())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]node.VXLAN{
		"caller":     {{ID: 2, Local: addr("172.20.0.2"), Remotes: addrs("172.20.0.3", "172.20.0.4")}},
		"callee":     {{ID: 3, Local: addr("172.21.0.2"), Remotes: addrs("172.21.0.3")}},
		"caller-nat": {{ID: 1, Local: addr("172.22.0.2"), Remotes: addrs("172.22.0.3", "172.22.0.4")}, {ID: 2, Local: addr("172.20.0.4"), Remotes: addrs("172.20.0.2", "172.20.0.3")}},
	}
	for i, n := range top.Nodes {
		expected, ok := want[n.Name]
		if !ok {
			continue
		}
		var got []node.VXLAN
		for _, l := range plan[i].Links {
			got = append(got, *l.VXLAN)
		}
		if diff := cmp.Diff(expected, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", n.Name, diff)
		}
	}
}

func TestOnlyGatewaysForwardAndOnlyPeersDropCapabilities(t *testing.T) {
	top := topology.Standard()
	plan, err := Plan(top, underlays())
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range top.Nodes {
		if plan[i].Forward != (n.Role == topology.Gateway) || plan[i].DropCapabilities != (n.Role == topology.Peer) {
			t.Errorf("%s forwards: %t, drops capabilities: %t", n.Name, plan[i].Forward, plan[i].DropCapabilities)
		}
	}
}

func TestWhoCanMoveHasALinkThatIsDownAndKeepsItsCapability(t *testing.T) {
	top := topology.Visited()
	u := underlays()
	u[0] = prefixes("172.20.0.2/16", "172.23.0.2/16")
	u[2] = prefixes("172.23.0.3/16", "172.21.0.2/16")
	u = append(u, prefixes("172.22.0.9/16", "172.23.0.9/16"))
	plan, err := Plan(top, u)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range top.Nodes {
		if n.Name != topology.Caller && n.Name != topology.Callee {
			continue
		}
		if plan[i].DropCapabilities || len(plan[i].Links) != 2 || plan[i].Links[0].Down || !plan[i].Links[1].Down {
			t.Errorf("%s gets %+v", n.Name, plan[i])
		}
	}
}

func TestANetworkThatDoesNotFitIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		change func([][]netip.Prefix)
		says   string
	}{
		"peer without a network":      {func(u [][]netip.Prefix) { u[0] = nil }, "caller is on the networks []"},
		"peer on two networks":        {func(u [][]netip.Prefix) { u[2] = prefixes("172.21.0.2/16", "172.20.0.9/16") }, "callee is on the networks"},
		"gateway missing on its LAN":  {func(u [][]netip.Prefix) { u[3] = prefixes("172.22.0.2/16") }, "caller-nat is on the networks"},
		"neighbour on another subnet": {func(u [][]netip.Prefix) { u[1] = prefixes("172.29.0.3/16") }, "neighbour has no interface"},
	} {
		t.Run(name, func(t *testing.T) {
			u := underlays()
			row.change(u)
			if _, err := Plan(topology.Standard(), u); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want %q", err, row.says)
			}
		})
	}
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

func addrs(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, t := range texts {
		all = append(all, addr(t))
	}
	return all
}
