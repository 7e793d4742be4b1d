package turnserver

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// EndedCapacity is how many ended allocations a Server remembers. The oldest are forgotten
// first. Allocations that are alive are always remembered; there are at most as many as there
// are relay ports.
const EndedCapacity = 1024

// Allocation is one relayed transport address and what went through it (RFC 8656 section 3.2).
type Allocation struct {
	// Client is the client as the server sees it: behind a NAT, its server-reflexive address.
	Client netip.AddrPort `json:"client"`
	// Transport of the leg between client and server: "udp", "tcp", "tls" or "dtls".
	Transport string         `json:"transport"`
	Username  string         `json:"username"`
	Relay     netip.AddrPort `json:"relay"`

	Created time.Time `json:"created"`
	// Ended is zero while the allocation is alive.
	Ended time.Time `json:"ended,omitzero"`

	// ToPeers went from the client through the relay, FromPeers came to the client.
	ToPeers   Traffic `json:"to_peers"`
	FromPeers Traffic `json:"from_peers"`
	// Dropped counts datagrams, in either direction, that reached the allocation and were not
	// relayed.
	Dropped uint64 `json:"dropped"`
}

// Traffic counts relayed datagrams by the payload a peer sends or receives: bytes are UDP
// payload at the relay socket, without TURN's own framing.
type Traffic struct {
	// Packets and Bytes are application data: everything that is not STUN, the DTLS
	// handshake included.
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	// Checks and CheckBytes are STUN between the peers: ICE connectivity and consent checks.
	Checks     uint64 `json:"checks"`
	CheckBytes uint64 `json:"check_bytes"`
}

func (t *Traffic) add(d datagram) {
	if d.stun {
		t.Checks++
		t.CheckBytes += uint64(d.size)
	} else {
		t.Packets++
		t.Bytes += uint64(d.size)
	}
}

func (t *Traffic) remove(d datagram) {
	if d.stun {
		t.Checks--
		t.CheckBytes -= uint64(d.size)
	} else {
		t.Packets--
		t.Bytes -= uint64(d.size)
	}
}

// register holds every allocation since the start: the live ones as their relay sockets, the
// ended ones as records.
type register struct {
	mu    sync.Mutex
	live  map[*relaySocket]struct{}
	ended []Allocation
	held  map[string]int // allocations by username, granted ones included
}

func newRegister() *register {
	return &register{live: map[*relaySocket]struct{}{}, held: map[string]int{}}
}

// hold takes one allocation from the user's quota, or returns false when none is left.
func (r *register) hold(username string, quota int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()

	if quota > 0 && r.held[username] >= quota {
		return false
	}
	r.held[username]++

	return true
}

func (r *register) release(username string) {
	r.mu.Lock()
	defer r.mu.Unlock()

	if r.held[username]--; r.held[username] == 0 {
		delete(r.held, username)
	}
}

func (r *register) begin(s *relaySocket) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.live[s] = struct{}{}
}

func (r *register) end(s *relaySocket, record Allocation) {
	r.mu.Lock()
	defer r.mu.Unlock()

	delete(r.live, s)
	if len(r.ended) == EndedCapacity {
		r.ended = slices.Delete(r.ended, 0, 1)
	}
	r.ended = append(r.ended, record)
}

func (r *register) list() []Allocation {
	r.mu.Lock()
	defer r.mu.Unlock()

	all := slices.Clone(r.ended)
	for s := range r.live {
		all = append(all, s.snapshot())
	}
	slices.SortStableFunc(all, func(a, b Allocation) int {
		return cmp.Or(a.Created.Compare(b.Created), a.Relay.Compare(b.Relay))
	})

	return all
}
