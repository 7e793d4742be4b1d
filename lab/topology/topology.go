// Package topology describes the lab's segments, nodes and addresses as plain
// data. It is the same on every fabric; it opens no socket.
package topology

import (
	"fmt"
	"net/netip"
	"slices"
)

// Names of the segments. On every fabric a node's interface is called like the
// segment it is on.
const (
	WAN       = "wan"
	CallerLAN = "caller-lan"
	CalleeLAN = "callee-lan"
	// The segments between a home NAT and its carrier's.
	CallerCGN = "caller-cgn"
	CalleeCGN = "callee-cgn"
	// CGN is the one segment of a carrier that both homes share.
	CGN = "cgn"
	// VisitedLAN is a third LAN, to which a peer can move.
	VisitedLAN = "visited-lan"
)

// Names of the nodes.
const (
	Caller    = "caller"
	Callee    = "callee"
	CallerNAT = "caller-nat"
	CalleeNAT = "callee-nat"
	Turn      = "turn"
	// The second NATs of a chain: the caller's, the callee's, or one for both.
	CallerCarrier = "caller-carrier"
	CalleeCarrier = "callee-carrier"
	Carrier       = "carrier"
	// VisitedNAT is the gateway of the visited LAN.
	VisitedNAT = "visited-nat"
	// Neighbour is a second host on the caller's LAN. It plays the callee when
	// both peers share a LAN.
	Neighbour = "neighbour"
)

// Where the TURN server listens: UDP and TCP on the port of RFC 8656 §3, TLS on
// the port that passes where only the web does. The alternate port is RFC 5780's.
const (
	TurnPort      = 3478
	TurnTLSPort   = 443
	AlternatePort = 3479
)

// DNSPort is where the TURN server's host answers questions for TurnName, over UDP
// (RFC 1035).
const (
	DNSPort  = 53
	TurnName = "turn.icelab.test"
)

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

// Interface puts a node on a segment. The first address is the main one. A
// gateway's first interface is its outside.
type Interface struct {
	Segment   string         `json:"segment"`
	Addresses []netip.Prefix `json:"addresses"`
	// Down is an interface that is set up only when the node moves to it.
	Down bool `json:"down,omitempty"`
}

// Route is a static route.
type Route struct {
	To  netip.Prefix `json:"to"`
	Via netip.Addr   `json:"via"`
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

// Gateways returns the gateways between a node and the WAN, nearest first: the
// chain of its default routers.
func (t Topology) Gateways(of string) []Node {
	var chain []Node
	n, err := t.Node(of)
	for err == nil && n.Default.IsValid() && len(chain) < len(t.Nodes) {
		var known bool
		if n, known = t.Owner(n.Default); !known {
			break
		}
		chain = append(chain, n)
	}
	return chain
}

// Moved returns the topology after a node has left its first segment for another
// one that it has an interface on. Its router is the gateway there.
func (t Topology) Moved(name, segment string) (Topology, error) {
	i := slices.IndexFunc(t.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return t, fmt.Errorf("no node %q in the topology", name)
	}
	n := t.Nodes[i]
	to, there := n.On(segment)
	if !there {
		return t, fmt.Errorf("%s has no interface on %s", name, segment)
	}
	to.Down = false
	interfaces := []Interface{to}
	for _, other := range n.Interfaces {
		if other.Segment != segment {
			other.Down = true
			interfaces = append(interfaces, other)
		}
	}
	n.Interfaces = interfaces
	for _, g := range t.Nodes {
		if at, there := g.On(segment); there && g.Role == Gateway {
			n.Default = at.Addresses[0].Addr()
		}
	}
	t.Nodes = slices.Clone(t.Nodes)
	t.Nodes[i] = n
	return t, nil
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
