package netns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/internal/lastwords"
	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
)

// patience bounds each step of Up, which takes milliseconds.
const patience = 20 * time.Second

// Up starts the holder, which starts the nodes, and configures them. It takes
// about 40 ms.
func (f *Fabric) Up(ctx context.Context, t topology.Topology) (fabric.Nodes, error) {
	l, err := f.start(t)
	if err != nil {
		return nil, err
	}
	if err := l.build(ctx, t); err != nil {
		return nil, errors.Join(err, l.Down())
	}
	return l, nil
}

// lab is a topology that is up.
type lab struct {
	holder  *exec.Cmd
	stderr  lastwords.Tail
	ended   <-chan struct{} // closed when the holder has ended
	control *os.File
	clients map[string]*node.Client
	streams map[string]*stream

	// What the holder tells.
	ready, linked chan struct{}
	failed        chan error
	silent        chan struct{} // closed when it tells nothing any more
}

func (l *lab) Node(name string) *node.Client { return l.clients[name] }

// start starts the holder, which so far knows nothing of the topology, with one
// control stream for itself and one for every node.
func (f *Fabric) start(t topology.Topology) (*lab, error) {
	l := &lab{
		holder:  again(holderRole),
		clients: map[string]*node.Client{}, streams: map[string]*stream{},
		ready: make(chan struct{}), linked: make(chan struct{}), silent: make(chan struct{}),
		failed: make(chan error, 1),
	}
	f.isolate(l.holder)
	l.holder.Stderr = &l.stderr
	var ours []*os.File
	err := func() error {
		for _, name := range append([]string{"the holder"}, names(t)...) {
			mine, theirs, err := pair(name)
			if err != nil {
				return err
			}
			defer theirs.Close()
			ours = append(ours, mine)
			l.holder.ExtraFiles = append(l.holder.ExtraFiles, theirs)
		}
		var err error
		if l.ended, err = start(l.holder); errors.Is(err, syscall.EMFILE) {
			return fmt.Errorf("start the holder of the namespaces: %w: allow this process more, with ulimit -n 1024", err)
		} else if err != nil {
			return fmt.Errorf("start the holder of the namespaces: %w", err)
		}
		return nil
	}()
	if err != nil {
		for _, file := range ours {
			file.Close()
		}
		return nil, err
	}
	l.control = ours[0]
	for i, n := range t.Nodes {
		s := newStream(ours[1+i])
		l.streams[n.Name], l.clients[n.Name] = s, node.NewClient(n.Name, s)
	}
	go l.listen()
	return l, nil
}

func names(t topology.Topology) []string {
	var all []string
	for _, n := range t.Nodes {
		all = append(all, n.Name)
	}
	return all
}

// listen takes what the holder tells until it ends.
func (l *lab) listen() {
	defer close(l.silent)
	events := json.NewDecoder(l.control)
	for {
		var e event
		if events.Decode(&e) != nil {
			break
		}
		switch {
		case e.Ready:
			close(l.ready)
		case e.Linked:
			close(l.linked)
		case e.Failed != "":
			l.failed <- errors.New(e.Failed)
		case e.Died != "":
			l.streams[e.Died].died(e.Words)
		}
	}
	<-l.ended
	words := "the process that holds the network namespaces ended: " + lastwords.Of(status(l.holder), &l.stderr)
	for _, s := range l.streams {
		s.died(words)
	}
}

// build hands the holder the topology and configures the nodes that it starts.
func (l *lab) build(ctx context.Context, t topology.Topology) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not done after %s", patience))
	defer cancel()
	if err := json.NewEncoder(l.control).Encode(t); err != nil {
		return fmt.Errorf("hand over the topology: %w", l.cause(err))
	}
	if err := l.await(ctx, l.ready); err != nil {
		return fmt.Errorf("start the nodes: %w", err)
	}
	each, eachCtx := errgroup.WithContext(ctx)
	for _, n := range t.Nodes {
		each.Go(func() error { return l.clients[n.Name].Configure(eachCtx, network(n)) })
	}
	if err := each.Wait(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("configure the nodes: %w", err)
	}
	if err := l.await(ctx, l.linked); err != nil {
		return fmt.Errorf("link the nodes: %w", err)
	}
	return nil
}

// network is a node's place on the segments, whose interfaces it has already.
func network(n topology.Node) node.Network {
	network := node.Network{Default: n.Default, Routes: n.Routes, Forward: n.Role == topology.Gateway}
	for _, on := range n.Interfaces {
		network.Links = append(network.Links, node.Link{Name: on.Segment, Addresses: on.Addresses, Down: on.Down})
	}
	return network
}

// await waits for the holder to be done with a step.
func (l *lab) await(ctx context.Context, step <-chan struct{}) error {
	select {
	case <-step:
		return nil
	case err := <-l.failed:
		return l.cause(err)
	case <-l.silent:
		return l.cause(errors.New("the holder of the namespaces ended"))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// cause prefers the death of a node, or of the holder, to what followed from it.
func (l *lab) cause(err error) error {
	for _, c := range l.clients {
		if died := c.Dead(); died != nil {
			return died
		}
	}
	return err
}

// Down ends the holder, and the kernel with it every node, every namespace and
// all that was in them.
func (l *lab) Down() error {
	// An error says that it has ended already.
	_ = l.holder.Process.Kill()
	<-l.ended
	<-l.silent
	errs := []error{l.control.Close()}
	for _, c := range l.clients {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
