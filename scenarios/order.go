package scenarios

import (
	"fmt"
	"slices"

	"github.com/icelab-go/icelab/lab/nat"
)

// checkOrder returns the first step that cannot do what it says after those
// before it.
func checkOrder(s Scenario) *problem {
	var connected, killed, echoed bool
	var waited Duration
	for i, step := range s.Steps {
		place := fmt.Sprintf("steps[%d]", i)
		kind := step.Kind()
		switch kind {
		case "connect":
			if connected {
				return problemf(place, "%s connects a second time; the peers connect once", place)
			}
			connected = true
		case "kill":
			if s.Turn.Off {
				return problemf(place, "%s kills the TURN server, but turn is off; remove the step, or give turn transports", place)
			}
			if killed {
				return problemf(place, "%s kills the TURN server a second time; remove the step", place)
			}
			killed = true
		case "wait":
			if connected {
				waited = max(waited, step.Wait)
			}
		default: // echo, no-echo
			switch {
			case !connected:
				return problemf(place, "%s comes before connect; put a connect step above it", kind)
			case s.Expect.Path == PathNone:
				return problemf(place, "%s has no path to go over, expect.path being none; end the steps with connect", kind)
			}
			if p := checkEcho(s, place, kind, killed, waited); p != nil {
				return p
			}
			echoed = echoed || kind == "echo"
		}
	}
	switch {
	case !connected:
		return problemf("steps", "no step connects the peers; add connect")
	case !echoed && s.Expect.Path != PathNone:
		// Only bytes that crossed a relay, or did not, tell the paths apart.
		return problemf("steps", "expect.path is %s, which only an echo can prove; add echo after connect", s.Expect.Path)
	}
	return nil
}

// checkEcho compares what a step says of the echo with what becomes of it: a
// relayed path dies with the TURN server, and any may die with a mapping that
// expires while the peers wait. Nothing else stops an echo.
func checkEcho(s Scenario, place, kind string, killed bool, waited Duration) *problem {
	dead := killed && s.Expect.Path.Relayed()
	switch {
	case kind == "echo" && dead:
		return problemf(place, "%s echoes over a relay whose server is dead by then; write no-echo, or kill it later", place)
	case kind == "no-echo" && s.mappingsExpire(waited):
		return nil
	case kind == "no-echo" && !killed:
		return problemf(place, "%s expects silence, but nothing before it stops the echo; add kill: %s above it", place, KillTurn)
	case kind == "no-echo" && !dead:
		return problemf(place, "%s expects silence, but a direct path outlives the TURN server; write echo", place)
	}
	return nil
}

// mappingsExpire reports whether a mapping lives no longer than a wait. Which of
// them come back as they were is not asked here.
func (s Scenario) mappingsExpire(waited Duration) bool {
	return slices.ContainsFunc([]*nat.Behavior{s.Caller.NAT, s.Callee.NAT, s.Carrier}, func(b *nat.Behavior) bool {
		return b != nil && b.Lifetime != 0 && Duration(b.Lifetime) <= waited
	})
}
