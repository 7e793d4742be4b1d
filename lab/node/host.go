package node

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/pion/transport/v4"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/topology"
)

// Host is the machine that an agent works on. An order that it cannot carry out
// is an *Unsupported.
type Host interface {
	// Net is the network stack that peers, servers and probes use; nil is this
	// process's own.
	Net() transport.Net
	// Underlay are the IPv4 addresses it had before it was configured.
	Underlay() ([]netip.Prefix, error)
	Configure(Network) error
	Move(Move) error

	// The orders for a gateway, as in lab/gateway.
	Program(gateway.Spec) error
	Observe() (gateway.Observation, error)
	Impair(nat.Link) error
	Sever(gateway.Cut) error
	Forget(newPorts bool) error

	// Filter drops what the filters name from now on, and nothing else of what
	// Filter dropped before.
	Filter([]gateway.Filter) error
	// Trace hands out what a gateway saw since it was programmed. A host that is none
	// has seen nothing.
	Trace() gateway.Traced
}

// Move takes a node from one of its links to another: it sets the first one down,
// the second one up, and changes its routes.
type Move struct {
	From    string           `json:"from"`
	To      string           `json:"to"`
	Default netip.Addr       `json:"default"`
	Routes  []topology.Route `json:"routes,omitempty"`
}

// Unsupported says that a host can never do what it was asked for, and why.
type Unsupported struct {
	Why string // "an in-process network has no TCP through a firewall"
}

func (u *Unsupported) Error() string { return fmt.Sprintf("not supported here: %s", u.Why) }

// Is makes it an errors.ErrUnsupported.
func (u *Unsupported) Is(target error) bool { return target == errors.ErrUnsupported }
