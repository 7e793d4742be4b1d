package topology

import "net/netip"

// The addresses of the lab. The WAN is in 198.18.0.0/15, the range that RFC 2544
// sets aside for benchmarks; carriers use 100.64.0.0/10 (RFC 6598). They exist
// inside the nodes only, so any number of labs can use them at once.
const (
	wanPrefix       = "198.18.0.0/24"
	callerLANPrefix = "10.1.0.0/24"
	calleeLANPrefix = "10.2.0.0/24"
	callerCGNPrefix = "100.64.0.0/24"
	calleeCGNPrefix = "100.65.0.0/24"
	visitedPrefix   = "10.3.0.0/24"
)

// Standard is two LANs, each behind a gateway on the WAN, where the TURN server
// is.
func Standard() Topology { return build(standard, calleeLANPrefix) }

// SamePrefix is Standard with the same private prefix on both LANs, as two homes
// with the same router have. A peer's host address then means another host on
// the other LAN, and conditions without NAT cannot be routed.
func SamePrefix() Topology { return build(standard, callerLANPrefix) }

// Carriers puts a second gateway, a carrier's, between each home and the WAN.
func Carriers() Topology { return build(carriers, calleeLANPrefix) }

// SharedCarrier puts both homes behind the same carrier.
func SharedCarrier() Topology { return build(sharedCarrier, calleeLANPrefix) }

// Visited is Standard with a third LAN behind a gateway of its own, to which
// caller and callee can move.
func Visited() Topology {
	t := Standard()
	lan, gateway := prefix(visitedPrefix), prefix("198.18.0.40/24")
	t.Segments = append(t.Segments, Segment{VisitedLAN, lan})
	visitors := map[string]string{Caller: "10.3.0.10/24", Callee: "10.3.0.11/24"}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if address, visits := visitors[n.Name]; visits {
			there := on(VisitedLAN, address)
			there.Down = true
			n.Interfaces = append(n.Interfaces, there)
		}
		if n.Role != Peer {
			n.Routes = append(n.Routes, Route{lan, gateway.Addr()})
		}
	}
	t.Nodes = append(t.Nodes, Node{Name: VisitedNAT, Role: Gateway,
		Interfaces: []Interface{on(WAN, gateway.String()), on(VisitedLAN, "10.3.0.1/24")},
		Routes: []Route{
			{prefix(callerLANPrefix), addr("198.18.0.20")}, {prefix(calleeLANPrefix), addr("198.18.0.30")},
		}})
	return t
}

type shape int

const (
	standard shape = iota
	carriers
	sharedCarrier
)

// uplink is what lies between a home and the WAN.
type uplink struct {
	segment string
	outside netip.Prefix // the home gateway's address
	router  netip.Addr   // its default router; zero on the WAN itself
	carrier netip.Addr   // the carrier's address on the WAN
}

func build(s shape, calleeLAN string) Topology {
	caller := uplink{segment: WAN, outside: prefix("198.18.0.20/24")}
	callee := uplink{segment: WAN, outside: prefix("198.18.0.30/24")}
	switch s {
	case carriers:
		caller = uplink{CallerCGN, prefix("100.64.0.20/24"), addr("100.64.0.1"), addr("198.18.0.21")}
		callee = uplink{CalleeCGN, prefix("100.65.0.30/24"), addr("100.65.0.1"), addr("198.18.0.31")}
	case sharedCarrier:
		caller = uplink{CGN, prefix("100.64.0.20/24"), addr("100.64.0.1"), addr("198.18.0.21")}
		callee = uplink{CGN, prefix("100.64.0.30/24"), addr("100.64.0.1"), addr("198.18.0.21")}
	}
	toCaller := caller.routes(prefix(callerLANPrefix))
	toCallee := callee.routes(prefix(calleeLAN))
	calleeHost, calleeRouter := "10.2.0.10/24", "10.2.0.1/24"
	if calleeLAN == callerLANPrefix {
		// The routers differ, so that an address names one node.
		calleeHost, calleeRouter = "10.1.0.30/24", "10.1.0.254/24"
		// Nobody can route to a prefix that is there twice.
		toCaller, toCallee = nil, nil
	}
	t := Topology{
		Segments: []Segment{
			{WAN, prefix(wanPrefix)},
			{CallerLAN, prefix(callerLANPrefix)},
			{CalleeLAN, prefix(calleeLAN)},
		},
		Nodes: []Node{
			host(Caller, Peer, on(CallerLAN, "10.1.0.10/24"), "10.1.0.1"),
			host(Neighbour, Peer, on(CallerLAN, "10.1.0.11/24"), "10.1.0.1"),
			host(Callee, Peer, on(CalleeLAN, calleeHost), prefix(calleeRouter).Addr().String()),
			caller.home(CallerNAT, on(CallerLAN, "10.1.0.1/24"), toCallee),
			callee.home(CalleeNAT, on(CalleeLAN, calleeRouter), toCaller),
			// Two addresses, as RFC 5780 needs to tell filtering behaviours apart.
			{Name: Turn, Role: Server, Interfaces: []Interface{on(WAN, "198.18.0.10/24", "198.18.0.11/24")},
				Routes: append(toCaller, toCallee...)},
		},
	}
	switch s {
	case carriers:
		t.Segments = append(t.Segments, Segment{CallerCGN, prefix(callerCGNPrefix)}, Segment{CalleeCGN, prefix(calleeCGNPrefix)})
		t.Nodes = append(t.Nodes,
			Node{Name: CallerCarrier, Role: Gateway,
				Interfaces: []Interface{on(WAN, "198.18.0.21/24"), on(CallerCGN, "100.64.0.1/24")},
				Routes:     append([]Route{caller.back(prefix(callerLANPrefix))}, toCallee...)},
			Node{Name: CalleeCarrier, Role: Gateway,
				Interfaces: []Interface{on(WAN, "198.18.0.31/24"), on(CalleeCGN, "100.65.0.1/24")},
				Routes:     append([]Route{callee.back(prefix(calleeLAN))}, toCaller...)})
	case sharedCarrier:
		t.Segments = append(t.Segments, Segment{CGN, prefix(callerCGNPrefix)})
		t.Nodes = append(t.Nodes, Node{Name: Carrier, Role: Gateway,
			Interfaces: []Interface{on(WAN, "198.18.0.21/24"), on(CGN, "100.64.0.1/24")},
			Routes:     []Route{caller.back(prefix(callerLANPrefix)), callee.back(prefix(calleeLAN))}})
	}
	return t
}

// home is the gateway of a LAN. A condition without NAT routes addresses as they
// are, so it knows the way to the other LAN.
func (u uplink) home(name string, lan Interface, others []Route) Node {
	n := Node{Name: name, Role: Gateway, Default: u.router,
		Interfaces: []Interface{on(u.segment, u.outside.String()), lan}}
	if !u.router.IsValid() {
		n.Routes = others
	}
	return n
}

// routes are the ways from the WAN to a home's LAN and to the carrier's segment.
func (u uplink) routes(lan netip.Prefix) []Route {
	if !u.router.IsValid() {
		return []Route{{lan, u.outside.Addr()}}
	}
	return []Route{{lan, u.carrier}, {u.outside.Masked(), u.carrier}}
}

// back is the carrier's way to a home's LAN.
func (u uplink) back(lan netip.Prefix) Route { return Route{lan, u.outside.Addr()} }

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }
func addr(text string) netip.Addr     { return netip.MustParseAddr(text) }

func host(name string, role Role, i Interface, router string) Node {
	return Node{Name: name, Role: role, Interfaces: []Interface{i}, Default: addr(router)}
}

func on(segment string, addresses ...string) Interface {
	i := Interface{Segment: segment}
	for _, a := range addresses {
		i.Addresses = append(i.Addresses, prefix(a))
	}
	return i
}
