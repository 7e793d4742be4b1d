// Package overlay lays the segments of a topology over the networks that
// containers share. Routed traffic over a plain internal network would be
// dropped by the engine's own rules on most hosts; a VXLAN inside it is not.
package overlay

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
)

// Configure gives every node its links, addresses and routes. Each segment has
// a network of its own underneath, and every node is attached to exactly the
// networks of its segments; which is which is found out from the nodes' own
// addresses.
func Configure(ctx context.Context, t topology.Topology, nodes map[string]*node.Client) error {
	underlays := make([][]netip.Prefix, len(t.Nodes))
	each, eachCtx := errgroup.WithContext(ctx)
	for i, n := range t.Nodes {
		each.Go(func() error {
			d, err := nodes[n.Name].Describe(eachCtx)
			underlays[i] = d.Underlay
			return err
		})
	}
	if err := each.Wait(); err != nil {
		return err
	}
	plan, err := Plan(t, underlays)
	if err != nil {
		return err
	}
	each, eachCtx = errgroup.WithContext(ctx)
	for i, n := range t.Nodes {
		each.Go(func() error { return nodes[n.Name].Configure(eachCtx, plan[i]) })
	}
	return each.Wait()
}

// Plan computes each node's network, in the order of t.Nodes, from the
// addresses the nodes have on the underlay networks.
func Plan(t topology.Topology, underlays [][]netip.Prefix) ([]node.Network, error) {
	for i, n := range t.Nodes {
		// One network more would be a way around the NATs.
		if len(underlays[i]) != len(n.Interfaces) {
			return nil, fmt.Errorf("%s is on the networks %v: want one for each of its %d segments", n.Name, underlays[i], len(n.Interfaces))
		}
	}
	networks, err := assign(t, underlays)
	if err != nil {
		return nil, err
	}
	local := func(i int, segment string) (netip.Addr, error) {
		for _, u := range underlays[i] {
			if u.Masked() == networks[segment] {
				return u.Addr(), nil
			}
		}
		return netip.Addr{}, fmt.Errorf("%s has no interface on the network %s of segment %s", t.Nodes[i].Name, networks[segment], segment)
	}
	plan := make([]node.Network, len(t.Nodes))
	for i, n := range t.Nodes {
		plan[i] = node.Network{
			Default: n.Default, Routes: n.Routes,
			Forward: n.Role == topology.Gateway,
			// Who can move sets links up and down until the end, and a server's firewall
			// changes, as a gateway's does.
			DropCapabilities: n.Role == topology.Peer && len(n.Interfaces) == 1,
		}
		for _, on := range n.Interfaces {
			id := 1 + slices.IndexFunc(t.Segments, func(s topology.Segment) bool { return s.Name == on.Segment })
			vxlan := &node.VXLAN{ID: uint32(id)}
			if vxlan.Local, err = local(i, on.Segment); err != nil {
				return nil, err
			}
			for j, other := range t.Nodes {
				if _, there := other.On(on.Segment); !there || j == i {
					continue
				}
				remote, err := local(j, on.Segment)
				if err != nil {
					return nil, err
				}
				vxlan.Remotes = append(vxlan.Remotes, remote)
			}
			plan[i].Links = append(plan[i].Links, node.Link{Name: on.Segment, Addresses: on.Addresses, Down: on.Down, VXLAN: vxlan})
		}
	}
	return plan, nil
}

// assign finds the underlay network of every segment. A node on one segment
// names its network; what is left over on the other nodes names the rest.
func assign(t topology.Topology, underlays [][]netip.Prefix) (map[string]netip.Prefix, error) {
	networks := map[string]netip.Prefix{}
	for found := true; found; {
		found = false
		for i, n := range t.Nodes {
			var segments []string
			for _, on := range n.Interfaces {
				if _, known := networks[on.Segment]; !known {
					segments = append(segments, on.Segment)
				}
			}
			if len(segments) != 1 {
				continue
			}
			var free []netip.Prefix
			for _, u := range underlays[i] {
				if !slices.Contains(values(networks), u.Masked()) {
					free = append(free, u.Masked())
				}
			}
			if len(free) != 1 {
				return nil, fmt.Errorf("%s: want one network for segment %s, found %v among the interfaces %v", n.Name, segments[0], free, underlays[i])
			}
			networks[segments[0]] = free[0]
			found = true
		}
	}
	for _, s := range t.Segments {
		if _, known := networks[s.Name]; !known {
			return nil, fmt.Errorf("no node tells which network carries segment %s", s.Name)
		}
	}
	return networks, nil
}

func values(m map[string]netip.Prefix) []netip.Prefix {
	var v []netip.Prefix
	for _, p := range m {
		v = append(v, p)
	}
	return v
}
