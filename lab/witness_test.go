package lab

import (
	"net/netip"
	"testing"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
	"github.com/icelab-go/icelab/turnserver"
)

const payload = 20_000

// selected is a report with a pair such as "host 10.1.0.10" and "srflx 198.18.0.30".
func selected(local, remote peers.Candidate) peers.Report {
	return peers.Report{ICE: "connected", Selected: &peers.Selection{Local: local, Remote: remote}}
}

func candidate(kind peers.CandidateType, address, relayProtocol string) peers.Candidate {
	return peers.Candidate{Type: kind, Address: address, Port: 50000, Protocol: "udp", RelayProtocol: relayProtocol}
}

// flows are both directions of one flow that carried bytes.
func flows(inside, protocol, remote string, bytes uint64) []gateway.Flow {
	f := gateway.Flow{Protocol: protocol, Inside: netip.MustParseAddr(inside), Remote: netip.MustParseAddrPort(remote), Packets: 30, Bytes: bytes}
	out, in := f, f
	out.Direction, in.Direction = gateway.Outbound, gateway.Inbound
	return []gateway.Flow{out, in}
}

func allocation(client, transport string, port uint16, bytes uint64) turnserver.Allocation {
	return turnserver.Allocation{
		Client: netip.MustParseAddrPort(client), Transport: transport,
		Relay:   netip.AddrPortFrom(netip.MustParseAddr("198.18.0.10"), port),
		ToPeers: turnserver.Traffic{Bytes: bytes}, FromPeers: turnserver.Traffic{Bytes: bytes},
	}
}

func standardCourt(after sighting) court {
	after.turn.Running = true
	return court{
		topology: topology.Standard(), caller: topology.Caller, callee: topology.Callee,
		after: after, payload: payload,
	}
}

func gatewayFlows(caller, callee []gateway.Flow) map[string]gateway.Observation {
	return map[string]gateway.Observation{topology.CallerNAT: {Flows: caller}, topology.CalleeNAT: {Flows: callee}}
}

var (
	callerHost  = candidate(peers.Host, "10.1.0.10", "")
	calleeHost  = candidate(peers.Host, "10.2.0.10", "")
	callerSrflx = candidate(peers.Srflx, "198.18.0.20", "")
	calleePrflx = candidate(peers.Prflx, "198.18.0.30", "")
	relayUDP    = candidate(peers.Relay, "198.18.0.10", "udp")
	relayTCP    = candidate(peers.Relay, "198.18.0.10", "tcp")

	direct = sighting{
		caller: selected(callerHost, calleePrflx), callee: selected(calleeHost, callerSrflx),
		gateways: gatewayFlows(flows("10.1.0.10", "udp", "198.18.0.30:50000", 25_000), flows("10.2.0.10", "udp", "198.18.0.20:50000", 25_000)),
	}
	relayed = sighting{
		caller: selected(relayTCP, calleePrflx), callee: selected(calleeHost, relayUDP),
		gateways: gatewayFlows(flows("10.1.0.10", "tcp", "198.18.0.10:3478", 26_000), flows("10.2.0.10", "udp", "198.18.0.10:50000", 25_000)),
		turn:     node.TurnObservation{Allocations: []turnserver.Allocation{allocation("198.18.0.20:40000", "tcp", 50000, 22_000)}},
	}
	relayedTLS = sighting{
		caller: selected(candidate(peers.Relay, "198.18.0.10", "tls"), calleePrflx), callee: selected(calleeHost, relayUDP),
		gateways: gatewayFlows(flows("10.1.0.10", "tcp", "198.18.0.10:443", 27_000), flows("10.2.0.10", "udp", "198.18.0.10:50000", 25_000)),
		turn:     node.TurnObservation{Allocations: []turnserver.Allocation{allocation("198.18.0.20:40000", "tls", 50000, 22_000)}},
	}
	relayedTwice = sighting{
		caller: selected(relayTCP, relayUDP), callee: selected(relayUDP, relayUDP),
		gateways: gatewayFlows(flows("10.1.0.10", "tcp", "198.18.0.10:3478", 26_000), flows("10.2.0.10", "udp", "198.18.0.10:3478", 25_000)),
		turn: node.TurnObservation{Allocations: []turnserver.Allocation{
			allocation("198.18.0.20:40000", "tcp", 50000, 22_000), allocation("198.18.0.30:40000", "udp", 50001, 22_000)}},
	}
)

func TestWitnessesOfOneStoryAgree(t *testing.T) {
	for name, row := range map[string]struct {
		saw  sighting
		want Path
	}{
		"direct, called host and prflx":   {direct, Path{scenarios.PathDirect, ""}},
		"relayed over TCP":                {relayed, Path{scenarios.PathRelay, "tcp"}},
		"relayed over TLS":                {relayedTLS, Path{scenarios.PathRelay, "tls"}},
		"relayed twice over TCP and UDP":  {relayedTwice, Path{scenarios.PathRelayBoth, "tcp+udp"}},
		"relayed by the callee's relay":   {mirrored(relayed), Path{scenarios.PathRelay, "tcp"}},
		"checks through an unused relay":  {withChecks(direct), Path{scenarios.PathDirect, ""}},
		"a consent check on another path": {withFlow(relayed, flows("10.1.0.10", "udp", "198.18.0.30:50000", 200)), Path{scenarios.PathRelay, "tcp"}},
	} {
		t.Run(name, func(t *testing.T) {
			heard := standardCourt(row.saw).testimonies()
			got, agreed := agree(heard)
			if !agreed || got != row.want {
				t.Errorf("agreed %t on %s, want %s\n%s", agreed, got, row.want, told(heard))
			}
		})
	}
}

func TestOneLiarIsEnough(t *testing.T) {
	for name, saw := range map[string]sighting{
		"caller names an address of no node":   with(direct, func(s *sighting) { s.caller = selected(callerHost, candidate(peers.Host, "172.20.0.3", "")) }),
		"callee says it has no pair":           with(direct, func(s *sighting) { s.callee.Selected = nil }),
		"caller says direct on a relayed path": with(relayed, func(s *sighting) { s.caller = direct.caller }),
		"gateways saw nothing":                 with(direct, func(s *sighting) { s.gateways = gatewayFlows(nil, nil) }),
		"gateways saw less than the payload":   with(direct, func(s *sighting) { s.gateways = gatewayFlows(flows("10.1.0.10", "udp", "198.18.0.30:50000", 900), nil) }),
		"the echo crossed on two paths":        withFlow(direct, flows("10.1.0.10", "tcp", "198.18.0.10:3478", 30_000)),
		"TURN server counts nothing":           with(relayed, func(s *sighting) { s.turn = node.TurnObservation{} }),
		"TURN server relayed on a direct path": with(direct, func(s *sighting) { s.turn = relayed.turn }),
		"TURN server relayed less than that": with(relayed, func(s *sighting) {
			s.turn.Allocations = []turnserver.Allocation{allocation("198.18.0.20:40000", "tcp", 50000, 900)}
		}),
		"TURN server names another transport": with(relayed, func(s *sighting) {
			s.turn.Allocations = []turnserver.Allocation{allocation("198.18.0.20:40000", "udp", 50000, 22_000)}
		}),
		"TCP to the port of TLS is no TLS": with(relayedTLS, func(s *sighting) { s.caller, s.turn = relayed.caller, relayed.turn }),
		"TLS to the port of TCP is no TLS": with(relayedTLS, func(s *sighting) { s.gateways = relayed.gateways }),
		"the port of TLS over UDP is no TLS": with(relayedTLS, func(s *sighting) {
			s.gateways = gatewayFlows(flows("10.1.0.10", "udp", "198.18.0.10:443", 27_000), s.gateways[topology.CalleeNAT].Flows)
		}),
		"TURN server counts a relay too many":    with(relayed, func(s *sighting) { s.turn = relayedTwice.turn }),
		"caller relayed, callee thinks directly": with(relayed, func(s *sighting) { s.callee = direct.callee }),
	} {
		t.Run(name, func(t *testing.T) {
			heard := standardCourt(saw).testimonies()
			if got, agreed := agree(heard); agreed {
				t.Errorf("they agree on %s\n%s", got, told(heard))
			}
		})
	}
}

func TestOnOneLANTheGatewaySeesNothing(t *testing.T) {
	neighbourHost := candidate(peers.Host, "10.1.0.11", "")
	c := standardCourt(sighting{
		caller: selected(callerHost, neighbourHost), callee: selected(neighbourHost, callerHost),
		gateways: map[string]gateway.Observation{topology.CallerNAT: {}},
	})
	c.callee = topology.Neighbour
	if got, agreed := agree(c.testimonies()); !agreed || got.Path != scenarios.PathDirect {
		t.Errorf("agreed %t on %s, want direct", agreed, got)
	}
}

func TestWithoutAnEchoThereIsNoPath(t *testing.T) {
	c := standardCourt(sighting{
		caller: peers.Report{ICE: "checking"}, callee: peers.Report{ICE: "checking"},
		gateways: gatewayFlows(flows("10.1.0.10", "udp", "198.18.0.10:3478", 200), nil),
	})
	c.payload = 0
	if got, agreed := agree(c.testimonies()); !agreed || got.Path != scenarios.PathNone {
		t.Errorf("agreed %t on %s, want none", agreed, got)
	}
}

func with(s sighting, change func(*sighting)) sighting {
	change(&s)
	return s
}

func withFlow(s sighting, more []gateway.Flow) sighting {
	s.gateways = gatewayFlows(append(more, s.gateways[topology.CallerNAT].Flows...), s.gateways[topology.CalleeNAT].Flows)
	return s
}

func withChecks(s sighting) sighting {
	a := allocation("198.18.0.20:40000", "udp", 50000, 0)
	a.ToPeers.Checks, a.ToPeers.CheckBytes = 3, 300
	s.turn.Allocations = []turnserver.Allocation{a}
	return s
}

// mirrored swaps caller and callee.
func mirrored(s sighting) sighting {
	turn := s.turn
	turn.Allocations = []turnserver.Allocation{allocation("198.18.0.30:40000", "tcp", 50000, 22_000)}
	return sighting{
		caller: selected(callerHost, relayUDP), callee: selected(relayTCP, callerSrflx),
		gateways: gatewayFlows(flows("10.1.0.10", "udp", "198.18.0.10:50000", 25_000), flows("10.2.0.10", "tcp", "198.18.0.10:3478", 26_000)),
		turn:     turn,
	}
}

// A relay that lets one direction through only, or carries a handshake and no
// message, is no path: all witnesses have to say so.
func TestWhatGoesOneWayIsNoPath(t *testing.T) {
	deaf := allocation("198.18.0.20:40000", "udp", 50000, 0)
	deaf.ToPeers.Bytes = 9_000
	c := standardCourt(sighting{
		caller: selected(relayUDP, calleePrflx), callee: selected(calleeHost, relayUDP),
		gateways: gatewayFlows(flows("10.1.0.10", "udp", "198.18.0.10:3478", 10_000), nil),
		turn:     node.TurnObservation{Allocations: []turnserver.Allocation{deaf}},
	})
	c.payload = 0
	if path, agreed := agree(c.testimonies()); !agreed || path.Path != scenarios.PathNone {
		t.Errorf("proven %s, agreed %t: %s", path, agreed, told(c.testimonies()))
	}
}
