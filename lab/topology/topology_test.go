package topology_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/icelab-go/icelab/lab/topology"
)

func TestWhoMovesIsBehindTheVisitedGateway(t *testing.T) {
	home := topology.Visited()
	for _, name := range []string{topology.Caller, topology.Callee} {
		away, err := home.Moved(name, topology.VisitedLAN)
		if err != nil {
			t.Fatal(err)
		}
		if got := gateways(away, name); !cmp.Equal(got, []string{topology.VisitedNAT}) {
			t.Errorf("%s is behind %v", name, got)
		}
		n, _ := away.Node(name)
		if first := n.Interfaces[0]; first.Segment != topology.VisitedLAN || first.Down || !n.Interfaces[1].Down {
			t.Errorf("%s has the interfaces %+v", name, n.Interfaces)
		}
		if owner, known := away.Owner(n.Address()); !known || owner.Name != name {
			t.Errorf("%s is the address of %q", n.Address(), owner.Name)
		}
		before, _ := home.Node(name)
		back, err := away.Moved(name, before.Interfaces[0].Segment)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(home, back, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
			t.Errorf("back home (-want +got):\n%s", diff)
		}
	}
	if got := gateways(home, topology.Caller); !cmp.Equal(got, []string{topology.CallerNAT}) {
		t.Errorf("moving has changed the topology moved from: the caller is behind %v", got)
	}
}

func TestNobodyMovesWhereHeHasNoInterface(t *testing.T) {
	if _, err := topology.Standard().Moved(topology.Caller, topology.VisitedLAN); err == nil {
		t.Error("the caller of the standard topology has moved to a segment that is not there")
	}
	if _, err := topology.Visited().Moved("nobody", topology.VisitedLAN); err == nil {
		t.Error("a node that is not there has moved")
	}
}

func gateways(t topology.Topology, of string) []string {
	var names []string
	for _, g := range t.Gateways(of) {
		names = append(names, g.Name)
	}
	return names
}
