// Package topology describes the lab's segments, nodes and addresses as plain
// data. It is the same on every fabric; it opens no socket.
package topology

import (
	"fmt"
	"net/netip"
)

// Names of the segments. On every fabric a node's interface is called like the
// segment it is on.
const (
	WAN       = "wan"
	CallerLAN = "caller-lan"
	CalleeLAN = "callee-lan"
)

// Names of the nodes.
const (
	Caller    = "caller"
	Callee    = "callee"
	CallerNAT = "caller-nat"
	CalleeNAT = "callee-nat"
	Turn      = "turn"
	// Neighbour is a second host on the caller's LAN. It plays the callee when
	// both peers share a LAN.
	Neighbour = "neighbour"
)

// TurnPort is where the TURN server listens, UDP and TCP (RFC 8656 §3).
const TurnPort = 3478

// Role is what a node does in the lab.
type Role string

// The roles a node can have.
const (
	Peer    Role = "peer"
	Gateway Role = "gateway"
	Server  Role = "server"
)

// Topology is one lab: its segments and the nodes on them.
type Topology struct {
	Segments []Segment `json:"segments"`
	Nodes    []Node    `json:"nodes"`
}

// Segment is one isolated layer-2 network.
type Segment struct {
	Name   string       `json:"name"`
	Prefix netip.Prefix `json:"prefix"`
}

// Node is one host.
type Node struct {
	Name       string      `json:"name"`
	Role       Role        `json:"role"`
	Interfaces []Interface `json:"interfaces"`
	// Default is the router for everything else; zero means there is none.
	Default netip.Addr `json:"default"`
	Routes  []Route    `json:"routes,omitempty"`
}

// Interface puts a node on a segment. The first address is the main one.
type Interface struct {
	Segment   string         `json:"segment"`
	Addresses []netip.Prefix `json:"addresses"`
}

// Route is a static route.
type Route struct {
	To  netip.Prefix `json:"to"`
	Via netip.Addr   `json:"via"`
}

// Standard is the lab of the bundled scenarios: two LANs, each behind a gateway
// on the WAN, where the TURN server is. The addresses exist inside the nodes
// only, so any number of labs can use them at once. The WAN is in 198.18.0.0/15,
// the range that RFC 2544 sets aside for benchmarks.
func Standard() Topology {
	var (
		callerNAT = netip.MustParseAddr("198.18.0.20")
		calleeNAT = netip.MustParseAddr("198.18.0.30")
		callerLAN = netip.MustParsePrefix("10.1.0.0/24")
		calleeLAN = netip.MustParsePrefix("10.2.0.0/24")
		// A condition without NAT routes LAN addresses as they are, so every
		// host on the WAN knows the way to both LANs.
		toCaller = Route{To: callerLAN, Via: callerNAT}
		toCallee = Route{To: calleeLAN, Via: calleeNAT}
	)
	return Topology{
		Segments: []Segment{
			{Name: WAN, Prefix: netip.MustParsePrefix("198.18.0.0/24")},
			{Name: CallerLAN, Prefix: callerLAN},
			{Name: CalleeLAN, Prefix: calleeLAN},
		},
		Nodes: []Node{
			host(Caller, Peer, on(CallerLAN, "10.1.0.10/24"), "10.1.0.1"),
			host(Neighbour, Peer, on(CallerLAN, "10.1.0.11/24"), "10.1.0.1"),
			host(Callee, Peer, on(CalleeLAN, "10.2.0.10/24"), "10.2.0.1"),
			{
				Name: CallerNAT, Role: Gateway,
				Interfaces: []Interface{on(WAN, "198.18.0.20/24"), on(CallerLAN, "10.1.0.1/24")},
				Routes:     []Route{toCallee},
			},
			{
				Name: CalleeNAT, Role: Gateway,
				Interfaces: []Interface{on(WAN, "198.18.0.30/24"), on(CalleeLAN, "10.2.0.1/24")},
				Routes:     []Route{toCaller},
			},
			{
				Name: Turn, Role: Server,
				Interfaces: []Interface{on(WAN, "198.18.0.10/24")},
				Routes:     []Route{toCaller, toCallee},
			},
		},
	}
}

func host(name string, role Role, i Interface, router string) Node {
	return Node{Name: name, Role: role, Interfaces: []Interface{i}, Default: netip.MustParseAddr(router)}
}

func on(segment string, addresses ...string) Interface {
	i := Interface{Segment: segment}
	for _, a := range addresses {
		i.Addresses = append(i.Addresses, netip.MustParsePrefix(a))
	}
	return i
}

// Node returns the node called name.
func (t Topology) Node(name string) (Node, error) {
	for _, n := range t.Nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return Node{}, fmt.Errorf("no node %q in the topology", name)
}

// Owner returns the node that has addr on one of its interfaces.
func (t Topology) Owner(addr netip.Addr) (Node, bool) {
	for _, n := range t.Nodes {
		for _, i := range n.Interfaces {
			for _, a := range i.Addresses {
				if a.Addr() == addr {
					return n, true
				}
			}
		}
	}
	return Node{}, false
}

// Segment returns the segment called name.
func (t Topology) Segment(name string) (Segment, bool) {
	for _, s := range t.Segments {
		if s.Name == name {
			return s, true
		}
	}
	return Segment{}, false
}

// Members returns the names of the nodes on a segment.
func (t Topology) Members(segment string) []string {
	var names []string
	for _, n := range t.Nodes {
		if _, ok := n.On(segment); ok {
			names = append(names, n.Name)
		}
	}
	return names
}

// On returns the node's interface on a segment.
func (n Node) On(segment string) (Interface, bool) {
	for _, i := range n.Interfaces {
		if i.Segment == segment {
			return i, true
		}
	}
	return Interface{}, false
}

// Address returns the node's main address: the first one of its first interface.
func (n Node) Address() netip.Addr {
	return n.Interfaces[0].Addresses[0].Addr()
}
