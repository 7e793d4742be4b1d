package gateway

import (
	"math/rand/v2"
	"net"
	"sync"

	"github.com/pion/transport/v4"
)

// lossyNetwork opens sockets that lose every so-manieth datagram, each way.
type lossyNetwork struct {
	transport.Net
	rate float64
	seed uint64

	mu  sync.Mutex
	rng *rand.Rand
}

func (l *lossyNetwork) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := l.Net.ListenUDP(network, local)
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
	transport.UDPConn
	network *lossyNetwork
}

func (c *lossyConn) WriteTo(p []byte, to net.Addr) (int, error) {
	if c.network.loses() {
		return len(p), nil
	}
	return c.UDPConn.WriteTo(p, to)
}

func (c *lossyConn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.UDPConn.ReadFrom(p)
		if err != nil || !c.network.loses() {
			return n, from, err
		}
	}
}
