package vnet

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/pion/transport/v4"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
)

// bench is a network with a socket on the caller and two on the server.
type bench struct {
	*testing.T
	*network
	caller, first, second transport.UDPConn
}

var (
	callerAt = netip.MustParseAddrPort("10.1.0.10:5000")
	external = netip.MustParseAddrPort("198.18.0.20:5000")
	firstAt  = netip.MustParseAddrPort("198.18.0.10:1000")
	secondAt = netip.MustParseAddrPort("198.18.0.10:2000")
)

func newBench(t *testing.T, shape topology.Topology, behind nat.Hop) *bench {
	t.Helper()
	n, err := newNetwork(shape)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, network: n}
	t.Cleanup(func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
	b.program(topology.CallerNAT, behind)
	b.caller = b.open(topology.Caller, callerAt)
	b.first, b.second = b.open(topology.Turn, firstAt), b.open(topology.Turn, secondAt)
	return b
}

func (b *bench) program(name string, behind nat.Hop) {
	b.Helper()
	h := b.host(name)
	h.gateway.spec.NAT, h.gateway.spec.Firewall = behind.NAT, behind.Firewall
	if err := h.Program(h.gateway.spec); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) open(host string, at netip.AddrPort) transport.UDPConn {
	b.Helper()
	conn, err := b.host(host).Net().ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (b *bench) send(from transport.UDPConn, to netip.AddrPort, text string) {
	b.Helper()
	if _, err := from.WriteTo([]byte(text), net.UDPAddrFromAddrPort(to)); err != nil {
		b.Error(err)
	}
}

// expect returns whom the next packet is from.
func (b *bench) expect(at transport.UDPConn, text string) netip.AddrPort {
	b.Helper()
	if err := at.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 100)
	n, from, err := at.ReadFrom(buf)
	if err != nil || string(buf[:n]) != text {
		b.Fatalf("got %q, %v, want %q", buf[:n], err, text)
	}
	return addrPort(from)
}

// dropped waits for a packet to be dropped.
func (b *bench) dropped(gatewayName string, why gateway.Reason, bytes uint64) {
	b.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); <-tick.C {
		o, err := b.host(gatewayName).Observe()
		if err != nil {
			b.Fatal(err)
		}
		for _, d := range o.Drops {
			if d == (gateway.Drop{Reason: why, Packets: 1, Bytes: bytes}) {
				return
			}
		}
	}
	b.Errorf("no packet of %d bytes was dropped for %s", bytes, why)
}

var portRestricted = nat.Hop{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving}}

func TestWhatIsDroppedIsCountedWithItsReason(t *testing.T) {
	b := newBench(t, topology.Standard(), portRestricted)
	b.send(b.caller, firstAt, "out")
	if from := b.expect(b.first, "out"); from != external {
		t.Errorf("seen as %s, want %s", from, external)
	}
	b.send(b.second, external, "12")
	b.dropped(topology.CallerNAT, gateway.Filtered, 28+2)
	b.send(b.first, netip.AddrPortFrom(external.Addr(), 9), "123")
	b.dropped(topology.CallerNAT, gateway.NoMapping, 28+3)
	b.send(b.first, callerAt, "1234")
	b.dropped(topology.CallerNAT, gateway.PrivateDestination, 28+4)
	b.send(b.caller, external, "12345")
	b.dropped(topology.CallerNAT, gateway.HairpinOff, 28+5)
	b.send(b.first, external, "in")
	b.expect(b.caller, "in")

	b.program(topology.CallerNAT, nat.Hop{Firewall: nat.Firewall{Stateful: true}})
	b.send(b.first, callerAt, "123456")
	b.dropped(topology.CallerNAT, gateway.Unsolicited, 28+6)
	b.send(b.caller, firstAt, "out")
	if from := b.expect(b.first, "out"); from != callerAt {
		t.Errorf("seen as %s, where addresses are routed", from)
	}
	b.send(b.first, callerAt, "in")
	b.expect(b.caller, "in")

	b.program(topology.CallerNAT, nat.Hop{Firewall: nat.Firewall{BlockUDP: true}})
	b.send(b.caller, firstAt, "1234567")
	b.dropped(topology.CallerNAT, gateway.UDPBlocked, 28+7)
}

func TestACutLineLosesEverythingUntilItIsMended(t *testing.T) {
	for _, cut := range []gateway.Cut{gateway.CutUDP, gateway.CutAll} {
		b := newBench(t, topology.Standard(), portRestricted)
		g := b.host(topology.CallerNAT)
		if err := g.Sever(cut); err != nil {
			t.Fatal(err)
		}
		b.send(b.caller, firstAt, "lost")
		b.dropped(topology.CallerNAT, gateway.LineCut, 28+4)
		if err := g.Sever(gateway.Whole); err != nil {
			t.Fatal(err)
		}
		b.send(b.caller, firstAt, "found")
		b.expect(b.first, "found")
	}
}

func TestFlowsAreCountedAsTheInsideHostSeesThem(t *testing.T) {
	b := newBench(t, topology.Standard(), portRestricted)
	for range 3 {
		b.send(b.caller, firstAt, "1234567890")
		b.expect(b.first, "1234567890")
	}
	b.send(b.first, external, "12")
	b.expect(b.caller, "12")
	checkFlows(t, b.host(topology.CallerNAT),
		gateway.Flow{Direction: gateway.Outbound, Protocol: "udp", Inside: callerAt.Addr(), Remote: firstAt, Packets: 3, Bytes: 3 * 38},
		gateway.Flow{Direction: gateway.Inbound, Protocol: "udp", Inside: callerAt.Addr(), Remote: firstAt, Packets: 1, Bytes: 30},
	)
}

func TestAHairpinnedPacketIsAFlowOfBothHosts(t *testing.T) {
	hairpinning := *portRestricted.NAT
	hairpinning.Hairpin, hairpinning.Filtering = true, nat.EIF
	b := newBench(t, topology.Standard(), nat.Hop{NAT: &hairpinning})
	neighbourAt := netip.MustParseAddrPort("10.1.0.11:6000")
	neighbour := b.open(topology.Neighbour, neighbourAt)
	b.send(neighbour, firstAt, "here")
	outside := b.expect(b.first, "here")
	b.send(b.caller, outside, "turn")
	if from := b.expect(neighbour, "turn"); from != external {
		t.Errorf("seen as %s, want the external %s (RFC 4787 REQ-9a)", from, external)
	}
	checkFlows(t, b.host(topology.CallerNAT),
		gateway.Flow{Direction: gateway.Outbound, Protocol: "udp", Inside: neighbourAt.Addr(), Remote: firstAt, Packets: 1, Bytes: 32},
		gateway.Flow{Direction: gateway.Outbound, Protocol: "udp", Inside: callerAt.Addr(), Remote: neighbourAt, Packets: 1, Bytes: 32},
		gateway.Flow{Direction: gateway.Inbound, Protocol: "udp", Inside: neighbourAt.Addr(), Remote: external, Packets: 1, Bytes: 32},
	)
}

func checkFlows(t *testing.T, h *host, want ...gateway.Flow) {
	t.Helper()
	o, err := h.Observe()
	if err != nil {
		t.Fatal(err)
	}
	got := map[gateway.Flow]bool{}
	for _, f := range o.Flows {
		got[f] = true
	}
	for _, f := range want {
		if !got[f] {
			t.Errorf("no flow %+v among %+v", f, o.Flows)
		}
	}
	if len(o.Flows) != len(want) {
		t.Errorf("%d flows, want %d", len(o.Flows), len(want))
	}
}

func TestProgrammingForgetsWhatTheGatewayBeforeKnew(t *testing.T) {
	b := newBench(t, topology.Standard(), portRestricted)
	b.send(b.caller, firstAt, "out")
	b.expect(b.first, "out")
	b.program(topology.CallerNAT, portRestricted)
	checkFlows(t, b.host(topology.CallerNAT))
	b.send(b.first, external, "late")
	b.dropped(topology.CallerNAT, gateway.NoMapping, 28+4)
}

func TestALineThatDelaysDeliversLateAndInOrder(t *testing.T) {
	const delay = 500 * time.Millisecond
	b := newBench(t, topology.Standard(), portRestricted)
	if err := b.host(topology.CallerNAT).Impair(nat.Link{Up: nat.Impairment{Delay: delay}}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for _, text := range []string{"1", "2", "3"} {
		b.send(b.caller, firstAt, text)
	}
	for _, text := range []string{"1", "2", "3"} {
		b.expect(b.first, text)
	}
	if took := time.Since(begin); took < delay {
		t.Errorf("arrived after %s, want %s at least", took, delay)
	}
	begin = time.Now()
	b.send(b.first, external, "back")
	b.expect(b.caller, "back")
	if took := time.Since(begin); took >= delay {
		t.Errorf("the way back took %s, where only the way up is slow", took)
	}
}

func TestAHairpinnedPacketGoesUpTheLineAndDownAgain(t *testing.T) {
	const delay = 30 * time.Millisecond
	hairpinning := *portRestricted.NAT
	hairpinning.Hairpin, hairpinning.Filtering = true, nat.EIF
	b := newBench(t, topology.Standard(), nat.Hop{NAT: &hairpinning})
	neighbour := b.open(topology.Neighbour, netip.MustParseAddrPort("10.1.0.11:6000"))
	b.send(neighbour, firstAt, "here")
	outside := b.expect(b.first, "here")
	slow := nat.Impairment{Delay: delay}
	if err := b.host(topology.CallerNAT).Impair(nat.Link{Up: slow, Down: slow}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	b.send(b.caller, outside, "turn")
	b.expect(neighbour, "turn")
	if took := time.Since(begin); took < 2*delay {
		t.Errorf("arrived after %s, want %s at least", took, 2*delay)
	}
}

func TestAHostThatMovesIsReachedAtItsNewAddressOnly(t *testing.T) {
	b := newBench(t, topology.Visited(), portRestricted)
	b.send(b.caller, firstAt, "home")
	b.expect(b.first, "home")
	caller := b.host(topology.Caller)
	there := netip.MustParseAddrPort("10.3.0.10:5000")
	if _, err := caller.Net().ListenUDP("udp4", net.UDPAddrFromAddrPort(there)); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("error %v on a link that is down", err)
	}
	if err := caller.Move(node.Move{From: topology.CallerLAN, To: topology.VisitedLAN, Default: netip.MustParseAddr("10.3.0.1")}); err != nil {
		t.Fatal(err)
	}
	up, err := caller.Net().Interfaces()
	if err != nil || len(up) != 1 || up[0].Name != topology.VisitedLAN {
		t.Errorf("interfaces %v, %v after the move", up, err)
	}
	b.program(topology.VisitedNAT, portRestricted)
	moved := b.open(topology.Caller, there)
	b.send(b.caller, firstAt, "lost")
	b.send(moved, firstAt, "away")
	if from := b.expect(b.first, "away"); from.Addr() != netip.MustParseAddr("198.18.0.40") {
		t.Errorf("seen as %s after the move", from)
	}
}

func TestWhatCannotBeHadIsUnsupported(t *testing.T) {
	b := newBench(t, topology.Standard(), nat.Hop{})
	g, caller := b.host(topology.CallerNAT), b.host(topology.Caller)
	spec := g.gateway.spec
	rejecting := *portRestricted.NAT
	rejecting.Unsolicited = nat.Reject
	withNAT, withTCP := spec, spec
	withNAT.NAT, withTCP.Firewall.TCPPorts = &rejecting, []uint16{443}
	_, dialled := caller.Net().DialTCP("tcp4", nil, &net.TCPAddr{})
	_, listened := caller.Net().ListenTCP("tcp4", nil)
	_, configured := caller.Net().CreateListenConfig(nil).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	_, bound := g.Net().ListenUDP("udp4", nil)
	for what, err := range map[string]error{
		"rejecting": g.Program(withNAT), "TCP ports": g.Program(withTCP),
		"dial TCP": dialled, "listen on TCP": listened, "listen with a config": configured,
		"a gateway's sockets": bound, "a gateway order": caller.Sever(gateway.CutAll),
	} {
		if u, ok := errors.AsType[*node.Unsupported](err); !ok || u.Why == "" {
			t.Errorf("%s: error %v, want that it is not supported, and why", what, err)
		}
	}
}

func TestSocketsFailAsASystemsDo(t *testing.T) {
	b := newBench(t, topology.Standard(), nat.Hop{})
	stack := b.host(topology.Caller).Net()
	if _, err := stack.ListenUDP("udp4", net.UDPAddrFromAddrPort(callerAt)); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port that is taken: %v", err)
	}
	if _, err := stack.ListenUDP("udp4", net.UDPAddrFromAddrPort(firstAt)); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("an address of another host: %v", err)
	}
	conn := b.open(topology.Caller, netip.AddrPortFrom(callerAt.Addr(), 0))
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, read := conn.ReadFrom(nil)
	_, write := conn.WriteTo(nil, net.UDPAddrFromAddrPort(firstAt))
	for what, err := range map[string]error{"read": read, "write": write, "close": conn.Close()} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s on a closed socket: %v", what, err)
		}
	}
}
