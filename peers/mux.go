package peers

import (
	"errors"
	"io"
	"maps"
	"net"
	"net/netip"
	"sync"

	"github.com/pion/ice/v4"
)

// portMux is the sockets of host candidates on Config.Port, one for each address.
// pion's own opens them once and for all; a peer that moved has other addresses.
type portMux struct {
	open      func() (*ice.MultiUDPMuxDefault, error)
	addresses func() (map[netip.Addr]bool, error) // that the machine has now

	mu   sync.Mutex
	mux  *ice.MultiUDPMuxDefault
	have map[netip.Addr]bool
}

// renew opens the sockets anew if the addresses have changed.
func (m *portMux) renew() error {
	now, err := m.addresses()
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mux != nil {
		if maps.Equal(now, m.have) {
			return nil
		}
		_ = m.mux.Close()
	}
	if m.mux, err = m.open(); err != nil {
		m.mux = ice.NewMultiUDPMuxDefault()
		return err
	}
	m.have = now
	return nil
}

func (m *portMux) current() *ice.MultiUDPMuxDefault {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mux
}

func (m *portMux) GetListenAddresses() []net.Addr { return m.current().GetListenAddresses() }
func (m *portMux) RemoveConnByUfrag(ufrag string) { m.current().RemoveConnByUfrag(ufrag) }
func (m *portMux) Close() error                   { return m.current().Close() }

func (m *portMux) GetConn(ufrag string, local net.Addr) (net.PacketConn, error) {
	conn, err := m.current().GetConn(ufrag, local)
	if err != nil {
		return nil, err
	}
	return muxedConn{conn}, nil
}

// muxedConn is closed as other sockets are. io.ErrClosedPipe is the one error of
// a write that pion's ICE hands on (candidateBase.writeTo), and an association of
// SCTP whose write failed never writes again: a packet sent while ICE restarts
// would end the data channels.
type muxedConn struct{ net.PacketConn }

func (c muxedConn) WriteTo(b []byte, to net.Addr) (int, error) {
	n, err := c.PacketConn.WriteTo(b, to)
	if errors.Is(err, io.ErrClosedPipe) {
		err = net.ErrClosed
	}
	return n, err
}

// usedAddresses are the addresses that host candidates are gathered from.
func (p *Peer) usedAddresses() (map[netip.Addr]bool, error) {
	interfaces, err := p.net.Interfaces()
	if err != nil {
		return nil, err
	}
	used := make(map[netip.Addr]bool)
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 && !p.config.Loopback ||
			len(p.config.Interfaces) > 0 && !p.usesInterface(i.Name) {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			continue // it has none
		}
		for _, a := range addresses {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Is4() {
				used[prefix.Addr()] = true
			}
		}
	}
	return used, nil
}
