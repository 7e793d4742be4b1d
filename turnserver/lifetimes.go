package turnserver

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/stun/v3"
)

// What RFC 8656 sets lifetimes to, in sections 3.2, 9 and 12.
const (
	defaultAllocationLifetime = 10 * time.Minute
	defaultPermissionLifetime = 5 * time.Minute
	defaultChannelLifetime    = 10 * time.Minute
)

func (c Config) validateLifetimes() error {
	for _, l := range []struct {
		name           string
		value, longest time.Duration
	}{
		{"allocation", c.AllocationLifetime, defaultAllocationLifetime},
		{"permission", c.PermissionLifetime, defaultPermissionLifetime},
		{"channel", c.ChannelLifetime, defaultChannelLifetime},
	} {
		if l.value < 0 || l.value > l.longest || l.value%time.Second != 0 {
			return fmt.Errorf("turn server: %s lifetime %v: use whole seconds up to %v, or 0 for that", l.name, l.value, l.longest)
		}
	}

	return nil
}

// limitLifetime returns the length of the request in p, n bytes so far, after it was made to ask
// for no longer a lifetime than the server grants: turn/v4 grants what is asked for. A request that
// is not signed with the user's key is left for turn/v4 to refuse.
func (l *leg) limitLifetime(p []byte, n int) int {
	limit := l.server.config.AllocationLifetime
	if t := messageType(p[:n]); limit == 0 || t.Class != stun.ClassRequest ||
		t.Method != stun.MethodAllocate && t.Method != stun.MethodRefresh {
		return n
	}
	req := l.exchange.request()
	key, refusal := l.server.key(usernameOf(req))
	if requestedLifetime(req) <= limit || refusal != "" || stun.MessageIntegrity(key).Check(req) != nil {
		return n
	}

	attrs := []stun.Setter{req, req.Type}
	for _, a := range req.Attributes {
		if a.Type == stun.AttrMessageIntegrity {
			break // nothing behind it is protected
		}
		if a.Type != stun.AttrLifetime {
			attrs = append(attrs, a)
		}
	}
	attrs = append(attrs, lifetime(limit), stun.MessageIntegrity(key))
	if req.Contains(stun.AttrFingerprint) {
		attrs = append(attrs, stun.Fingerprint)
	}
	limited, err := stun.Build(attrs...)
	if err != nil || len(limited.Raw) >= len(p) {
		return n
	}

	return copy(p, limited.Raw)
}

// requestedLifetime is what turn/v4 would grant.
func requestedLifetime(req *stun.Message) time.Duration {
	const longest = time.Hour
	value, err := req.Get(stun.AttrLifetime)
	if err != nil || len(value) != 4 {
		return defaultAllocationLifetime
	}
	asked := time.Duration(binary.BigEndian.Uint32(value)) * time.Second
	if asked >= longest {
		return defaultAllocationLifetime
	}

	return asked
}

// lifetime is the LIFETIME attribute (RFC 8656 section 18.2).
type lifetime time.Duration

func (l lifetime) AddTo(m *stun.Message) error {
	m.Add(stun.AttrLifetime, binary.BigEndian.AppendUint32(nil, uint32(time.Duration(l)/time.Second)))

	return nil
}

// permission is one of an allocation's, where Config.PermissionLifetime ends it before turn/v4 does.
type permission struct {
	until time.Time
	timer *time.Timer
}

// granted creates or refreshes the permissions that the answered request asked for.
func (r *relaySocket) granted(req *stun.Message) {
	for _, peer := range peersOf(req) {
		if r.renew(peer.Addr()) {
			r.logPermission(PermissionCreated, peer.Addr())
		}
	}
}

// renew reports whether the permission is a new one.
func (r *relaySocket) renew(peer netip.Addr) (created bool) {
	lasts := r.leg.server.config.PermissionLifetime
	r.mu.Lock()
	defer r.mu.Unlock()

	if !r.record.Ended.IsZero() {
		return false
	}
	if p := r.permissions[peer]; p != nil {
		p.until = time.Now().Add(lasts)
		p.timer.Reset(lasts)

		return false
	}
	p := &permission{until: time.Now().Add(lasts)}
	p.timer = time.AfterFunc(lasts, func() { r.lapse(peer, p) })
	if r.permissions == nil {
		r.permissions = map[netip.Addr]*permission{}
	}
	r.permissions[peer] = p

	return true
}

// lapse ends a permission, unless it was renewed as its timer went off or has ended already.
func (r *relaySocket) lapse(peer netip.Addr, p *permission) {
	r.mu.Lock()
	ends := r.permissions[peer] == p && !time.Now().Before(p.until)
	if ends {
		delete(r.permissions, peer)
	}
	r.mu.Unlock()
	if ends {
		r.logPermission(PermissionEnded, peer)
	}
}

// endPermissions ends those that are left with the allocation.
func (r *relaySocket) endPermissions() {
	r.mu.Lock()
	left := r.permissions
	r.permissions = nil
	r.mu.Unlock()
	for peer, p := range left {
		p.timer.Stop()
		r.logPermission(PermissionEnded, peer)
	}
}

// lapsed tells a peer whose permission has ended, though turn/v4 keeps it.
func (r *relaySocket) lapsed(peer netip.Addr) bool {
	if r.leg.server.config.PermissionLifetime == 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.permissions[peer] == nil
}

func (r *relaySocket) logPermission(kind Kind, peer netip.Addr) {
	record := r.snapshot()
	r.leg.server.events.add(Event{
		Kind: kind, Client: record.Client, Transport: record.Transport, Username: record.Username,
		Relay: record.Relay, Peer: netip.AddrPortFrom(peer, 0),
	})
}
