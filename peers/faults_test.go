package peers

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab/names"
)

// logged says whether pion or the peer has logged something with all of the words.
func logged(r Report, words ...string) bool {
	return slices.ContainsFunc(r.Log, func(l LogLine) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(l.Text, w) })
	})
}

// types are those of the candidates gathered.
func types(t *testing.T, p *Peer) map[CandidateType]int {
	t.Helper()
	if _, err := p.FullDescription(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	found := map[CandidateType]int{}
	for _, c := range p.Report().Local {
		found[c.Type]++
	}
	return found
}

func offering(t *testing.T, config Config) *Peer {
	t.Helper()
	p := newPeer(t, onLoopback(config))
	if _, err := p.Offer(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

const someHost = "candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host"

func TestACandidateBeforeItsDescriptionIsRefusedWithoutAQueue(t *testing.T) {
	for _, noQueue := range []bool{false, true} {
		caller, callee := offering(t, Config{}), newPeer(t, onLoopback(Config{Faults: Faults{NoQueue: noQueue}}))
		if err := callee.AddCandidate(CandidateLine{Candidate: someHost}); err != nil {
			t.Fatal(err)
		}
		if _, err := callee.Answer(t.Context(), caller.pc.LocalDescription().SDP); err != nil {
			t.Fatal(err)
		}
		got := callee.Report().Remote[0].Ignored
		if refused := strings.Contains(got, "InvalidStateError"); refused != noQueue {
			t.Errorf("without a queue %t: ignored %q", noQueue, got)
		}
	}
}

func TestACandidateOfAnUnknownMediaSectionIsIgnored(t *testing.T) {
	caller, callee := offering(t, Config{}), newPeer(t, onLoopback(Config{}))
	mids := []string{"audio", "", "0"}
	add := func() {
		for _, mid := range mids {
			if err := callee.AddCandidate(CandidateLine{Candidate: someHost, Mid: mid}); err != nil {
				t.Fatal(err)
			}
		}
	}
	add() // before the description
	if _, err := callee.Answer(t.Context(), withoutCandidates(caller.pc.LocalDescription().SDP)); err != nil {
		t.Fatal(err)
	}
	add() // and after
	remote := callee.Report().Remote
	if len(remote) != 2*len(mids) {
		t.Fatalf("%d candidates, want %d", len(remote), 2*len(mids))
	}
	for i, c := range remote {
		mid := mids[i%len(mids)]
		if ignored := strings.Contains(c.Ignored, "OperationError"); ignored != (mid == "audio") {
			t.Errorf("candidate %d with sdpMid %q: ignored %q", i, mid, c.Ignored)
		}
	}
}

func TestAStaleAllocationIsInTheWayOfTheFirstSocket(t *testing.T) {
	server := startTURN(t)
	p := offering(t, Config{Servers: []Server{server.overUDP(), server.overTCP()}, Faults: Faults{StaleAllocation: true}})
	if found := types(t, p); found[Relay] != 1 {
		t.Errorf("gathered %v, want the one relay over TCP", found)
	}
	if !logged(p.Report(), "437") {
		t.Errorf("no 437 in the log: %v", p.Report().Log)
	}
}

func TestTURNWithoutCredentialsIsPassedOverWithThoseAfterIt(t *testing.T) {
	server := startTURN(t)
	bare := Server{URLs: server.overUDP().URLs}
	config := Config{Servers: []Server{bare, server.overTCP()}}
	if _, err := New(config); err == nil {
		t.Error("New takes a TURN server without credentials by itself")
	}
	config.Faults.NoCredentials = true
	p := offering(t, config)
	if found := types(t, p); found[Relay] != 0 {
		t.Errorf("gathered %v, want no relay", found)
	}
	if !logged(p.Report(), "Failed to gather relay candidates") {
		t.Errorf("nothing about it in the log: %v", p.Report().Log)
	}
}

func TestNamesAreAskedFromTheResolverOnly(t *testing.T) {
	for _, fault := range []names.Fault{"", names.NXDomain} {
		server := startTURN(t)
		at := netip.MustParseAddrPort(server.udp)
		dns, err := names.Start(names.Config{
			Listen: netip.MustParseAddrPort("127.0.0.1:0"), Name: "turn.icelab.test", Address: at.Addr(), Fault: fault,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = dns.Close() })
		named := func(s Server) Server {
			s.URLs = []string{strings.Replace(s.URLs[0], "127.0.0.1", "turn.icelab.test", 1)}
			return s
		}
		p := offering(t, Config{
			Servers:  []Server{named(server.overUDP()), named(server.overTCP())},
			Resolver: dns.Address(),
		})
		want := 2
		if fault != "" {
			want = 0
			defer func() {
				if !logged(p.Report(), "turn.icelab.test", "no such host", dns.Address().String()) {
					t.Errorf("nothing about it in the log: %v", p.Report().Log)
				}
			}()
		}
		if found := types(t, p); found[Relay] != want {
			t.Errorf("fault %q: gathered %v, want %d relays", fault, found, want)
		}
	}
}

func TestASilentResolverDoesNotKeepAPeerFromClosing(t *testing.T) {
	p := offering(t, Config{
		Servers:  []Server{{URLs: []string{"stun:turn.icelab.test:3478"}}},
		Resolver: netip.MustParseAddrPort(silentUDP(t)),
	})
	began := time.Now()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > lookupPatience/2 {
		t.Errorf("closing took %s", took)
	}
}
