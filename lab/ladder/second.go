package ladder

import (
	"context"
	"net/netip"

	"github.com/pion/stun/v3"
)

// fromRelay makes a second allocation on the same server and sends from that.
func (e *echoes) fromRelay(ctx context.Context) {
	other := &climber{Config: e.c.Config, target: e.c.target, climb: Climb{URL: e.c.climb.URL, Server: e.c.climb.Server}}
	rung := other.reach(ctx)
	if rung.Outcome != OK {
		e.say(EchoRelay, "no second allocation: %s", rung.Detail)
		return
	}
	defer other.link.close()
	other.session = &session{
		link: other.link, username: e.c.Username, password: e.c.Credential,
		open: e.c.session.open, realm: e.c.session.realm, nonce: e.c.session.nonce,
	}
	answer, _, err := other.session.allocate(ctx)
	switch {
	case err != nil:
		e.say(EchoRelay, "no second allocation: %s", words(err, other.link.overUDP()))
		return
	case answer.Type.Class == stun.ClassErrorResponse:
		code, reason := errorOf(answer)
		e.say(EchoRelay, "no second allocation: %s", codeWords(code, reason))
		e.mu.Lock()
		e.refusal = code
		e.mu.Unlock()
		return
	}
	defer other.session.free(e.c.Patience)
	relayed := xorAddress(answer, stun.AttrXORRelayedAddress)
	for _, permit := range []struct {
		s    *session
		peer netip.Addr
	}{{other.session, e.relay.Addr()}, {e.c.session, relayed.Addr()}} {
		answer, _, err := permit.s.permit(ctx, permit.peer)
		if err != nil {
			e.say(EchoRelay, "no permission for %s: %s", permit.peer, words(err, other.link.overUDP()))
			return
		}
		if answer.Type.Class == stun.ClassErrorResponse {
			code, reason := errorOf(answer)
			e.say(EchoRelay, "the server does not relay to its own address %s: %s", permit.peer, codeWords(code, reason))
			return
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	other.link.onData(func(from netip.AddrPort, payload []byte) {
		if way, answer := e.wayOf(string(payload)); way == EchoRelay && answer {
			e.settle(EchoRelay, from, e.returned)
			cancel()
		}
	})
	every(ctx, e.c.Patience, func() { _ = other.link.send(indication(e.relay, e.tokens[EchoRelay])) })
}

// reach makes a link without a climb.
func (c *climber) reach(ctx context.Context) Rung {
	r := c.dial(ctx)
	if r.Outcome == OK && (c.transport == "tls" || c.transport == "dtls") {
		r = c.encrypt(ctx)
	}
	switch {
	case r.Outcome == OK:
		c.link = newLink(c.conn, c.stream(), c.Patience)
	case c.conn != nil:
		_ = c.conn.Close()
	}
	return r
}
