package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/icelab-go/icelab/lab/doctor"
	"github.com/icelab-go/icelab/turnserver"
)

// turnOnLoopback grants allocations, though it relays nothing.
func turnOnLoopback(t *testing.T, c turnserver.Config) string {
	t.Helper()
	loopback := netip.MustParseAddr("127.0.0.1")
	c.Listen = []turnserver.Listener{{Network: "udp", Address: netip.AddrPortFrom(loopback, 0)}}
	c.RelayAddress = loopback
	s, err := turnserver.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return fmt.Sprintf("turn:%s?transport=udp", s.Addresses()[0].Address)
}

func diagnosed(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = execute(t.Context(), append([]string{"doctor", "--patience", "500ms"}, args...), &o, &e)
	return code, o.String(), e.String()
}

func TestTheDoctorNamesAWrongPasswordAndDoesNotTellIt(t *testing.T) {
	url := turnOnLoopback(t, turnserver.Config{Users: map[string]string{"alice": "the-right-one"}})
	code, out, errs := diagnosed(t, url, "--user", "alice", "--password", "a-wrong-one")
	first, _, _ := strings.Cut(out, "\n")
	if code != exitFailed || !strings.Contains(first, "A1") || !strings.Contains(first, "the server refuses these credentials: password, user, or the time in it") {
		t.Errorf("exit %d, it begins with %q", code, first)
	}
	for _, want := range []string{url, "✗ allocate", "✓ challenge", "– relay", "A2", "→ application: Compare username and credential", "log tells which"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if strings.Contains(out+errs, "a-wrong-one") {
		t.Errorf("it tells the password:\n%s%s", out, errs)
	}
}

func TestTheDoctorsJSONHasAVersionAndTheCause(t *testing.T) {
	url := turnOnLoopback(t, turnserver.Config{Secret: "shared", Quota: 1})
	code, out, _ := diagnosed(t, url, "--secret", "not-shared", "--format", "json")
	var report doctor.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if code != exitFailed || report.Version != doctor.Version || report.Verdict.Cause != "A1" || len(report.Climbs) != 1 {
		t.Errorf("exit %d\n%s", code, out)
	}
	if strings.Contains(out, "not-shared") {
		t.Errorf("it tells the secret:\n%s", out)
	}
}

func TestTheDoctorTakesCredentialsFromASharedSecret(t *testing.T) {
	url := turnOnLoopback(t, turnserver.Config{Secret: "shared"})
	_, out, _ := diagnosed(t, url, "--secret", "shared", "--user", "alice")
	if !strings.Contains(out, "✓ allocate") {
		t.Errorf("no allocation:\n%s", out)
	}
}

func TestTheDoctorIsContentWithASTUNServer(t *testing.T) {
	url := strings.Replace(turnOnLoopback(t, turnserver.Config{}), "turn:", "stun:", 1)
	code, out, _ := diagnosed(t, strings.TrimSuffix(url, "?transport=udp"))
	if code != exitPassed || !strings.Contains(out, "no relay was asked for") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestTheDoctorIsToldWhatItNeeds(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		args []string
		says string
	}{
		"no server":          {nil, "turn:turn.example.org; see icelab doctor --help"},
		"no credentials":     {[]string{"turn:127.0.0.1"}, "--user and --password"},
		"half of them":       {[]string{"turn:127.0.0.1", "--user", "alice"}, "belong together"},
		"both kinds":         {[]string{"turn:127.0.0.1", "--secret", "s", "--password", "p"}, "leave --password out"},
		"a port of a host":   {[]string{"127.0.0.1:3478", "--secret", "s"}, "turn:127.0.0.1:3478"},
		"no patience":        {[]string{"turn:127.0.0.1", "--secret", "s", "--patience", "0s"}, "--patience"},
		"a resolver's name":  {[]string{"turn:127.0.0.1", "--secret", "s", "--resolver", "dns.example"}, "--resolver"},
		"no such file":       {[]string{"turn:127.0.0.1", "--secret", "s", "--ca", "/nonexistent"}, "--ca"},
		"nothing in a file":  {[]string{"turn:127.0.0.1", "--secret", "s", "--ca", empty}, "no certificate"},
		"an unknown format":  {[]string{"turn:127.0.0.1", "--format", "xml"}, "text or json"},
		"a scheme of others": {[]string{"https://example.org", "--secret", "s"}, "turn:HOST"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := execute(t.Context(), append([]string{"doctor"}, row.args...), &out, &errs)
			if code != exitUsage || !strings.Contains(errs.String(), row.says) {
				t.Errorf("exit %d, %q; want %q", code, errs.String(), row.says)
			}
		})
	}
}
