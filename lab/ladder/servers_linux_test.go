package ladder_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/turnserver"
)

// setup is how a server of either kind is set up.
type setup struct {
	// listen are the transports, of "udp", "tcp", "tls", "dtls"; by default all.
	listen []string
	// tlsPort is that of TLS and DTLS; by default 5349.
	tlsPort uint16
	// secret takes time-limited credentials, in place of the user alice with the
	// password "secret" and bob likewise.
	secret      string
	certificate pair
	quota       int
	relayPorts  [2]uint16
	advertise   string
	deny        string // from the first to the last: "203.0.113.0-203.0.113.9"
	denyPrefix  string // the same
	// faults and options are for one kind only.
	faults  turnserver.Faults
	options []string
}

func (s setup) with(change func(*setup)) setup {
	if len(s.listen) == 0 {
		s.listen = []string{"udp", "tcp", "tls", "dtls"}
	}
	if s.relayPorts == [2]uint16{} {
		s.relayPorts = [2]uint16{50000, 50099}
	}
	if s.tlsPort == 0 {
		s.tlsPort = 5349
	}
	if change != nil {
		change(&s)
	}
	return s
}

// engine starts a server of one kind in the server's namespace, until the test ends.
type engine struct {
	name  string
	start func(*testing.T, *internet, setup)
}

var engines = []engine{{"pion", startPion}, {"coturn", startCoturn}}

func startPion(t *testing.T, n *internet, s setup) {
	t.Helper()
	c := turnserver.Config{
		RelayAddress: serverAddress, Net: hostIn(t, n.server), Secret: s.secret, Quota: s.quota,
		RelayPorts:  turnserver.PortRange{Min: s.relayPorts[0], Max: s.relayPorts[1]},
		Certificate: s.certificate.certificate, Key: s.certificate.key, Faults: s.faults,
	}
	for _, l := range s.listen {
		port := uint16(3478)
		if strings.HasSuffix(l, "tls") {
			port = s.tlsPort
		}
		c.Listen = append(c.Listen, turnserver.Listener{Network: l, Address: netip.AddrPortFrom(serverAddress, port)})
	}
	if s.secret == "" {
		c.Users = map[string]string{"alice": "secret", "bob": "secret"}
	}
	if s.advertise != "" {
		c.AdvertiseAddress = netip.MustParseAddr(s.advertise)
	}
	if s.denyPrefix != "" {
		c.DenyPeers = []netip.Prefix{netip.MustParsePrefix(s.denyPrefix)}
	}
	server, err := turnserver.Start(c)
	must(t, err)
	t.Cleanup(func() {
		_ = server.Close()
		for _, a := range server.Allocations() {
			if a.Ended.IsZero() {
				t.Errorf("an allocation that nobody ended: %+v", a)
			}
		}
	})
}

// startCoturn runs Debian's turnserver.
func startCoturn(t *testing.T, n *internet, s setup) {
	t.Helper()
	program, err := exec.LookPath("turnserver")
	if err != nil {
		require.Missing(t, "coturn", "no turnserver here (apt-get install coturn): "+err.Error())
	}
	dir := t.TempDir()
	args := []string{
		"-n", "--no-cli", "--log-file", "stdout", "--simple-log", "--verbose",
		"--userdb", filepath.Join(dir, "users"), "--pidfile", filepath.Join(dir, "pid"),
		"--listening-ip", serverAddress.String(), "--relay-ip", serverAddress.String(),
		"--tls-listening-port", fmt.Sprint(s.tlsPort), "--realm", "example.org",
		"--min-port", fmt.Sprint(s.relayPorts[0]), "--max-port", fmt.Sprint(s.relayPorts[1]),
	}
	add := func(is bool, more ...string) {
		if is {
			args = append(args, more...)
		}
	}
	offers := func(transport string) bool {
		return strings.Contains(" "+strings.Join(s.listen, " ")+" ", " "+transport+" ")
	}
	for _, transport := range []string{"udp", "tcp", "tls", "dtls"} {
		add(!offers(transport), "--no-"+transport)
	}
	add(s.secret == "", "--lt-cred-mech", "--user", "alice:secret", "--user", "bob:secret")
	add(s.secret != "", "--use-auth-secret", "--static-auth-secret", s.secret)
	add(s.quota > 0, "--user-quota", fmt.Sprint(s.quota))
	add(s.advertise != "", "--external-ip", s.advertise+"/"+serverAddress.String())
	add(s.deny != "", "--denied-peer-ip", s.deny)
	if s.certificate.certificate != "" {
		cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		must(t, os.WriteFile(cert, []byte(s.certificate.certificate), 0o600))
		must(t, os.WriteFile(key, []byte(s.certificate.key), 0o600))
		add(true, "--cert", cert, "--pkey", key)
	}
	args = append(args, s.options...)

	command := exec.Command(program, args...)
	// If this process dies, so does that one.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	ended, err := start(n.server, command)
	must(t, err)
	ready, read := make(chan struct{}), make(chan struct{})
	var log strings.Builder
	go func() {
		defer close(read)
		once := ready
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			fmt.Fprintln(&log, lines.Text())
			if strings.Contains(lines.Text(), "SQLite DB connection success") && once != nil {
				close(once)
				once = nil
			}
		}
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGKILL)
		<-ended
		_ = writer.Close()
		<-read
		if t.Failed() {
			t.Logf("coturn said:\n%s", log.String())
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("coturn ended: %v\n%s", err, log.String())
	case <-time.After(20 * time.Second):
		t.Fatal("coturn is not ready after 20 s")
	}
}

// pair is a certificate with its key, in PEM.
type pair struct{ certificate, key string }

// authority signs certificates.
type authority struct {
	pair
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().AddDate(-2, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	return sign(t, template, authority{})
}

// issue makes a certificate for names and addresses that is valid until then.
func (a authority) issue(t *testing.T, until time.Time, names ...string) pair {
	t.Helper()
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: names[0]},
		NotBefore: until.AddDate(-1, 0, 0), NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return sign(t, template, a).pair
}

func sign(t *testing.T, template *x509.Certificate, by authority) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	must(t, err)
	if by.key == nil {
		by = authority{certificate: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	must(t, err)
	made, err := x509.ParseCertificate(der)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return authority{pair{block("CERTIFICATE", der), block("PRIVATE KEY", private)}, made, key}
}

// resolver answers at the other address what answer says; nil is no answer.
func (n *internet) resolver(t *testing.T, port uint16, answer func(dnsmessage.Question) *dnsmessage.Message) netip.AddrPort {
	t.Helper()
	at := netip.AddrPortFrom(otherAddress, port)
	conn, err := hostIn(t, n.server).ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:size]) != nil || len(m.Questions) != 1 {
				continue
			}
			reply := answer(m.Questions[0])
			if reply == nil {
				continue
			}
			reply.ID, reply.Response, reply.Questions = m.ID, true, m.Questions
			packed, err := reply.Pack()
			if err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return at
}

// knows answers with the server's address for every A.
func knows(q dnsmessage.Question) *dnsmessage.Message {
	m := new(dnsmessage.Message)
	if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
			Body:   &dnsmessage.AResource{A: serverAddress.As4()},
		}}
	}
	return m
}
