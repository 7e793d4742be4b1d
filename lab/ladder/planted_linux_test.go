package ladder_test

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/pion/turn/v4"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/turnserver"
)

const name = "turn.example.org"

// The usual URLs.
const (
	overUDP  = "turn:" + name + "?transport=udp"
	overTCP  = "turn:" + name + "?transport=tcp"
	overTLS  = "turns:" + name + "?transport=tcp"
	overDTLS = "turns:" + name + "?transport=udp"
	onWeb    = "turns:" + name + ":443?transport=tcp"
)

var nextMonth, lastMonth = time.Now().AddDate(0, 1, 0), time.Now().AddDate(0, -1, 0)

// world is a test's internet with a server, and what a client there is given.
type world struct {
	*internet
	ca     authority
	client ladder.Config
}

// newWorld has a healthy STUN server and a resolver at the other address.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{internet: newInternet(t), ca: newAuthority(t, "Lab Authority")}
	other, err := turnserver.Start(turnserver.Config{
		Listen:       []turnserver.Listener{{Network: "udp", Address: netip.AddrPortFrom(otherAddress, 3478)}},
		RelayAddress: otherAddress, Net: hostIn(t, w.server),
	})
	must(t, err)
	t.Cleanup(func() { _ = other.Close() })
	resolver := w.resolver(t, 53, knows)
	w.client = ladder.Config{
		URLs: []string{overUDP}, Username: "alice", Credential: "secret", RootCAs: w.ca.pair.certificate,
		Resolver: resolver, NotSTUN: resolver, Others: []netip.AddrPort{netip.AddrPortFrom(otherAddress, 3478)},
		Net: hostIn(t, w.inside), Patience: 700 * time.Millisecond,
	}
	return w
}

func TestAHealthyServerGivesNoCause(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			e.start(t, w.internet, setup{certificate: w.ca.issue(t, nextMonth, name, serverAddress.String())}.with(nil))
			w.client.URLs = []string{overUDP, overTCP, overTLS, overDTLS}
			r, err := ladder.Run(t.Context(), w.client)
			must(t, err)
			for _, c := range r.Climbs {
				if !c.Reached(ladder.Relay) {
					t.Errorf("%s: %+v", c.URL, c.Failed())
				}
				if strings.HasPrefix(c.URL, "turns") && (c.Certificate == nil || !slices.Contains(c.Certificate.Names, name)) {
					t.Errorf("%s: certificate %+v", c.URL, c.Certificate)
				}
			}
			if v := diagnose.ExplainLadder(r); v.Cause != "" || v.Outcome != diagnose.RelayOK {
				t.Errorf("%s %s: %s\n%+v", v.Outcome, v.Cause, v.Sentence, v)
			}
		})
	}
}

// Every climb holds two allocations, and several run at once.
func TestAQuotaOfOneIsNotUsedUpByTheLadderItself(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			e.start(t, w.internet, setup{certificate: w.ca.issue(t, nextMonth, name), quota: 1}.with(nil))
			w.client.URLs = []string{overUDP, overTCP, overTLS, overDTLS}
			r, err := ladder.Run(t.Context(), w.client)
			must(t, err)
			if v := diagnose.ExplainLadder(r); v.Cause != "" || v.Outcome != diagnose.RelayOK {
				t.Errorf("%s %s: %s\n%+v", v.Outcome, v.Cause, v.Sentence, v)
			}
		})
	}
}

// planted is one fault.
type planted struct {
	name  string
	cause string
	setup func(*world, *testing.T, *setup)
	then  func(*world, *testing.T) // once the server runs
	urls  []string
	// only is the engine that can have it.
	only string
	// none starts no server.
	none bool
}

var faults = []planted{
	{name: "a wrong password", cause: "A1", urls: []string{overUDP, overTCP},
		then: func(w *world, _ *testing.T) { w.client.Credential = "guess" }},
	{name: "a password under another secret", cause: "A1",
		setup: func(_ *world, _ *testing.T, s *setup) { s.secret = "shared" },
		then: func(w *world, _ *testing.T) {
			w.client.Username, w.client.Credential = turnserver.TimeLimitedCredentials("other", "alice", 24*time.Hour, time.Now())
		}},
	{name: "credentials of yesterday", cause: "A3",
		setup: func(_ *world, _ *testing.T, s *setup) { s.secret = "shared" },
		then: func(w *world, _ *testing.T) {
			w.client.Username, w.client.Credential = turnserver.TimeLimitedCredentials("shared", "alice", time.Hour, time.Now().Add(-24*time.Hour))
		}},
	{name: "no realm", cause: "A5", only: "pion",
		setup: func(_ *world, _ *testing.T, s *setup) { s.faults.NoRealm = true }},
	{name: "no credentials", cause: "A6",
		then: func(w *world, _ *testing.T) { w.client.Username, w.client.Credential = "", "" }},
	{name: "a URL with slashes", cause: "A7", urls: []string{"turn://" + name}},
	// pion/turn without users answers as it does to a wrong password.
	{name: "STUN only", cause: "A13", only: "coturn", urls: []string{overUDP, overTCP},
		setup: func(_ *world, _ *testing.T, s *setup) { s.options = []string{"--stun-only"} }},
	{name: "a password for STUN", cause: "A14",
		setup: func(_ *world, _ *testing.T, s *setup) {
			s.faults.SecureSTUN, s.options = true, []string{"--secure-stun"}
		}},

	{name: "NXDOMAIN", cause: "B1", urls: []string{"turn:no-such-name.example.org"},
		then: func(w *world, t *testing.T) {
			w.client.Resolver = w.resolver(t, 5353, func(dnsmessage.Question) *dnsmessage.Message {
				return &dnsmessage.Message{Header: dnsmessage.Header{RCode: dnsmessage.RCodeNameError}}
			})
		}},
	{name: "a resolver that is silent", cause: "B1",
		then: func(w *world, t *testing.T) {
			w.client.Resolver = w.resolver(t, 5353, func(dnsmessage.Question) *dnsmessage.Message { return nil })
		}},
	{name: "an IPv6 address alone", cause: "B2",
		then: func(w *world, t *testing.T) {
			w.client.Resolver = w.resolver(t, 5353, func(q dnsmessage.Question) *dnsmessage.Message {
				m := new(dnsmessage.Message)
				if q.Type == dnsmessage.TypeAAAA {
					m.Answers = []dnsmessage.Resource{{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
						Body:   &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("2001:db8::10").As16()},
					}}
				}
				return m
			})
		}},
	{name: "UDP blocked", cause: "B3", urls: []string{overUDP, overTCP},
		then: func(w *world, t *testing.T) {
			drop(t, w.nat, nftables.ChainHookForward, "udp", udp)
			w.client.Resolver = netip.AddrPort{}
			w.client.URLs = literal(w.client.URLs)
		}},
	{name: "UDP 3478 of the server blocked", cause: "B4",
		then: func(w *world, t *testing.T) {
			w.anotherPort(t)
			drop(t, w.nat, nftables.ChainHookForward, "port", udp, to(serverAddress), destined(3478, 3478))
		}},
	{name: "UDP firewalled in front of the server", cause: "B6",
		then: func(w *world, t *testing.T) {
			w.anotherPort(t)
			drop(t, w.server, nftables.ChainHookInput, "udp", udp, to(serverAddress))
		}},
	{name: "this host's own firewall", cause: "B3",
		then: func(w *world, t *testing.T) {
			drop(t, w.inside, nftables.ChainHookOutput, "udp", udp)
			w.client.Resolver = netip.AddrPort{}
			w.client.URLs = literal(w.client.URLs)
		}},
	{name: "nothing listens", cause: "B5", none: true, urls: []string{overUDP, overTCP}},
	{name: "a port where nothing listens", cause: "B5",
		urls: []string{"turn:" + name + ":4000?transport=udp", "turn:" + name + ":4000?transport=tcp"}},
	{name: "a server that is not there", cause: "B6", urls: []string{overUDP, overTCP},
		then: func(w *world, t *testing.T) {
			drop(t, w.server, nftables.ChainHookInput, "all", to(serverAddress))
		}},
	{name: "TCP 443 alone", cause: "B7", urls: []string{overUDP, overTCP, onWeb},
		setup: func(_ *world, _ *testing.T, s *setup) { s.tlsPort = 443 },
		then: func(w *world, t *testing.T) {
			drop(t, w.nat, nftables.ChainHookForward, "udp", udp)
			drop(t, w.nat, nftables.ChainHookForward, "tcp", arrives("lan"), tcp, notDestined(443))
			w.client.Resolver = netip.AddrPort{}
			w.client.URLs = literal(w.client.URLs)
		}},
	{name: "an authority that nobody knows", cause: "B8", urls: []string{overTLS, overDTLS},
		setup: func(w *world, t *testing.T, s *setup) {
			s.certificate = newAuthority(t, "Nobody").issue(t, nextMonth, name)
		}},
	{name: "another name", cause: "B9", urls: []string{overTLS, overDTLS},
		setup: func(w *world, t *testing.T, s *setup) {
			s.certificate = w.ca.issue(t, nextMonth, "www.example.org")
		}},
	{name: "an address for a name", cause: "B9", urls: []string{"turns:" + serverAddress.String() + "?transport=tcp"},
		setup: func(w *world, t *testing.T, s *setup) { s.certificate = w.ca.issue(t, nextMonth, name) }},
	{name: "a certificate of last year", cause: "B10", urls: []string{overTLS, overDTLS},
		setup: func(w *world, t *testing.T, s *setup) {
			s.certificate = w.ca.issue(t, lastMonth, name)
		}},
	{name: "TLS 1.1", cause: "B12", only: "pion", urls: []string{overTLS},
		setup: func(_ *world, _ *testing.T, s *setup) { s.faults.TLSMax = 0x0302 }},
	{name: "STUN dropped whatever the port", cause: "B15",
		then: func(w *world, t *testing.T) {
			drop(t, w.nat, nftables.ChainHookForward, "stun", udp, beginsAsSTUN())
		}},
	{name: "Allocate dropped over UDP", cause: "B20", urls: []string{overUDP, overTCP},
		then: func(w *world, t *testing.T) {
			drop(t, w.nat, nftables.ChainHookForward, "allocate", udp, beginsAs(0x0003))
		}},

	{name: "a quota that is used up", cause: "C1", urls: []string{overUDP, overTCP},
		setup: func(_ *world, _ *testing.T, s *setup) { s.quota = 1 },
		then:  func(w *world, t *testing.T) { w.hold(t, "alice") }},
	{name: "no relay port left", cause: "C2",
		setup: func(_ *world, _ *testing.T, s *setup) { s.relayPorts = [2]uint16{50000, 50000} },
		then:  func(w *world, t *testing.T) { w.hold(t, "bob") }},
	{name: "one nonce after the other", cause: "C5", only: "pion",
		setup: func(_ *world, _ *testing.T, s *setup) { s.faults.StaleNonce = true }},
	{name: "no relay for UDP", cause: "C7",
		setup: func(_ *world, _ *testing.T, s *setup) {
			s.faults.NoUDPRelay, s.options = true, []string{"--no-udp-relay"}
		}},

	{name: "a private address advertised", cause: "D1", urls: []string{overUDP, overTCP},
		setup: func(_ *world, _ *testing.T, s *setup) { s.advertise = "172.31.9.9" }},
	{name: "another host's address advertised", cause: "D1",
		setup: func(_ *world, _ *testing.T, s *setup) { s.advertise = "198.51.100.7" }},
	{name: "the relay range firewalled", cause: "D2", urls: []string{overUDP, overTCP},
		then: func(w *world, t *testing.T) {
			drop(t, w.server, nftables.ChainHookInput, "range", arrives("wan"), udp, destined(50000, 50099))
		}},
	{name: "the relay range firewalled but for answers", cause: "D2",
		then: func(w *world, t *testing.T) {
			drop(t, w.server, nftables.ChainHookInput, "range", arrives("wan"), udp, destined(50000, 50099), unasked())
		}},
	{name: "the peer forbidden", cause: "D4", urls: []string{overUDP, overTCP},
		setup: func(_ *world, _ *testing.T, s *setup) {
			s.deny, s.denyPrefix = "203.0.113.0-203.0.113.7", "203.0.113.0/29"
		}},
}

func TestThePlantedFaultIsNamed(t *testing.T) {
	for _, e := range engines {
		for _, f := range faults {
			if f.only != "" && f.only != e.name || f.none && e.name != "pion" {
				continue
			}
			t.Run(e.name+"/"+f.cause+" "+f.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				s := setup{certificate: w.ca.issue(t, nextMonth, name, serverAddress.String())}.with(func(s *setup) {
					if f.setup != nil {
						f.setup(w, t, s)
					}
				})
				if !f.none {
					e.start(t, w.internet, s)
				}
				if f.urls != nil {
					w.client.URLs = f.urls
				}
				if f.then != nil {
					f.then(w, t)
				}
				began := time.Now()
				r, err := ladder.Run(t.Context(), w.client)
				must(t, err)
				if took := time.Since(began); took > 6*w.client.Patience {
					t.Errorf("took %s", took)
				}
				v := diagnose.ExplainLadder(r)
				t.Logf("%s %s %.2f: %s", v.Outcome, v.Cause, v.Confidence, v.Sentence)
				if v.Cause != f.cause || v.Confidence <= diagnose.SureSilent {
					t.Errorf("want %s; verdict %+v", f.cause, v)
					for _, c := range r.Climbs {
						t.Logf("%s: %+v\n%+v", c.URL, c.Rungs, c.Echoes)
					}
					t.Logf("%+v", r.Controls)
				}
			})
		}
	}
}

// anotherPort has the server's host answer STUN on a second port, which the client
// knows: it tells a port that is blocked from a host that UDP does not reach.
func (w *world) anotherPort(t *testing.T) {
	t.Helper()
	at := netip.AddrPortFrom(serverAddress, 3479)
	second, err := turnserver.Start(turnserver.Config{
		Listen: []turnserver.Listener{{Network: "udp", Address: at}}, RelayAddress: serverAddress, Net: hostIn(t, w.server),
	})
	must(t, err)
	t.Cleanup(func() { _ = second.Close() })
	w.client.Others = append(w.client.Others, at)
}

// hold lets another client of the server hold an allocation until the test ends.
func (w *world) hold(t *testing.T, user string) {
	t.Helper()
	conn, err := hostIn(t, w.inside).ListenUDP("udp4", nil)
	must(t, err)
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: netip.AddrPortFrom(serverAddress, 3478).String(), TURNServerAddr: netip.AddrPortFrom(serverAddress, 3478).String(),
		Username: user, Password: "secret", Conn: conn.(net.PacketConn),
	})
	must(t, err)
	must(t, client.Listen())
	relay, err := client.Allocate()
	must(t, err)
	t.Cleanup(func() {
		_ = relay.Close()
		client.Close()
		_ = conn.Close()
	})
}

// literal has the server's address for its name.
func literal(urls []string) []string {
	var all []string
	for _, url := range urls {
		all = append(all, strings.Replace(url, name, serverAddress.String(), 1))
	}
	return all
}
