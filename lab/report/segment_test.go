package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icelab-go/icelab/wire"
)

// opening is a SYN as one place saw it; without a number there it had no header.
func opening(after time.Duration, node, at string, way wire.Direction, from, to netip.AddrPort, number uint32) wire.Packet {
	p := wire.Packet{
		Time: began.Add(after), Node: node, At: at, Direction: way, Protocol: "tcp", From: from, To: to,
		Kind: wire.KindTCP, TCP: &wire.TCP{SYN: true},
	}
	if number != 0 {
		p.Header = segment(from, to, number, 0, flagSYN, nil, 0)
	}
	return p
}

func TestConnectionsOpenedAtTheSameMomentAreDrawnApart(t *testing.T) {
	c := refusedCall()
	c.Diagnosis = nil
	calleeAt := netip.MustParseAddrPort("10.2.0.10:40000")
	callerMapped, calleeMapped := netip.MustParseAddrPort("198.18.0.20:61000"), netip.MustParseAddrPort("198.18.0.30:62000")
	c.Evidence.Names[calleeAt.Addr()], c.Evidence.Names[calleeMapped.Addr()] = "callee", "callee-nat"
	us := func(n int) time.Duration { return time.Duration(n) * time.Microsecond }
	c.Evidence.Packets = []wire.Packet{
		opening(us(0), "caller", wire.AtSocket, wire.Out, caller, server, 0),
		opening(us(1), "callee", wire.AtSocket, wire.Out, calleeAt, server, 0),
		opening(us(2), "callee-nat", "callee-lan", wire.In, calleeAt, server, 1000),
		opening(us(3), "caller-nat", "caller-lan", wire.In, caller, server, 2000),
		opening(us(4), "callee-nat", "wan", wire.Out, calleeMapped, server, 1000),
		opening(us(5), "turn", wire.AtListener, wire.In, calleeMapped, server, 0),
		// A gateway can tell later than the server.
		opening(us(6), "turn", wire.AtListener, wire.In, callerMapped, server, 0),
		opening(us(7), "caller-nat", "wan", wire.Out, callerMapped, server, 2000),
		// The caller's again, which its gateway alone saw.
		opening(time.Second, "caller-nat", "caller-lan", wire.In, caller, server, 2000),
	}
	var drawn []string
	for _, a := range c.sequence(80).arrows {
		slices.Sort(a.at)
		drawn = append(drawn, fmt.Sprintf("%s → %s: %s, seen by %v", a.from, a.to, a.label(), a.at))
	}
	want := []string{
		"caller → turn: TCP SYN, seen by [caller caller-nat turn]",
		"callee → turn: TCP SYN, seen by [callee callee-nat turn]",
		"caller → caller-nat: TCP SYN, seen by [caller-nat]",
	}
	if strings.Join(drawn, "\n") != strings.Join(want, "\n") {
		t.Errorf("drawn:\n%s\nwant:\n%s", strings.Join(drawn, "\n"), strings.Join(want, "\n"))
	}
}
