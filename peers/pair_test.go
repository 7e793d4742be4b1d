package peers

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/internal/require"
)

type apart struct{ *testing.M }

func (m apart) Run() int { return require.RunInNamespace(m.M, loopbackUp) }

func loopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

func TestMain(m *testing.M) {
	// Not on the host's network: the more bridges other programs make there, the
	// more candidate pairs there are to check.
	goleak.VerifyTestMain(apart{m})
}

// within is a context that ends with the test or after a time no test needs.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func newPeer(t testing.TB, config Config) *Peer {
	t.Helper()
	p, err := New(config)
	if err != nil {
		t.Fatalf("new peer: %v", err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

// onLoopback keeps a test's peers off the machine's other networks.
func onLoopback(config Config) Config {
	config.Loopback = true
	config.Interfaces = loopbackInterfaces()
	return config
}

func loopbackInterfaces() (names []string) {
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback != 0 {
			names = append(names, i.Name)
		}
	}
	return names
}

// signal carries descriptions and candidates between two peers.
func signal(t testing.TB, ctx context.Context, caller, callee *Peer) {
	t.Helper()
	offer, err := caller.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := callee.Answer(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Accept(answer); err != nil {
		t.Fatal(err)
	}
	carry(t, caller, callee)
	carry(t, callee, caller)
}

// carry hands the candidates of one peer to another until gathering ends.
func carry(t testing.TB, from, to *Peer) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		for c := range from.Candidates(ctx) {
			if err := to.AddCandidate(c); err != nil && !errors.Is(err, ErrClosed) {
				t.Errorf("add candidate: %v", err)
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		work.Wait()
	})
}

// connected returns two peers with an open channel between them.
func connected(t testing.TB, ctx context.Context, config Config) (caller, callee *Peer) {
	t.Helper()
	caller, callee = newPeer(t, config), newPeer(t, config)
	signal(t, ctx, caller, callee)
	for _, p := range []*Peer{caller, callee} {
		if err := p.WaitOpen(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return caller, callee
}
