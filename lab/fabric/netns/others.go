//go:build !linux

package netns

import (
	"context"
	"errors"
	"runtime"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/topology"
)

// Fabric makes labs on Linux. Elsewhere there is none.
type Fabric struct{}

// New returns a *fabric.Unavailable: only Linux has network namespaces.
func New(context.Context) (*Fabric, error) {
	return nil, unavailable("network namespaces need Linux, and this is "+runtime.GOOS, "use Docker, or the in-process network")
}

// Up is never reached: without New there is no Fabric.
func (*Fabric) Up(context.Context, topology.Topology) (fabric.Nodes, error) {
	return nil, errors.ErrUnsupported
}
