package peers

import (
	"context"
	"net"
	"sync"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
)

// ownNet is the machine's network with one addition: everything ICE opened
// through it can be cut at once. pion's Close waits for gathering to end, and
// gathering towards a server that does not answer takes 7.8 s over UDP and
// minutes over TCP (a SYN nobody answers): neither can be cancelled otherwise.
type ownNet struct {
	*stdnet.Net

	ctx    context.Context // ends with cutDials
	cancel context.CancelFunc

	mu   sync.Mutex
	cut  bool
	open map[*tracked]struct{}
}

func newOwnNet() (*ownNet, error) {
	std, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	n := &ownNet{Net: std, open: make(map[*tracked]struct{})}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n, nil
}

// cutDials ends every name lookup and TCP handshake in progress.
func (n *ownNet) cutDials() { n.cancel() }

// cutAll also closes every socket; later ones fail at once.
func (n *ownNet) cutAll() {
	n.cancel()
	n.mu.Lock()
	n.cut = true
	open := n.open
	n.open = nil
	n.mu.Unlock()
	for t := range open {
		_ = t.close()
	}
}

// tracked forgets a socket when it is closed.
type tracked struct {
	owner *ownNet
	close func() error
}

func (n *ownNet) track(closeConn func() error) (*tracked, error) {
	t := &tracked{owner: n, close: closeConn}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut {
		_ = closeConn()
		return nil, net.ErrClosed
	}
	n.open[t] = struct{}{}
	return t, nil
}

func (t *tracked) Close() error {
	t.owner.mu.Lock()
	delete(t.owner.open, t)
	t.owner.mu.Unlock()
	return t.close()
}

// The methods of the embedded sockets stay visible; only Close is ours.
type (
	trackedUDP struct {
		*net.UDPConn
		t *tracked
	}
	trackedTCP struct {
		*net.TCPConn
		t *tracked
	}
)

func (c trackedUDP) Close() error { return c.t.Close() }
func (c trackedTCP) Close() error { return c.t.Close() }

func (n *ownNet) udp(conn *net.UDPConn, err error) (transport.UDPConn, error) {
	if err != nil {
		return nil, err
	}
	t, err := n.track(conn.Close)
	if err != nil {
		return nil, err
	}
	return trackedUDP{conn, t}, nil
}

func (n *ownNet) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	return n.udp(net.ListenUDP(network, local))
}

func (n *ownNet) DialUDP(network string, local, remote *net.UDPAddr) (transport.UDPConn, error) {
	return n.udp(net.DialUDP(network, local, remote))
}

func (n *ownNet) ListenPacket(network, address string) (net.PacketConn, error) {
	local, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	return n.ListenUDP(network, local)
}

func (n *ownNet) DialTCP(network string, local, remote *net.TCPAddr) (transport.TCPConn, error) {
	dialer := net.Dialer{}
	if local != nil {
		dialer.LocalAddr = local
	}
	conn, err := dialer.DialContext(n.ctx, network, remote.String())
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	t, err := n.track(tcp.Close)
	if err != nil {
		return nil, err
	}
	return trackedTCP{tcp, t}, nil
}

// resolve is net.ResolveUDPAddr with a context.
func (n *ownNet) resolve(network, address string) (net.IP, int, error) {
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

func (n *ownNet) ResolveUDPAddr(network, address string) (*net.UDPAddr, error) {
	ip, port, err := n.resolve(network, address)
	if err != nil {
		return nil, err
	}
	return &net.UDPAddr{IP: ip, Port: port}, nil
}

func (n *ownNet) ResolveTCPAddr(network, address string) (*net.TCPAddr, error) {
	ip, port, err := n.resolve(network, address)
	if err != nil {
		return nil, err
	}
	return &net.TCPAddr{IP: ip, Port: port}, nil
}
