package gateway

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
)

// lossyNetwork opens sockets that lose every so-manieth datagram, each way.
type lossyNetwork struct {
	rate float64
	seed uint64

	mu  sync.Mutex
	rng *rand.Rand
}

func (l *lossyNetwork) listen(ctx context.Context, local netip.AddrPort) (net.PacketConn, error) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp4", local.String())
	if err != nil {
		return nil, err
	}
	return &lossyConn{conn, l}, nil
}

func (l *lossyNetwork) loses() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rng == nil {
		l.rng = rand.New(rand.NewPCG(l.seed, 0))
	}
	return l.rng.Float64() < l.rate
}

type lossyConn struct {
	net.PacketConn
	network *lossyNetwork
}

func (c *lossyConn) WriteTo(p []byte, to net.Addr) (int, error) {
	if c.network.loses() {
		return len(p), nil
	}
	return c.PacketConn.WriteTo(p, to)
}

func (c *lossyConn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.PacketConn.ReadFrom(p)
		if err != nil || !c.network.loses() {
			return n, from, err
		}
	}
}
