package peers

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/pion/transport/v4"

	"github.com/icelab-go/icelab/wire"
)

// Config.Recorder sees what passes at the sockets, as the peer's program does: what
// a socket does not tell, such as the segments of TCP, is not among it.

func endpoint(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// tap is the recorder at one socket.
type tap struct {
	recorder *wire.Recorder
	protocol string
	local    netip.AddrPort
	remote   netip.AddrPort // of a connected socket
}

func (t tap) packet(way wire.Direction, remote netip.AddrPort) wire.Packet {
	p := wire.Packet{At: wire.AtSocket, Direction: way, Protocol: t.protocol, From: t.local, To: remote}
	if way == wire.In {
		p.From, p.To = remote, t.local
	}
	return p
}

// note records what a socket says of its connection.
func (t tap) note(way wire.Direction, at time.Time, segment wire.TCP) {
	p := t.packet(way, t.remote)
	p.Time, p.Protocol, p.Kind, p.TCP = at, "tcp", wire.KindTCP, &segment
	t.recorder.Record(p)
}

// tappedUDP is a UDP socket with a tap, connected or not.
type tappedUDP struct {
	transport.UDPConn
	tap
}

// tapUDP taps a socket if anybody listens.
func (n *ownNet) tapUDP(conn transport.UDPConn) transport.UDPConn {
	if n.recorder == nil {
		return conn
	}
	t := tap{recorder: n.recorder, protocol: "udp", local: endpoint(conn.LocalAddr())}
	if remote := conn.RemoteAddr(); remote != nil {
		t.remote = endpoint(remote)
	}
	return tappedUDP{conn, t}
}

func (c tappedUDP) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.UDPConn.ReadFrom(b)
	if err == nil {
		c.recorder.Observe(c.packet(wire.In, endpoint(from)), b[:n])
	}
	return n, from, c.refused(err)
}

func (c tappedUDP) ReadFromUDP(b []byte) (int, *net.UDPAddr, error) {
	n, from, err := c.UDPConn.ReadFromUDP(b)
	if err == nil {
		c.recorder.Observe(c.packet(wire.In, endpoint(from)), b[:n])
	}
	return n, from, c.refused(err)
}

func (c tappedUDP) Read(b []byte) (int, error) {
	n, err := c.UDPConn.Read(b)
	if err == nil {
		c.recorder.Observe(c.packet(wire.In, c.remote), b[:n])
	}
	return n, c.refused(err)
}

// A packet that is sent is recorded before, for its answer may be faster than the
// return from the system's call.

func (c tappedUDP) WriteTo(b []byte, to net.Addr) (int, error) {
	c.recorder.Observe(c.packet(wire.Out, endpoint(to)), b)
	n, err := c.UDPConn.WriteTo(b, to)
	return n, c.refused(err)
}

func (c tappedUDP) WriteToUDP(b []byte, to *net.UDPAddr) (int, error) {
	c.recorder.Observe(c.packet(wire.Out, endpoint(to)), b)
	n, err := c.UDPConn.WriteToUDP(b, to)
	return n, c.refused(err)
}

func (c tappedUDP) Write(b []byte) (int, error) {
	c.recorder.Observe(c.packet(wire.Out, c.remote), b)
	n, err := c.UDPConn.Write(b)
	return n, c.refused(err)
}

// refused records the ICMP error that a connected socket tells of: port
// unreachable.
func (c tappedUDP) refused(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) && c.remote.IsValid() {
		const unreachable, port = 3, 3 // RFC 792
		p := c.packet(wire.In, netip.AddrPortFrom(c.remote.Addr(), 0))
		p.Time, p.Protocol, p.Kind = time.Now(), "icmp", wire.KindICMP
		p.ICMP = &wire.ICMP{Type: unreachable, Code: port, Protocol: "udp", From: c.local, To: c.remote}
		c.recorder.Record(p)
	}
	return err
}

// dialled records how a TCP handshake went, as far as the system tells: that of a
// SYN without an answer is no more than that it was sent.
func (n *ownNet) dialled(began time.Time, conn net.Conn, remote *net.TCPAddr, err error) {
	if n.recorder == nil {
		return
	}
	t := tap{recorder: n.recorder, remote: endpoint(remote)}
	if conn != nil {
		t.local = endpoint(conn.LocalAddr())
	}
	t.note(wire.Out, began, wire.TCP{SYN: true})
	switch now := time.Now(); {
	case err == nil:
		t.note(wire.In, now, wire.TCP{SYN: true, ACK: true})
	case errors.Is(err, syscall.ECONNREFUSED):
		t.note(wire.In, now, wire.TCP{RST: true, ACK: true})
	case errors.Is(err, syscall.EHOSTUNREACH):
		const unreachable, host = 3, 1 // RFC 792; or nobody answers ARP
		p := t.packet(wire.In, netip.AddrPort{})
		p.Time, p.Protocol, p.Kind = now, "icmp", wire.KindICMP
		p.ICMP = &wire.ICMP{Type: unreachable, Code: host, Protocol: "tcp", To: t.remote}
		n.recorder.Record(p)
	}
}

// tappedStream is a TCP or TLS connection to a TURN server with a tap.
type tappedStream struct {
	net.Conn
	tap
	*framing
}

type framing struct {
	reading, writing sync.Mutex
	in, out          wire.Stream
	ended            sync.Once
}

func tapStream(r *wire.Recorder, protocol string, conn net.Conn) tappedStream {
	t := tap{recorder: r, protocol: protocol, local: endpoint(conn.LocalAddr()), remote: endpoint(conn.RemoteAddr())}
	return tappedStream{conn, t, &framing{}}
}

func (c tappedStream) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.reading.Lock()
	c.in.Next(b[:n], func(message []byte) { c.recorder.Observe(c.packet(wire.In, c.remote), message) })
	c.reading.Unlock()
	switch {
	case err == nil:
	case errors.Is(err, syscall.ECONNRESET):
		c.end(wire.In, wire.TCP{RST: true})
	case errors.Is(err, io.EOF):
		c.end(wire.In, wire.TCP{FIN: true, ACK: true})
	}
	return n, err
}

func (c tappedStream) Write(b []byte) (int, error) {
	c.writing.Lock()
	c.out.Next(b, func(message []byte) { c.recorder.Observe(c.packet(wire.Out, c.remote), message) })
	c.writing.Unlock()
	n, err := c.Conn.Write(b)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		c.end(wire.In, wire.TCP{RST: true})
	}
	return n, err
}

func (c tappedStream) Close() error {
	c.end(wire.Out, wire.TCP{FIN: true, ACK: true})
	return c.Conn.Close()
}

// end records the connection's end, which is the first that the socket tells of.
// Under TLS is a TCP connection with a tap of its own.
func (c tappedStream) end(way wire.Direction, segment wire.TCP) {
	if c.protocol == "tcp" {
		c.ended.Do(func() { c.note(way, time.Now(), segment) })
	}
}

// tappedTCP is a plain one, for pion, or one that carries TLS: of that it tells how
// it began and ended.
type tappedTCP struct {
	transport.TCPConn
	stream tappedStream
}

func (n *ownNet) tapTCP(conn transport.TCPConn) transport.TCPConn {
	if n.recorder == nil {
		return conn
	}
	return tappedTCP{conn, tapStream(n.recorder, "tcp", conn)}
}

func (c tappedTCP) Read(b []byte) (int, error)  { return c.stream.Read(b) }
func (c tappedTCP) Write(b []byte) (int, error) { return c.stream.Write(b) }
func (c tappedTCP) Close() error                { return c.stream.Close() }
