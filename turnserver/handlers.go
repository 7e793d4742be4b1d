package turnserver

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"
)

// authHandler returns nil without users, which makes turn/v4 refuse TURN for good with 400.
func (l *leg) authHandler() turn.AuthHandler {
	if !l.server.servesTURN() {
		return nil
	}

	return l.authenticate
}

// authenticate also checks the realm: turn/v4 takes any that the client names.
func (l *leg) authenticate(username, realm string, _ net.Addr) ([]byte, bool) {
	if realm != l.server.config.Realm {
		l.exchange.authFailure = fmt.Sprintf("wrong realm %q: this server's is %q", realm, l.server.config.Realm)

		return nil, false
	}
	key, refusal := l.server.key(username)
	l.exchange.authFailure = refusal

	return key, refusal == ""
}

// quota is the last that turn/v4 asks before it allocates.
func (l *leg) quota(username, _ string, _ net.Addr) bool {
	if l.server.config.Faults.NoUDPRelay {
		l.exchange.refusal = noUDPRelay

		return false
	}
	if !l.server.allocations.hold(l.server.holder(username), l.server.config.Quota) {
		l.exchange.refusal = fmt.Sprintf("the user holds all %d allocations of the quota", l.server.config.Quota)

		return false
	}
	l.exchange.username = username

	return true
}

// permit decides on an address; which of its ports are refused is decided on each datagram.
func (l *leg) permit(_ net.Addr, ip net.IP) bool {
	addr, _ := netip.AddrFromSlice(ip)
	addr = addr.Unmap()
	if reason := l.server.deny.peer(addr); reason != "" {
		l.exchange.denied = append(l.exchange.denied, deniedPeer{addr, reason})

		return false
	}

	return true
}

// eventHandler listens to what turn/v4 does report. That a permission or channel ended may come
// from a timer, which must leave the exchange alone.
func (l *leg) eventHandler() turn.EventHandler {
	event := func(kind Kind, client net.Addr, username string, relay net.Addr) Event {
		return Event{
			Kind: kind, Client: addrPort(client), Transport: l.transport,
			Username: username, Relay: addrPort(relay),
		}
	}
	permission := func(kind Kind) func(_, _ net.Addr, _, _, _ string, _ net.Addr, _ net.IP) {
		return func(client, _ net.Addr, _, username, _ string, relay net.Addr, ip net.IP) {
			if l.server.config.PermissionLifetime > 0 {
				return // the relay socket knows better
			}
			e := event(kind, client, username, relay)
			e.Peer = addrPort(&net.UDPAddr{IP: ip})
			l.server.events.add(e)
		}
	}
	channel := func(kind Kind) func(_, _ net.Addr, _, _, _ string, _, _ net.Addr, _ uint16) {
		return func(client, _ net.Addr, _, username, _ string, relay, peer net.Addr, number uint16) {
			e := event(kind, client, username, relay)
			e.Peer, e.Channel = addrPort(peer), number
			l.server.events.add(e)
		}
	}

	return turn.EventHandler{
		OnAuth: l.authenticated,
		OnAllocationCreated: func(client, _ net.Addr, _, username, _ string, _ net.Addr, _ int) {
			l.exchange.username = "" // the allocation holds the quota now
			l.exchange.relay.allot(addrPort(client), username)
			l.log(Event{Kind: AllocationCreated, Username: username, Method: stun.MethodAllocate.String()})
		},
		OnAllocationError:   func(_, _ net.Addr, _, _ string) { l.unanswered() },
		OnPermissionCreated: permission(PermissionCreated),
		OnPermissionDeleted: permission(PermissionEnded),
		OnChannelCreated:    channel(ChannelBound),
		OnChannelDeleted:    channel(ChannelEnded),
	}
}

func (l *leg) authenticated(_, _ net.Addr, _, username, _, method string, ok bool) {
	switch {
	case !ok:
		l.exchange.authFailure = "wrong password"
	case method == stun.MethodAllocate.String():
		l.log(Event{Kind: AuthOK, Username: username, Method: method})
	case method == stun.MethodRefresh.String() && asksForZero(l.exchange.request()):
		if relay := l.relayOf(l.exchange.client); relay != nil {
			relay.release()
		}
	}
}

// asksForZero tells a Refresh that ends the allocation (RFC 8656 section 8).
func asksForZero(req *stun.Message) bool {
	lifetime, err := req.Get(stun.AttrLifetime)

	return err == nil && len(lifetime) == 4 && lifetime[0]|lifetime[1]|lifetime[2]|lifetime[3] == 0
}
