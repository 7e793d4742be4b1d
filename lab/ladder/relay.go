package ladder

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pion/stun/v3"

	"github.com/pion/transport/v4"
)

// The rung Relay sends data through the allocation on several ways at once.
//
// A permission is for an IP address and whatever port (RFC 8656 §9), so a plain UDP
// socket of this host reaches the allocation through any NAT that gives all its
// sockets one address: it sends to the relayed address, the relay tells from where
// that came, and what is sent back there has a mapping and a filter to pass by. That
// is the way of a peer, and it decides. A second allocation may be reached although
// nothing from outside is, since its packets need not leave the server's host.

// echoes are the ways of one climb, and what came in on them.
type echoes struct {
	c      *climber
	relay  netip.AddrPort
	server netip.AddrPort
	began  time.Time

	mu sync.Mutex
	// tokens are what the payload of each way begins with.
	tokens map[string]string
	// arrived is from where the relay got the payload of a way, and returned from where
	// its answer came back.
	arrived, returned map[string]netip.AddrPort
	after             map[string]float64 // ms until it was settled
	notes             map[string]string  // what else was seen
	trouble           Fault              // of the socket
	refusal           int                // of a second allocation: its STUN error
	// controlled says that UDP reaches our plain socket from the server.
	controlled bool
	seen       netip.AddrPort // as which the server sees that socket
	change     chan struct{}
}

func (c *climber) relay(ctx context.Context) Rung {
	if !c.permitted {
		return Rung{Outcome: Skipped, Detail: "nothing may be sent through it without a permission"}
	}
	e := &echoes{
		c: c, relay: c.climb.Relayed, server: netip.AddrPortFrom(c.climb.Server.Addr(), c.climb.Relayed.Port()),
		began: time.Now(), tokens: map[string]string{},
		arrived: map[string]netip.AddrPort{}, returned: map[string]netip.AddrPort{},
		after: map[string]float64{}, notes: map[string]string{}, change: make(chan struct{}, 1),
	}
	for _, way := range []string{EchoSocket, EchoServer, EchoOutward, EchoRelay} {
		e.tokens[way] = "icelab echo " + token() + " "
	}
	e.run(ctx)
	c.climb.Echoes = e.account()
	return e.judge()
}

func token() string {
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// back is how the answer to a payload begins.
const back = "back: "

// run tries all ways until the decisive one has led there and back and the second
// allocation has been heard of, or the patience is over.
func (e *echoes) run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, e.c.Patience)
	defer cancel()
	e.c.link.onData(func(from netip.AddrPort, payload []byte) { e.atRelay(e.c.session, from, payload) })
	defer e.c.link.onData(nil)

	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	work.Go(func() { e.fromSocket(ctx) })
	work.Go(func() { e.fromServerAddress(ctx) })
	second := make(chan struct{})
	work.Go(func() {
		defer close(second)
		e.fromRelay(ctx)
	})
	for secondDone := (<-chan struct{})(second); ; {
		e.mu.Lock()
		settled := e.returned[EchoSocket].IsValid()
		e.mu.Unlock()
		if settled && secondDone == nil {
			return
		}
		select {
		case <-e.change:
		case <-secondDone:
			secondDone = nil
		case <-ctx.Done():
			return
		}
	}
}

// atRelay takes what the relay got from a peer, and answers it.
func (e *echoes) atRelay(s *session, from netip.AddrPort, payload []byte) {
	way, answer := e.wayOf(string(payload))
	if way == "" {
		return
	}
	if answer {
		e.settle(way, from, e.returned)
		return
	}
	e.note(e.arrived, way, from)
	_ = s.link.send(indication(from, back+e.tokens[way]))
}

func (e *echoes) wayOf(payload string) (way string, answer bool) {
	payload, answer = strings.CutPrefix(payload, back)
	for way, token := range e.tokens {
		if strings.HasPrefix(payload, token) {
			return way, answer
		}
	}
	return "", false
}

func (e *echoes) note(in map[string]netip.AddrPort, way string, from netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !in[way].IsValid() {
		in[way] = from
	}
	select {
	case e.change <- struct{}{}:
	default:
	}
}

func (e *echoes) settle(way string, from netip.AddrPort, in map[string]netip.AddrPort) {
	e.mu.Lock()
	if _, ok := e.after[way]; !ok {
		e.after[way] = since(e.began)
	}
	e.mu.Unlock()
	e.note(in, way, from)
}

func (e *echoes) say(way, format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.notes[way] == "" {
		e.notes[way] = fmt.Sprintf(format, args...)
	}
}

// failed notes what the system says of the socket.
func (e *echoes) failed(err error, from string) {
	e.say(EchoSocket, "%s%s", words(err, true), from)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.trouble = faultOf(err)
}

// indication is a Send indication (RFC 8656 §11.1).
func indication(to netip.AddrPort, payload string) *stun.Message {
	return newRequest(stun.MethodSend, stun.ClassIndication, peerAddress(to),
		stun.RawAttribute{Type: stun.AttrData, Value: []byte(payload)})
}

// every calls f at once and then again and again, less and less often.
func every(ctx context.Context, patience time.Duration, f func()) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for pause := firstRTO(patience) / 2; ; pause = min(pause*3/2, patience/4) {
		select {
		case <-timer.C:
			f()
			timer.Reset(pause)
		case <-ctx.Done():
			return
		}
	}
}

// fromSocket sends from a socket that is connected to the relayed address, so that an
// ICMP error from there is heard.
func (e *echoes) fromSocket(ctx context.Context) {
	conn, err := e.c.Net.Dial("udp", e.relay.String())
	if err != nil {
		e.failed(err, "")
		return
	}
	var reader sync.WaitGroup
	defer reader.Wait()
	defer conn.Close()
	reader.Go(func() {
		readUntilClosed(ctx, conn, func(payload []byte) {
			if way, answer := e.wayOf(string(payload)); way == EchoSocket && answer {
				e.settle(EchoSocket, e.relay, e.returned)
			}
		}, func(err error) { e.failed(err, " from there") })
	})
	every(ctx, e.c.Patience, func() {
		if _, err := conn.Write([]byte(e.tokens[EchoSocket])); err != nil && ctx.Err() == nil {
			e.failed(err, "")
		}
	})
}

// readUntilClosed reads datagrams; an error concerns no later one.
func readUntilClosed(ctx context.Context, conn net.Conn, got func([]byte), trouble func(error)) {
	buf := make([]byte, 2048)
	for failures := 0; failures < 100 && ctx.Err() == nil; {
		n, err := conn.Read(buf)
		if err == nil {
			failures = 0
			got(buf[:n])
			continue
		}
		if faultOf(err) == Closed {
			return
		}
		failures++
		trouble(err)
	}
}

// fromServerAddress has a socket that everybody may send to as far as the NAT lets
// them. It asks the server who it is, which is the control for all plain sockets; the
// relay sends there; and where the relayed address is not the server's own, it sends
// to the relay's port there.
func (e *echoes) fromServerAddress(ctx context.Context) {
	network := "udp4"
	if e.server.Addr().Is6() {
		network = "udp6"
	}
	conn, err := e.c.Net.ListenUDP(network, nil)
	if err != nil {
		e.say(EchoOutward, "no socket: %s", words(err, true))
		return
	}
	mapped := make(chan netip.AddrPort, 1)
	requests := map[transactionID]bool{}
	asked := []*stun.Message{}
	servers := e.c.stunServers()
	for range servers {
		m := newRequest(stun.MethodBinding, stun.ClassRequest)
		requests[m.TransactionID] = true
		asked = append(asked, m)
	}
	var reader sync.WaitGroup
	defer reader.Wait()
	defer conn.Close()
	reader.Go(func() { e.readPlain(ctx, conn, requests, mapped) })
	var us netip.AddrPort
	every(ctx, e.c.Patience, func() {
		write := func(payload []byte, to netip.AddrPort) { _, _ = conn.WriteTo(payload, net.UDPAddrFromAddrPort(to)) }
		for i, m := range asked {
			if to := servers[i]; to.Addr().BitLen() == e.server.Addr().BitLen() {
				write(m.Raw, to)
			}
		}
		select {
		case us = <-mapped:
		default:
		}
		if e.relay.Addr() != e.server.Addr() {
			write([]byte(e.tokens[EchoServer]), e.server)
		}
		to := us
		if !to.IsValid() && e.c.peer == localAddress(e.c.Net, e.server) {
			to = netip.AddrPortFrom(e.c.peer, endpoint(conn.LocalAddr()).Port()) // no NAT
		}
		if to.IsValid() && to.Addr() == e.c.peer {
			_ = e.c.link.send(indication(to, e.tokens[EchoOutward]))
		}
	})
}

// stunServers are those that may tell a plain socket who it is: the URL's own port
// first.
func (c *climber) stunServers() []netip.AddrPort {
	servers := []netip.AddrPort{c.climb.Server}
	if c.climb.Alternate.IsValid() {
		servers = append(servers, c.climb.Alternate)
	}
	return append(servers, c.Others...)
}

// localAddress is what the system would send from.
func localAddress(host transport.Net, to netip.AddrPort) netip.Addr {
	conn, err := host.Dial("udp", to.String())
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return localOf(conn).Addr()
}

func (e *echoes) readPlain(ctx context.Context, conn transport.UDPConn, requests map[transactionID]bool, mapped chan<- netip.AddrPort) {
	buf := make([]byte, 2048)
	for failures := 0; failures < 100 && ctx.Err() == nil; {
		n, source, err := conn.ReadFrom(buf)
		if err != nil {
			if faultOf(err) == Closed {
				return
			}
			failures++
			continue
		}
		failures = 0
		from := endpoint(source)
		if way, answer := e.wayOf(string(buf[:n])); way != "" {
			switch {
			case answer:
				e.settle(way, from, e.returned)
			default: // outward: the relay sent it by itself
				e.settle(way, from, e.arrived)
				_, _ = conn.WriteTo([]byte(back+e.tokens[way]), source)
			}
			continue
		}
		m := &stun.Message{Raw: append([]byte(nil), buf[:n]...)}
		if m.Decode() != nil || !requests[m.TransactionID] {
			continue
		}
		us := mappedAddress(m)
		e.mu.Lock()
		e.controlled = true
		e.seen = us
		e.mu.Unlock()
		if us.IsValid() {
			select {
			case mapped <- us:
			default:
			}
		}
	}
}
