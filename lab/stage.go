package lab

import (
	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/nat"
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

// death returns the death of a node, if one has died, else err.
func (s *stage) death(err error) error {
	for _, n := range s.topology.Nodes {
		if died := s.nodes.Node(n.Name).Dead(); died != nil {
			return died
		}
	}
	return err
}

// shape is which of the topologies a scenario needs.
type shape int

const (
	standard shape = iota
	samePrefix
	carriers
	sharedCarrier
	visited
)

func (s shape) topology() topology.Topology {
	switch s {
	case samePrefix:
		return topology.SamePrefix()
	case carriers:
		return topology.Carriers()
	case sharedCarrier:
		return topology.SharedCarrier()
	case visited:
		return topology.Visited()
	default:
		return topology.Standard()
	}
}

// shapeOf finds the smallest topology that a scenario fits in.
func shapeOf(s scenarios.Scenario, caller, callee nat.Condition) shape {
	switch {
	case s.Carrier != nil:
		return sharedCarrier
	case len(caller.Chain()) > 1 || len(callee.Chain()) > 1:
		return carriers
	case s.SamePrefix:
		return samePrefix
	case s.Moves() != nil:
		return visited
	default:
		return standard
	}
}
