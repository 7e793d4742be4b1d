package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/nat"
)

// checkPossible refuses an expectation that no run can meet. It knows certain
// impossibilities only: whether two NATs can be punched, and which of several
// possible paths ICE prefers, is not asked here.
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
	caller, callee side
	sameLAN        bool
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
	caller, callee, err := s.Conditions()
	if err != nil {
		return means{}, err
	}
	connect := slices.IndexFunc(s.Steps, func(s Step) bool { return s.Connect != nil })
	dead := slices.ContainsFunc(s.Steps[:connect], func(s Step) bool { return s.Kill == KillTurn })
	return means{
		caller:  side{"caller", s.Caller, caller, s.Turn, dead},
		callee:  side{"callee", s.Callee, callee, s.Turn, dead},
		sameLAN: s.SameLAN(),
	}, nil
}

// obstacle says why path cannot be, with transport as the leg to the TURN
// server or any if that is empty. It returns "" if nothing certain is in the way.
func (m means) obstacle(path Path, transport string) string {
	switch path {
	case PathDirect:
		return m.noDirect()
	case PathRelay:
		// One peer's relay, and the other's own address.
		byCaller := cmp.Or(m.caller.noRelay(transport), m.callee.noOwnAddress())
		byCallee := cmp.Or(m.callee.noRelay(transport), m.caller.noOwnAddress())
		if byCaller == "" || byCallee == "" {
			return ""
		}
		return both(byCaller, byCallee)
	case PathRelayBoth:
		return both(m.caller.noRelay(transport), m.callee.noRelay(transport))
	}
	return ""
}

func (m means) noDirect() string {
	if m.sameLAN {
		return both(m.caller.noLANAddress(), m.callee.noLANAddress())
	}
	if why := both(m.caller.noOwnAddress(), m.callee.noOwnAddress()); why != "" {
		return why
	}
	if m.caller.private() && m.callee.private() {
		return "both peers are behind NATs and give only their private addresses away"
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
	case s.condition.Firewall.BlockUDP && !slices.Contains(s.turn.Transports, TCP):
		return s.noUDP() + " and turn.transports has no tcp"
	case s.condition.Firewall.BlockUDP && !slices.Contains(usable, TCP):
		return s.noUDP()
	}
	return ""
}

func (s side) noUDP() string {
	return fmt.Sprintf("no UDP passes the %s's %s", s.who, s.condition.Name)
}

// noOwnAddress says why the peer can send and receive nothing on the WAN but
// through its relay.
func (s side) noOwnAddress() string {
	switch {
	case !s.peer.Allows(Host) && !s.peer.Allows(Srflx):
		return fmt.Sprintf("the %s may use nothing but relay", s.who)
	case s.condition.Firewall.BlockUDP:
		return s.noUDP()
	case !s.peer.Allows(Host) && s.dead:
		return fmt.Sprintf("the %s can learn no srflx candidate from a server that is killed before connect", s.who)
	}
	return ""
}

// noLANAddress says why the peer can send and receive nothing on its LAN. Its
// host candidates need nobody's help there.
func (s side) noLANAddress() string {
	if s.peer.Allows(Host) {
		return ""
	}
	return s.noOwnAddress()
}

// private reports whether the peer gives away only addresses that mean nothing
// beyond its NAT.
func (s side) private() bool {
	return s.condition.NAT != nil && !s.peer.Allows(Srflx) && !s.peer.Allows(Relay)
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
