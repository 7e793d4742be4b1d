package turnserver_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/stun/v3"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/turnserver"
)

func TestRefusedCredentialsAreToldApart(t *testing.T) {
	for name, test := range map[string]struct {
		username, password, realm string
		want                      string
	}{
		"wrong password": {user, "guess", "", "wrong password"},
		"unknown user":   {"mallory", password, "", "unknown user"},
		"wrong realm":    {user, password, "elsewhere", `wrong realm "elsewhere": this server's is "icelab"`},
	} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(name+" over "+network, func(t *testing.T) {
				s := start(t, config("127.0.0.1"))
				c := newRawClient(t, s, network)
				c.username, c.password, c.realm = test.username, test.password, test.realm
				answer := c.do(t, stun.MethodAllocate, overUDP)
				if answer.Type.Class != stun.ClassErrorResponse {
					t.Fatalf("answer %v", answer)
				}
				e := awaitKind(t, s, turnserver.AuthFailed)
				if e.Reason != test.want || e.Username != test.username || e.Transport != network ||
					e.Method != "Allocate" || e.Code != codeOf(answer) || e.Code == 0 || !e.Client.IsValid() {
					t.Errorf("event %+v", e)
				}
				if events := s.Events(0); len(events) != 1 {
					t.Errorf("more than one event for one refusal: %+v", events)
				}
				if all := s.Allocations(); len(all) != 0 {
					t.Errorf("allocations %+v", all)
				}
			})
		}
	}
}

func TestAStaleNonceIsNotAFailedPassword(t *testing.T) {
	s := start(t, config("127.0.0.1"))
	c := newRawClient(t, s, "udp")
	c.realm, c.nonce = turnserver.DefaultRealm, stun.NewNonce("yesterday")
	if code := codeOf(c.do(t, stun.MethodAllocate, overUDP)); code != 438 {
		t.Fatalf("code %d", code)
	}
	if e := awaitKind(t, s, turnserver.NonceStale); e.Code != 438 || e.Reason == "" {
		t.Errorf("event %+v", e)
	}
	if n := count(s, turnserver.AuthFailed); n != 0 {
		t.Errorf("%d failures", n)
	}
}

func TestTheQuotaIsPerUserAndFreedWhenAnAllocationEnds(t *testing.T) {
	cfg := config("127.0.0.1")
	cfg.Quota = 1
	cfg.Users["bob"] = password
	s := start(t, cfg)

	first := newRawClient(t, s, "udp")
	first.allocate(t)
	second := newRawClient(t, s, "tcp")
	if code := codeOf(second.do(t, stun.MethodAllocate, overUDP)); code != 486 {
		t.Fatalf("code %d, want 486", code)
	}
	e := awaitKind(t, s, turnserver.AllocationRefused)
	if e.Code != 486 || e.Username != user || e.Transport != "tcp" ||
		e.Reason != "the user holds all 1 allocations of the quota" {
		t.Errorf("event %+v", e)
	}

	bob := newRawClient(t, s, "udp")
	bob.username = "bob"
	bob.allocate(t)

	first.do(t, stun.MethodRefresh, lifetime(0))
	second.allocate(t)
}

func TestEveryRelayPortIsUsedBeforeAnAllocationIsRefused(t *testing.T) {
	cfg := config("127.0.0.1")
	cfg.RelayPorts = turnserver.PortRange{Min: 65533, Max: 65535}
	s := start(t, cfg)
	ports := map[uint16]bool{}
	for range 3 {
		newRawClient(t, s, "udp").allocate(t)
	}
	for _, a := range s.Allocations() {
		ports[a.Relay.Port()] = true
	}
	if len(ports) != 3 || !ports[65533] || !ports[65534] || !ports[65535] {
		t.Errorf("ports %v", ports)
	}

	c := newRawClient(t, s, "udp")
	if code := codeOf(c.do(t, stun.MethodAllocate, overUDP)); code != 508 {
		t.Fatalf("code %d, want 508", code)
	}
	e := awaitKind(t, s, turnserver.AllocationRefused)
	if e.Code != 508 || e.Reason != "every relay port of 65533-65535 is in use on 127.0.0.1" {
		t.Errorf("event %+v", e)
	}
}

func TestAnAllocationRefusedForWantOfPortsTakesNoQuota(t *testing.T) {
	cfg := config("127.0.0.1")
	cfg.RelayPorts = turnserver.PortRange{Min: 65535, Max: 65535}
	cfg.Quota = 1
	cfg.Users["bob"] = password
	s := start(t, cfg)
	bob := newRawClient(t, s, "udp")
	bob.username = "bob"
	bob.allocate(t)

	c := newRawClient(t, s, "udp")
	for range 2 {
		if code := codeOf(c.do(t, stun.MethodAllocate, overUDP)); code != 508 {
			t.Fatalf("code %d, want 508", code)
		}
	}
	bob.do(t, stun.MethodRefresh, lifetime(0))
	c.allocate(t)
}

func TestAllocateRequestsThatCannotBeMetNameTheReason(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(t *testing.T, c *rawClient)
		attrs   []stun.Setter
		code    int
		want    string
	}{
		"a second allocation": {
			func(t *testing.T, c *rawClient) { c.allocate(t) }, []stun.Setter{overUDP}, 437, "holds an allocation already",
		},
		"an unknown transport": {
			nil, []stun.Setter{stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{132, 0, 0, 0}}},
			442, "REQUESTED-TRANSPORT is not UDP",
		},
		"no transport":     {nil, nil, 400, "REQUESTED-TRANSPORT is missing"},
		"do not fragment":  {nil, []stun.Setter{overUDP, stun.RawAttribute{Type: stun.AttrDontFragment}}, 420, "DONT-FRAGMENT"},
		"zero of lifetime": {nil, []stun.Setter{overUDP, lifetime(0)}, 508, "turn/v4 gave no reason"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, config("127.0.0.1"))
			c := newRawClient(t, s, "udp")
			if test.prepare != nil {
				test.prepare(t, c)
			}
			if code := codeOf(c.do(t, stun.MethodAllocate, test.attrs...)); code != test.code {
				t.Fatalf("code %d, want %d", code, test.code)
			}
			e := awaitKind(t, s, turnserver.AllocationRefused)
			if e.Code != test.code || !strings.Contains(e.Reason, test.want) {
				t.Errorf("event %+v", e)
			}
		})
	}
}

func TestWithoutUsersTheServerIsSTUNOnly(t *testing.T) {
	cfg := config("127.0.0.1")
	cfg.Users = nil
	s := start(t, cfg)
	for _, network := range []string{"udp", "tcp"} {
		c := newRawClient(t, s, network)
		answer := c.exchange(t, stun.BindingRequest)
		var mapped stun.XORMappedAddress
		if err := mapped.GetFrom(answer); err != nil || mapped.String() != c.LocalAddr().String() {
			t.Errorf("over %s: mapped %v (%v), want %v", network, mapped, err, c.LocalAddr())
		}
		if code := codeOf(c.do(t, stun.MethodAllocate, overUDP)); code != 400 {
			t.Errorf("over %s: code %d", network, code)
		}
		e := await(t, s, func(e turnserver.Event) bool { return e.Transport == network })
		if e.Kind != turnserver.AllocationRefused || e.Reason != "the server has no users: it serves STUN only" {
			t.Errorf("event %+v", e)
		}
	}
}

func TestDeniedPeersAreRefusedWithTheReason(t *testing.T) {
	cfg := config("127.0.0.1")
	cfg.DenyPeers = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}
	peers := map[string]string{
		"127.0.0.1":        "loopback address",
		"127.0.0.2":        "loopback address",
		"0.0.0.0":          "unspecified address",
		"169.254.169.254":  "link-local address",
		"224.0.0.251":      "multicast address",
		"255.255.255.255":  "broadcast address",
		"10.9.8.7":         "denied by the server's configuration: 10.9.0.0/16",
		"2001:db8::1":      "IPv6 peer on an IPv4 relay (RFC 8656 section 10.2)",
		"::1":              "IPv6 peer on an IPv4 relay (RFC 8656 section 10.2)",
		"::ffff:127.0.0.1": "loopback address",
	}
	if require.HasNamespace() {
		peers["198.18.0.255"] = "broadcast address of a network of this server"
	}
	for ip, reason := range peers {
		for _, method := range []stun.Method{stun.MethodCreatePermission, stun.MethodChannelBind} {
			t.Run(fmt.Sprintf("%s of %s", method, ip), func(t *testing.T) {
				s := start(t, cfg)
				c := newRawClient(t, s, "udp")
				c.allocate(t)
				attrs := []stun.Setter{peerAddress(net.JoinHostPort(ip, "5000"))}
				if method == stun.MethodChannelBind {
					attrs = append(attrs, channelNumber(0x4001))
				}
				answer := c.do(t, method, attrs...)
				if answer.Type.Class != stun.ClassErrorResponse {
					t.Fatalf("answer %v", answer)
				}
				e := awaitKind(t, s, turnserver.PermissionRefused)
				if e.Reason != reason || e.Code != codeOf(answer) || e.Method != method.String() ||
					e.Peer.Addr() != netip.MustParseAddr(ip).Unmap() || e.Username != user || !e.Relay.IsValid() {
					t.Errorf("event %+v", e)
				}
				if count(s, turnserver.PermissionCreated)+count(s, turnserver.ChannelBound) != 0 {
					t.Errorf("created all the same: %+v", s.Events(0))
				}
			})
		}
	}
}

func TestOneDeniedPeerRefusesThoseBesideIt(t *testing.T) {
	s := start(t, config("127.0.0.1"))
	c := newRawClient(t, s, "udp")
	c.allocate(t)
	answer := c.do(t, stun.MethodCreatePermission, peerAddress("198.18.0.9:1"), peerAddress("127.0.0.1:1"))
	if answer.Type.Class != stun.ClassErrorResponse {
		t.Fatalf("answer %v", answer)
	}
	reasons := map[string]string{}
	for _, e := range s.Events(0) {
		if e.Kind == turnserver.PermissionRefused {
			reasons[e.Peer.String()] = e.Reason
		}
	}
	if reasons["127.0.0.1:0"] != "loopback address" || !strings.Contains(reasons["198.18.0.9:0"], "beside this one") {
		t.Errorf("reasons %v", reasons)
	}
}

func TestAChannelNumberThatLooksLikeSTUNIsRefused(t *testing.T) {
	s := start(t, config("127.0.0.1"))
	c := newRawClient(t, s, "udp")
	c.allocate(t)
	answer := c.do(t, stun.MethodChannelBind, channelNumber(0x0101), peerAddress("198.18.0.9:1"))
	if code := codeOf(answer); code != 400 {
		t.Fatalf("answer %v", answer)
	}
	e := awaitKind(t, s, turnserver.ChannelRefused)
	if e.Channel != 0x0101 || e.Code != 400 || e.Username != user {
		t.Errorf("event %+v", e)
	}
}

func TestAChannelInUseIsRefused(t *testing.T) {
	s := start(t, config("127.0.0.1"))
	c := newRawClient(t, s, "udp")
	c.allocate(t)
	c.do(t, stun.MethodChannelBind, channelNumber(0x4001), peerAddress("198.18.0.9:1"))
	c.do(t, stun.MethodChannelBind, channelNumber(0x4001), peerAddress("198.18.0.9:2"))
	bound, refused := awaitKind(t, s, turnserver.ChannelBound), awaitKind(t, s, turnserver.ChannelRefused)
	if bound.Channel != 0x4001 || bound.Peer.Port() != 1 {
		t.Errorf("bound %+v", bound)
	}
	if refused.Code != 400 || refused.Channel != 0x4001 || refused.Peer.Port() != 2 ||
		!strings.Contains(refused.Reason, "bound to another peer") {
		t.Errorf("refused %+v", refused)
	}
}

func TestARequestTurnLeavesUnansweredIsExplained(t *testing.T) {
	for _, method := range []stun.Method{stun.MethodRefresh, stun.MethodCreatePermission, stun.MethodChannelBind, stun.MethodConnect} {
		t.Run(method.String(), func(t *testing.T) {
			s := start(t, config("127.0.0.1"))
			c := newRawClient(t, s, "udp")
			if method == stun.MethodConnect {
				c.allocate(t)
			} else {
				c.do(t, stun.MethodAllocate) // refused, but the client has a nonce now
			}
			attrs := c.authenticated(peerAddress("198.18.0.9:1"))
			c.send(t, append([]stun.Setter{stun.NewType(method, stun.ClassRequest)}, attrs...)...)
			e := awaitKind(t, s, turnserver.RequestUnanswered)
			want := "no allocation for this client"
			if method == stun.MethodConnect {
				want = "does not know the method"
			}
			if e.Method != method.String() || e.Username != user || !strings.HasPrefix(e.Reason, want) && !strings.Contains(e.Reason, want) {
				t.Errorf("event %+v", e)
			}
		})
	}
}
