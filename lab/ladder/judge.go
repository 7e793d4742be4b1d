package ladder

import (
	"fmt"
	"net/netip"
)

// account tells of each way what it showed.
func (e *echoes) account() []Echo {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := []Echo{e.socketEcho()}
	if e.relay.Addr() != e.server.Addr() {
		echo := Echo{Way: EchoServer, To: e.server, Outcome: Failed, Detail: "nothing arrived at the relay"}
		if from := e.arrived[EchoServer]; from.IsValid() {
			echo.Outcome = OK
			echo.Detail = fmt.Sprintf("arrived at the relay, from %s: that is where it is", from)
		} else if !e.controlled {
			echo.Outcome = Skipped
			echo.Detail = "UDP does not reach this host's sockets anyway"
		}
		all = append(all, echo)
	}
	outward := Echo{Way: EchoOutward, To: e.seen, Outcome: Skipped, Detail: "nothing came, which a NAT's filter does too"}
	if from := e.arrived[EchoOutward]; from.IsValid() {
		outward.Outcome = OK
		outward.Detail = fmt.Sprintf("came from %s", from)
		if e.returned[EchoOutward].IsValid() {
			outward.Detail += ", and what was sent back there arrived"
		}
	}
	all = append(all, outward)

	between := Echo{Way: EchoRelay, To: e.relay, Outcome: Failed, Detail: "nothing went from a second allocation to this one and back"}
	if note := e.notes[EchoRelay]; note != "" {
		between.Outcome, between.Detail, between.Code = Skipped, note, e.refusal
	}
	if from := e.returned[EchoRelay]; from.IsValid() {
		between.Outcome = OK
		between.Detail = fmt.Sprintf("data from %s, a second allocation, arrived, and its answer came back", e.arrived[EchoRelay])
	}
	all = append(all, between)
	for i := range all {
		all[i].MS = e.after[all[i].Way]
	}
	return all
}

func (e *echoes) socketEcho() Echo {
	echo := Echo{Way: EchoSocket, To: e.relay, Outcome: Failed}
	from, note := e.arrived[EchoSocket], e.notes[EchoSocket]
	switch {
	case e.returned[EchoSocket].IsValid():
		echo.Outcome = OK
		echo.Detail = fmt.Sprintf("arrived at the relay from %s, and the answer came back", from)
	case from.IsValid():
		echo.Detail = fmt.Sprintf("arrived at the relay from %s, and the answer did not come back", from)
	case !e.controlled:
		echo.Outcome = Skipped
		echo.Detail = "nothing came, and no UDP from a STUN server came to this host's sockets either"
		if note != "" {
			echo.Detail = note + ", and no UDP from a STUN server came to this host's sockets either"
		}
	case note != "":
		echo.Detail, echo.Fault = note, e.trouble
	case e.seen.Addr() != e.c.peer:
		echo.Outcome = Skipped
		echo.Detail = fmt.Sprintf("nothing came; this host has several outer addresses, %s and %s, and the relay lets in the first only", e.c.peer, e.seen.Addr())
	default:
		echo.Detail = fmt.Sprintf("nothing arrived at the relay, while a STUN server answered such a socket, as %s", e.seen)
	}
	return echo
}

// judge is the rung, from all ways together.
func (e *echoes) judge() Rung {
	e.mu.Lock()
	defer e.mu.Unlock()
	between := ""
	switch {
	case e.returned[EchoRelay].IsValid():
		between = "; between two allocations of this server data passes"
	case e.notes[EchoRelay] != "":
		between = "; " + e.notes[EchoRelay]
	}
	socket := e.socketEcho()
	failed := func(f Fault, format string, args ...any) Rung {
		return Rung{Outcome: Failed, Fault: f, Detail: fmt.Sprintf(format, args...)}
	}
	atServer, outward := e.arrived[EchoServer], e.arrived[EchoOutward]
	switch {
	case socket.Outcome == OK:
		detail := fmt.Sprintf("from %s to %s and back in %.1f ms", e.arrived[EchoSocket], e.relay, e.after[EchoSocket])
		if !e.returned[EchoRelay].IsValid() && between != "" {
			detail += between
		}
		return Rung{Outcome: OK, Detail: detail}
	case e.arrived[EchoSocket].IsValid():
		return failed(RelayMute, "data from %s arrived at the relay %s, and its answer did not come back%s", e.arrived[EchoSocket], e.relay, between)
	case atServer.IsValid():
		return failed(RelayElsewhere, "the relay is at %s, not at %s: data sent there arrived, and none sent to the address that the server tells", e.server, e.relay)
	case outward.IsValid() && outward.Addr() != e.relay.Addr():
		return failed(RelayElsewhere, "what the relay sends comes from %s, not from %s, and nothing sent to that arrives", outward, e.relay)
	case nowhere(e.relay.Addr(), e.server.Addr()):
		return failed(RelayElsewhere, "%s is no address that peers reach, and nothing sent there arrives; the server itself is at %s", e.relay, e.server.Addr())
	case socket.Outcome == Skipped && e.returned[EchoRelay].IsValid():
		return Rung{Outcome: OK, Detail: "from a second allocation and back; from outside nothing could be tried: " + socket.Detail}
	case socket.Outcome == Skipped:
		return Rung{Outcome: Skipped, Detail: socket.Detail}
	}
	detail := fmt.Sprintf("nothing sent to %s arrives at the relay, while UDP from the server arrives here", e.relay)
	if e.notes[EchoSocket] != "" {
		detail = fmt.Sprintf("nothing sent to %s arrives at the relay: %s", e.relay, e.notes[EchoSocket])
	}
	if outward.IsValid() {
		detail += "; what the relay itself sends gets here"
	}
	return failed(RelayDeaf, "%s%s", detail, between)
}

// nowhere reports whether a relayed address cannot be meant for whoever reached the
// server at the other address.
func nowhere(relayed, server netip.Addr) bool {
	return relayed.IsUnspecified() || relayed.IsMulticast() ||
		relayed.IsLoopback() && !server.IsLoopback() ||
		relayed.IsLinkLocalUnicast() && !server.IsLinkLocalUnicast() ||
		inside(relayed) && !inside(server) && !server.IsLoopback()
}

// carrierGrade is the space between a carrier's NAT and its customers (RFC 6598).
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")

func inside(a netip.Addr) bool { return a.IsPrivate() || carrierGrade.Contains(a) }
