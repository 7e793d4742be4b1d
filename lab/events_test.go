package lab

import (
	"net"
	"strings"
	"testing"

	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
)

// oneNode is a lab of one node that plays every part.
type oneNode struct{ *node.Client }

func (n oneNode) Node(string) *node.Client { return n.Client }
func (n oneNode) Down() error              { return n.Close() }

// A peer that stays where its new NAT was measured would call from there: the
// story of its move could pass without one.
func TestAPeerThatCannotMoveBackIsAnError(t *testing.T) {
	at := topology.Visited()
	moved, err := at.Moved(topology.Caller, topology.VisitedLAN)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	ended := make(chan error)
	// The agent's host is this one, which has no such link.
	go func() { ended <- new(node.Agent).Serve(t.Context(), theirs) }()
	nodes := oneNode{node.NewClient(topology.Caller, ours)}
	t.Cleanup(func() {
		if err := nodes.Down(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	r := &run{stage: &stage{topology: at, nodes: nodes}, topology: moved}
	if err := r.moveBack(t.Context()); err == nil || !strings.Contains(err.Error(), topology.Caller) {
		t.Errorf("moving back: %v, want an error of %s", err, topology.Caller)
	}
	if !r.stage.broken {
		t.Error("the topology is kept for the next scenario")
	}
}
