package vnet

import (
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/vnet"

	"github.com/icelab-go/icelab/lab/topology"
)

// nic is a host's interface on a segment. It is called like the segment.
type nic struct {
	*transport.Interface
	segment   *segment
	addresses []netip.Addr
	routes    *routes // of the host
	sockets   *vnet.Net
	// up is false while the host is elsewhere.
	up      atomic.Bool
	filters *atomic.Pointer[filters] // of the host, unless it is a gateway
}

func newNIC(on *segment, declared topology.Interface, of *routes, filtered *atomic.Pointer[filters]) (*nic, error) {
	c := &nic{
		Interface: transport.NewInterface(net.Interface{
			Name: on.Name, MTU: 1500, Flags: net.FlagUp | net.FlagRunning | net.FlagMulticast,
		}),
		segment: on, routes: of, filters: filtered,
	}
	for _, a := range declared.Addresses {
		c.addresses = append(c.addresses, a.Addr())
		c.AddAddress(&net.IPNet{IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Bits(), a.Addr().BitLen())})
		on.hosts[a.Addr()] = c
	}
	c.up.Store(!declared.Down)
	var err error
	c.sockets, err = on.attach(c.addresses...)
	return c, err
}
