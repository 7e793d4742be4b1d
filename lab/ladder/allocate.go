package ladder

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/stun/v3"
)

// session is a client's standing with a server: its credentials under the server's
// challenge (RFC 8489 §9.2), and its allocation.
type session struct {
	link               *link
	username, password string
	realm, nonce       string
	// open says that the server wants no credentials.
	open bool
	// stale is how many nonces the server has called stale.
	stale int
}

// nonces is how many a server may call stale before a client gives up: one is
// normal, since they expire.
const nonces = 4

// errNonceLoop is that many.
var errNonceLoop = errors.New("one nonce after the other is called stale")

// ask sends a request with credentials, and again with the nonce of a 438.
func (s *session) ask(ctx context.Context, method stun.Method, attributes ...stun.Setter) (answer *stun.Message, requests int, err error) {
	for range nonces {
		answer, n, err := s.link.ask(ctx, s.request(method, stun.ClassRequest, attributes...))
		requests += n
		if err != nil {
			return nil, requests, err
		}
		code, _ := errorOf(answer)
		if answer.Type.Class != stun.ClassErrorResponse || code != int(stun.CodeStaleNonce) {
			return answer, requests, nil
		}
		s.stale++
		var nonce stun.Nonce
		if nonce.GetFrom(answer) == nil {
			s.nonce = nonce.String()
		}
	}
	return nil, requests, errNonceLoop
}

func (s *session) request(method stun.Method, class stun.MessageClass, attributes ...stun.Setter) *stun.Message {
	if !s.open {
		attributes = append(attributes,
			stun.NewUsername(s.username), stun.NewRealm(s.realm), stun.NewNonce(s.nonce),
			stun.NewLongTermIntegrity(s.username, s.realm, s.password))
	}
	return newRequest(method, class, attributes...)
}

// requestedUDP is REQUESTED-TRANSPORT (RFC 8656 §18.7).
var requestedUDP = stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}

func lifetime(d time.Duration) stun.RawAttribute {
	return stun.RawAttribute{Type: stun.AttrLifetime, Value: binary.BigEndian.AppendUint32(nil, uint32(d/time.Second))}
}

func peerAddress(a netip.AddrPort) stun.Setter {
	return xorPeer{stun.XORMappedAddress{IP: a.Addr().AsSlice(), Port: int(a.Port())}}
}

type xorPeer struct{ stun.XORMappedAddress }

func (x xorPeer) AddTo(m *stun.Message) error { return x.AddToAs(m, stun.AttrXORPeerAddress) }

// challenge is the rung of an Allocate without credentials: a 401 is what it takes.
func (c *climber) challenge(ctx context.Context) Rung {
	c.session = &session{link: c.link, username: c.Username, password: c.Credential}
	answer, requests, err := c.link.ask(ctx, newRequest(stun.MethodAllocate, stun.ClassRequest, requestedUDP))
	if err != nil {
		return c.unanswered("Allocate", requests, err)
	}
	c.notice(answer)
	code, _ := errorOf(answer)
	switch {
	case answer.Type.Class == stun.ClassSuccessResponse:
		c.session.open = true
		c.allocated(answer)
		return Rung{Outcome: OK, Detail: "the server asks for no credentials: it allocated at once"}
	case code == int(stun.CodeTryAlternate):
		r := refused("Allocate", answer)
		if to := plainAddress(answer, stun.AttrAlternateServer); to.IsValid() {
			r.Detail += ", and to ask " + to.String()
		}
		return r
	case code != int(stun.CodeUnauthorized):
		return refused("Allocate without credentials", answer)
	}
	var realm stun.Realm
	var nonce stun.Nonce
	switch {
	case realm.GetFrom(answer) != nil:
		return Rung{Outcome: Failed, Fault: NoRealm, Code: code, Detail: "401 without REALM: there is nothing to make a key from"}
	case len(realm) == 0:
		return Rung{Outcome: Failed, Fault: NoRealm, Code: code, Detail: "401 with an empty REALM, of which some clients make no key"}
	case nonce.GetFrom(answer) != nil:
		return Rung{Outcome: Failed, Fault: NoRealm, Code: code, Detail: "401 without NONCE"}
	}
	c.session.realm, c.session.nonce = realm.String(), nonce.String()
	return Rung{Outcome: OK, Detail: fmt.Sprintf("401 with realm %q and a nonce%s", realm.String(), again(requests))}
}

// allocated keeps what the success of an Allocate tells.
func (c *climber) allocated(answer *stun.Message) {
	c.climb.Relayed = xorAddress(answer, stun.AttrXORRelayedAddress)
	c.climb.Lifetime = lifetimeOf(answer)
	if mapped := mappedAddress(answer); mapped.IsValid() {
		c.climb.Mapped = mapped
	}
}

func lifetimeOf(m *stun.Message) time.Duration {
	value, err := m.Get(stun.AttrLifetime)
	if err != nil || len(value) < 4 {
		return 0
	}
	return time.Duration(binary.BigEndian.Uint32(value)) * time.Second
}

// allocate is the rung of the allocation.
func (c *climber) allocate(ctx context.Context) Rung {
	c.hold.share()
	if c.session.open {
		return c.granted(1)
	}
	answer, requests, err := c.session.allocate(ctx)
	if code := codeOf(answer); code == int(stun.CodeAllocQuotaReached) || code == int(stun.CodeInsufficientCapacity) {
		// It may be for what this run holds over its other URLs.
		if c.hold.alone() {
			answer, requests, err = c.patiently(ctx, code)
		}
	}
	switch {
	case errors.Is(err, errNonceLoop):
		return Rung{Outcome: Failed, Fault: NonceLoop, Code: int(stun.CodeStaleNonce), Detail: fmt.Sprintf("Allocate refused: 438 to %d nonces in a row", nonces)}
	case err != nil:
		return c.unanswered("Allocate with credentials", requests, err)
	}
	c.notice(answer)
	if answer.Type.Class == stun.ClassErrorResponse {
		return refused("Allocate with credentials", answer)
	}
	c.allocated(answer)
	return c.granted(requests)
}

// countedOff is how long a server may take to count an allocation off that was given
// back: coturn takes a second over UDP.
const countedOff = 1500 * time.Millisecond

// patiently repeats an Allocate while it is refused with that code.
func (c *climber) patiently(ctx context.Context, code int) (answer *stun.Message, requests int, err error) {
	deadline := time.Now().Add(max(c.Patience, countedOff))
	pause := time.NewTicker(max(c.Patience/8, 20*time.Millisecond))
	defer pause.Stop()
	for {
		answer, requests, err = c.session.allocate(ctx)
		if err != nil || codeOf(answer) != code || time.Now().After(deadline) {
			return answer, requests, err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil, requests, ctx.Err()
		}
	}
}

// codeOf is the code of an error response, 0 of any other message.
func codeOf(m *stun.Message) int {
	if m == nil {
		return 0
	}
	code, _ := errorOf(m)
	return code
}

func (c *climber) granted(requests int) Rung {
	if !c.climb.Relayed.IsValid() {
		return Rung{Outcome: Failed, Fault: NotSTUN, Detail: "an Allocate success without XOR-RELAYED-ADDRESS in it"}
	}
	c.hold.granted()
	detail := fmt.Sprintf("relay %s for %s", c.climb.Relayed, c.climb.Lifetime)
	if c.session.stale > 0 {
		detail += ", after a 438, which is normal"
	}
	return Rung{Outcome: OK, Detail: detail + again(requests)}
}

// release gives the allocation back (RFC 8656 §7.1), even when the run was
// interrupted.
func (c *climber) release() {
	if c.climb.Relayed.IsValid() {
		c.session.free(c.Patience)
	}
	c.hold.end()
}

// free ends the session's allocation, and waits that long to be told so.
func (s *session) free(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	_, _, _ = s.ask(ctx, stun.MethodRefresh, lifetime(0))
}

// allocate asks for an allocation. One that may have been made, without an answer to
// tell, is given back.
func (s *session) allocate(ctx context.Context) (answer *stun.Message, requests int, err error) {
	answer, requests, err = s.ask(ctx, stun.MethodAllocate, requestedUDP)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		const soon = 300 * time.Millisecond
		s.free(min(s.link.patience, soon))
	default:
		_ = s.link.send(s.request(stun.MethodRefresh, stun.ClassRequest, lifetime(0)))
	}
	return answer, requests, err
}

// permission is the rung of the permission for this host, as the relay sees it.
func (c *climber) permission(ctx context.Context) Rung {
	c.peer = c.ownAddress()
	if !c.peer.IsValid() {
		return Rung{Outcome: Skipped, Detail: "this host has no address that a relay could send to"}
	}
	answer, requests, err := c.session.permit(ctx, c.peer)
	switch {
	case errors.Is(err, errNonceLoop):
		return Rung{Outcome: Failed, Fault: NonceLoop, Code: int(stun.CodeStaleNonce), Detail: fmt.Sprintf("CreatePermission refused: 438 to %d nonces in a row", nonces)}
	case err != nil:
		return c.unanswered("CreatePermission", requests, err)
	case answer.Type.Class == stun.ClassErrorResponse:
		return refused(fmt.Sprintf("CreatePermission for %s", c.peer), answer)
	}
	c.permitted = true
	return Rung{Outcome: OK, Detail: fmt.Sprintf("for %s, which the echo comes from%s", c.peer, again(requests))}
}

func (s *session) permit(ctx context.Context, peer netip.Addr) (*stun.Message, int, error) {
	return s.ask(ctx, stun.MethodCreatePermission, peerAddress(netip.AddrPortFrom(peer, 0)))
}

// ownAddress is that by which the relay knows this host: as the server sees it, or
// where that is a loopback address the one that leads to the relay.
func (c *climber) ownAddress() netip.Addr {
	if mapped := c.climb.Mapped.Addr(); mapped.IsValid() && !mapped.IsLoopback() && mapped.BitLen() == c.climb.Relayed.Addr().BitLen() {
		return mapped
	}
	conn, err := c.Net.Dial("udp", c.climb.Relayed.String())
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return localOf(conn).Addr()
}
