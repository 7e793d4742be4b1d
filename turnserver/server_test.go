package turnserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v3"
	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/turnserver"
)

func TestCloseEndsEverythingAtOnce(t *testing.T) {
	cfg := config("127.0.0.1")
	s := start(t, cfg)
	overTCP, waiting := newRawClient(t, s, "tcp"), newRawClient(t, s, "tcp")
	for range 20 {
		newRawClient(t, s, "udp").allocate(t)
	}
	overTCP.allocate(t)
	waiting.exchange(t, stun.BindingRequest)

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	all := s.Allocations()
	for _, c := range []*rawClient{overTCP, waiting} {
		if _, _, err := c.ReadFrom(make([]byte, 2000)); err == nil || isTimeout(err) {
			t.Errorf("a TCP connection was left open: %v", err)
		}
	}
	for _, l := range s.Addresses() {
		free(t, l.Network, l.Address)
	}
	if len(all) != 21 {
		t.Fatalf("allocations %+v", all)
	}
	for _, a := range all {
		if a.Ended.IsZero() || a.Ended.Before(a.Created) {
			t.Errorf("not ended: %+v", a)
		}
		free(t, "udp", a.Relay)
	}
	reasons := 0
	for _, e := range s.Events(0) {
		if e.Kind == turnserver.AllocationEnded && e.Reason == "the server was closed" {
			reasons++
		}
	}
	if reasons != 21 {
		t.Errorf("events %+v", s.Events(0))
	}
	last := s.Events(0)[len(s.Events(0))-1].Seq
	if _, err := s.WaitEvents(t.Context(), last); !errors.Is(err, net.ErrClosed) {
		t.Errorf("waiting on a closed server: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	goleak.VerifyNone(t)
}

func TestCloseWaitsForAllocationsInTheMaking(t *testing.T) {
	s := start(t, config("127.0.0.1"))
	for range 50 {
		c := newRawClient(t, s, "udp")
		c.do(t, stun.MethodAllocate) // refused, but the client has a nonce now
		c.send(t, append([]stun.Setter{stun.NewType(stun.MethodAllocate, stun.ClassRequest), overUDP}, c.authenticated()...)...)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, a := range s.Allocations() {
		if a.Ended.IsZero() {
			t.Errorf("alive after Close: %+v", a)
		}
	}
}

func free(t *testing.T, network string, addr netip.AddrPort) {
	t.Helper()
	var c io.Closer
	var err error
	if network == "udp" {
		c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addr))
	} else {
		c, err = net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(addr))
	}
	if err != nil {
		t.Errorf("still in use after Close: %v", err)

		return
	}
	_ = c.Close()
}

func isTimeout(err error) bool {
	var timeout net.Error

	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestAnAllocationEndsForAReason(t *testing.T) {
	for name, test := range map[string]struct {
		network string
		end     func(t *testing.T, c *rawClient)
		want    string
	}{
		"released":          {"udp", func(t *testing.T, c *rawClient) { c.do(t, stun.MethodRefresh, lifetime(0)) }, "released by the client"},
		"expired":           {"udp", func(t *testing.T, c *rawClient) { c.do(t, stun.MethodRefresh, lifetime(1)) }, "its lifetime ended"},
		"connection closed": {"tcp", func(_ *testing.T, c *rawClient) { _ = c.Close() }, "the client's TCP connection ended: EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, config("127.0.0.1"))
			c := newRawClient(t, s, test.network)
			c.allocate(t)
			c.do(t, stun.MethodCreatePermission, peerAddress("198.18.0.9:1"))
			test.end(t, c)
			e := awaitKind(t, s, turnserver.AllocationEnded)
			if !strings.HasPrefix(e.Reason, test.want) || e.Transport != test.network || e.Username != user {
				t.Errorf("event %+v", e)
			}
			if awaitKind(t, s, turnserver.PermissionEnded).Peer.Addr().String() != "198.18.0.9" {
				t.Errorf("events %+v", s.Events(0))
			}
			if a := s.Allocations()[0]; a.Ended.IsZero() {
				t.Errorf("allocation %+v", a)
			}
		})
	}
}

func TestTheLifeOfAnAllocationIsLoggedInOrder(t *testing.T) {
	s := start(t, config("127.0.0.1"))
	c := newRawClient(t, s, "tcp")
	c.allocate(t)
	c.do(t, stun.MethodChannelBind, channelNumber(0x4001), peerAddress("198.18.0.9:7"))
	c.do(t, stun.MethodRefresh, lifetime(0))

	var kinds []string
	for i, e := range s.Events(0) {
		kinds = append(kinds, string(e.Kind))
		if e.Seq != uint64(i+1) || e.Time.IsZero() || e.Username != user || e.Transport != "tcp" || !e.Client.IsValid() {
			t.Errorf("event %+v", e)
		}
	}
	want := "auth-ok allocation-created permission-created channel-bound permission-ended channel-ended allocation-ended"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTwoServersRunAtOnce(t *testing.T) {
	a, b := start(t, config("127.0.0.1")), start(t, config("127.0.0.1"))
	newRawClient(t, a, "udp").allocate(t)
	newRawClient(t, b, "udp").allocate(t)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	newRawClient(t, b, "tcp").allocate(t)
	if n, m := len(a.Allocations()), len(b.Allocations()); n != 1 || m != 2 {
		t.Errorf("%d and %d allocations, want 1 and 2", n, m)
	}
}

func TestAServerThatCannotStartSaysWhatToDo(t *testing.T) {
	running := start(t, config("127.0.0.1"))
	taken := map[string]netip.AddrPort{"udp": address(t, running, "udp"), "tcp": address(t, running, "tcp")}
	for name, test := range map[string]struct {
		change func(*turnserver.Config)
		want   string
	}{
		"nothing to listen on": {
			func(c *turnserver.Config) { c.Listen = nil },
			"turn server: nothing to listen on: give at least one address",
		},
		"unknown network": {
			func(c *turnserver.Config) { c.Listen[0].Network = "sctp" },
			`turn server: listen 127.0.0.1:0: unknown network "sctp": use udp, tcp, tls or dtls`,
		},
		"no address": {
			func(c *turnserver.Config) { c.Listen[1].Address = netip.AddrPort{} },
			"turn server: listen tcp: no address: give one as IP:PORT",
		},
		"UDP port in use": {
			func(c *turnserver.Config) { c.Listen[0].Address = taken["udp"] },
			"listen udp " + taken["udp"].String() + ": address already in use: stop the other server or choose another port",
		},
		"TCP port in use": {
			func(c *turnserver.Config) { c.Listen[1].Address = taken["tcp"] },
			"listen tcp " + taken["tcp"].String() + ": address already in use: stop the other server or choose another port",
		},
		"no relay address": {
			func(c *turnserver.Config) { c.RelayAddress = netip.Addr{} },
			"turn server: no relay address: give the IPv4 address that peers reach this host on",
		},
		"unspecified relay address": {
			func(c *turnserver.Config) { c.RelayAddress = netip.IPv4Unspecified() },
			"turn server: relay address 0.0.0.0: give the one address that peers reach this host on",
		},
		"IPv6 relay address": {
			func(c *turnserver.Config) { c.RelayAddress = netip.IPv6Loopback() },
			"turn server: relay address ::1: turn/v4 relays over IPv4 only: give an IPv4 address",
		},
		"another host's relay address": {
			func(c *turnserver.Config) { c.RelayAddress = netip.MustParseAddr("198.51.100.7") },
			"relay address 198.51.100.7: cannot assign requested address: give an address of this host",
		},
		"relay ports upside down": {
			func(c *turnserver.Config) { c.RelayPorts = turnserver.PortRange{Min: 2000, Max: 1000} },
			"turn server: relay ports 2000-1000: give MIN-MAX with 1 <= MIN <= MAX",
		},
		"empty username": {
			func(c *turnserver.Config) { c.Users[""] = "x" },
			"turn server: empty username: name every user",
		},
		"empty password": {
			func(c *turnserver.Config) { c.Users["bob"] = "" },
			`turn server: user "bob": empty password: give one`,
		},
		"advertised address of IPv6": {
			func(c *turnserver.Config) { c.AdvertiseAddress = netip.IPv6Loopback() },
			"turn server: advertised address ::1: give the one IPv4 address that peers reach the relay on",
		},
		"lifetime that turn/v4 would cut": {
			func(c *turnserver.Config) { c.PermissionLifetime = 10 * time.Minute },
			"turn server: permission lifetime 10m0s: use whole seconds up to 5m0s, or 0 for that",
		},
		"lifetime that LIFETIME cannot say": {
			func(c *turnserver.Config) { c.AllocationLifetime = 1500 * time.Millisecond },
			"turn server: allocation lifetime 1.5s: use whole seconds up to 10m0s, or 0 for that",
		},
		"negative quota": {
			func(c *turnserver.Config) { c.Quota = -1 },
			"turn server: quota -1: use 0 for no limit, or more",
		},
		"realm too long": {
			func(c *turnserver.Config) { c.Realm = strings.Repeat("r", 128) },
			"turn server: realm of 128 bytes: use at most 127 (RFC 8489 section 14.9)",
		},
		"username too long": {
			func(c *turnserver.Config) { c.Users[strings.Repeat("u", 509)] = "x" },
			"turn server: username of 509 bytes: use at most 508 (RFC 8489 section 14.3)",
		},
		"invalid prefix": {
			func(c *turnserver.Config) { c.DenyPeers = []netip.Prefix{{}} },
			"turn server: invalid prefix among the denied peers: give it as ADDRESS/BITS",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config("127.0.0.1")
			test.change(&cfg)
			s, err := turnserver.Start(cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("it started")
			}
			if err.Error() != test.want {
				t.Errorf("got  %s\nwant %s", err, test.want)
			}
		})
	}
}

func TestWaitingForEventsEndsWithTheContext(t *testing.T) {
	s := start(t, config("127.0.0.1"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.WaitEvents(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestGeneratedCredentialsAreFreshAndWork(t *testing.T) {
	name, secret := turnserver.GenerateCredentials()
	if other, otherSecret := turnserver.GenerateCredentials(); other == name || otherSecret == secret || len(secret) < 22 {
		t.Errorf("%s %s, then %s %s", name, secret, other, otherSecret)
	}
	cfg := config("127.0.0.1")
	cfg.Users = map[string]string{name: secret}
	s := start(t, cfg)
	relay, err := newClient(t, s, "udp", name, secret).Allocate()
	if err != nil {
		t.Fatal(err)
	}
	_ = relay.Close()
}

func TestRecordsTravelAsSnakeCaseJSON(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	addr := netip.MustParseAddrPort("198.18.0.1:50000")
	for want, value := range map[string]any{
		`{"client":"198.18.0.1:50000","transport":"udp","username":"alice","relay":"198.18.0.1:50000",` +
			`"created":"2026-11-22T12:00:00Z","to_peers":{"packets":1,"bytes":2,"checks":3,"check_bytes":4},` +
			`"from_peers":{"packets":0,"bytes":0,"checks":0,"check_bytes":0},"dropped":5}`: turnserver.Allocation{
			Client: addr, Transport: "udp", Username: "alice", Relay: addr, Created: at, Dropped: 5,
			ToPeers: turnserver.Traffic{Packets: 1, Bytes: 2, Checks: 3, CheckBytes: 4},
		},
		`{"seq":1,"time":"2026-11-22T12:00:00Z","kind":"auth-failed","client":"198.18.0.1:50000",` +
			`"username":"alice","code":400,"reason":"wrong password"}`: turnserver.Event{
			Seq: 1, Time: at, Kind: turnserver.AuthFailed, Client: addr, Username: "alice", Code: 400, Reason: "wrong password",
		},
		`{"listen":[{"network":"udp","address":"198.18.0.1:50000"}],"relay_address":"198.18.0.1",` +
			`"relay_ports":{"min":1,"max":2},"users":{"alice":"a secret"},"deny_peers":["10.0.0.0/8"]}`: turnserver.Config{
			Listen: []turnserver.Listener{{Network: "udp", Address: addr}}, RelayAddress: addr.Addr(),
			RelayPorts: turnserver.PortRange{Min: 1, Max: 2}, Users: map[string]string{user: password},
			DenyPeers: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, LoggerFactory: logging.NewDefaultLoggerFactory(),
		},
		`{"listen":null,"relay_address":"198.18.0.1","advertise_address":"198.18.0.2","relay_ports":{"min":1,"max":2},` +
			`"secret":"s","permission_lifetime":1000000000,"faults":{"drop_answers":{"channel-bind":2},"no_realm":true,` +
			`"stale_nonce":true,"stun_only":true,"clock_offset":-1000000000,"relay_deaf":true}}`: turnserver.Config{
			RelayAddress: addr.Addr(), AdvertiseAddress: addr.Addr().Next(), RelayPorts: turnserver.PortRange{Min: 1, Max: 2},
			Secret: "s", PermissionLifetime: time.Second,
			Faults: turnserver.Faults{
				DropAnswers: map[turnserver.Method]int{turnserver.ChannelBind: 2}, NoRealm: true, StaleNonce: true,
				STUNOnly: true, ClockOffset: -time.Second, RelayDeaf: true,
			},
		},
	} {
		got, err := json.Marshal(value)
		if err != nil || string(got) != want {
			t.Errorf("got  %s (%v)\nwant %s", got, err, want)
		}
	}
}
