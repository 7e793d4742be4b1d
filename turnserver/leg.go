package turnserver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"
)

// leg is a socket between clients and server: a UDP socket with any number of clients, or one
// client's TCP, TLS or DTLS connection. It is the PacketConn that turn/v4 reads requests from and answers on,
// so every message between a client and turn/v4 passes here.
//
// Each leg has a turn.Server to itself: all of its callbacks then belong to this leg, and run on
// the one goroutine that reads it. That goroutine alone touches exchange.
type leg struct {
	net.PacketConn
	server    *Server
	transport string

	exchange exchange

	mu     sync.Mutex
	relays map[netip.AddrPort]*relaySocket // by client
	ending string                          // why the leg's allocations end, once it does
	ended  sync.Once
}

func newLeg(s *Server, transport string, conn net.PacketConn) *leg {
	return &leg{PacketConn: conn, server: s, transport: transport, relays: map[netip.AddrPort]*relaySocket{}}
}

func (l *leg) serve() error {
	_, err := turn.NewServer(turn.ServerConfig{
		Realm:         l.server.config.Realm,
		AuthHandler:   l.authHandler(),
		QuotaHandler:  l.quota,
		LoggerFactory: l.server.config.LoggerFactory,
		EventHandler:  l.eventHandler(),

		ChannelBindTimeout: l.server.config.ChannelLifetime, // 0 is RFC 8656's
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn:            l,
			RelayAddressGenerator: l,
			PermissionHandler:     l.permit,
		}},
	})

	return err
}

// ReadFrom hands turn/v4 the next message. Being called again is the sign that turn/v4 is done
// with the last one.
func (l *leg) ReadFrom(p []byte) (int, net.Addr, error) {
	l.finishExchange()
	for {
		n, from, err := l.PacketConn.ReadFrom(p)
		if err != nil {
			l.end(err)

			return 0, nil, err
		}
		l.exchange = exchange{client: addrPort(from), raw: p[:n]}
		if n >= len(p) {
			l.dropFromClient(fmt.Sprintf("message of %d bytes or more, turn/v4's limit", len(p)))

			continue
		}
		if l.asksForCredentials(from) || l.server.discovery.answer(l.PacketConn, p[:n], l.exchange.client) || l.answerItself(from) {
			continue
		}
		n = l.limitLifetime(p, n)
		l.exchange.raw = p[:n]

		return n, from, nil
	}
}

// WriteTo sends a message of turn/v4's to a client: an answer, or what a peer sent.
func (l *leg) WriteTo(p []byte, to net.Addr) (int, error) {
	client := addrPort(to)
	if !isRelayed(p) {
		p = l.refusingUDP(l.forbidding(p))
		l.answering(p)

		return len(p), l.send(p, to)
	}

	var counted func(error)
	if relay := l.relayOf(client); relay != nil {
		counted = relay.countFromPeer()
	}
	n, err := l.PacketConn.WriteTo(p, to)
	if counted != nil {
		counted(err)
	}

	return n, err
}

// send sends an answer, or what the faults leave of it.
func (l *leg) send(answer []byte, to net.Addr) error {
	if l.server.faults.drops(messageType(answer).Method) {
		return nil
	}
	_, err := l.PacketConn.WriteTo(l.server.faults.spoil(answer), to)

	return err
}

// end closes the leg, after which turn/v4 ends its allocations.
func (l *leg) end(err error) {
	l.ended.Do(func() {
		l.mu.Lock()
		switch {
		case l.server.isClosing():
			l.ending = "the server was closed"
		case l.transport == "udp":
			l.ending = "the listening socket failed: " + cause(err).Error()
		default:
			l.ending = "the client's " + strings.ToUpper(l.transport) + " connection ended: " + cause(err).Error()
		}
		l.mu.Unlock()

		_ = l.PacketConn.Close()
		l.server.legEnded(l)
	})
}

func (l *leg) relayOf(client netip.AddrPort) *relaySocket {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.relays[client]
}

func (l *leg) addRelay(r *relaySocket, client netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.relays[client] = r
}

// removeRelay returns why the leg ended, "" while it has not. A client whose allocation expires
// may hold its next one already.
func (l *leg) removeRelay(r *relaySocket, client netip.AddrPort) string {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.relays[client] == r {
		delete(l.relays, client)
	}

	return l.ending
}

// dropFromClient reports that the message in hand is not relayed.
func (l *leg) dropFromClient(reason string) {
	d := datagram{peer: l.exchange.target(), size: len(l.exchange.raw)}
	if relay := l.relayOf(l.exchange.client); relay != nil {
		relay.drop(d, "from the client: "+reason)

		return
	}
	l.server.orphans.once(l.exchange.client, d.peer, reason, func() {
		l.log(Event{Kind: RelayDropped, Peer: d.peer, Reason: "from the client: " + reason})
	})
}

// log adds what the leg knows about the exchange in hand.
func (l *leg) log(e Event) {
	e.Client, e.Transport = l.exchange.client, l.transport
	if relay := l.relayOf(e.Client); relay != nil && !e.Relay.IsValid() {
		e.Relay = relay.address
	}
	l.server.events.add(e)
}

// isRelayed tells what turn/v4 relays to a client, ChannelData or a Data indication, from its
// answers.
func isRelayed(p []byte) bool {
	return len(p) >= 2 && (p[0]>>6 == 1 || messageType(p) == stun.NewType(stun.MethodData, stun.ClassIndication))
}

// messageType is that of a STUN message, and none for ChannelData, whose channel number stands in
// its place (RFC 8656 section 12.4).
func messageType(p []byte) (t stun.MessageType) {
	if len(p) >= 2 && p[0]>>6 == 0 {
		t.ReadValue(uint16(p[0])<<8 | uint16(p[1]))
	}

	return t
}

var errNoTCPRelay = errors.New("relaying over TCP (RFC 6062) is not supported")
