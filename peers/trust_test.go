package peers

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"go.uber.org/goleak"
)

// authority issues certificates to the TURN servers of a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	a := authority{key: newKey(t)}
	template := validCertificate("a test's authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func validCertificate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
}

func (a authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// listen opens a TLS socket on 127.0.0.1 with a certificate, changed as the test
// needs it, for that address.
func (a authority) listen(t testing.TB, change func(*x509.Certificate)) net.Listener {
	t.Helper()
	template, key := validCertificate("turn"), newKey(t)
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp4", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func overTLS(host string, at net.Addr) Server {
	url := fmt.Sprintf("turns:%s:%d?transport=tcp", host, at.(*net.TCPAddr).Port)
	return Server{URLs: []string{url}, Username: "lab", Credential: "secret"}
}

func relayOnly(server Server, roots string) Config {
	return onLoopback(Config{Servers: []Server{server}, Candidates: []CandidateType{Relay}, RootCAs: roots})
}

func TestRelaysThroughAServerThatTheRootsVouchFor(t *testing.T) {
	ca := newAuthority(t)
	secure := ca.listen(t, func(c *x509.Certificate) { c.DNSNames = []string{"localhost"} })
	server := startTURN(t, secure)
	for name, row := range map[string]struct {
		server Server
		want   string
	}{
		"turns: with an address":        {overTLS("127.0.0.1", secure.Addr()), "tls"},
		"turns: with a name":            {overTLS("localhost", secure.Addr()), "tls"},
		"turn: over TCP, without TLS":   {server.overTCP(), "tcp"},
		"turn: over UDP, not concerned": {server.overUDP(), "udp"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t, 10*time.Second)
			caller, callee := connected(t, ctx, relayOnly(row.server, ca.pem()))
			result, err := caller.Echo(ctx, EchoPlan{Messages: 10, Bytes: 1200})
			if err != nil {
				t.Fatalf("echo: %v, %+v", err, result)
			}
			for _, p := range []*Peer{caller, callee} {
				r := p.Report()
				if r.Selected == nil || r.Selected.Local.Type != Relay || r.Selected.Local.RelayProtocol != row.want {
					t.Errorf("selected %+v, want a relay via %s", r.Selected, row.want)
				}
				if len(r.Local) != 1 || r.Local[0].RelayProtocol != row.want {
					t.Errorf("local candidates %+v, want a relay via %s", r.Local, row.want)
				}
			}
		})
	}
}

func TestAServerThatIsNotTrustedGivesNoRelay(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	secure := ca.listen(t, nil)
	elsewhere := ca.listen(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} })
	expired := ca.listen(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	server := startTURN(t, secure, elsewhere, expired)
	_, plainPort, _ := net.SplitHostPort(server.tcp)
	for name, row := range map[string]struct {
		server Server
		roots  string
		want   string
	}{
		"another authority":  {overTLS("127.0.0.1", secure.Addr()), other.pem(), "TLS handshake: tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		"the system's roots": {overTLS("127.0.0.1", secure.Addr()), "", "tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		"another address":    {overTLS("127.0.0.1", elsewhere.Addr()), ca.pem(), "TLS handshake: tls: failed to verify certificate: x509: certificate is valid for 127.0.0.2, not 127.0.0.1"},
		"a name for an address": {overTLS("localhost", secure.Addr()), ca.pem(),
			"TLS handshake: tls: failed to verify certificate: x509: certificate is not valid for any names, but wanted to match localhost"},
		"expired": {overTLS("127.0.0.1", expired.Addr()), ca.pem(), "x509: certificate has expired or is not yet valid"},
		"no TLS there": {Server{URLs: []string{"turns:127.0.0.1:" + plainPort}, Username: "lab", Credential: "secret"}, ca.pem(),
			"TLS handshake: "},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t, 10*time.Second)
			p := newPeer(t, relayOnly(row.server, row.roots))
			if _, err := p.Offer(ctx); err != nil {
				t.Fatal(err)
			}
			err := p.WaitOpen(ctx)
			if err == nil || ctx.Err() != nil {
				t.Fatalf("error %v", err)
			}
			if !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q lacks %q", err, row.want)
			}
			if local := p.Report().Local; len(local) > 0 {
				t.Errorf("gathered %+v", local)
			}
		})
	}
}

func TestRootsThatAreNoneAreRefused(t *testing.T) {
	key, err := x509.MarshalPKCS8PrivateKey(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, content []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
	}
	const noCertificate = "root certificates: no certificate in the text; give one or more in PEM"
	good := newAuthority(t).pem()
	credentials := func(urls ...string) []Server { return []Server{{URLs: urls, Username: "lab", Credential: "secret"}} }
	for name, row := range map[string]struct {
		config Config
		want   string
	}{
		"a file's name":     {Config{RootCAs: "/etc/ssl/lab.pem"}, noCertificate},
		"a key":             {Config{RootCAs: block("PRIVATE KEY", key)}, noCertificate},
		"a damaged one":     {Config{RootCAs: block("CERTIFICATE", []byte("rubbish"))}, noCertificate},
		"one that was cut":  {Config{RootCAs: good[:len(good)/2]}, noCertificate},
		"TLS beside no TLS": {Config{RootCAs: good, Servers: credentials("turn:198.18.0.1:443?transport=tcp", "turns:198.18.0.1:443")}, "ICE server 198.18.0.1:443: with root certificates it cannot be both turn: over TCP and turns:; leave one out"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := New(row.config)
			if err == nil {
				_ = p.Close()
				t.Fatal("no error")
			}
			if err.Error() != row.want {
				t.Errorf("got  %s\nwant %s", err, row.want)
			}
		})
	}
	// A UDP port and a TCP port of the same number are two.
	newPeer(t, Config{RootCAs: good, Servers: credentials("turn:198.18.0.1:443", "turns:198.18.0.1:443", "turns:198.18.0.1:5349?transport=udp", "turn:198.18.0.1:5349?transport=tcp")})
}

func TestClosingCutsATLSHandshakeThatHangs(t *testing.T) {
	roots := newAuthority(t).pem()
	for name, network := range map[string]func(*testing.T) transport.Net{
		"the peer's own network": func(*testing.T) transport.Net { return nil },
		"Config.Net": func(t *testing.T) transport.Net {
			n, err := stdnet.NewNet()
			if err != nil {
				t.Fatal(err)
			}
			return n
		},
	} {
		t.Run(name, func(t *testing.T) {
			// At once: nothing is there yet that pion could say goodbye to.
			took := time.Hour
			for try := 0; took > closeGrace && try < 3; try++ { // a busy machine can be late
				took = closingInAHandshake(t, roots, network(t))
			}
			if took > closeGrace {
				t.Errorf("closing took %v", took)
			}
		})
	}
}

// closingInAHandshake is how long it takes to close a peer whose TLS handshake hangs.
func closingInAHandshake(t *testing.T, roots string, network transport.Net) time.Duration {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	config := relayOnly(overTLS("127.0.0.1", l.Addr()), roots)
	config.Net = network
	p := newPeer(t, config)
	if _, err := p.Offer(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := make([]byte, 5)
	if _, err := io.ReadFull(conn, hello); err != nil || !bytes.HasPrefix(hello, []byte{22, 3}) {
		t.Fatalf("no handshake begins with %x (%v)", hello, err)
	}
	// What hangs all the same ends with the connection.
	defer time.AfterFunc(5*time.Second, func() { _ = conn.Close() }).Stop()

	begin := time.Now()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	took := time.Since(begin)
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the peer's end is open: %v", err)
	}
	goleak.VerifyNone(t)
	return took
}
