package scenarios

import (
	"slices"

	"github.com/icelab-go/icelab/lab/nat"
)

// Predict returns what ICE can reach at best when the path is proven for the last
// time: at the last echo, or at connect where there is none. What was cut, moved
// and killed until then comes into it; whether a path recovers does not. The
// scenario must be complete.
func (s Scenario) Predict() (nat.Prediction, error) {
	w, err := s.lastProof()
	if err != nil {
		return nat.Prediction{}, err
	}
	return w.predict(), nil
}

// PredictedAfter is what Predict returns for the world as it is after step i, which
// counts from 0.
func (s Scenario) PredictedAfter(i int) (nat.Prediction, error) {
	worlds, err := s.worlds()
	if err != nil {
		return nat.Prediction{}, err
	}
	return worlds[i+1].predict(), nil
}

// lastProof returns how things stand when the path is proven for the last time.
func (s Scenario) lastProof() (world, error) {
	worlds, err := s.worlds()
	if err != nil {
		return world{}, err
	}
	for i, step := range slices.Backward(s.Steps) {
		if step.Echo != nil || step.Connect != nil {
			return worlds[i+1], nil
		}
	}
	return worlds[0], nil
}

// rank counts how far a path is down the list, which is best first.
func (p Path) rank() int { return slices.Index(paths(), p) }
