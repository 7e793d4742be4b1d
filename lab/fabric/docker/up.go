package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/fabric/overlay"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
)

// downTimeout bounds the removal of a lab, which happens even when the context
// it ran under has ended.
const downTimeout = 30 * time.Second

// Up makes the image if it has to, then the networks, the containers and the
// segments over them. It takes about a second.
func (f *Fabric) Up(ctx context.Context, t topology.Topology) (_ fabric.Nodes, err error) {
	image, err := f.ensureImage(ctx)
	if err != nil {
		return nil, fmt.Errorf("make the image %s: %w", Image, err)
	}
	// What a killed lab left behind would use up the engine's address pools.
	if _, err := f.clean(ctx, dead); err != nil {
		return nil, fmt.Errorf("remove what a lab before left: %w", err)
	}
	l := &lab{docker: f.docker, id: newID(), clients: map[string]*node.Client{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Down())
		}
	}()
	if err := l.addNetworks(ctx, t); err != nil {
		return nil, err
	}
	// One that fails does not interrupt the others: what the engine was making then
	// would have no owner.
	var each errgroup.Group
	for _, n := range t.Nodes {
		each.Go(func() error {
			if err := l.addNode(ctx, image, n); err != nil {
				return fmt.Errorf("start container %s: %w", n.Name, err)
			}
			return nil
		})
	}
	if err := each.Wait(); err != nil {
		return nil, err
	}
	if err := overlay.Configure(ctx, t, l.clients); err != nil {
		return nil, err
	}
	return l, nil
}

// lab is a topology that is up.
type lab struct {
	docker *testcontainers.DockerClient
	id     string

	mu         sync.Mutex
	networks   []string
	containers []string
	clients    map[string]*node.Client
}

func (l *lab) Node(name string) *node.Client { return l.clients[name] }

func (l *lab) name(of string) string { return "icelab-" + l.id + "-" + of }

func (l *lab) labels(more map[string]string) map[string]string {
	labels := map[string]string{labLabel: l.id, ownerLabel: owner()}
	for k, v := range more {
		labels[k] = v
	}
	return labels
}

func (l *lab) addNetworks(ctx context.Context, t topology.Topology) error {
	var each errgroup.Group
	for _, s := range t.Segments {
		each.Go(func() error {
			made, err := l.docker.NetworkCreate(ctx, l.name(s.Name), client.NetworkCreateOptions{
				Driver: "bridge", Internal: true, Labels: l.labels(nil),
			})
			if err != nil {
				if strings.Contains(err.Error(), "address pool") {
					err = fmt.Errorf("%w: remove unused networks with `icelab clean` or `docker network prune`", err)
				}
				return fmt.Errorf("create network %s: %w", l.name(s.Name), err)
			}
			l.mu.Lock()
			l.networks = append(l.networks, made.ID)
			l.mu.Unlock()
			return nil
		})
	}
	return each.Wait()
}

// addNode starts a node's container and connects to the agent inside.
func (l *lab) addNode(ctx context.Context, image string, n topology.Node) error {
	var networks []string
	for _, on := range n.Interfaces {
		networks = append(networks, l.name(on.Segment))
	}
	var control *stream
	request := testcontainers.ContainerRequest{
		Image: image, Name: l.name(n.Name), Networks: networks,
		Cmd:    []string{"agent"},
		Labels: l.labels(map[string]string{nodeLabel: n.Name}),
		ConfigModifier: func(c *container.Config) {
			c.Hostname = n.Name
			c.OpenStdin, c.StdinOnce = true, true
			c.AttachStdin, c.AttachStdout, c.AttachStderr = true, true, true
		},
		HostConfigModifier: confine,
		LifecycleHooks: []testcontainers.ContainerLifecycleHooks{{
			PostCreates: []testcontainers.ContainerHook{func(ctx context.Context, c testcontainers.Container) error {
				l.mu.Lock()
				l.containers = append(l.containers, c.GetContainerID())
				l.mu.Unlock()
				var err error
				control, err = attach(ctx, l.docker, c.GetContainerID())
				return err
			}},
		}},
	}
	// The attached connection must outlive this call, so it must not inherit
	// the end of its context.
	if _, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		ContainerRequest: request, Started: true, Logger: quiet{},
	}); err != nil {
		if control != nil {
			control.Close()
		}
		return err
	}
	c := node.NewClient(n.Name, control)
	l.mu.Lock()
	l.clients[n.Name] = c
	l.mu.Unlock()
	return nil
}

// confine leaves a container what a node needs: CAP_NET_ADMIN, which peers give up
// once they are configured. No file system to write to, no
// privilege to gain, the engine's default seccomp profile.
func confine(h *container.HostConfig) {
	h.AutoRemove = true
	h.CapDrop = []string{"ALL"}
	h.CapAdd = []string{"NET_ADMIN"}
	h.ReadonlyRootfs = true
	h.SecurityOpt = []string{"no-new-privileges"}
	h.LogConfig = container.LogConfig{Type: "none"}
}

// Down ends the nodes and removes their containers and networks.
func (l *lab) Down() error {
	ctx, cancel := context.WithTimeout(context.Background(), downTimeout)
	defer cancel()
	var each errgroup.Group
	for _, c := range l.clients {
		each.Go(func() error { c.Close(); return nil })
	}
	for _, id := range l.containers {
		each.Go(func() error { return removeContainer(ctx, l.docker, id) })
	}
	if err := each.Wait(); err != nil {
		return err
	}
	for _, id := range l.networks {
		each.Go(func() error { return removeNetwork(ctx, l.docker, id) })
	}
	return each.Wait()
}

// removal is how long the engine may take to remove a container that it does not
// let us remove.
const removal = 10 * time.Second

func removeContainer(ctx context.Context, docker *testcontainers.DockerClient, id string) error {
	_, refused := docker.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true})
	if refused == nil || cerrdefs.IsNotFound(refused) {
		return nil
	}
	// An agent that has ended is removed by the engine. When both happen at once it
	// refuses, in words that differ, and removes all the same.
	ctx, cancel := context.WithTimeout(ctx, removal)
	defer cancel()
	gone := docker.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	select {
	case <-gone.Result:
		return nil
	case err := <-gone.Error:
		if err == nil || cerrdefs.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("remove container: %w", errors.Join(refused, err))
	}
}

func removeNetwork(ctx context.Context, docker *testcontainers.DockerClient, id string) error {
	if _, err := docker.NetworkRemove(ctx, id, client.NetworkRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("remove network: %w", err)
	}
	return nil
}

// quiet keeps testcontainers' own progress off the terminal.
type quiet struct{}

var _ tclog.Logger = quiet{}

func (quiet) Printf(string, ...any) {}
