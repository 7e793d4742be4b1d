package scenarios

import (
	"slices"

	"github.com/icelab-go/icelab/lab/nat"
)

// Predict returns what ICE can reach at best when the peers connect. What
// happens afterwards does not come into it. The scenario must be complete.
func (s Scenario) Predict() (nat.Prediction, error) {
	caller, callee, err := s.Conditions()
	if err != nil {
		return nat.Prediction{}, err
	}
	o := nat.Options{
		TURN:             s.Turn.Transports,
		NoServer:         s.killedBeforeConnect(),
		CallerCandidates: s.Caller.Candidates,
		CalleeCandidates: s.Callee.Candidates,
		SameLAN:          s.SameLAN(),
		SharedCarrier:    s.Carrier,
		SamePrefix:       s.SamePrefix,
	}
	return nat.Predict(caller, callee, o), nil
}

// killedBeforeConnect reports whether the peers connect without a STUN and TURN
// server.
func (s Scenario) killedBeforeConnect() bool {
	for _, step := range s.Steps {
		switch {
		case step.Connect != nil:
			return false
		case step.Kill == KillTurn:
			return true
		}
	}
	return false
}

// rank counts how far a path is down the list, which is best first.
func (p Path) rank() int { return slices.Index(paths(), p) }
