package turnserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/pion/transport/v4"

	"github.com/icelab-go/icelab/wire"
)

// relaySocket is the socket of one relayed transport address, and the account of its allocation.
//
// turn/v4 writes to it what the client sends, and reads from it what peers send on a goroutine
// that hands one datagram to the client, or drops it, before it reads the next.
type relaySocket struct {
	transport.UDPConn
	leg     *leg
	address netip.AddrPort

	mu       sync.Mutex
	record   Allocation
	inHand   *datagram // read by turn/v4, neither relayed nor dropped yet
	released bool      // by the client, with a Refresh to zero
	allotted bool      // false for a socket that only probed for an even port

	permissions map[netip.Addr]*permission // under Config.PermissionLifetime only

	dropped onceLog

	closed  sync.Once
	drained sync.Once
}

// datagram is the payload that a peer sends or receives.
type datagram struct {
	peer netip.AddrPort
	size int
	stun bool

	at      time.Time
	payload []byte // turn/v4's buffer
}

func newDatagram(peer net.Addr, payload []byte) datagram {
	return datagram{peer: addrPort(peer), size: len(payload), stun: isSTUN(payload), at: time.Now(), payload: payload}
}

// isSTUN tells STUN from all that shares a port with it in WebRTC (RFC 7983 section 7).
func isSTUN(p []byte) bool {
	const magicCookie = 0x2112A442 // RFC 8489 section 5

	return len(p) >= 20 && p[0] <= 3 && binary.BigEndian.Uint32(p[4:]) == magicCookie
}

// ReadFrom hands turn/v4 the next datagram from a peer that is not denied.
func (r *relaySocket) ReadFrom(p []byte) (int, net.Addr, error) {
	r.settle()
	for {
		n, from, err := r.UDPConn.ReadFrom(p)
		if err != nil {
			r.drained.Do(r.leg.server.relays.Done)

			return 0, nil, err
		}
		d := newDatagram(from, p[:n])
		if r.deafTo(d.peer) {
			continue
		}
		if reason := r.leg.server.deny.datagram(d.peer); reason != "" {
			r.dropFromPeer(d, "from the peer: "+reason)

			continue
		}
		if r.lapsed(d.peer.Addr()) {
			r.dropFromPeer(d, noPermissionOfClient)

			continue
		}
		if n == len(p) {
			// turn/v4 would relay what is left of it.
			r.dropFromPeer(d, fmt.Sprintf("from the peer: datagram of %d bytes or more, turn/v4's limit", len(p)))

			continue
		}
		r.mu.Lock()
		r.inHand = &d
		r.mu.Unlock()

		return n, net.UDPAddrFromAddrPort(d.peer), nil
	}
}

// deafTo tells what a firewall in front of this host would have lost.
func (r *relaySocket) deafTo(peer netip.AddrPort) bool {
	s := r.leg.server
	deaf := s.faults.RelayDeaf && peer.Addr() != s.config.RelayAddress
	if deaf {
		s.faults.act("relay_deaf")
	}

	return deaf
}

const noPermissionOfClient = "from the peer: the client holds no permission for this peer (RFC 8656 section 9)"

// settle notices that turn/v4 did not relay the last datagram, which it does not tell.
func (r *relaySocket) settle() {
	r.mu.Lock()
	d := r.inHand
	r.inHand = nil
	r.mu.Unlock()
	if d != nil {
		r.dropFromPeer(*d, noPermissionOfClient)
	}
}

func (r *relaySocket) dropFromPeer(d datagram, reason string) {
	r.saw(wire.In, d, reason)
	r.drop(d, reason)
}

// countFromPeer counts the datagram in hand as relayed to the client, and returns what takes it
// back should sending fail.
func (r *relaySocket) countFromPeer() (sent func(error)) {
	r.mu.Lock()
	defer r.mu.Unlock()

	d := r.inHand
	if d == nil {
		return func(error) {}
	}
	r.inHand = nil
	r.record.FromPeers.add(*d)
	r.saw(wire.In, *d, "")

	return func(err error) {
		if err != nil {
			r.uncount(&r.record.FromPeers, *d)
			r.drop(*d, "from the peer: sending to the client failed: "+cause(err).Error())
		}
	}
}

// WriteTo sends what the client sent to a peer, unless the peer is denied. Then it claims to have
// sent it, as a network that drops a datagram does.
func (r *relaySocket) WriteTo(p []byte, to net.Addr) (int, error) {
	r.leg.exchange.explained = true
	d := newDatagram(to, p)
	if reason := r.leg.server.deny.datagram(d.peer); reason != "" {
		r.dropToPeer(d, "to the peer: "+reason)

		return len(p), nil
	}
	// A channel leads to its peer for as long as it is bound (RFC 8656 section 12.6).
	if r.lapsed(d.peer.Addr()) && r.leg.exchange.raw[0]>>6 != 1 {
		r.dropToPeer(d, "from the client: "+noPermission)

		return len(p), nil
	}

	r.mu.Lock()
	r.record.ToPeers.add(d)
	r.mu.Unlock()
	n, err := r.UDPConn.WriteTo(p, to)
	if err != nil {
		r.uncount(&r.record.ToPeers, d)
		r.dropToPeer(d, "to the peer: "+cause(err).Error())

		return n, err
	}
	r.saw(wire.Out, d, "")

	return n, nil
}

func (r *relaySocket) dropToPeer(d datagram, reason string) {
	r.saw(wire.Out, d, reason)
	r.drop(d, reason)
}

func (r *relaySocket) uncount(t *Traffic, d datagram) {
	r.mu.Lock()
	defer r.mu.Unlock()

	t.remove(d)
}

func (r *relaySocket) drop(d datagram, reason string) {
	r.mu.Lock()
	r.record.Dropped++
	record := r.record
	r.mu.Unlock()

	r.dropped.once(record.Client, d.peer, reason, func() {
		r.leg.server.events.add(Event{
			Kind: RelayDropped, Client: record.Client, Transport: record.Transport, Username: record.Username,
			Relay: record.Relay, Peer: d.peer, Reason: reason,
		})
	})
}

// allot turns the socket into an allocation.
func (r *relaySocket) allot(client netip.AddrPort, username string) {
	r.mu.Lock()
	r.allotted = true
	r.record = Allocation{
		Client: client, Transport: r.leg.transport, Username: username,
		Relay: r.address, Created: time.Now(),
	}
	r.mu.Unlock()

	r.leg.server.relays.Add(2) // the reader's end, and the account's
	r.leg.addRelay(r, client)
	r.leg.server.orphans.forget(client)
	r.leg.server.allocations.begin(r)
}

func (r *relaySocket) release() {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.released = true
}

func (r *relaySocket) snapshot() Allocation {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.record
}

// Close ends the allocation. turn/v4 stops ending the allocations of a leg at the first error, so
// there is none.
func (r *relaySocket) Close() error {
	r.closed.Do(func() {
		_ = r.UDPConn.Close()

		r.mu.Lock()
		if !r.allotted {
			r.mu.Unlock()

			return
		}
		r.record.Ended = time.Now()
		record, released := r.record, r.released
		r.mu.Unlock()
		r.endPermissions()

		reason := r.leg.removeRelay(r, record.Client)
		switch {
		case released:
			reason = "released by the client"
		case reason == "":
			reason = "its lifetime ended without a refresh (RFC 8656 section 3.2)"
		}
		s := r.leg.server
		s.allocations.end(r, record)
		s.allocations.release(s.holder(record.Username))
		s.events.add(Event{
			Kind: AllocationEnded, Client: record.Client, Transport: record.Transport,
			Username: record.Username, Relay: record.Relay, Reason: reason,
		})
		s.relays.Done()
	})

	return nil
}

// Validate implements turn.RelayAddressGenerator. The configuration has been validated already.
func (l *leg) Validate() error { return nil }

// AllocatePacketConn implements turn.RelayAddressGenerator. It fails only when every port is
// taken: turn/v4's own generator gives up after ten random ones.
func (l *leg) AllocatePacketConn(_ string, port int) (net.PacketConn, net.Addr, error) {
	ports := l.server.config.RelayPorts
	if port != 0 {
		ports = PortRange{Min: uint16(port), Max: uint16(port)}
	}
	conn, err := l.server.config.listenAny(ports)
	if err != nil {
		l.exchange.refusal = err.Error()

		return nil, nil, err
	}
	address := l.server.config.advertised(addrPort(conn.LocalAddr()))
	l.exchange.relay = &relaySocket{UDPConn: conn, leg: l, address: address}

	return l.exchange.relay, net.UDPAddrFromAddrPort(address), nil
}

// advertised is what clients are told of a relay socket.
func (c Config) advertised(relay netip.AddrPort) netip.AddrPort {
	if c.AdvertiseAddress.IsValid() {
		return netip.AddrPortFrom(c.AdvertiseAddress, relay.Port())
	}

	return relay
}

// AllocateConn implements turn.RelayAddressGenerator. turn/v4 never calls it.
func (l *leg) AllocateConn(string, int) (net.Conn, net.Addr, error) {
	return nil, nil, errNoTCPRelay
}

// listenAny tries the ports in order from a random one (RFC 8656 section 7.2 wants it random).
func (c Config) listenAny(ports PortRange) (transport.UDPConn, error) {
	count := int(ports.Max) - int(ports.Min) + 1
	start := rand.IntN(count)
	for i := range count {
		port := ports.Min + uint16((start+i)%count)
		conn, err := c.listenUDP(netip.AddrPortFrom(c.RelayAddress, port))
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return conn, err
		}
	}

	return nil, fmt.Errorf("every relay port of %s is in use on %s", ports, c.RelayAddress)
}
