package turnserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/packetio"
)

const (
	// dtlsHandshake is how long a client may take to finish its handshake.
	dtlsHandshake = 30 * time.Second
	// dtlsIdle is when a client that says nothing is given up: DTLS has no connection whose end
	// would be noticed. No allocation lives as long without a Refresh.
	dtlsIdle = time.Hour
	// dtlsRecord is pion/dtls's limit for a record, dtlsQueue that for the datagrams of a client
	// which wait to be read, in bytes.
	dtlsRecord = 8192
	dtlsQueue  = 1 << 20
)

// dtlsListener shares a UDP socket among the clients of TURN over DTLS (RFC 7350). pion/dtls has a
// listener for that, on the system's own network stack only.
type dtlsListener struct {
	transport.UDPConn
	options []dtls.ServerOption

	mu       sync.Mutex
	sessions map[netip.AddrPort]*dtlsSession
}

func (s *Server) listenDTLS(l Listener) (clientListener, error) {
	certificate, err := s.config.certificate()
	if err != nil {
		return clientListener{}, fmt.Errorf("listen %s: %w", l, err)
	}
	conn, err := s.config.listenUDP(l.Address)
	if err != nil {
		return clientListener{}, err
	}

	options := []dtls.ServerOption{dtls.WithCertificates(certificate), dtls.WithLoggerFactory(s.config.LoggerFactory)}
	if s.config.KeyLog != nil {
		options = append(options, dtls.WithKeyLogWriter(s.config.KeyLog))
	}

	return clientListener{&dtlsListener{
		UDPConn:  conn,
		options:  options,
		sessions: map[netip.AddrPort]*dtlsSession{},
	}, l.Network, newDTLSLeg}, nil
}

// Accept hands every datagram to the session it belongs to, until a client begins a new one.
func (l *dtlsListener) Accept() (net.Conn, error) {
	p := make([]byte, dtlsRecord)
	for {
		n, from, err := l.ReadFrom(p)
		if err != nil {
			return nil, err
		}
		client := addrPort(from)
		session, began := l.session(client, isClientHello(p[:n]))
		if session == nil {
			continue
		}
		_, _ = session.queue.Write(p[:n]) // a full queue drops, as a socket does
		if !began {
			session.idle.Reset(dtlsIdle)

			continue
		}
		conn, err := dtls.ServerWithOptions(session, session.client, l.options...)
		if err != nil {
			_ = session.Close()

			return nil, err
		}

		return conn, nil
	}
}

// session returns the client's, begun now if need be and hello says so, or nil.
func (l *dtlsListener) session(client netip.AddrPort, hello bool) (session *dtlsSession, began bool) {
	l.mu.Lock()
	defer l.mu.Unlock()

	session = l.sessions[client]
	if session != nil || !hello {
		return session, false
	}
	session = &dtlsSession{listener: l, client: net.UDPAddrFromAddrPort(client), queue: packetio.NewBuffer()}
	session.queue.SetLimitSize(dtlsQueue)
	session.idle = time.AfterFunc(dtlsIdle, func() { _ = session.Close() })
	l.sessions[client] = session

	return session, true
}

// Addr is the socket's own.
func (l *dtlsListener) Addr() net.Addr { return l.LocalAddr() }

// isClientHello tells the beginning of a handshake (RFC 6347 sections 4.1 and 4.2.2).
func isClientHello(p []byte) bool {
	const handshake, clientHello, recordHeader = 22, 1, 13

	return len(p) > recordHeader && p[0] == handshake && p[recordHeader] == clientHello
}

// dtlsSession is one client's share of the socket: the PacketConn under its DTLS connection.
type dtlsSession struct {
	listener *dtlsListener
	client   *net.UDPAddr
	queue    *packetio.Buffer
	idle     *time.Timer
}

func (s *dtlsSession) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := s.queue.Read(p)

	return n, s.client, err
}

func (s *dtlsSession) WriteTo(p []byte, _ net.Addr) (int, error) {
	return s.listener.WriteTo(p, s.client)
}

func (s *dtlsSession) Close() error {
	s.idle.Stop()
	s.listener.mu.Lock()
	client := addrPort(s.client)
	if s.listener.sessions[client] == s {
		delete(s.listener.sessions, client)
	}
	s.listener.mu.Unlock()

	return s.queue.Close()
}

func (s *dtlsSession) LocalAddr() net.Addr                { return s.listener.LocalAddr() }
func (s *dtlsSession) SetDeadline(t time.Time) error      { return s.queue.SetReadDeadline(t) }
func (s *dtlsSession) SetReadDeadline(t time.Time) error  { return s.queue.SetReadDeadline(t) }
func (s *dtlsSession) SetWriteDeadline(_ time.Time) error { return nil } // a UDP socket does not block

// dtlsLeg makes a PacketConn of a DTLS connection: a message per record (RFC 7350 section 3).
type dtlsLeg struct {
	*dtls.Conn
	greeted bool
	record  []byte
}

func newDTLSLeg(conn net.Conn) net.PacketConn {
	return &dtlsLeg{Conn: conn.(*dtls.Conn), record: make([]byte, dtlsRecord)}
}

// ReadFrom does the handshake first. A message that does not fit p is cut to it.
func (l *dtlsLeg) ReadFrom(p []byte) (int, net.Addr, error) {
	if !l.greeted {
		ctx, cancel := context.WithTimeout(context.Background(), dtlsHandshake)
		defer cancel()
		if err := l.HandshakeContext(ctx); err != nil {
			return 0, nil, err
		}
		l.greeted = true
	}
	for {
		n, err := l.Read(l.record)
		switch {
		case err == nil:
			return copy(p, l.record[:n]), l.RemoteAddr(), nil
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
			return 0, nil, err
		}
		// Anyone can send a record that cannot be read: it is no reason to end the session.
	}
}

// WriteTo sends a whole message to the one client there is.
func (l *dtlsLeg) WriteTo(p []byte, _ net.Addr) (int, error) { return l.Write(p) }
