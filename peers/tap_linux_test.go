package peers

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"github.com/vishvananda/netlink"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/turnserver"
	"github.com/icelab-go/icelab/wire"
)

// lockedBuffer is a key log.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// watchedServer is on an address that is not a loopback one: turnserver relays to
// none of those.
func watchedServer(t *testing.T, ca authority, recorder *wire.Recorder) *turnserver.Server {
	t.Helper()
	require.Namespace(t)
	at := netip.MustParseAddr("192.0.2.1")
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	address := &netlink.Addr{IPNet: &net.IPNet{IP: at.AsSlice(), Mask: net.CIDRMask(32, 32)}}
	if err := netlink.AddrAdd(lo, address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.AddrDel(lo, address) })
	template, key := validCertificate("turn"), newKey(t)
	template.IPAddresses = []net.IP{at.AsSlice()}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	free := netip.AddrPortFrom(at, 0)
	s, err := turnserver.Start(turnserver.Config{
		Listen:       []turnserver.Listener{{Network: "udp", Address: free}, {Network: "tcp", Address: free}, {Network: "tls", Address: free}},
		RelayAddress: at, Users: map[string]string{"lab": "secret"},
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), Key: keyPEM(t, key),
		Recorder: recorder,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func keyPEM(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

func urlOf(t *testing.T, s *turnserver.Server, network string) string {
	t.Helper()
	for _, l := range s.Addresses() {
		if l.Network == network {
			scheme, transport := "turn", network
			if network == "tls" {
				scheme, transport = "turns", "tcp"
			}
			return fmt.Sprintf("%s:%s?transport=%s", scheme, l.Address, transport)
		}
	}
	t.Fatalf("no %s listener", network)
	return ""
}

// transactions are the STUN messages that a witness saw, by class and transaction,
// sorted. A Refresh is not among them: the last one is on its way when both ends
// close.
func transactions(all []wire.Packet, at string, way wire.Direction, client func(wire.Packet) bool) []string {
	var seen []string
	for _, p := range all {
		if p.At == at && p.Direction == way && p.Kind == wire.KindSTUN && p.STUN.Class != wire.Indication && client(p) && p.STUN.Method != "refresh" {
			seen = append(seen, fmt.Sprintf("%s %s %s", p.STUN.Method, p.STUN.Class, p.STUN.Transaction))
		}
	}
	slices.Sort(seen)
	return seen
}

func TestBothEndsOfATURNLegSeeTheSameTransactions(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			ctx := within(t, 20*time.Second)
			ca := newAuthority(t)
			atServer, atCaller, keys := &wire.Recorder{}, &wire.Recorder{}, &lockedBuffer{}
			s := watchedServer(t, ca, atServer)
			config := relayOnly(Server{URLs: []string{urlOf(t, s, transport)}, Username: "lab", Credential: "secret"}, ca.pem())
			callee := newPeer(t, config)
			config.Recorder, config.KeyLog = atCaller, keys
			caller := newPeer(t, config)
			signal(t, ctx, caller, callee)
			for _, p := range []*Peer{caller, callee} {
				if err := p.WaitOpen(ctx); err != nil {
					t.Fatal(err)
				}
			}
			const echoes = 2000
			if _, err := caller.Echo(ctx, EchoPlan{Messages: echoes, Bytes: 100}); err != nil {
				t.Fatal(err)
			}
			here, there := caller.Report(), callee.Report()
			if err := caller.Close(); err != nil {
				t.Fatal(err)
			}
			if err := callee.Close(); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}

			mine := map[uint16]bool{}
			for _, p := range atCaller.Packets() {
				if p.Protocol != transport && p.Kind != wire.KindTCP {
					t.Errorf("a packet over %s: %+v", p.Protocol, p)
				}
				if p.Direction == wire.Out && p.Kind == wire.KindSTUN {
					mine[p.From.Port()] = true
				}
			}
			sent := transactions(atCaller.Packets(), wire.AtSocket, wire.Out, func(wire.Packet) bool { return true })
			got := transactions(atServer.Packets(), wire.AtListener, wire.In, func(p wire.Packet) bool { return mine[p.From.Port()] })
			if !slices.Equal(sent, got) || len(sent) < 4 {
				t.Errorf("the caller sent\n%s\nthe server got\n%s", strings.Join(sent, "\n"), strings.Join(got, "\n"))
			}
			answered := transactions(atServer.Packets(), wire.AtListener, wire.Out, func(p wire.Packet) bool { return mine[p.To.Port()] })
			arrived := transactions(atCaller.Packets(), wire.AtSocket, wire.In, func(wire.Packet) bool { return true })
			if !slices.Equal(answered, arrived) || len(arrived) < 4 {
				t.Errorf("the server answered\n%s\nthe caller got\n%s", strings.Join(answered, "\n"), strings.Join(arrived, "\n"))
			}
			for name, r := range map[string]*wire.Recorder{"caller": atCaller, "server": atServer} {
				if r.Lost() > 0 {
					t.Errorf("%s: %d lost", name, r.Lost())
				}
				for _, p := range r.Packets() {
					showsNoSecret(t, p.Payload)
				}
				if n := howMany(r, func(p wire.Packet) bool {
					return p.Inner != nil && p.Inner.DTLS != nil && p.Inner.DTLS.Handshake == "client_hello"
				}); n == 0 {
					t.Errorf("%s: no ClientHello inside of what is relayed", name)
				}
				if n := len(r.Packets()); n > echoes {
					t.Errorf("%s keeps %d packets: the echo is data", name, n)
				}
			}
			relayed := howMany(atServer, func(p wire.Packet) bool {
				return p.At == wire.AtRelay && p.Kind == wire.KindSTUN && p.STUN.Method == "binding"
			})
			if relayed == 0 {
				t.Error("no check at the relay's socket")
			}
			if !strings.Contains(keys.String(), "CLIENT_RANDOM") {
				t.Errorf("no secret of the peers' DTLS: %q", keys.String())
			}
			if tls := strings.Contains(keys.String(), "CLIENT_TRAFFIC_SECRET_0"); tls != (transport == "tls") {
				t.Errorf("secrets of TLS: %t", tls)
			}
			sameCredentials(t, here, there)
		})
	}
}

func howMany(r *wire.Recorder, which func(wire.Packet) bool) (n int) {
	for _, p := range r.Packets() {
		if which(p) {
			n++
		}
	}
	return n
}

// showsNoSecret looks into a message, and into what it relays.
func showsNoSecret(t *testing.T, payload []byte) {
	t.Helper()
	if wire.Peek(payload) == wire.KindChannelData {
		showsNoSecret(t, payload[4:])
		return
	}
	m := &stun.Message{Raw: payload}
	if !wire.IsSTUN(payload) || m.Decode() != nil {
		return
	}
	for _, a := range m.Attributes {
		switch a.Type {
		case stun.AttrNonce, stun.AttrMessageIntegrity:
			if bytes.Count(a.Value, []byte{0}) != len(a.Value) {
				t.Errorf("%v shows %v", m, a)
			}
		case stun.AttrFingerprint:
			if err := stun.Fingerprint.Check(m); err != nil {
				t.Errorf("%v: %v", m, err)
			}
		case stun.AttrData:
			showsNoSecret(t, a.Value)
		}
	}
}

// sameCredentials wants what one peer described to be what the other got.
func sameCredentials(t *testing.T, caller, callee Report) {
	t.Helper()
	of := func(r Report, local bool) (all []Credentials) {
		for _, c := range r.Credentials {
			if c.Local == local {
				c.AtMS, c.Local = 0, false
				all = append(all, c)
			}
		}
		return all
	}
	for _, way := range [][2][]Credentials{{of(caller, true), of(callee, false)}, {of(callee, true), of(caller, false)}} {
		if !slices.Equal(way[0], way[1]) || len(way[0]) != 1 || way[0][0].Ufrag == "" || way[0][0].PasswordDigest == "" || way[0][0].Fingerprint == "" {
			t.Errorf("made %+v, got %+v", way[0], way[1])
		}
	}
	if a, b := of(caller, true), of(callee, true); slices.Equal(a, b) {
		t.Error("both sides have the same credentials")
	}
}

func TestATURNServerThatRefusesTCPIsSeenToDoSo(t *testing.T) {
	ctx := within(t, 10*time.Second)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	recorder := &wire.Recorder{}
	config := relayOnly(Server{URLs: []string{"turn:" + closed + "?transport=tcp"}, Username: "lab", Credential: "secret"}, "")
	config.Recorder = recorder
	caller := newPeer(t, config)
	if _, err := caller.Offer(ctx); err != nil {
		t.Fatal(err)
	}
	for range caller.Candidates(ctx) {
	}
	all := recorder.Packets()
	if len(all) != 2 || !all[0].TCP.SYN || all[0].To.String() != closed || !all[1].TCP.RST || all[1].From.String() != closed {
		t.Errorf("saw %+v", all)
	}
}

func TestATURNServerThatIsNotTrustedGetsAnAlert(t *testing.T) {
	ctx := within(t, 10*time.Second)
	recorder := &wire.Recorder{}
	s := watchedServer(t, newAuthority(t), nil)
	config := relayOnly(Server{URLs: []string{urlOf(t, s, "tls")}, Username: "lab", Credential: "secret"}, newAuthority(t).pem())
	config.Recorder = recorder
	caller := newPeer(t, config)
	if _, err := caller.Offer(ctx); err != nil {
		t.Fatal(err)
	}
	for range caller.Candidates(ctx) {
	}
	alerts := howMany(recorder, func(p wire.Packet) bool {
		return p.Direction == wire.Out && p.TCP != nil && p.TCP.Alert != nil && *p.TCP.Alert == 42
	})
	if alerts == 0 {
		t.Errorf("%d alerts: %+v", alerts, recorder.Packets())
	}
}
