package names_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/lab/names"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, fault names.Fault) *net.Resolver {
	t.Helper()
	s, err := names.Start(names.Config{
		Listen: netip.MustParseAddrPort("127.0.0.1:0"), Name: "turn.icelab.test",
		Address: netip.MustParseAddr("198.18.0.10"), Fault: fault,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return asking(t, s)
}

// asking is a resolver that asks s only, and gives up when the test ends: Go's own
// goes on in the background.
func asking(t *testing.T, s *names.Server) *net.Resolver {
	var mu sync.Mutex
	var open []net.Conn
	ended := false
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		for _, c := range open {
			c.Close()
		}
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			return nil, net.ErrClosed
		}
		conn, err := new(net.Dialer).DialContext(ctx, "udp", s.Address().String())
		if err == nil {
			open = append(open, conn)
		}
		return conn, err
	}}
}

func TestTheNameResolves(t *testing.T) {
	r := start(t, "")
	for _, name := range []string{"turn.icelab.test.", "TURN.icelab.test."} {
		ips, err := r.LookupIP(t.Context(), "ip4", name)
		if err != nil || len(ips) != 1 || ips[0].String() != "198.18.0.10" {
			t.Errorf("%s: %v, %v", name, ips, err)
		}
	}
	// It has no AAAA record, which is no error to those who take either.
	if ips, err := r.LookupIP(t.Context(), "ip", "turn.icelab.test."); err != nil || len(ips) != 1 {
		t.Errorf("of either version: %v, %v", ips, err)
	}
	if _, err := r.LookupIP(t.Context(), "ip4", "other.icelab.test."); !notFound(err) {
		t.Errorf("another name: %v", err)
	}
}

func TestFaultsAreThoseOfDNSServers(t *testing.T) {
	for fault, wrong := range map[names.Fault]func([]net.IP, error) bool{
		names.NXDomain: func(_ []net.IP, err error) bool { return !notFound(err) },
		names.ServFail: func(_ []net.IP, err error) bool {
			dns, is := errors.AsType[*net.DNSError](err)
			return !is || dns.IsNotFound || dns.IsTimeout
		},
		names.WrongAddress: func(ips []net.IP, err error) bool { return err != nil || ips[0].String() != "192.0.2.1" },
		names.Silent: func(_ []net.IP, err error) bool {
			dns, is := errors.AsType[*net.DNSError](err)
			return !is || !dns.IsTimeout
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		ips, err := start(t, fault).LookupIP(ctx, "ip4", "turn.icelab.test.")
		cancel()
		if wrong(ips, err) {
			t.Errorf("%s: %v, %v", fault, ips, err)
		}
	}
}

func notFound(err error) bool {
	dns, is := errors.AsType[*net.DNSError](err)
	return is && dns.IsNotFound
}

// Whatever arrives, the server stays, and answers what it understands.
func TestWhatIsNoQuestionIsPassedOver(t *testing.T) {
	s, err := names.Start(names.Config{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Name: "a.test", Address: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := net.Dial("udp", s.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, junk := range []string{"", "x", "twelve bytes", "\x00\x01\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01"} {
		if _, err := conn.Write([]byte(junk)); err != nil {
			t.Fatal(err)
		}
	}
	if ips, err := asking(t, s).LookupIP(t.Context(), "ip4", "a.test."); err != nil || ips[0].String() != "127.0.0.1" {
		t.Errorf("%v, %v", ips, err)
	}
}

func TestConfigurationsThatCannotBeAreRefused(t *testing.T) {
	good := names.Config{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Name: "a.test", Address: netip.MustParseAddr("127.0.0.1")}
	for name, change := range map[string]func(*names.Config){
		"nowhere":       func(c *names.Config) { c.Listen = netip.AddrPort{} },
		"no address":    func(c *names.Config) { c.Address = netip.Addr{} },
		"no name":       func(c *names.Config) { c.Name = "" },
		"unknown fault": func(c *names.Config) { c.Fault = "sleepy" },
	} {
		c := good
		change(&c)
		if s, err := names.Start(c); err == nil {
			s.Close()
			t.Errorf("%s: taken", name)
		}
	}
}
