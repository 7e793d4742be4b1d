package turnserver

import (
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/stun/v3"
)

// Faults are what is wrong with a server on purpose. The zero value is a server without any.
// Events tell of a fault no more than the log of a real server would that has it;
// Server.Faulted tells.
type Faults struct {
	// DropAnswers loses answers to clients, by method: 1 all of them, N every Nth that the
	// server gives to any client, challenges and refusals included. The server has acted on the
	// request by then, as when a firewall lets requests in and not the answers out, a rate limit
	// bites, or a server is too slow.
	DropAnswers map[Method]int `json:"drop_answers,omitempty"`

	// NoRealm leaves REALM out of every challenge: a server without a realm in its
	// configuration. Without it a client cannot compute its key (RFC 8489 section 9.2.2).
	NoRealm bool `json:"no_realm,omitempty"`

	// StaleNonce hands out nonces that the server does not know, so that every request is
	// answered with 438 and the next one: a load balancer that sends each packet of a client to
	// another server.
	StaleNonce bool `json:"stale_nonce,omitempty"`

	// STUNOnly refuses every Allocate request with 400, as turn/v4 without a user does: a STUN
	// server that is taken for a TURN server.
	STUNOnly bool `json:"stun_only,omitempty"`

	// SecureSTUN wants credentials in Binding requests too, as coturn does with secure-stun:
	// others are answered with 401.
	SecureSTUN bool `json:"secure_stun,omitempty"`

	// NoUDPRelay refuses every Allocate request for UDP with 442, as coturn does with
	// no-udp-relay.
	NoUDPRelay bool `json:"no_udp_relay,omitempty"`

	// TLSMax is the newest version of TLS that "tls" listeners speak, as in crypto/tls: 0x0302
	// is TLS 1.1. Zero is the newest there is.
	TLSMax uint16 `json:"tls_max,omitempty"`

	// ClockOffset is how far the server's clock is ahead of this host's, or behind when
	// negative, where it judges time-limited credentials: two clocks that disagree.
	ClockOffset time.Duration `json:"clock_offset,omitempty"`

	// RelayDeaf loses what arrives at the relay sockets from other hosts, as a firewall in front
	// of the server does that does not let the relay ports in. Two relays of this host still
	// reach each other.
	RelayDeaf bool `json:"relay_deaf,omitempty"`
}

// Method is a STUN method, as Faults.DropAnswers names it.
type Method string

// The methods that a server answers.
const (
	Binding          Method = "binding"
	Allocate         Method = "allocate"
	Refresh          Method = "refresh"
	CreatePermission Method = "create-permission"
	ChannelBind      Method = "channel-bind"
)

var methods = map[stun.Method]Method{
	stun.MethodBinding:          Binding,
	stun.MethodAllocate:         Allocate,
	stun.MethodRefresh:          Refresh,
	stun.MethodCreatePermission: CreatePermission,
	stun.MethodChannelBind:      ChannelBind,
}

func (f Faults) validate() error {
	known := slices.Sorted(maps.Values(methods))
	for _, m := range slices.Sorted(maps.Keys(f.DropAnswers)) {
		if !slices.Contains(known, m) {
			return fmt.Errorf("turn server: drop answers to %q: no such method: use one of %v", m, known)
		}
		if every := f.DropAnswers[m]; every < 1 {
			return fmt.Errorf("turn server: drop every %dth answer to %s: use 1 for all, or more", every, m)
		}
	}

	if f.TLSMax != 0 && (f.TLSMax < tls.VersionTLS10 || f.TLSMax > tls.VersionTLS13) {
		return fmt.Errorf("turn server: at most TLS version %#04x: use 0x0301 (TLS 1.0) to 0x0304 (TLS 1.3), or 0 for the newest", f.TLSMax)
	}

	return nil
}

// tlsVersions are those that "tls" listeners speak: 1.2 and later (RFC 8996), unless the fault is
// to speak none of these.
func (f Faults) tlsVersions() (oldest, newest uint16) {
	if f.TLSMax != 0 && f.TLSMax < tls.VersionTLS12 {
		return tls.VersionTLS10, f.TLSMax
	}

	return tls.VersionTLS12, f.TLSMax
}

// clock is the time the server believes it is.
func (f Faults) clock() time.Time { return time.Now().Add(f.ClockOffset) }

// faulty is what the faults of a running server have done.
type faulty struct {
	Faults

	mu       sync.Mutex
	answered map[Method]int
	acted    map[string]uint64
}

func newFaulty(f Faults) *faulty {
	return &faulty{Faults: f, answered: map[Method]int{}, acted: map[string]uint64{}}
}

func (f *faulty) act(fault string) {
	f.mu.Lock()
	defer f.mu.Unlock()

	f.acted[fault]++
}

// drops counts an answer, and decides whether it is lost.
func (f *faulty) drops(method stun.Method) bool {
	m := methods[method]
	every := f.DropAnswers[m]
	if every == 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()

	f.answered[m]++
	lost := f.answered[m]%every == 0
	if lost {
		f.acted["drop_answers."+string(m)]++
	}

	return lost
}

// spoil returns the challenge that the client gets in place of answer, or answer if it is none
// (401 and 438, RFC 8489 section 9.2.4). Challenges are not signed.
func (f *faulty) spoil(answer []byte) []byte {
	if !f.NoRealm && !f.StaleNonce {
		return answer
	}
	challenge := new(stun.Message)
	if err := stun.Decode(answer, challenge); err != nil || !challenge.Contains(stun.AttrNonce) {
		return answer
	}
	attrs := []stun.Setter{challenge, challenge.Type}
	for _, a := range challenge.Attributes {
		switch {
		case f.NoRealm && a.Type == stun.AttrRealm:
			f.act("no_realm")

			continue
		case f.StaleNonce && a.Type == stun.AttrNonce:
			f.act("stale_nonce")
			a.Value = []byte(otherNonce(string(a.Value)))
		}
		attrs = append(attrs, a)
	}
	spoilt, err := stun.Build(attrs...)
	if err != nil {
		return answer
	}

	return spoilt.Raw
}

// otherNonce differs in the last character, which belongs to the hash that turn/v4 knows its own
// nonces by.
func otherNonce(nonce string) string {
	if other, ok := strings.CutSuffix(nonce, "0"); ok {
		return other + "1"
	}

	return nonce[:len(nonce)-1] + "0"
}

// Faulted returns how often each fault acted that shows in no event, by its name in JSON, such as
// "relay_deaf" or "drop_answers.allocate".
func (s *Server) Faulted() map[string]uint64 {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()

	return maps.Clone(s.faults.acted)
}
