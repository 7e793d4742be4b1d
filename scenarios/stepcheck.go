package scenarios

import (
	"fmt"

	"github.com/icelab-go/icelab/lab/nat"
)

// Whether the values of each step are sound by themselves.

func checkSteps(s Scenario) *problem {
	if len(s.Steps) == 0 {
		return problemf("steps", "steps is an empty list; leave the key out for connect and echo")
	}
	for i, step := range s.Steps {
		if p := checkStep(fmt.Sprintf("steps[%d]", i), step); p != nil {
			return p
		}
	}
	return nil
}

func checkStep(place string, s Step) *problem {
	switch n := s.actions(); {
	case n == 0:
		return problemf(place, "%s does nothing; write one of %s", place, enumerate(stepKinds(), " or "))
	case n > 1:
		return problemf(place, "%s does %d things at once; give each a list item of its own", place, n)
	}
	kind := place + "." + s.Kind()
	switch {
	case s.Connect != nil:
		return checkDuration(kind+".within", s.Connect.Within, maxDuration)
	case s.Echo != nil:
		return checkEcho(kind, *s.Echo)
	case s.NoEcho != nil:
		return checkDuration(kind+".for", s.NoEcho.For, maxDuration)
	case s.Kill != "":
		return checkWord(kind, s.Kill, []string{KillTurn})
	case s.Start != "":
		return checkWord(kind, s.Start, []string{KillTurn})
	case s.Filter != nil:
		return checkFilter(kind, *s.Filter)
	case s.Wait != 0:
		return checkDuration(kind, s.Wait, maxWait)
	}
	return checkEvent(kind, s)
}

func checkEcho(place string, e Echo) *problem {
	for _, p := range []*problem{
		checkRange(place+".messages", e.Messages, minMessages, maxMessages),
		checkRange(place+".bytes", e.Bytes, minBytes, maxBytes),
		checkDuration(place+".within", e.Within, maxDuration),
	} {
		if p != nil {
			return p
		}
	}
	switch {
	case e.Path == PathNone:
		return problemf(place+".path", "%s.path is none, which no echo takes; write no-echo instead", place)
	case e.Path != "":
		return checkLeg(place, Expect{Path: e.Path, Transport: e.Transport})
	case e.Transport != "":
		return checkWord(place+".transport", e.Transport, transports())
	}
	return nil
}

// checkEvent checks a step that happens to the network, and restart-ice.
func checkEvent(place string, s Step) *problem {
	if s.RestartICE == nil {
		if s.Side() == "" {
			return problemf(place, "%s does not say whose; add side: caller, or side: callee", place)
		}
		if p := checkWord(place+".side", s.Side(), sides()); p != nil {
			return p
		}
	}
	if r := s.RestartICE; r != nil {
		if r.Path != "" && r.Path != PathNone {
			return problemf(place+".path", "%s.path is %s; write none where the peers must not find each other, or leave it out", place, quote(string(r.Path)))
		}
		return checkDuration(place+".within", r.Within, maxDuration)
	}
	if s.Recovery() != 0 {
		if p := checkDuration(place+".within", s.Recovery(), maxDuration); p != nil {
			return p
		}
	}
	switch {
	case s.Link != nil:
		return checkLink(place, s.Link.Link)
	case s.Cut != nil:
		return checkWord(place+".protocol", s.Cut.Protocol, protocols())
	case s.Reboot != nil:
		return checkDuration(place+".down", s.Reboot.Down, maxWait)
	case s.Move != nil:
		return checkVisited(place+".to", s.Move.To)
	}
	return nil
}

// checkVisited checks what a peer moves to: a LAN with one gateway.
func checkVisited(place, name string) *problem {
	if p := checkCondition(place, name); p != nil {
		return p
	}
	if c, err := nat.Named(name); err == nil && c.Carrier != nil {
		return problemf(place, "%s is %s, which has a carrier of its own, but there is one gateway where a peer moves to; choose another condition", place, name)
	}
	return nil
}
