package lab

import (
	"slices"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/scenarios"
)

// stage is a topology that is up.
type stage struct {
	topology topology.Topology
	nodes    fabric.Nodes
	// broken says that a node could not be made what it was before a scenario.
	broken bool
}

// spent reports whether no further scenario can run here: also where a node has
// died, or has an order that nobody waits for any more. That might take effect in
// the middle of the next scenario.
func (s *stage) spent() bool {
	return s.broken || slices.ContainsFunc(s.topology.Nodes, func(n topology.Node) bool {
		at := s.nodes.Node(n.Name)
		return at.Dead() != nil || at.Unanswered()
	})
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
