package turnserver

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// stream makes a PacketConn of a TCP or TLS connection: one STUN message or ChannelData message per
// read (RFC 8656 section 12.5).
//
// turn/v4 has a STUNConn for this, which holds back a ChannelData message of up to 4 bytes until
// more arrives, and spins without end on a STUN header that claims 65516 bytes.
type stream struct {
	net.Conn
	in *bufio.Reader
}

func newStream(conn net.Conn) net.PacketConn {
	return &stream{Conn: conn, in: bufio.NewReader(conn)}
}

// ReadFrom returns an error when what arrives is neither STUN nor ChannelData: there is no
// finding the next message in such a stream. A message that does not fit p is cut to it.
func (s *stream) ReadFrom(p []byte) (int, net.Addr, error) {
	head, err := s.in.Peek(4)
	if err != nil {
		return 0, nil, err
	}
	size, padding := int(binary.BigEndian.Uint16(head[2:])), 0
	switch head[0] >> 6 {
	case 0:
		size += 20
	case 1:
		padding = (4 - size%4) % 4 // not counted in the length
		size += 4
	default:
		return 0, nil, fmt.Errorf("neither STUN nor ChannelData: first byte %#02x", head[0])
	}

	n := min(size, len(p))
	if _, err := io.ReadFull(s.in, p[:n]); err != nil {
		return 0, nil, err
	}
	if _, err := s.in.Discard(size - n + padding); err != nil {
		return 0, nil, err
	}

	return n, s.RemoteAddr(), nil
}

// WriteTo sends a whole message to the one client there is. turn/v4 pads ChannelData itself.
func (s *stream) WriteTo(p []byte, _ net.Addr) (int, error) {
	return s.Write(p)
}

// Close closes the TCP connection, also under TLS: tls.Conn would first say goodbye, and wait 5 s
// for a client that does not read.
func (s *stream) Close() error {
	if secured, ok := s.Conn.(*tls.Conn); ok {
		return secured.NetConn().Close()
	}

	return s.Conn.Close()
}
