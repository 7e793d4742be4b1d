package scenarios

import (
	"fmt"
	"slices"

	"github.com/icelab-go/icelab/lab/nat"
)

// world is how things stand between two steps, as far as that can be told
// without a run.
type world struct {
	story *Scenario
	// behind is what the caller and the callee sit behind by now, cuts aside. On
	// one LAN both are the caller's.
	behind [2]nat.Condition
	// cut is the Cut.Protocol of each gateway, "" for one that is whole.
	cut [2]string
	// moved is the side that is on another LAN by now.
	moved string

	// killed says that nothing answers at the STUN and TURN server.
	killed bool
	// gathered counts how often the peers have gathered candidates, blind says
	// that no server answered the last time.
	gathered int
	blind    bool
	// stranded says that the relays gathered last died with their server. One
	// that is started again knows nothing of them.
	stranded bool

	// proven is the path of the last echo.
	proven Path
	// unsettled says that since the peers last heard each other something happened
	// that an echo may survive, or may not.
	unsettled bool
	// waited is the longest wait since connect.
	waited Duration
}

func newWorld(s *Scenario) (world, error) {
	caller, callee, err := s.Conditions()
	return world{story: s, behind: [2]nat.Condition{caller, callee}}, err
}

// worlds returns how things stand before each step, and at last after all.
func (s Scenario) worlds() ([]world, error) {
	w, err := newWorld(&s)
	if err != nil {
		return nil, err
	}
	all := []world{w}
	for _, step := range s.Steps {
		w = w.after(step)
		all = append(all, w)
	}
	return all, nil
}

// gateway says which gateway is the side's own.
func (w world) gateway(side string) int {
	if side == SideCallee && !w.story.SameLAN() {
		return 1
	}
	return 0
}

// after returns how things stand once a step has been taken.
func (w world) after(step Step) world {
	switch {
	case step.Connect != nil, step.RestartICE != nil:
		w.gathered++
		w.blind, w.stranded, w.unsettled = w.killed, false, false
	case step.Echo != nil:
		w.proven, w.unsettled = step.Echo.expected(w.story.Expect).Path, false
	case step.Kill != "":
		w.killed, w.stranded = true, w.connected()
	case step.Start != "":
		w.killed = false
	case step.Wait != 0:
		if w.connected() {
			w.waited = max(w.waited, step.Wait)
		}
	case step.Cut != nil:
		w.cut[w.gateway(step.Cut.Side)] = step.Cut.Protocol
	case step.Restore != nil:
		w.cut[w.gateway(step.Restore.Side)] = ""
	case step.Move != nil:
		w.move(*step.Move)
	}
	if step.Side() != "" {
		w.unsettled = step.Recovery() == 0
	}
	if step.Filter != nil || step.RestartICE != nil && step.RestartICE.Path == PathNone {
		w.unsettled = true
	}
	return w
}

// faulty reports whether something is wrong on purpose, so that a path may be worse
// than the best there can be, or die.
func (w world) faulty() bool { return w.story.Faults.any() }

func (w *world) move(m Move) {
	to, err := nat.Named(m.To)
	if err != nil {
		return // found by its name before
	}
	i := w.gateway(m.Side)
	w.behind[i], w.cut[i], w.moved = to, "", m.Side
}

func (w world) connected() bool { return w.gathered > 0 }

// condition is what a peer sits behind, with what is cut.
func (w world) condition(i int) nat.Condition {
	c := w.behind[i]
	if w.story.SameLAN() {
		i = 0
	}
	if w.cut[i] == "" {
		return c
	}
	c.Name = "cut line"
	c.Firewall.BlockUDP = true
	if w.cut[i] == CutAll {
		c.Firewall.TCPPorts = []uint16{}
	}
	return c
}

// predict returns what ICE can reach at best with what the peers gathered last.
// Whether the pairs that it had still work is not asked.
func (w world) predict() nat.Prediction {
	s := w.story
	o := nat.Options{
		TURN:             s.Turn.Transports,
		NoServer:         w.blind,
		CallerCandidates: s.Caller.Candidates,
		CalleeCandidates: s.Callee.Candidates,
		SameLAN:          s.SameLAN(),
		SharedCarrier:    s.Carrier,
		SamePrefix:       s.SamePrefix,
	}
	if w.stranded {
		o.TURN = nil
	}
	return nat.Predict(w.condition(0), w.condition(1), o)
}

// circumstances tells what became of the network that the scenario began with.
func (w world) circumstances() string {
	var facts []string
	for i, side := range sides() {
		switch w.cut[i] {
		case UDP:
			facts = append(facts, fmt.Sprintf("the %s's UDP is cut", side))
		case CutAll:
			facts = append(facts, fmt.Sprintf("the %s's line is cut", side))
		}
	}
	if w.moved != "" {
		facts = append(facts, fmt.Sprintf("the %s has moved behind %s", w.moved, w.behind[w.gateway(w.moved)].Name))
	}
	if w.stranded {
		facts = append(facts, "the relays died with the TURN server")
	}
	return enumerate(facts, " and ")
}

// noServer says why the peers have no relays, if it is the server's doing.
func (w world) noServer() string {
	switch {
	case w.stranded:
		return "the relays died with the TURN server"
	case w.blind && w.gathered > 1:
		return "the TURN server was dead when ICE restarted"
	case w.blind:
		return "the TURN server is killed before connect"
	}
	return ""
}

// mappingsExpire reports whether a mapping lives no longer than the peers
// waited. Which of them come back as they were is not asked here.
func (w world) mappingsExpire() bool {
	s := w.story
	return slices.ContainsFunc([]*nat.Behavior{s.Caller.NAT, s.Callee.NAT, s.Carrier}, func(b *nat.Behavior) bool {
		return b != nil && b.Lifetime != 0 && Duration(b.Lifetime) <= w.waited
	})
}

// translates reports whether a side is behind a NAT, its own or a carrier's.
func (w world) translates(side string) bool {
	return w.story.Carrier != nil || slices.ContainsFunc(w.behind[w.gateway(side)].Chain(), func(h nat.Hop) bool { return h.NAT != nil })
}
