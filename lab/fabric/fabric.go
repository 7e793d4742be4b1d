// Package fabric says what the places are in which a topology can live.
package fabric

import (
	"context"

	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
)

// Fabric is a place where topologies live: containers, network namespaces, one
// process.
type Fabric interface {
	// Up brings every segment and node of t up and connects them. It returns
	// an error with nothing left running, and one that is an *Unavailable
	// when this machine lacks what the fabric needs.
	Up(ctx context.Context, t topology.Topology) (Nodes, error)
}

// UDPOnly is a fabric whose networks carry nothing but UDP.
type UDPOnly interface {
	Fabric
	// UDPOnly says so, for a scenario that needs more.
	UDPOnly() string
}

// Nodes are the nodes of a topology that is up.
type Nodes interface {
	// Node returns the client of the node called name, nil if there is none.
	Node(name string) *node.Client
	// Down ends the nodes and removes all that was made for them.
	Down() error
}

// Unavailable says that this machine lacks what a fabric needs, and what to do.
type Unavailable struct {
	Fabric string // "docker"
	Why    string // "the engine does not answer at ..."
	Remedy string // what to do, in the imperative
}

func (u *Unavailable) Error() string {
	return u.Fabric + " is not available: " + u.Why + "; " + u.Remedy
}

// Lacking says that a fabric is there, but cannot hold a topology.
type Lacking struct {
	Fabric string
	Why    string // "it has no second NAT"
}

func (l *Lacking) Error() string { return "not supported on " + l.Fabric + ": " + l.Why }
