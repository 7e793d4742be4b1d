package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/turn/v4"

	"github.com/icelab-go/icelab/turnserver"
)

// runTurn runs `icelab turn` on free ports until the test ends, and returns what it said first and
// a function that waits for the next event of a kind.
func runTurn(t *testing.T, args ...string) (ready turnReady, next func(turnserver.Kind) turnserver.Event) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan struct{})
	var errs bytes.Buffer
	go func() {
		defer close(ended)
		execute(ctx, append([]string{"turn", "--format", "json", "--listen", "127.0.0.1:0", "--tls-port", "0"}, args...), in, &errs)
		_ = in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		_, _ = io.Copy(io.Discard, out)
		<-ended
	})
	lines := json.NewDecoder(out)
	if err := lines.Decode(&ready); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	return ready, func(kind turnserver.Kind) (e turnserver.Event) {
		t.Helper()
		for e.Kind != kind {
			e = turnserver.Event{}
			if err := lines.Decode(&e); err != nil {
				t.Fatalf("no %s: %v: %s", kind, err, errs.String())
			}
		}
		return e
	}
}

// addressOf is ADDR:PORT of the URL that begins and ends so.
func addressOf(t *testing.T, ready turnReady, scheme, transport string) string {
	t.Helper()
	for _, url := range ready.URLs {
		if rest, ok := strings.CutPrefix(url, scheme); ok {
			if at, ok := strings.CutSuffix(rest, "?transport="+transport); ok {
				return at
			}
		}
	}
	t.Fatalf("no %s URL over %s in %v", scheme, transport, ready.URLs)
	return ""
}

func (r turnReady) roots() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(r.Certificate))
	return roots
}

// logIn allocates as the user that was made up.
func (r turnReady) logIn(t *testing.T, conn net.Conn) {
	t.Helper()
	client, err := turn.NewClient(&turn.ClientConfig{
		Conn: turn.NewSTUNConn(conn), TURNServerAddr: conn.RemoteAddr().String(),
		Username: r.Users[len(r.Users)-1], Password: r.Password,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Cleanup(client.Close)
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	relay, err := client.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relay.Close() })
	if at := relay.LocalAddr().(*net.UDPAddr).AddrPort().Addr(); r.Advertised.IsValid() && at != r.Advertised {
		t.Errorf("told %s, want %s", at, r.Advertised)
	}
}

func TestTurnMakesACertificateThatAClientCanBeToldToTrust(t *testing.T) {
	ready, next := runTurn(t, "--tls", "--dtls")
	overTLS, err := tls.Dial("tcp4", addressOf(t, ready, "turns:", "tcp"), &tls.Config{RootCAs: ready.roots()})
	if err != nil {
		t.Fatal(err)
	}
	ready.logIn(t, overTLS)
	if e := next(turnserver.AllocationCreated); e.Transport != "tls" {
		t.Errorf("event %+v", e)
	}

	server, err := net.ResolveUDPAddr("udp4", addressOf(t, ready, "turns:", "udp"))
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	overDTLS, err := dtls.ClientWithOptions(socket, server, dtls.WithRootCAs(ready.roots()), dtls.WithServerName("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	ready.logIn(t, overDTLS)
	if e := next(turnserver.AllocationCreated); e.Transport != "dtls" {
		t.Errorf("event %+v", e)
	}
}

func TestTurnShowsTheCertificateItIsGiven(t *testing.T) {
	made, _ := runTurn(t, "--tls")
	if made.Certificate == "" {
		t.Fatal("nothing says which certificate was made")
	}
	certificate, key, err := selfSigned(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	paths := map[string]string{"--cert": filepath.Join(dir, "cert.pem"), "--key": filepath.Join(dir, "key.pem")}
	for path, content := range map[string]string{paths["--cert"]: certificate, paths["--key"]: key} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ready, _ := runTurn(t, "--tls", "--cert", paths["--cert"], "--key", paths["--key"])
	if ready.Certificate != "" {
		t.Error("it says that it made the certificate")
	}
	conn, err := tls.Dial("tcp4", addressOf(t, ready, "turns:", "tcp"),
		&tls.Config{RootCAs: turnReady{Certificate: certificate}.roots(), ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()

	for name, row := range map[string]struct {
		args []string
		says string
	}{
		"no key":           {[]string{"--tls", "--cert", paths["--cert"]}, "--cert and --key belong together"},
		"nothing to serve": {[]string{"--cert", paths["--cert"], "--key", paths["--key"]}, "give one of these too"},
		"no file":          {[]string{"--dtls", "--cert", dir + "/none", "--key", paths["--key"]}, "--cert: open "},
		"swapped":          {[]string{"--dtls", "--cert", paths["--key"], "--key", paths["--cert"]}, "PEM inputs may have been switched"},
		"no address":       {[]string{"--advertise", "turn.example"}, "--advertise turn.example: write the IPv4 address"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := execute(t.Context(), append([]string{"turn", "--listen", "127.0.0.1:0"}, row.args...), &out, &errs)
			if code != exitUsage || !strings.Contains(errs.String(), row.says) || strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("exit %d, %q", code, errs.String())
			}
		})
	}
}

func TestTurnMintsAPairUnderTheSecret(t *testing.T) {
	ready, next := runTurn(t, "--secret", "shared", "--user", "alice:hers", "--advertise", "203.0.113.9")
	if lasts := time.Until(ready.Expires); lasts < 23*time.Hour || lasts > 24*time.Hour {
		t.Errorf("it expires in %v", lasts)
	}
	if len(ready.Users) != 2 || ready.Users[0] != "alice" {
		t.Errorf("users %v", ready.Users)
	}
	conn, err := net.Dial("tcp4", addressOf(t, ready, "turn:", "tcp"))
	if err != nil {
		t.Fatal(err)
	}
	ready.logIn(t, conn)
	if e := next(turnserver.AllocationCreated); e.Username != ready.Users[1] || e.Relay.Addr() != ready.Advertised {
		t.Errorf("event %+v", e)
	}
}

func TestTurnSaysWhatItMadeUp(t *testing.T) {
	ready := turnReady{
		URLs: []string{"turns:192.0.2.1:5349?transport=tcp"}, Users: []string{"1763:icelab"}, Password: "p",
		Expires: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Certificate: "PEM",
	}
	var b strings.Builder
	turnText{&b}.start(ready)
	for _, want := range []string{"valid until 2026-11-23T12:00:00Z", "The certificate was made for this run", "turns:192.0.2.1:5349"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
