package lab

import (
	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/scenarios"
)

// stage is a topology that is up.
type stage struct {
	topology topology.Topology
	nodes    fabric.Nodes
	// broken says that a node has died: no further scenario can run here.
	broken bool
}

// shape is which of the topologies a scenario needs.
type shape int

const (
	standard shape = iota
	carriers
)

func (s shape) topology() topology.Topology {
	if s == carriers {
		return topology.Carriers()
	}
	return topology.Standard()
}

// shapeOf finds the smallest topology that a scenario fits in.
func shapeOf(s scenarios.Scenario) (shape, error) {
	caller, callee, err := s.Conditions()
	if err != nil {
		return 0, err
	}
	if len(caller.Chain()) > 1 || len(callee.Chain()) > 1 {
		return carriers, nil
	}
	return standard, nil
}
