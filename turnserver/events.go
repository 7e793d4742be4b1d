package turnserver

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"
)

// EventCapacity is how many events a Server remembers. The oldest are forgotten first.
const EventCapacity = 4096

// Kind is what an Event is about.
type Kind string

// The kinds of events. A Reason accompanies every refusal, every drop and the end of an allocation.
const (
	// AuthOK: an Allocate request passed authentication.
	AuthOK Kind = "auth-ok"
	// AuthFailed: a request was refused for its credentials: unknown user, wrong password or
	// wrong realm. The 401 that challenges every first request is not an event.
	AuthFailed Kind = "auth-failed"
	// NonceStale: the client was told to retry with a fresh nonce (438), harmless unless it
	// repeats (RFC 8489 section 9.2.4).
	NonceStale Kind = "nonce-stale"

	AllocationCreated Kind = "allocation-created"
	AllocationEnded   Kind = "allocation-ended"
	// AllocationRefused: an authenticated Allocate request was refused, with the Code the
	// client got.
	AllocationRefused Kind = "allocation-refused"

	// PermissionCreated and PermissionEnded: Peer has port 0, since a permission is for every
	// port of an address (RFC 8656 section 9). A refresh is not an event.
	PermissionCreated Kind = "permission-created"
	PermissionEnded   Kind = "permission-ended"
	// PermissionRefused: a CreatePermission or ChannelBind request names a peer that is denied.
	PermissionRefused Kind = "permission-refused"

	ChannelBound   Kind = "channel-bound"
	ChannelEnded   Kind = "channel-ended"
	ChannelRefused Kind = "channel-refused"

	// RelayDropped: a datagram was not relayed. Logged once per allocation, peer and reason;
	// Allocation.Dropped counts every one.
	RelayDropped Kind = "relay-dropped"

	// RequestUnanswered: turn/v4 leaves a request that belongs to no allocation unanswered,
	// and the client waits for its retransmissions to end.
	RequestUnanswered Kind = "request-unanswered"
)

// Event is something that happened to a client of the server. Fields that do not apply are zero.
type Event struct {
	// Seq counts from 1 without gaps.
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
	Kind Kind      `json:"kind"`

	// Client, Transport ("udp", "tcp", "tls" or "dtls") and Username say whose. The username is the client's
	// claim where authentication failed.
	Client    netip.AddrPort `json:"client,omitzero"`
	Transport string         `json:"transport,omitempty"`
	Username  string         `json:"username,omitempty"`

	// Method is the STUN method of the request that caused the event, e.g. "Allocate".
	Method  string         `json:"method,omitempty"`
	Relay   netip.AddrPort `json:"relay,omitzero"`
	Peer    netip.AddrPort `json:"peer,omitzero"`
	Channel uint16         `json:"channel,omitempty"`

	// Code is the STUN error code the client received. It is 0 where turn/v4 sent none.
	Code   int    `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// eventLog is a bounded ring of events that can be waited on.
type eventLog struct {
	mu      sync.Mutex
	ring    []Event
	last    uint64
	changed chan struct{}
	closed  bool
}

func newEventLog() *eventLog {
	return &eventLog{changed: make(chan struct{})}
}

func (l *eventLog) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.last++
	e.Seq, e.Time = l.last, time.Now()
	if len(l.ring) < EventCapacity {
		l.ring = append(l.ring, e)
	} else {
		l.ring[(e.Seq-1)%EventCapacity] = e
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *eventLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.closed = true
	close(l.changed)
	l.changed = make(chan struct{})
}

// since returns the events after seq, and a channel that is closed when there are more.
func (l *eventLog) since(seq uint64) (events []Event, changed <-chan struct{}, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()

	oldest := l.last - uint64(len(l.ring))
	for s := max(seq, oldest) + 1; s <= l.last; s++ {
		events = append(events, l.ring[(s-1)%EventCapacity])
	}

	return events, l.changed, l.closed
}

func (l *eventLog) wait(ctx context.Context, seq uint64) ([]Event, error) {
	for {
		events, changed, closed := l.since(seq)
		if len(events) > 0 {
			return events, nil
		}
		if closed {
			return nil, net.ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// onceLog keeps a flood of equal drops from washing everything else out of the event log.
type onceLog struct {
	mu   sync.Mutex
	seen map[drop]struct{}
}

type drop struct {
	client, peer netip.AddrPort
	reason       string
}

// maxSeen bounds the memory; beyond it what was logged may be logged again.
const maxSeen = 1024

func (o *onceLog) once(client, peer netip.AddrPort, reason string, log func()) {
	key := drop{client, peer, reason}
	o.mu.Lock()
	_, seen := o.seen[key]
	if !seen {
		if o.seen == nil || len(o.seen) == maxSeen {
			o.seen = map[drop]struct{}{}
		}
		o.seen[key] = struct{}{}
	}
	o.mu.Unlock()
	if !seen {
		log()
	}
}

func (o *onceLog) forget(client netip.AddrPort) {
	o.mu.Lock()
	defer o.mu.Unlock()

	maps.DeleteFunc(o.seen, func(d drop, _ struct{}) bool { return d.client == client })
}
