package scenarios

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/nat"
)

// What happens to the network under a call. Where such a step has a within, the
// echo of a message sent after the step began has to be back that long after it
// began, at most ten minutes; without one nothing is demanded, and the next step
// follows at once.

// Event happens to one peer's side of the network. The side alone is short for
// one without a within: "rebind: caller".
type Event struct {
	// Side is whose network it happens to: caller or callee.
	Side string `json:"side"`
	// Within is how long it may take until an echo is back; left out, nothing is
	// demanded.
	Within Duration `json:"within,omitempty"`
}

// Cut lets nothing through a peer's own gateway any more, in either direction.
// The side alone is short for one of all protocols.
type Cut struct {
	// Side is whose gateway it is: caller or callee.
	Side string `json:"side"`
	// Protocol is what is cut: udp, or all (the default).
	Protocol string `json:"protocol,omitempty"`
	// Within is how long it may take until an echo is back; left out, nothing is
	// demanded.
	Within Duration `json:"within,omitempty"`
}

// Reboot lets nothing through a peer's own gateway for a while, after which it
// has forgotten all mappings and connections.
type Reboot struct {
	// Side is whose gateway it is: caller or callee.
	Side string `json:"side"`
	// Down is for how long nothing passes: 500 ms by default, at most 60 s.
	Down Duration `json:"down,omitempty"`
	// Within is how long it may take until an echo is back, of which the gateway
	// is down at first; left out, nothing is demanded.
	Within Duration `json:"within,omitempty"`
}

// Move takes a peer to a LAN that nobody was on, behind a gateway and a perfect
// line of its own, where it gets a new address.
type Move struct {
	// Side is who moves: caller or callee.
	Side string `json:"side"`
	// To is the condition that the new LAN sits behind, one without a carrier; by
	// default port-restricted.
	To string `json:"to,omitempty"`
	// Within is how long it may take until an echo is back; left out, nothing is
	// demanded.
	Within Duration `json:"within,omitempty"`
}

// LinkChange makes the line behind a peer's own gateway better or worse: what it
// does not name, the line does no longer do. The side alone is short for a
// perfect line.
type LinkChange struct {
	// Side is whose line it is: caller or callee.
	Side string
	// Link is how good the line is from now on. In a file its keys stand beside
	// side.
	Link nat.Link
}

// RestartICE lets the peers gather, signal and check anew (RFC 8445 §9) over the
// session they have.
type RestartICE struct {
	// Within is how long it may take until an echo is back; 10 s by default. Where
	// path none is expected it is how long none may be found.
	Within Duration `json:"within,omitempty"`
	// Path is none where the peers must not find each other.
	Path Path `json:"path,omitempty"`
}

// The sides of the steps that happen to one.
const (
	SideCaller = "caller"
	SideCallee = "callee"
)

// CutAll is the Cut.Protocol that stands for every protocol; the other one is
// UDP.
const CutAll = "all"

// What an event does when it is not told.
const (
	defaultDown = Duration(500 * time.Millisecond)
	defaultMove = "port-restricted"
)

func sides() []string     { return []string{SideCaller, SideCallee} }
func protocols() []string { return []string{UDP, CutAll} }

func newRestartICE() *RestartICE { r := &RestartICE{}; r.preset(); return r }

func (c *Cut) preset()        { c.Protocol = cmp.Or(c.Protocol, CutAll) }
func (r *Reboot) preset()     { r.Down = cmp.Or(r.Down, defaultDown) }
func (m *Move) preset()       { m.To = cmp.Or(m.To, defaultMove) }
func (r *RestartICE) preset() { r.Within = cmp.Or(r.Within, defaultWithin) }

// String tells the side: "caller within 5s".
func (e Event) String() string { return e.Side + within(e.Within) }

// String tells the side and what is cut: "caller udp".
func (c Cut) String() string { return c.Side + " " + c.Protocol + within(c.Within) }

// String tells the side and the time: "caller down 500ms".
func (r Reboot) String() string { return fmt.Sprintf("%s down %s%s", r.Side, r.Down, within(r.Within)) }

// String tells from where to where: "caller to port-restricted".
func (m Move) String() string { return fmt.Sprintf("%s to %s%s", m.Side, m.To, within(m.Within)) }

// String tells the time: "within 10s", or "path none within 10s".
func (r RestartICE) String() string {
	if r.Path != "" {
		return "path " + string(r.Path) + within(r.Within)
	}
	return strings.TrimSpace(within(r.Within))
}

func within(d Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf(" within %s", d)
}
