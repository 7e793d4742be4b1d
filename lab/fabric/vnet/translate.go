package vnet

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
)

// translator is a NAT's state for UDP. As in lab/gateway the external port is a
// function of who sends to whom, and nothing else (RFC 4787 §4.1).
type translator struct {
	nat.Behavior
	mappings map[mappingKey]*mapping
	ports    map[uint16]*mapping
	// reserved ports are not given out: they were in use before Forget.
	reserved map[uint16]bool
	counter  int
}

// mappingKey is an inside endpoint, and what the mapping behaviour looks at of
// the remote one.
type mappingKey struct{ inside, remote netip.AddrPort }

type mapping struct {
	mappingKey
	port    uint16
	expires time.Time
	// permitted are the remotes that the filter lets in, or what it looks at of
	// them, and until when.
	permitted map[netip.AddrPort]time.Time
}

func newTranslator(b nat.Behavior) *translator {
	if b.Lifetime == 0 {
		b.Lifetime = nat.DefaultLifetime
	}
	t := &translator{Behavior: b, reserved: map[uint16]bool{}}
	t.forget(false)
	return t
}

// forget ends all mappings. With newPorts their ports are not given out again, not
// even after it is called once more.
func (t *translator) forget(newPorts bool) {
	if newPorts {
		for port := range t.ports {
			t.reserved[port] = true
		}
	}
	t.mappings, t.ports = map[mappingKey]*mapping{}, map[uint16]*mapping{}
}

// outbound returns the external port for a packet from inside, which refreshes
// its mapping. There may be no port left.
func (t *translator) outbound(now time.Time, from, to netip.AddrPort) (port uint16, ok bool) {
	key := mappingKey{from, mappedFor(t.Mapping, to)}
	m := t.mappings[key]
	if m == nil || t.expired(now, m) {
		if port, ok = t.assign(now, from.Port()); !ok {
			return 0, false
		}
		m = &mapping{mappingKey: key, port: port, permitted: map[netip.AddrPort]time.Time{}}
		t.mappings[key], t.ports[port] = m, m
	}
	m.expires = now.Add(t.Lifetime)
	m.permitted[permittedFor(t.Filtering, to)] = m.expires
	return m.port, true
}

// inbound returns the inside endpoint that a packet to an external port is for,
// or why it may not enter. It refreshes nothing (RFC 4787 REQ-6).
func (t *translator) inbound(now time.Time, from netip.AddrPort, port uint16) (netip.AddrPort, gateway.Reason) {
	m := t.ports[port]
	switch {
	case m == nil || t.expired(now, m):
		return netip.AddrPort{}, gateway.NoMapping
	case !now.Before(m.permitted[permittedFor(t.Filtering, from)]):
		return netip.AddrPort{}, gateway.Filtered
	}
	return m.inside, ""
}

// expired also removes what it finds expired.
func (t *translator) expired(now time.Time, m *mapping) bool {
	if now.Before(m.expires) {
		return false
	}
	delete(t.mappings, m.mappingKey)
	delete(t.ports, m.port)
	return true
}

// The ports that are drawn, see nat.Random.
const firstPort, portCount = 32768, 28232

// assign chooses a free external port.
func (t *translator) assign(now time.Time, inside uint16) (uint16, bool) {
	if t.Ports == nat.Preserving && t.free(now, inside) {
		return inside, true
	}
	start := rand.IntN(portCount)
	if t.Ports == nat.Sequential {
		start = t.counter
	}
	for i := range portCount {
		offset := (start + i) % portCount
		if port := uint16(firstPort + offset); t.free(now, port) {
			t.counter = offset + 1
			return port, true
		}
	}
	return 0, false
}

func (t *translator) free(now time.Time, port uint16) bool {
	m := t.ports[port]
	return (m == nil || t.expired(now, m)) && !t.reserved[port]
}

// mappedFor is what a mapping depends on of a remote endpoint.
func mappedFor(m nat.Mapping, remote netip.AddrPort) netip.AddrPort {
	switch m {
	case nat.EIM:
		return netip.AddrPort{}
	case nat.ADM:
		return netip.AddrPortFrom(remote.Addr(), 0)
	}
	return remote
}

// permittedFor is what a filter depends on of a remote endpoint.
func permittedFor(f nat.Filtering, remote netip.AddrPort) netip.AddrPort {
	switch f {
	case nat.EIF:
		return netip.AddrPort{}
	case nat.ADF:
		return netip.AddrPortFrom(remote.Addr(), 0)
	}
	return remote
}
