package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/nat"
)

// checkPossible refuses an expectation that no run can meet: one that is better
// than the best that can be when it is to be proven, and one that needs what is
// not there. A path that works but is not the one that ICE prefers is left to be
// tried, and so is whether a path survives what happened to it.
func checkPossible(s Scenario) *problem {
	worlds, err := s.worlds()
	if err != nil {
		return problemf("", "%s", err)
	}
	for i, step := range s.Steps {
		if step.Echo != nil {
			if p := worlds[i].checkEchoes(i, *step.Echo); p != nil {
				return p
			}
		}
	}
	for i, step := range s.Steps {
		place := fmt.Sprintf("steps[%d]", i)
		heard := step.Connect != nil && s.ExpectedAt(i).Path != PathNone || step.Recovery() != 0
		if m := worlds[i+1].means(i); heard && !m.otherURLs() && Path(m.best.Path) == PathNone {
			return problemf(place, "%s lets the peers hear each other, but %s; put it where there is a path", place, m.limit())
		}
	}
	return nil
}

// checkEchoes checks what the echo at an index has to prove.
func (w world) checkEchoes(step int, e Echo) *problem {
	m, want := w.means(step), e.expected(w.story.Expect)
	own := fmt.Sprintf("steps[%d].echo", step)
	at, possible := "expect", m.possible()
	if e.Path != "" || m.circumstances != "" {
		possible = m.provable()
	}
	if e.Path != "" {
		at = own
	}
	if why := m.obstacle(want.Path, ""); why != "" {
		return problemf(at+".path", "%s.path is %s, but %s; %s", at, want.Path, why, possible)
	}
	if e.Transport != "" {
		at = own
		if p := checkLeg(own, want); p != nil {
			return p
		}
	}
	if why := m.obstacle(want.Path, want.Transport); why != "" {
		return problemf(at+".transport", "%s.transport is %s, but %s; change one of the two, or leave transport out", at, want.Transport, why)
	}
	return nil
}

// means is what the peers have to reach each other with.
type means struct {
	best           nat.Prediction
	caller, callee side
	// circumstances tells since when there is no more: "by steps[3] the caller's
	// UDP is cut".
	circumstances string
}

// side is what one peer has.
type side struct {
	who       string
	peer      Peer
	condition nat.Condition
	turn      Turn
	// noServer says why there is no relay at all, if that is the server's doing.
	noServer string
	// urls are those that faults give it in place of the TURN server's.
	urls []string
}

// means returns what the peers have when the step at an index is taken.
func (w world) means(step int) means {
	s := w.story
	m := means{
		best:   w.predict(),
		caller: side{SideCaller, s.Caller, w.condition(0), s.Turn, w.noServer(), s.Faults.Caller.URLs},
		callee: side{SideCallee, s.Callee, w.condition(1), s.Turn, w.noServer(), s.Faults.Callee.URLs},
	}
	if facts := w.circumstances(); facts != "" {
		m.circumstances = fmt.Sprintf("by steps[%d] %s", step, facts)
	}
	return m
}

// limit tells what the best path is, and why.
func (m means) limit() string {
	limit := "the best there can be is " + m.best.Reason
	if m.circumstances != "" {
		return m.circumstances + ", and " + limit
	}
	return limit
}

// obstacle says why path cannot be, with transport as the leg to the TURN
// server or any if that is empty. It returns "" if nothing certain is in the way.
func (m means) obstacle(path Path, transport string) string {
	if path.rank() < Path(m.best.Path).rank() && !(path.Relayed() && m.otherURLs()) {
		return m.limit()
	}
	switch path {
	case PathRelay:
		// One peer's relay, and the other's own address.
		byCaller := cmp.Or(m.caller.noRelay(transport), m.callee.noUDP())
		byCallee := cmp.Or(m.callee.noRelay(transport), m.caller.noUDP())
		if byCaller == "" || byCallee == "" {
			return ""
		}
		return both(byCaller, byCallee)
	case PathRelayBoth:
		return both(m.caller.noRelay(transport), m.callee.noRelay(transport))
	}
	return ""
}

// otherURLs reports whether a peer has URLs that the prediction knows nothing of.
func (m means) otherURLs() bool { return m.caller.urls != nil || m.callee.urls != nil }

// possible lists the paths that nothing certain is in the way of.
func (m means) possible() string { return "want " + enumerate(m.feasible(), " or ") }

// provable lists those of them that an echo can take.
func (m means) provable() string {
	names := slices.DeleteFunc(m.feasible(), func(name string) bool { return Path(name) == PathNone })
	if len(names) == 0 {
		return "write no-echo"
	}
	return "want " + enumerate(names, " or ")
}

func (m means) feasible() []string {
	var names []string
	for _, path := range paths() {
		if m.obstacle(path, "") == "" {
			names = append(names, string(path))
		}
	}
	return names
}

// noRelay says why the peer can have no relay candidate over transport.
func (s side) noRelay(transport string) string {
	usable := s.turn.Transports
	if transport != "" {
		usable = slices.DeleteFunc(slices.Clone(usable), func(t string) bool { return t != transport })
	}
	switch {
	case s.urls != nil && s.noServer == "" && s.peer.Allows(Relay):
		return "" // over whatever they say
	case s.turn.Off:
		return "turn is off"
	case s.noServer != "":
		return s.noServer
	case !s.peer.Allows(Relay):
		return fmt.Sprintf("the %s may not use relay candidates", s.who)
	case len(usable) == 0:
		return fmt.Sprintf("turn.transports is [%s]", strings.Join(s.turn.Transports, ", "))
	case slices.ContainsFunc(usable, s.passes):
		return ""
	case slices.Equal(usable, []string{UDP}):
		return s.noUDP()
	}
	return fmt.Sprintf("no TURN over %s passes the %s's %s", enumerate(usable, " or "), s.who, s.condition.Name)
}

// The TCP ports that the TURN server is on (RFC 8656 §3, and the web's).
const turnPort, turnTLSPort = 3478, 443

// passes reports whether the peer reaches the TURN server over a transport. What
// comes back answers what went out, so only firewalls are in the way.
func (s side) passes(transport string) bool {
	for _, hop := range s.condition.Chain() {
		ports := hop.Firewall.TCPPorts
		switch {
		case transport == UDP && hop.Firewall.BlockUDP,
			transport == TCP && ports != nil && !slices.Contains(ports, turnPort),
			transport == TLS && ports != nil && !slices.Contains(ports, turnTLSPort):
			return false
		}
	}
	return true
}

// noUDP says why the peer can send and receive nothing on the WAN but through
// its relay.
func (s side) noUDP() string {
	if s.passes(UDP) {
		return ""
	}
	return fmt.Sprintf("no UDP passes the %s's %s", s.who, s.condition.Name)
}

// both tells two reasons, or one where the other adds nothing.
func both(a, b string) string {
	switch {
	case strings.HasPrefix(a, b):
		return a
	case strings.HasPrefix(b, a):
		return b
	}
	return a + ", and " + b
}
