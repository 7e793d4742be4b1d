package turnserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/turn/v4"
)

// Server is a STUN and TURN server that is running until it is closed.
type Server struct {
	// Static configuration.
	config Config
	keys   map[string][]byte // by username
	deny   denials
	listen []Listener
	faults *faulty

	// Accounts.
	allocations *register
	events      *eventLog
	orphans     onceLog // drops that belong to no allocation

	// Sockets, and the goroutines that read them.
	mu        sync.Mutex
	closing   bool
	closed    chan struct{}
	listeners []clientListener
	discovery *discovery // nil without Config.Alternate
	legs      map[*leg]struct{}
	readers   sync.WaitGroup // accept loops, legs and the alternate sockets
	relays    sync.WaitGroup
}

// Start validates the configuration, opens every socket and serves until Close. An error is one
// line that says what, where and what to do; then nothing is left open.
func Start(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		config:      cfg,
		keys:        map[string][]byte{},
		faults:      newFaulty(cfg.Faults),
		allocations: newRegister(),
		events:      newEventLog(),
		closed:      make(chan struct{}),
		legs:        map[*leg]struct{}{},
	}
	for name, password := range cfg.Users {
		s.keys[name] = turn.GenerateAuthKey(name, cfg.Realm, password)
	}
	if err := s.open(); err != nil {
		_ = s.Close()

		return nil, err
	}

	return s, nil
}

// open opens every socket before it serves any: which relay targets are refused depends on them.
func (s *Server) open() error {
	probe, err := s.config.listenUDP(netip.AddrPortFrom(s.config.RelayAddress, 0))
	if err != nil {
		return fmt.Errorf("relay address %s: %w: give an address of this host",
			s.config.RelayAddress, cause(errors.Unwrap(err)))
	}
	_ = probe.Close()

	var sockets []transport.UDPConn
	for _, l := range s.config.Listen {
		if l.Network == "udp" {
			conn, err := s.config.listenUDP(l.Address)
			if err != nil {
				closeAll(sockets)

				return err
			}
			sockets = append(sockets, s.config.tapUDP(conn))
			l.Address = addrPort(conn.LocalAddr())
		} else {
			ln, err := s.listenConnections(l)
			if err != nil {
				closeAll(sockets)

				return err
			}
			s.listeners = append(s.listeners, ln)
			l.Address = addrPort(ln.Addr())
		}
		s.listen = append(s.listen, l)
	}
	own := slices.Clone(s.listen)
	if s.config.Alternate.IsValid() {
		if err := s.openAlternates(sockets[0]); err != nil {
			closeAll(sockets)

			return err
		}
		for _, conn := range s.discovery.alternates() {
			own = append(own, Listener{Network: "udp", Address: addrPort(conn.LocalAddr())})
		}
	}
	host, err := hostNetworks(s.config.Net)
	if err != nil {
		closeAll(sockets)

		return fmt.Errorf("turn server: read this host's addresses: %w", err)
	}
	// From behind a 1:1 NAT, the address outside may lead back to a listening address.
	for _, l := range own[:len(own):len(own)] {
		l.Address = s.config.advertised(l.Address)
		own = append(own, l)
	}
	s.deny = newDenials(s.config.DenyPeers, own, host)

	for i, conn := range sockets {
		if err := s.serve("udp", conn); err != nil {
			closeAll(sockets[i:])

			return err
		}
	}
	for _, ln := range s.listeners {
		s.readers.Go(func() { s.accept(ln) })
	}
	for _, conn := range s.discovery.alternates() {
		s.readers.Go(func() { s.serveAlternate(conn) })
	}

	return nil
}

func closeAll(conns []transport.UDPConn) {
	for _, conn := range conns {
		_ = conn.Close()
	}
}

func (s *Server) accept(ln clientListener) {
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			_ = s.serve(ln.transport, s.config.tapMessages(ln.transport, conn, ln.messages(conn)))
		case errors.Is(err, net.ErrClosed), s.isClosing():
			return
		default:
			// Out of file descriptors: connections end, so it is worth trying again.
			select {
			case <-time.After(50 * time.Millisecond):
			case <-s.closed:
			}
		}
	}
}

// serve owns conn from now on.
func (s *Server) serve(transport string, conn net.PacketConn) error {
	l := newLeg(s, transport, conn)
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()

		return conn.Close()
	}
	s.legs[l] = struct{}{}
	s.readers.Add(1)
	s.mu.Unlock()

	if err := l.serve(); err != nil {
		l.end(err)

		return fmt.Errorf("turn server: serve %s %s: %w", transport, conn.LocalAddr(), err)
	}

	return nil
}

func (s *Server) legEnded(l *leg) {
	s.mu.Lock()
	delete(s.legs, l)
	s.mu.Unlock()
	s.readers.Done()
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.closing
}

// Close closes every socket at once, without a word to clients, as a server that crashes does. It
// returns when everything has ended; Allocations and Events can still be read.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	legs := s.legs
	s.legs = nil
	s.mu.Unlock()
	if first {
		close(s.closed)
	}

	var errs []error
	if first {
		for _, ln := range s.listeners {
			errs = append(errs, ln.Close())
		}
		for _, conn := range s.discovery.alternates() {
			errs = append(errs, conn.Close())
		}
		for l := range legs {
			if err := l.PacketConn.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	// A leg's reader may still be granting an allocation: only after the last one is the number
	// of relays final. turn/v4 ends the relays of a leg when the leg's reader has ended.
	s.readers.Wait()
	s.relays.Wait()
	if first {
		s.events.close()
	}

	return errors.Join(errs...)
}

// Addresses returns the sockets the server listens on, in the order of Config.Listen, with the
// ports they got.
func (s *Server) Addresses() []Listener { return slices.Clone(s.listen) }

// Allocations returns every allocation since Start in the order of creation: all that are alive,
// and the last EndedCapacity that ended.
func (s *Server) Allocations() []Allocation { return s.allocations.list() }

// Events returns the events whose Seq is greater than after, in order. At most EventCapacity are
// remembered: when the first one's Seq is not after+1, those between are lost.
func (s *Server) Events(after uint64) []Event {
	events, _, _ := s.events.since(after)

	return events
}

// WaitEvents is Events, but waits until there is at least one. It returns the context's error,
// or net.ErrClosed when the server is closed and no more events follow.
func (s *Server) WaitEvents(ctx context.Context, after uint64) ([]Event, error) {
	return s.events.wait(ctx, after)
}
