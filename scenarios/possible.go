package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/nat"
)

// checkPossible refuses an expectation that no run can meet: one that is better
// than the best that can be, and one that needs what is not there. A path that
// works but is not the one that ICE prefers is left to be tried.
func checkPossible(s Scenario) *problem {
	path, transport := s.Expect.Path, s.Expect.Transport
	if transport != "" && !path.Relayed() {
		return problemf("expect.transport", "expect.transport is %s, but path %s has no leg to a TURN server; leave transport out", transport, path)
	}
	m, err := newMeans(s)
	if err != nil {
		return problemf("", "%s", err)
	}
	if why := m.obstacle(path, ""); why != "" {
		return problemf("expect.path", "expect.path is %s, but %s; want %s", path, why, m.possible())
	}
	if why := m.obstacle(path, transport); why != "" {
		return problemf("expect.transport", "expect.transport is %s, but %s; change one of the two, or leave transport out", transport, why)
	}
	return nil
}

// means is what the peers have to reach each other with.
type means struct {
	best           nat.Prediction
	caller, callee side
}

// side is what one peer has.
type side struct {
	who       string
	peer      Peer
	condition nat.Condition
	turn      Turn
	// dead says that the STUN and TURN server is killed before connect.
	dead bool
}

func newMeans(s Scenario) (means, error) {
	best, err := s.Predict()
	if err != nil {
		return means{}, err
	}
	caller, callee, err := s.Conditions()
	if err != nil {
		return means{}, err
	}
	dead := s.killedBeforeConnect()
	return means{
		best:   best,
		caller: side{"caller", s.Caller, caller, s.Turn, dead},
		callee: side{"callee", s.Callee, callee, s.Turn, dead},
	}, nil
}

// obstacle says why path cannot be, with transport as the leg to the TURN
// server or any if that is empty. It returns "" if nothing certain is in the way.
func (m means) obstacle(path Path, transport string) string {
	if path.rank() < Path(m.best.Path).rank() {
		return "the best there can be is " + m.best.Reason
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

// possible lists the paths that nothing certain is in the way of.
func (m means) possible() string {
	var names []string
	for _, path := range paths() {
		if m.obstacle(path, "") == "" {
			names = append(names, string(path))
		}
	}
	return enumerate(names, " or ")
}

// noRelay says why the peer can have no relay candidate over transport.
func (s side) noRelay(transport string) string {
	usable := s.turn.Transports
	if transport != "" {
		usable = slices.DeleteFunc(slices.Clone(usable), func(t string) bool { return t != transport })
	}
	switch {
	case s.turn.Off:
		return "turn is off"
	case s.dead:
		return "the TURN server is killed before connect"
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
