package gateway

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/lab/nat"
)

var cone = nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Preserving, Hairpin: true}

// over is a network with a NAT before the line.
func over(t *testing.T, l nat.Link) *network {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	n := newNetwork(t)
	n.programLink(t, cone, l)
	t.Cleanup(func() { n.programLink(t, cone, nat.Link{}) })
	return n
}

func (n *network) programLink(t *testing.T, b nat.Behavior, l nat.Link) {
	t.Helper()
	spec := n.spec()
	spec.NAT, spec.Link = &b, l
	n.in(t, n.gateway, func() error { return Program(spec) })
}

func (n *network) impair(t *testing.T, l nat.Link) {
	t.Helper()
	n.in(t, n.gateway, func() error { return Impair(l) })
}

// stream is a numbered flow of datagrams from one host to another.
type stream struct {
	t        *testing.T
	network  *network
	from, to testEndpoint
	remote   netip.AddrPort
	bytes    int // of the whole IP packet
	sent     []time.Time

	mu       sync.Mutex
	received []arrival
	news     chan struct{}
}

type arrival struct {
	number int
	at     time.Time
}

// stream opens a flow to remote, which leads to the endpoint to.
func (n *network) stream(t *testing.T, from, to testEndpoint, remote netip.AddrPort, bytes int) *stream {
	s := &stream{t: t, network: n, from: from, to: to, remote: remote, bytes: bytes, news: make(chan struct{}, 1)}
	roomy(t, to)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.read()
	}()
	t.Cleanup(func() { must(t, to.Close()); <-ended })
	return s
}

// roomy lets an endpoint hold as much as it may, for a busy machine.
func roomy(t *testing.T, e testEndpoint) {
	const buffer = 32 << 20
	raw, err := e.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
		}
	}))
}

// up and down are a stream from the first inside host to outside, and one back.
func (n *network) up(t *testing.T, bytes int) *stream {
	inside, outside := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.outside, "198.18.0.10:4000")
	return n.stream(t, inside, outside, outside.local(), bytes)
}

// down needs the mapping that up makes.
func (n *network) down(t *testing.T, bytes int) *stream {
	inside, outside := n.listen(t, n.inside, "10.1.0.10:6000"), n.listen(t, n.outside, "198.18.0.10:4001")
	inside.send("open", outside.local())
	return n.stream(t, outside, inside, to(inside.local().Port()), bytes)
}

func (s *stream) read() {
	buf := make([]byte, 2048)
	for {
		n, _, err := s.to.ReadFromUDPAddrPort(buf)
		at := time.Now()
		if err != nil {
			return
		}
		if n < 8 {
			continue
		}
		s.mu.Lock()
		s.received = append(s.received, arrival{int(binary.BigEndian.Uint64(buf)), at})
		s.mu.Unlock()
		select {
		case s.news <- struct{}{}:
		default:
		}
	}
}

func (s *stream) send(count int, interval time.Duration) {
	s.t.Helper()
	payload := make([]byte, s.bytes-28)
	for next := time.Now(); count > 0; count-- {
		time.Sleep(time.Until(next)) // this paces, it waits for nothing
		next = next.Add(interval)
		binary.BigEndian.PutUint64(payload, uint64(len(s.sent)))
		s.sent = append(s.sent, time.Now())
		_, err := s.from.WriteToUDPAddrPort(payload, s.remote)
		must(s.t, err)
	}
}

func (s *stream) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.received)
}

func (s *stream) arrivals() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// settle waits until every packet that was sent has arrived or is counted as
// lost.
func (s *stream) settle() []arrival {
	s.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		arrived, lost := s.count(), 0
		if arrived < len(s.sent) {
			lost = int(s.network.drops(s.t)[LineLoss])
		}
		if arrived+lost == len(s.sent) {
			return s.arrivals()
		}
		select {
		case <-s.news:
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("%d sent, %d arrived, %d counted as lost", len(s.sent), arrived, lost)
		}
	}
}

// enter waits until every packet that was sent has come to the line.
func (s *stream) enter() {
	s.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	want := Flow{Direction: Outbound, Protocol: "udp", Inside: host, Remote: s.remote, Packets: uint64(len(s.sent))}
	for !slices.Contains(s.network.flows(s.t), want) {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("flows %+v, want %+v", s.network.flows(s.t), want)
		}
	}
}

// took is how long each took, the fastest first.
func (s *stream) took(got []arrival) []time.Duration {
	var all []time.Duration
	for _, a := range got {
		all = append(all, a.at.Sub(s.sent[a.number]))
	}
	slices.Sort(all)
	return all
}

func percentile(sorted []time.Duration, p int) time.Duration { return sorted[(len(sorted)-1)*p/100] }

func overtaken(got []arrival) bool {
	return !slices.IsSortedFunc(got, func(a, b arrival) int { return a.number - b.number })
}
