package vnet

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/pion/transport/v4"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
)

// host is the machine of one node.
type host struct {
	network *network
	routes  *routes
	stack   *stack
	gateway *gatewayNode // nil unless it is one
	filters atomic.Pointer[filters]
}

var _ node.Host = (*host)(nil)

// addHost puts a node on its segments.
func (n *network) addHost(d topology.Node) (*host, error) {
	h := &host{
		network: n, stack: new(stack),
		routes: &routes{static: d.Routes, router: d.Default},
	}
	for _, i := range d.Interfaces {
		on := n.segments[i.Segment]
		if on == nil {
			return nil, fmt.Errorf("%s is on a segment %q, which is not there", d.Name, i.Segment)
		}
		if !i.Down {
			h.routes.links = append(h.routes.links, on)
		}
		if d.Role == topology.Gateway {
			continue
		}
		c, err := newNIC(on, i, h.routes, &h.filters)
		if err != nil {
			return nil, fmt.Errorf("put %s on %s: %w", d.Name, on.Name, err)
		}
		h.stack.nics = append(h.stack.nics, c)
	}
	if d.Role == topology.Gateway {
		h.beGateway(d)
	}
	return h, nil
}

func (h *host) beGateway(d topology.Node) {
	h.gateway = &gatewayNode{network: h.network, routes: h.routes}
	for _, i := range d.Interfaces {
		for _, a := range i.Addresses {
			h.gateway.addresses = append(h.gateway.addresses, a.Addr())
			h.network.segments[i.Segment].gateways[a.Addr()] = h.gateway
		}
	}
	h.gateway.program(gateway.Spec{WAN: side(d.Interfaces[0]), LAN: side(d.Interfaces[1])})
}

func side(i topology.Interface) gateway.Side {
	a := i.Addresses[0]
	return gateway.Side{Interface: i.Segment, Address: a.Addr(), Prefix: a.Masked()}
}

func (h *host) Net() transport.Net { return h.stack }

// Underlay is empty: there is no network underneath.
func (h *host) Underlay() ([]netip.Prefix, error) { return nil, nil }

// Configure is never needed: a node has its network from the beginning.
func (h *host) Configure(node.Network) error { return unsupported("its network cannot be changed") }

// Move also loses what is on its way to or from the link that goes down. A socket
// stays on the link that it was opened on.
func (h *host) Move(m node.Move) error {
	from, to := h.stack.on(m.From), h.stack.on(m.To)
	if from == nil || to == nil {
		return fmt.Errorf("no link from %s to %s: this host has %s", m.From, m.To, h.stack.names())
	}
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	from.up.Store(false)
	to.up.Store(true)
	h.routes.links = []*segment{to.segment}
	h.routes.router, h.routes.static = m.Default, slices.Clone(m.Routes)
	return nil
}

// Program refuses what could not be told from its absence.
func (h *host) Program(s gateway.Spec) error {
	if s.NAT != nil {
		if err := s.NAT.Validate(); err != nil {
			return err
		}
		if s.NAT.Unsolicited == nat.Reject {
			return unsupported("an in-process network has no ICMP to reject packets with")
		}
	}
	if s.Firewall.TCPPorts != nil {
		return unsupported(noTCP + ", so a firewall has none to filter")
	}
	if err := s.Link.Validate(); err != nil {
		return err
	}
	return h.do(func(g *gatewayNode) {
		g.program(s)
		for _, on := range g.routes.links {
			on.forget()
		}
	})
}

func (h *host) Observe() (o gateway.Observation, err error) {
	err = h.do(func(g *gatewayNode) { o = g.observe() })
	return o, err
}

func (h *host) Impair(l nat.Link) error {
	if err := l.Validate(); err != nil {
		return err
	}
	return h.do(func(g *gatewayNode) { g.impair(l) })
}

func (h *host) Sever(c gateway.Cut) error {
	switch c {
	case gateway.Whole, gateway.CutUDP, gateway.CutAll:
		return h.do(func(g *gatewayNode) { g.cut = c })
	}
	return fmt.Errorf("cut %q: want %q, %q or none", c, gateway.CutUDP, gateway.CutAll)
}

func (h *host) Forget(newPorts bool) error {
	return h.do(func(g *gatewayNode) { g.forget(newPorts) })
}

// Filter refuses what could not be told from its absence.
func (h *host) Filter(set []gateway.Filter) error {
	made, err := newFilters(set)
	if err != nil {
		return err
	}
	if h.gateway == nil {
		h.filters.Store(&made)
		return nil
	}
	return h.do(func(g *gatewayNode) { g.filters = made })
}

// do gives an order to the gateway that this host is.
func (h *host) do(order func(*gatewayNode)) error {
	if h.gateway == nil {
		return unsupported("this node is no gateway")
	}
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	order(h.gateway)
	return nil
}

func unsupported(why string) error { return &node.Unsupported{Why: why} }
