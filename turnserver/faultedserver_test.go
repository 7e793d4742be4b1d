package turnserver_test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/pion/stun/v3"

	"github.com/icelab-go/icelab/turnserver"
)

func TestAServerThatRelaysNoUDPSaysSoToWhomItKnows(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			s := start(t, faulty("127.0.0.1", turnserver.Faults{NoUDPRelay: true}))
			c := newRawClient(t, s, network)
			answer := c.do(t, stun.MethodAllocate, overUDP)
			if code := codeOf(answer); code != 442 {
				t.Errorf("code %d", code)
			}
			if err := stun.NewLongTermIntegrity(user, c.realm, password).Check(answer); err != nil {
				t.Errorf("the answer's signature: %v", err)
			}
			e := awaitKind(t, s, turnserver.AllocationRefused)
			if e.Code != 442 || e.Reason != "relaying over UDP is switched off in the server's configuration" {
				t.Errorf("event %+v", e)
			}

			stranger := newRawClient(t, s, network)
			stranger.password = "another"
			if code := codeOf(stranger.do(t, stun.MethodAllocate, overUDP)); code != 400 && code != 401 {
				t.Errorf("a wrong password: code %d", code)
			}
			if all := s.Allocations(); len(all) > 0 {
				t.Errorf("allocations %+v", all)
			}
			if code := codeOf(c.exchange(t, stun.BindingRequest)); code != 0 {
				t.Errorf("binding: code %d", code)
			}
			if relay, err := newClient(t, s, network, user, password).Allocate(); err == nil {
				_ = relay.Close()
				t.Error("it allocated")
			} else if !strings.Contains(err.Error(), "442") {
				t.Errorf("the client is told %v", err)
			}
		})
	}
}

func TestAServerWithOldTLSRefusesWhoWantsTheNew(t *testing.T) {
	pair, err := certified()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(pair.certificate))
	for newest, speaks := range map[uint16]uint16{
		tls.VersionTLS10: tls.VersionTLS10, tls.VersionTLS11: tls.VersionTLS11,
		tls.VersionTLS12: tls.VersionTLS12, tls.VersionTLS13: tls.VersionTLS13, 0: tls.VersionTLS13,
	} {
		t.Run(tls.VersionName(newest), func(t *testing.T) {
			s := start(t, withTLS(t, faulty("127.0.0.1", turnserver.Faults{TLSMax: newest})))
			usual := tls.Client(dialPlain(t, s), &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"})
			err := usual.Handshake()
			switch {
			case speaks >= tls.VersionTLS12 && (err != nil || usual.ConnectionState().Version != speaks):
				t.Errorf("a usual client: version %#04x, %v", usual.ConnectionState().Version, err)
			case speaks < tls.VersionTLS12 && (err == nil || !strings.Contains(err.Error(), "protocol version not supported")):
				t.Errorf("a usual client: %v, want the alert protocol_version", err)
			}
			old := tls.Client(dialPlain(t, s), &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS10})
			if err := old.Handshake(); err != nil || old.ConnectionState().Version != speaks {
				t.Errorf("a client that takes any: version %#04x, %v", old.ConnectionState().Version, err)
			}
		})
	}
	for _, wrong := range []uint16{0x0300, 0x0305, 11} {
		if s, err := turnserver.Start(faulty("127.0.0.1", turnserver.Faults{TLSMax: wrong})); err == nil {
			_ = s.Close()
			t.Errorf("%#04x is taken", wrong)
		}
	}
}
