package vnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
)

// Fabric makes labs inside this process. Any number can be up at once.
type Fabric struct{}

// New needs nothing and cannot fail.
func New() *Fabric { return new(Fabric) }

// UDPOnly says why a scenario that needs TCP is not supported.
func (*Fabric) UDPOnly() string { return noTCP }

// Up takes about a millisecond.
func (*Fabric) Up(_ context.Context, t topology.Topology) (fabric.Nodes, error) {
	network, err := newNetwork(t)
	if err != nil {
		return nil, fmt.Errorf("build the in-process network: %w", err)
	}
	l := &lab{network: network, clients: map[string]*node.Client{}}
	for _, n := range t.Nodes {
		ours, theirs := net.Pipe()
		l.clients[n.Name] = node.NewClient(n.Name, ours)
		agent := &node.Agent{Host: network.host(n.Name)}
		l.agents.Go(func() {
			// Its end is the lab's to notice: at the other end of the pipe.
			_ = agent.Serve(context.Background(), theirs)
			_ = theirs.Close()
		})
	}
	return l, nil
}

// lab is a topology that is up.
type lab struct {
	network *network
	clients map[string]*node.Client
	agents  sync.WaitGroup
	down    sync.Once
}

func (l *lab) Node(name string) *node.Client { return l.clients[name] }

// Down waits until the agents have closed their peers and servers.
func (l *lab) Down() error {
	var errs []error
	l.down.Do(func() {
		for _, c := range l.clients {
			errs = append(errs, c.Close())
		}
		l.agents.Wait()
		errs = append(errs, l.network.close())
	})
	return errors.Join(errs...)
}
