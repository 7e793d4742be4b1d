package vnet

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/transport/v4/vnet"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/wire"
)

// packet is a UDP datagram.
type packet struct {
	from, to netip.AddrPort
	payload  []byte
}

// size is that of the whole IP packet, in bytes.
func (p packet) size() uint64 {
	const headers = 20 + 8
	return uint64(headers + len(p.payload))
}

// network carries packets from one segment to another. All that gateways do
// happens on one goroutine, in the order in which packets left their segments.
type network struct {
	segments map[string]*segment
	hosts    map[string]*host
	leaving  chan departure

	// lines are the packets that are being delayed, on the one goroutine.
	lines queue

	// mu guards the gateways, all routes and what segments speak with.
	mu sync.Mutex

	stop    chan struct{}
	stopped chan struct{}
}

// departure is a packet that has left a node, on its way to the next one.
type departure struct {
	packet
	by   *routes
	hops int
	// through is the gateway that it leaves, nil at its sender.
	through *gatewayNode
	// back is the gateway that the packet hairpins at, whose line it has gone up
	// and is still to come down.
	back *gatewayNode
}

const (
	// queueLength is how many packets may wait for the gateways, more than any
	// window of SCTP. What comes on top is lost.
	queueLength = 8192
	// maxHops ends loops: no lab has more than four gateways on a path.
	maxHops = 8
)

// building keeps labs from being built at the same time: vnet counts up the MAC
// addresses that it gives out, in one number for the process, without a lock
// (transport v4.1.0).
var building sync.Mutex

// newNetwork builds a topology and starts it.
func newNetwork(t topology.Topology) (*network, error) {
	building.Lock()
	defer building.Unlock()
	n := &network{
		segments: map[string]*segment{}, hosts: map[string]*host{},
		leaving: make(chan departure, queueLength),
		stop:    make(chan struct{}), stopped: make(chan struct{}),
	}
	for _, s := range t.Segments {
		made, err := newSegment(s)
		if err != nil {
			return nil, err
		}
		n.segments[s.Name] = made
	}
	for _, d := range t.Nodes {
		h, err := n.addHost(d)
		if err != nil {
			return nil, err
		}
		n.hosts[d.Name] = h
	}
	for _, s := range n.segments {
		s.router.AddChunkFilter(n.takeOff(s))
		if err := s.router.Start(); err != nil {
			return nil, err
		}
	}
	go n.run()
	return n, nil
}

func (n *network) host(name string) *host { return n.hosts[name] }

// takeOff lets packets pass that stay on a segment, and takes over the others. It
// runs under the router's lock, so it waits for nothing.
func (n *network) takeOff(s *segment) vnet.ChunkFilter {
	return func(c vnet.Chunk) bool {
		p := packet{from: addrPort(c.SourceAddr()), to: addrPort(c.DestinationAddr()), payload: c.UserData()}
		from, to := s.hosts[p.from.Addr()], s.hosts[p.to.Addr()]
		if from == nil || to == nil || from.filters != to.filters { // who talks to itself does so over loopback
			if from != nil && from.filters.Load().drop(gateway.Outbound, p.from.Port(), p.to, p) ||
				to != nil && to.filters.Load().drop(gateway.Inbound, p.to.Port(), p.from, p) {
				return false
			}
		}
		if to != nil {
			return to.up.Load()
		}
		if from != nil && from.up.Load() {
			select {
			case n.leaving <- departure{packet: p, by: from.routes}:
			default:
			}
		}
		return false
	}
}

func (n *network) run() {
	defer close(n.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-n.stop:
			return
		case d := <-n.leaving:
			n.mu.Lock()
			n.carry(d)
			n.mu.Unlock()
		case now := <-timer.C:
			n.mu.Lock()
			for d, ok := n.lines.take(now); ok; d, ok = n.lines.take(now) {
				n.carry(d)
			}
			n.mu.Unlock()
		}
		if due, ok := n.lines.next(); ok {
			timer.Reset(time.Until(due))
		}
	}
}

// carry brings a packet to the next node on its way.
func (n *network) carry(d departure) {
	if g := d.back; g != nil {
		d.back = nil
		g.forward(time.Now(), &g.down, d)
		return
	}
	on, next := d.by.next(d.to.Addr())
	if on == nil || d.hops > maxHops {
		return
	}
	if d.through != nil {
		d.through.saw(wire.Out, on, d.packet)
	}
	if g := on.gateways[next]; g != nil {
		g.receive(time.Now(), on, d)
	} else if next == d.to.Addr() {
		on.deliver(d.packet)
	}
}

// close ends the network when nothing uses it any more.
func (n *network) close() error {
	close(n.stop)
	<-n.stopped
	var errs []error
	for _, s := range n.segments {
		s.forget()
		errs = append(errs, s.router.Stop())
	}
	return errors.Join(errs...)
}
