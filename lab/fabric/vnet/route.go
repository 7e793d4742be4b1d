package vnet

import (
	"net/netip"

	"github.com/icelab-go/icelab/lab/topology"
)

// routes are a node's ways to all others. The network's lock guards them.
type routes struct {
	links  []*segment
	static []topology.Route
	router netip.Addr // for everything else; zero means there is none
}

// next returns the neighbour that a packet goes to, and the segment they share;
// none if there is no way.
func (r *routes) next(to netip.Addr) (*segment, netip.Addr) {
	if on := r.linkTo(to); on != nil {
		return on, to
	}
	via := r.router
	for _, s := range r.static {
		if s.To.Contains(to) {
			via = s.Via
			break
		}
	}
	return r.linkTo(via), via
}

func (r *routes) linkTo(neighbour netip.Addr) *segment {
	for _, on := range r.links {
		if on.Prefix.Contains(neighbour) {
			return on
		}
	}
	return nil
}
