package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
	"github.com/icelab-go/icelab/turnserver"
)

// sighting is everything the witnesses hold at one moment.
type sighting struct {
	caller, callee peers.Report
	// gateways by node name
	gateways map[string]gateway.Observation
	turn     node.TurnObservation
}

// relayed reports whether a peer says that its pair has a relay of its own.
func (s sighting) relayed() bool {
	return slices.ContainsFunc([]peers.Report{s.caller, s.callee}, func(r peers.Report) bool {
		return r.Selected != nil && r.Selected.Local.Type == peers.Relay
	})
}

// arrived reports whether each peer has been told of all candidates that the other
// sent.
func (s sighting) arrived() bool {
	return len(s.caller.Outstanding(s.callee)) == 0 && len(s.callee.Outstanding(s.caller)) == 0
}

// court judges from what the witnesses saw between two sightings.
type court struct {
	topology topology.Topology
	// caller and callee name the nodes that play the peers.
	caller, callee string
	before, after  sighting
	// payload is how many bytes of messages made it there and back in between.
	// Zero means that nothing did.
	payload uint64
}

// testimonies asks all four witnesses.
func (c court) testimonies() []Testimony {
	return []Testimony{
		c.peer(c.caller, c.after.caller),
		c.peer(c.callee, c.after.callee),
		c.gateways(),
		c.turn(),
	}
}

// peer judges a selected pair by its addresses. The candidate types it names
// prove nothing: pion calls the base of a server-reflexive path "host".
func (c court) peer(name string, r peers.Report) Testimony {
	t := Testimony{Witness: name}
	if r.Selected == nil || c.payload == 0 {
		t.Path = scenarios.PathNone
		t.Saw = "no selected pair, ICE " + r.ICE
		if r.Selected != nil {
			t.Saw = fmt.Sprintf("no echo over the selected pair %s ↔ %s", r.Selected.Local, r.Selected.Remote)
		}
		return t
	}
	local, remote := r.Selected.Local, r.Selected.Remote
	t.Saw = fmt.Sprintf("%s ↔ %s", local, remote)
	localRelay, localKnown := c.isRelay(local)
	remoteRelay, remoteKnown := c.isRelay(remote)
	switch {
	case !localKnown || !remoteKnown:
		t.Path = unclear
		t.Saw += ", an address of no node in this lab"
	case localRelay && remoteRelay:
		t.Path = scenarios.PathRelayBoth
	case localRelay || remoteRelay:
		t.Path = scenarios.PathRelay
	default:
		t.Path = scenarios.PathDirect
	}
	// A peer knows the transport of its own leg only.
	if name == c.caller {
		t.CallerLeg = local.RelayProtocol
	} else {
		t.CalleeLeg = local.RelayProtocol
	}
	return t
}

// isRelay reports whether a candidate's address is the TURN server's, and
// whether it is any node's at all.
func (c court) isRelay(candidate peers.Candidate) (relay, known bool) {
	address, err := netip.ParseAddr(candidate.Address)
	if err != nil {
		return false, false
	}
	owner, known := c.topology.Owner(address)
	return known && owner.Role == topology.Server, known
}

// leg is where one peer's echo went, as its gateway saw it.
type leg int

const (
	nowhere leg = iota // nothing carried the echo
	toPeer             // the other peer, or its NAT
	toTurn             // the TURN server's listening port: the peer uses its own relay
	toRelay            // a relay's address: the other peer uses its relay
	mixed              // more than one of them
)

// gateways judges by the packets that were forwarded on either side.
func (c court) gateways() Testimony {
	t := Testimony{Witness: "gateways"}
	callerNAT, calleeNAT := c.nearest(c.caller), c.nearest(c.callee)
	var callerLeg, calleeLeg leg
	var callerSaw, calleeSaw string
	callerLeg, t.CallerLeg, callerSaw = c.leg(callerNAT, c.caller)
	calleeLeg, t.CalleeLeg, calleeSaw = c.leg(calleeNAT, c.callee)
	t.Saw = fmt.Sprintf("%s: %s; %s: %s", callerNAT, callerSaw, calleeNAT, calleeSaw)
	switch [2]leg{callerLeg, calleeLeg} {
	case [2]leg{toPeer, toPeer}:
		t.Path = scenarios.PathDirect
	case [2]leg{toTurn, toRelay}, [2]leg{toRelay, toTurn}:
		t.Path = scenarios.PathRelay
	case [2]leg{toTurn, toTurn}:
		t.Path = scenarios.PathRelayBoth
	case [2]leg{nowhere, nowhere}:
		t.Path = scenarios.PathNone
		if callerNAT == calleeNAT && c.payload > 0 {
			// On a shared LAN a direct path does not cross the gateway.
			t.Path = scenarios.PathDirect
			t.Saw = callerNAT + ": nothing crossed, as on one LAN"
		}
	default:
		t.Path = unclear
	}
	return t
}

// leg finds the flow that carried the payload, both ways, for one peer.
func (c court) leg(gatewayName, peerName string) (leg, string, string) {
	inside, err := c.topology.Node(peerName)
	if err != nil {
		return mixed, "", err.Error()
	}
	type totals struct{ in, out gateway.Flow }
	sums := map[string]*totals{} // by kind and protocol
	kinds := map[string]leg{}
	for _, f := range delta(c.before.gateways[gatewayName].Flows, c.after.gateways[gatewayName].Flows) {
		if f.Inside != inside.Address() {
			continue
		}
		kind, key := c.towards(f)
		kinds[key] = kind
		if sums[key] == nil {
			sums[key] = &totals{}
		}
		side := &sums[key].out
		if f.Direction == gateway.Inbound {
			side = &sums[key].in
		}
		side.Packets += f.Packets
		side.Bytes += f.Bytes
		side.Remote, side.Protocol = f.Remote, f.Protocol
	}
	var keys, saw []string
	for key := range sums {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	found, transport := nowhere, ""
	for _, key := range keys {
		s := sums[key]
		saw = append(saw, fmt.Sprintf("%s %d packets out, %d in", key, s.out.Packets, s.in.Packets))
		if c.payload == 0 || s.out.Bytes < c.payload || s.in.Bytes < c.payload {
			continue
		}
		if found != nowhere {
			return mixed, "", strings.Join(saw, ", ")
		}
		found = kinds[key]
		if found == toTurn {
			transport = transportOf(s.out)
		}
	}
	if len(saw) == 0 {
		return found, transport, "nothing crossed"
	}
	return found, transport, strings.Join(saw, ", ")
}

// towards says what kind of leg a flow is, and calls it in a word.
func (c court) towards(f gateway.Flow) (leg, string) {
	owner, known := c.topology.Owner(f.Remote.Addr())
	switch {
	case !known:
		return mixed, f.Remote.String() + "/" + f.Protocol
	case owner.Role != topology.Server:
		return toPeer, "peer/" + f.Protocol
	case f.Remote.Port() == topology.TurnPort || f.Remote.Port() == topology.TurnTLSPort:
		return toTurn, "turn/" + transportOf(f)
	case f.Remote.Port() == topology.DNSPort:
		return mixed, "dns/" + f.Protocol
	default:
		return toRelay, "relayed address/" + f.Protocol
	}
}

// transportOf tells TURN over TLS from TURN over TCP by the port.
func transportOf(f gateway.Flow) string {
	if f.Protocol == "tcp" && f.Remote.Port() == topology.TurnTLSPort {
		return "tls"
	}
	return f.Protocol
}

// delta is how much each flow grew; flows that did not are left out.
func delta(before, after []gateway.Flow) []gateway.Flow {
	type key struct {
		gateway.Direction
		protocol string
		inside   netip.Addr
		remote   netip.AddrPort
	}
	of := func(f gateway.Flow) key { return key{f.Direction, f.Protocol, f.Inside, f.Remote} }
	was := map[key]gateway.Flow{}
	for _, f := range before {
		was[of(f)] = f
	}
	var grown []gateway.Flow
	for _, f := range after {
		f.Packets -= was[of(f)].Packets
		f.Bytes -= was[of(f)].Bytes
		if f.Packets > 0 {
			grown = append(grown, f)
		}
	}
	return grown
}

// turn judges by the bytes that were relayed: on a relay path they grew by the
// payload, on any other not at all. Connectivity checks do not count.
func (c court) turn() Testimony {
	t := Testimony{Witness: topology.Turn}
	was := map[netip.AddrPort]turnserver.Allocation{}
	for _, a := range c.before.turn.Allocations {
		was[a.Relay] = a
	}
	var carried []turnserver.Allocation
	var saw []string
	for _, a := range c.after.turn.Allocations {
		toPeers := a.ToPeers.Bytes - was[a.Relay].ToPeers.Bytes
		fromPeers := a.FromPeers.Bytes - was[a.Relay].FromPeers.Bytes
		if toPeers == 0 && fromPeers == 0 {
			continue
		}
		saw = append(saw, fmt.Sprintf("relay %s (%s) %d bytes to peers, %d from them", a.Relay, a.Transport, toPeers, fromPeers))
		if c.payload > 0 && toPeers >= c.payload && fromPeers >= c.payload {
			carried = append(carried, a)
		}
	}
	t.Saw = strings.Join(saw, "; ")
	if t.Saw == "" {
		t.Saw = "relayed nothing"
	}
	if !c.after.turn.Running {
		t.Saw += " (the server is down)"
	}
	switch {
	case c.payload == 0:
		// What goes one way, or is no message, makes no path.
		t.Path = scenarios.PathNone
	case len(saw) == 0:
		t.Path = scenarios.PathDirect
	case len(carried) != len(saw):
		t.Path = unclear
	case len(carried) == 1:
		t.Path = scenarios.PathRelay
	case len(carried) == 2:
		t.Path = scenarios.PathRelayBoth
	default:
		t.Path = unclear
	}
	for _, a := range carried {
		// Behind one gateway the clients look alike: then the server cannot
		// tell whose leg it is.
		owner, _ := c.topology.Owner(a.Client.Addr())
		callers, callees := c.speaksFor(owner.Name, c.caller), c.speaksFor(owner.Name, c.callee)
		if callers && !callees {
			t.CallerLeg = a.Transport
		}
		if callees && !callers {
			t.CalleeLeg = a.Transport
		}
	}
	return t
}

// nearest is the gateway of a peer's own LAN.
func (c court) nearest(peer string) string {
	if chain := c.topology.Gateways(peer); len(chain) > 0 {
		return chain[0].Name
	}
	return ""
}

// speaksFor reports whether packets of a peer may leave from a node's address.
func (c court) speaksFor(name, peer string) bool {
	return name == peer || slices.ContainsFunc(c.topology.Gateways(peer), func(g topology.Node) bool { return g.Name == name })
}
