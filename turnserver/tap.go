package turnserver

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"reflect"
	"sync"
	"syscall"
	"time"

	"github.com/pion/transport/v4"

	"github.com/icelab-go/icelab/wire"
)

// What Config.Recorder sees of a leg is what is on the wire under it, so of an answer that a fault
// loses nothing.

// tappedUDP is a UDP socket that clients reach the server on.
type tappedUDP struct {
	transport.UDPConn
	recorder *wire.Recorder
	local    netip.AddrPort
}

// tapUDP returns what conn is to be used as.
func (c Config) tapUDP(conn transport.UDPConn) transport.UDPConn {
	if c.Recorder == nil {
		return conn
	}

	return &tappedUDP{conn, c.Recorder, addrPort(conn.LocalAddr())}
}

func (t *tappedUDP) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := t.UDPConn.ReadFrom(p)
	if err == nil {
		t.recorder.Observe(seen(wire.AtListener, wire.In, "udp", t.local, addrPort(from)), p[:n])
	}

	return n, from, err
}

func (t *tappedUDP) WriteTo(p []byte, to net.Addr) (int, error) {
	t.recorder.Observe(seen(wire.AtListener, wire.Out, "udp", t.local, addrPort(to)), p)

	return t.UDPConn.WriteTo(p, to)
}

func seen(at string, way wire.Direction, protocol string, here, there netip.AddrPort) wire.Packet {
	p := wire.Packet{At: at, Direction: way, Protocol: protocol, From: here, To: there}
	if way == wire.In {
		p.From, p.To = there, here
	}

	return p
}

// tappedMessages is one client's connection.
type tappedMessages struct {
	net.PacketConn
	recorder      *wire.Recorder
	transport     string
	local, client netip.AddrPort
	ended         sync.Once
}

// tapMessages returns what the messages of an accepted connection are to be used as.
func (c Config) tapMessages(transport string, conn net.Conn, messages net.PacketConn) net.PacketConn {
	if c.Recorder == nil {
		return messages
	}
	t := &tappedMessages{
		PacketConn: messages, recorder: c.Recorder, transport: transport,
		local: addrPort(conn.LocalAddr()), client: addrPort(conn.RemoteAddr()),
	}
	t.note(wire.In, wire.TCP{SYN: true})

	return t
}

func (t *tappedMessages) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := t.PacketConn.ReadFrom(p)
	if err != nil {
		t.failed(err)

		return n, from, err
	}
	t.recorder.Observe(seen(wire.AtListener, wire.In, t.transport, t.local, t.client), p[:n])

	return n, from, nil
}

func (t *tappedMessages) WriteTo(p []byte, to net.Addr) (int, error) {
	t.recorder.Observe(seen(wire.AtListener, wire.Out, t.transport, t.local, t.client), p)

	return t.PacketConn.WriteTo(p, to)
}

func (t *tappedMessages) Close() error {
	t.end(wire.Out, wire.TCP{FIN: true, ACK: true})

	return t.PacketConn.Close()
}

// failed tells how the connection ended, as far as the system does.
func (t *tappedMessages) failed(err error) {
	alert, ok := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		t.end(wire.In, wire.TCP{RST: true})
	case errors.Is(err, io.EOF):
		t.end(wire.In, wire.TCP{FIN: true, ACK: true})
	case ok && alert.Op == "remote error":
		// crypto/tls has no name for the type of its alerts.
		if v := reflect.ValueOf(alert.Err); v.Kind() == reflect.Uint8 {
			number := int(v.Uint())
			t.note(wire.In, wire.TCP{ACK: true, Alert: &number})
		}
	}
}

func (t *tappedMessages) end(way wire.Direction, segment wire.TCP) {
	t.ended.Do(func() { t.note(way, segment) })
}

// note records what there is no message for. DTLS has no connection underneath.
func (t *tappedMessages) note(way wire.Direction, segment wire.TCP) {
	if t.transport == "dtls" {
		return
	}
	p := seen(wire.AtListener, way, "tcp", t.local, t.client)
	p.Time, p.Kind, p.TCP = time.Now(), wire.KindTCP, &segment
	t.recorder.Record(p)
}

// saw records a datagram of a peer, and why it ended here, "" if it did not.
func (r *relaySocket) saw(way wire.Direction, d datagram, dropped string) {
	recorder := r.leg.server.config.Recorder
	if recorder == nil {
		return
	}
	p := seen(wire.AtRelay, way, "udp", addrPort(r.LocalAddr()), d.peer)
	p.Time, p.Dropped = d.at, dropped
	recorder.Observe(p, d.payload)
}
