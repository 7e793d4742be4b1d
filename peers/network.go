package peers

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"

	"github.com/icelab-go/icelab/wire"
)

// ownNet is a network stack with one addition: everything ICE opened through it
// can be cut at once. pion's Close waits for gathering to end, and gathering
// towards a server that does not answer takes 7.8 s over UDP and minutes over
// TCP (a SYN nobody answers): neither can be cancelled otherwise.
type ownNet struct {
	transport.Net
	cutDials func() // ends every name lookup and TCP handshake in progress
	recorder *wire.Recorder
	names    *dnsClient // nil is the stack's own
	// relaySocket chooses the local address of a socket to a TURN server over UDP;
	// nil leaves it.
	relaySocket func(*net.UDPAddr) *net.UDPAddr

	mu   sync.Mutex
	cut  bool
	open map[*tracked]struct{}
	held sync.WaitGroup // the sockets whose opener has not closed them
}

// newOwnNet wraps a network stack, or the machine's where that is nil.
func newOwnNet(given transport.Net) (*ownNet, error) {
	n := &ownNet{Net: given, cutDials: func() {}, open: make(map[*tracked]struct{})}
	if given == nil {
		std, err := stdnet.NewNet()
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancel(context.Background())
		n.Net, n.cutDials = systemNet{std, ctx}, cancel
	}
	return n, nil
}

// cutAll also closes every socket; later ones fail at once.
func (n *ownNet) cutAll() {
	n.cutDials()
	n.mu.Lock()
	n.cut = true
	open := n.open
	n.open = nil
	n.mu.Unlock()
	for t := range open {
		_ = t.close()
	}
}

// released waits until whoever opened a socket has closed it, also one that was cut,
// and says false after patience.
func (n *ownNet) released(patience time.Duration) bool {
	all := make(chan struct{})
	go func() {
		n.held.Wait()
		close(all)
	}()
	select {
	case <-all:
		return true
	case <-time.After(patience):
		return false
	}
}

// tracked forgets a socket when it is closed.
type tracked struct {
	owner *ownNet
	close func() error
	// stream says that it is a TCP connection.
	stream  bool
	release func() // once
}

func (n *ownNet) track(closeConn func() error, stream bool) (*tracked, error) {
	t := &tracked{owner: n, close: closeConn, stream: stream, release: sync.OnceFunc(n.held.Done)}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut {
		_ = closeConn()
		return nil, net.ErrClosed
	}
	n.open[t] = struct{}{}
	n.held.Add(1)
	return t, nil
}

func (t *tracked) Close() error {
	defer t.release()
	return t.sever()
}

// sever closes it for whoever opened it.
func (t *tracked) sever() error {
	t.owner.mu.Lock()
	delete(t.owner.open, t)
	t.owner.mu.Unlock()
	return t.close()
}

type (
	trackedUDP struct {
		transport.UDPConn
		t *tracked
	}
	trackedTCP struct {
		transport.TCPConn
		t *tracked
	}
)

func (c trackedUDP) Close() error { return c.t.Close() }

func (n *ownNet) udp(conn transport.UDPConn, err error) (transport.UDPConn, error) {
	if err != nil {
		return nil, err
	}
	conn = n.tapUDP(conn)
	t, err := n.track(conn.Close, false)
	if err != nil {
		return nil, err
	}
	return trackedUDP{conn, t}, nil
}

func (n *ownNet) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	return n.udp(n.Net.ListenUDP(network, local))
}

func (n *ownNet) DialUDP(network string, local, remote *net.UDPAddr) (transport.UDPConn, error) {
	return n.udp(n.Net.DialUDP(network, local, remote))
}

func (n *ownNet) ListenPacket(network, address string) (net.PacketConn, error) {
	local, err := n.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	if n.relaySocket != nil {
		local = n.relaySocket(local)
	}
	return n.ListenUDP(network, local)
}

func (n *ownNet) DialTCP(network string, local, remote *net.TCPAddr) (transport.TCPConn, error) {
	began := time.Now()
	conn, err := n.Net.DialTCP(network, local, remote)
	n.dialled(began, conn, remote, err)
	if err != nil {
		return nil, err
	}
	conn = n.tapTCP(conn)
	t, err := n.track(conn.Close, true)
	if err != nil {
		return nil, err
	}
	return trackedTCP{conn, t}, nil
}

// systemNet is the machine's network stack with a context for what it waits for.
type systemNet struct {
	*stdnet.Net
	ctx context.Context
}

func (n systemNet) DialTCP(network string, local, remote *net.TCPAddr) (transport.TCPConn, error) {
	dialer := net.Dialer{}
	if local != nil {
		dialer.LocalAddr = local
	}
	conn, err := dialer.DialContext(n.ctx, network, remote.String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// Interfaces are those of now: a host may move to another network.
func (n systemNet) Interfaces() ([]*transport.Interface, error) {
	now, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return now.Interfaces()
}

// resolve is net.ResolveUDPAddr with a context.
func (n systemNet) resolve(network, address string) (net.IP, int, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, 0, err
	}
	port, err := net.DefaultResolver.LookupPort(n.ctx, network, service)
	if err != nil {
		return nil, 0, err
	}
	family := "ip"
	switch network[len(network)-1] {
	case '4':
		family = "ip4"
	case '6':
		family = "ip6"
	}
	ips, err := net.DefaultResolver.LookupIP(n.ctx, family, host)
	if err != nil {
		return nil, 0, err
	}
	return ips[0], port, nil
}

func (n systemNet) ResolveUDPAddr(network, address string) (*net.UDPAddr, error) {
	ip, port, err := n.resolve(network, address)
	if err != nil {
		return nil, err
	}
	return &net.UDPAddr{IP: ip, Port: port}, nil
}

func (n systemNet) ResolveTCPAddr(network, address string) (*net.TCPAddr, error) {
	ip, port, err := n.resolve(network, address)
	if err != nil {
		return nil, err
	}
	return &net.TCPAddr{IP: ip, Port: port}, nil
}
