package diagnose

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/probe"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/turnserver"
	"github.com/icelab-go/icelab/wire"
)

// story makes evidence by hand: what is said happens, a millisecond after what was
// said before, in a lab of two LANs behind a NAT each.
type story struct {
	Evidence
	now  time.Time
	last int // transaction
}

var (
	callerHost = netip.MustParseAddrPort("10.1.0.10:40000")
	calleeHost = netip.MustParseAddrPort("10.2.0.10:50000")
	callerOut  = netip.MustParseAddrPort("198.18.0.20:41000")
	calleeOut  = netip.MustParseAddrPort("198.18.0.30:51000")
	turnAt     = netip.MustParseAddrPort("198.18.0.10:3478")
	relayAt    = netip.MustParseAddrPort("198.18.0.10:60000")
)

func newStory() *story {
	s := &story{now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	config := Config{
		URLs:     []string{"stun:198.18.0.10:3478", "turn:198.18.0.10:3478?transport=udp", "turn:198.18.0.10:3478?transport=tcp"},
		Username: "user", Credential: true, Candidates: []string{"host", "srflx", "relay"},
	}
	s.Caller = Side{Node: "caller", Address: callerHost.Addr(), Config: config, Report: &peers.Report{Role: "caller", Started: s.now}}
	s.Callee = Side{Node: "callee", Address: calleeHost.Addr(), Config: config, Report: &peers.Report{Role: "callee", Started: s.now}}
	s.Gateways = []Gateway{
		{Name: "caller-nat", Of: []string{"caller"}, External: callerOut.Addr()},
		{Name: "callee-nat", Of: []string{"callee"}, External: calleeOut.Addr()},
	}
	s.Names = map[netip.Addr]string{
		callerHost.Addr(): "caller", calleeHost.Addr(): "callee",
		callerOut.Addr(): "caller-nat", calleeOut.Addr(): "callee-nat", turnAt.Addr(): "turn",
	}
	s.Server = &Server{Running: true}
	return s
}

// behind gives both peers NATs, and says what that leaves.
func (s *story) behind(caller, callee probe.Card, path nat.Path) {
	caller.UDP, callee.UDP = true, true
	s.Caller.NAT, s.Callee.NAT = &caller, &callee
	s.Predicted = &nat.Prediction{Path: path, Reason: string(path) + ": as it is"}
	if path != nat.PathDirect && path != nat.PathNone {
		s.Predicted.Transport = "udp"
	}
}

var (
	symmetric  = probe.Card{NAT: true, Mapping: nat.APDM, Filtering: nat.APDF, Ports: nat.Random}
	restricted = probe.Card{NAT: true, Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving}
)

// at sees a packet.
func (s *story) at(node, at string, way wire.Direction, from, to netip.AddrPort, what wire.Packet) {
	s.now = s.now.Add(time.Millisecond)
	what.ID, what.Time, what.Node, what.At, what.Direction, what.From, what.To = len(s.Packets)+1, s.now, node, at, way, from, to
	if what.Protocol == "" {
		what.Protocol = "udp"
	}
	s.Packets = append(s.Packets, what)
}

func stunPacket(m wire.STUN) wire.Packet { return wire.Packet{Kind: wire.KindSTUN, STUN: &m} }

func (s *story) transaction() string { s.last++; return fmt.Sprintf("%024x", s.last) }

// asks has a peer ask the server, which answers; an answer without a class is none.
func (s *story) asks(caller bool, request, answer wire.STUN) {
	node, gateway, lan, inside, outside := "callee", "callee-nat", "callee-lan", calleeHost, calleeOut
	if caller {
		node, gateway, lan, inside, outside = "caller", "caller-nat", "caller-lan", callerHost, callerOut
	}
	request.Class, request.Transaction = wire.Request, s.transaction()
	answer.Method, answer.Transaction = request.Method, request.Transaction
	s.at(node, wire.AtSocket, wire.Out, inside, turnAt, stunPacket(request))
	s.at(gateway, lan, wire.In, inside, turnAt, stunPacket(request))
	s.at(gateway, "wan", wire.Out, outside, turnAt, stunPacket(request))
	s.at("turn", wire.AtListener, wire.In, outside, turnAt, stunPacket(request))
	if answer.Class == "" {
		return
	}
	s.at("turn", wire.AtListener, wire.Out, turnAt, outside, stunPacket(answer))
	s.at(gateway, "wan", wire.In, turnAt, outside, stunPacket(answer))
	s.at(gateway, lan, wire.Out, turnAt, inside, stunPacket(answer))
	s.at(node, wire.AtSocket, wire.In, turnAt, inside, stunPacket(answer))
}

// allocates has a peer ask for an allocation, to which the server answers with a
// code; 0 grants it.
func (s *story) allocates(caller bool, code int, relay netip.AddrPort) {
	s.asks(caller, wire.STUN{Method: "allocate", RequestedTransport: 17},
		wire.STUN{Class: wire.Error, Code: 401, Realm: "icelab", Nonce: true})
	answer := wire.STUN{Class: wire.Error, Code: code}
	outside := calleeOut
	if caller {
		outside = callerOut
	}
	if code == 0 {
		answer = wire.STUN{Class: wire.Success, Relayed: relay, Mapped: outside}
		s.event(turnserver.Event{Kind: turnserver.AllocationCreated, Client: outside, Relay: relay, Transport: "udp"})
	}
	s.asks(caller, wire.STUN{Method: "allocate", RequestedTransport: 17, Username: "user", Realm: "icelab", Nonce: true, Integrity: true}, answer)
}

func (s *story) event(e turnserver.Event) {
	s.now = s.now.Add(time.Millisecond)
	e.Seq, e.Time = uint64(len(s.Server.Events)+1), s.now
	s.Server.Events = append(s.Server.Events, e)
}

// leaves has the callee send a check that is seen no farther than past its NAT.
func (s *story) leaves(to netip.AddrPort) {
	check := stunPacket(wire.STUN{Method: "binding", Class: wire.Request, Transaction: s.transaction(), Priority: 1, Role: "controlled", Username: "a:b"})
	s.at("callee", wire.AtSocket, wire.Out, calleeHost, to, check)
	s.at("callee-nat", "callee-lan", wire.In, calleeHost, to, check)
	s.at("callee-nat", "wan", wire.Out, calleeOut, to, check)
}

// tries is an attempt of the application's.
func (s *story) tries(what string, ok bool) {
	began := s.now
	if len(s.Attempts) == 0 {
		began = s.Caller.Report.Started
	}
	s.now = s.now.Add(4 * time.Second)
	s.Attempts = append(s.Attempts, Attempt{What: what, Began: began, Ended: s.now, OK: ok})
}
