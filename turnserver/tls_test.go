package turnserver_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/icelab-go/icelab/turnserver"
)

// certified is a certificate for the tests' servers that vouches for itself.
var certified = sync.OnceValues(func() (pair struct{ certificate, key string }, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(serverIP)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return pair, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair, err
	}
	pair.certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	pair.key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))

	return pair, nil
})

// withTLS adds a "tls" listener.
func withTLS(t *testing.T, cfg turnserver.Config) turnserver.Config {
	t.Helper()

	return secured(t, cfg, "tls")
}

func secured(t *testing.T, cfg turnserver.Config, network string) turnserver.Config {
	t.Helper()
	pair, err := certified()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Certificate, cfg.Key = pair.certificate, pair.key
	cfg.Listen = append(cfg.Listen, turnserver.Listener{Network: network, Address: netip.AddrPortFrom(cfg.RelayAddress, 0)})

	return cfg
}

// dialTLS does the handshake as a client that trusts the tests' certificate and no other.
func dialTLS(t *testing.T, s *turnserver.Server) *tls.Conn {
	t.Helper()
	pair, err := certified()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(pair.certificate))
	dialer := &net.Dialer{Timeout: patience}
	conn, err := tls.DialWithDialer(dialer, "tcp4", address(t, s, "tls").String(), &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })

	return conn
}

// dialPlain connects to the TLS port without a handshake.
func dialPlain(t *testing.T, s *turnserver.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp4", address(t, s, "tls").String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))

	return conn
}

func TestTheLifeOfAnAllocationOverTLSSaysSo(t *testing.T) {
	s := start(t, withTLS(t, config("127.0.0.1")))
	c := newRawClient(t, s, "tls")
	client := c.LocalAddr().(*net.TCPAddr).AddrPort()
	c.allocate(t)
	c.do(t, stun.MethodChannelBind, channelNumber(0x4001), peerAddress("198.18.0.9:7"))
	_ = c.Close()

	e := awaitKind(t, s, turnserver.AllocationEnded)
	if e.Reason != "the client's TLS connection ended: EOF" {
		t.Errorf("event %+v", e)
	}
	var kinds []string
	for _, e := range s.Events(0) {
		kinds = append(kinds, string(e.Kind))
		if e.Transport != "tls" || e.Client != client {
			t.Errorf("event %+v", e)
		}
	}
	want := "auth-ok allocation-created permission-created channel-bound permission-ended channel-ended allocation-ended"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if all := s.Allocations(); len(all) != 1 || all[0].Transport != "tls" || all[0].Client != client {
		t.Errorf("allocations %+v", all)
	}
}

func TestWhoDoesNotSpeakTLSToTheTLSPortIsDropped(t *testing.T) {
	s := start(t, withTLS(t, config("127.0.0.1")))
	bystander := newRawClient(t, s, "tls")
	bystander.allocate(t)
	before := len(s.Events(0))

	for name, text := range map[string]string{
		"STUN":                     string(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw),
		"HTTP":                     "GET / HTTP/1.1\r\nHost: turn\r\n\r\n",
		"a handshake of rubbish":   "\x16\x03\x01\x00\x08rubbish!",
		"a record beyond the size": "\x16\x03\x01\xff\xff" + strings.Repeat("x", 100),
	} {
		t.Run(name, func(t *testing.T) {
			conn := dialPlain(t, s)
			if _, err := conn.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn)
			if isTimeout(err) {
				t.Fatal("the connection was kept")
			}
			if stun.IsMessage(answer) {
				t.Errorf("answered in plain text: %q", answer)
			}
		})
	}
	t.Run("TLS 1.1", func(t *testing.T) {
		old := tls.Client(dialPlain(t, s), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		if err := old.Handshake(); err == nil || !strings.Contains(err.Error(), "protocol version not supported") {
			t.Errorf("error %v", err)
		}
	})

	if code := codeOf(bystander.do(t, stun.MethodRefresh, lifetime(60))); code != 0 {
		t.Errorf("refresh of an allocation beside: code %d", code)
	}
	if events := s.Events(0); len(events) != before {
		t.Errorf("events %+v", events[before:])
	}
}

func TestAHandshakeThatNeverEndsHoldsNobodyUp(t *testing.T) {
	s := start(t, withTLS(t, config("127.0.0.1")))
	var silent []net.Conn
	for _, beginning := range []string{"", "\x16", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"} {
		for range 5 {
			conn := dialPlain(t, s)
			if _, err := conn.Write([]byte(beginning)); err != nil {
				t.Fatal(err)
			}
			silent = append(silent, conn)
		}
	}
	newRawClient(t, s, "tls").allocate(t)

	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("Close took %v", took)
	}
	for _, conn := range silent {
		if _, err := io.ReadAll(conn); isTimeout(err) {
			t.Error("a connection was left open")
		}
	}
}

// A server that crashes says no goodbye (RFC 8446 section 6.1): clients shall not learn more from
// one that is closed.
func TestCloseIsSilentOverTLSToo(t *testing.T) {
	s := start(t, withTLS(t, config("127.0.0.1")))
	conn := dialTLS(t, s)
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2000)
	if n, err := conn.Read(buf); err != nil || !stun.IsMessage(buf[:n]) {
		t.Fatalf("no answer: %v", err)
	}

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if last, err := io.ReadAll(conn.NetConn()); len(last) > 0 || isTimeout(err) {
		t.Errorf("got %x (%v), want nothing: no close_notify", last, err)
	}
}

func TestAServerWithoutACertificateThatWorksSaysWhatToDo(t *testing.T) {
	running := start(t, withTLS(t, config("127.0.0.1")))
	taken := address(t, running, "tls")
	const remedy = ": give a certificate and its key, in PEM"
	for name, test := range map[string]struct {
		change func(*turnserver.Config)
		want   string
	}{
		"no certificate": {
			func(c *turnserver.Config) { c.Certificate = "" },
			"turn server: listen tls 127.0.0.1:0: no certificate: give one and its key, in PEM",
		},
		"no key": {
			func(c *turnserver.Config) { c.Key = "" },
			"turn server: listen tls 127.0.0.1:0: no key: give the certificate's, in PEM",
		},
		"no PEM": {
			func(c *turnserver.Config) { c.Certificate = "turn.pem" },
			"turn server: listen tls 127.0.0.1:0: tls: failed to find any PEM data in certificate input" + remedy,
		},
		"the two swapped": {
			func(c *turnserver.Config) { c.Certificate, c.Key = c.Key, c.Certificate },
			"turn server: listen tls 127.0.0.1:0: tls: failed to find certificate PEM data in certificate input, " +
				"but did find a private key; PEM inputs may have been switched" + remedy,
		},
		"another's key": {
			func(c *turnserver.Config) { c.Key = otherKey(t) },
			"turn server: listen tls 127.0.0.1:0: tls: private key does not match public key" + remedy,
		},
		"no address": {
			func(c *turnserver.Config) { c.Listen[2].Address, c.Key = netip.AddrPort{}, "" },
			"turn server: listen tls: no address: give one as IP:PORT",
		},
		"port in use": {
			func(c *turnserver.Config) { c.Listen[2].Address = taken },
			"listen tls " + taken.String() + ": address already in use: stop the other server or choose another port",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := withTLS(t, config("127.0.0.1"))
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

func otherKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}

	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
