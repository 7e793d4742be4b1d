// Package compose is the fabric of services that a compose file has started:
// it finds their agents by the sockets in a shared folder.
package compose

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"reflect"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/fabric/overlay"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
)

// patience is how long a service may take to start.
const patience = 30 * time.Second

// Fabric is the services of one compose project.
type Fabric struct{ folder string }

// New looks for the nodes' sockets in a folder: caller.sock, turn.sock ...
func New(folder string) *Fabric { return &Fabric{folder} }

// Up connects to every node, waiting for those that are still starting. The
// services belong to compose: they go on when the lab is down.
func (f *Fabric) Up(ctx context.Context, t topology.Topology) (fabric.Nodes, error) {
	if !reflect.DeepEqual(t, topology.Standard()) {
		return nil, &fabric.Lacking{Fabric: "compose", Why: "the services are those of the standard topology; icelab run has the others"}
	}
	clients := make([]*node.Client, len(t.Nodes))
	each, eachCtx := errgroup.WithContext(ctx)
	for i, n := range t.Nodes {
		each.Go(func() (err error) {
			clients[i], err = f.dial(eachCtx, n.Name)
			return err
		})
	}
	err := each.Wait()
	nodes := services{}
	for _, c := range clients {
		if c != nil {
			nodes[c.Name()] = c
		}
	}
	if err == nil {
		err = overlay.Configure(ctx, t, nodes)
	}
	if err != nil {
		return nil, errors.Join(err, nodes.Down())
	}
	return nodes, nil
}

func (f *Fabric) dial(ctx context.Context, name string) (*node.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	path := filepath.Join(f.folder, name+".sock")
	var dialer net.Dialer
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := dialer.DialContext(ctx, "unix", path)
		if err == nil {
			return node.NewClient(name, conn), nil
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return nil, &fabric.Unavailable{
				Fabric: "compose",
				Why:    fmt.Sprintf("the service %s does not answer on %s", name, path),
				Remedy: "start the lab with docker compose up, or use --on docker",
			}
		}
	}
}

// services are the nodes by name.
type services map[string]*node.Client

func (s services) Node(name string) *node.Client { return s[name] }

func (s services) Down() error {
	var errs []error
	for _, c := range s {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
