package cli

import (
	"bytes"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/turn/v4"

	"github.com/icelab-go/icelab/turnserver"
)

func TestFaultsAreSetByName(t *testing.T) {
	got, err := parseFaults([]string{
		"drop-answers=allocate", "drop-answers=refresh/3", "no-realm", "stale-nonce", "stun-only", "secure-stun", "no-udp-relay",
		"relay-deaf", "clock-offset=-90m", "tls-max=1.1", "certificate=expired",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := turnserver.Faults{
		DropAnswers: map[turnserver.Method]int{turnserver.Allocate: 1, turnserver.Refresh: 3},
		NoRealm:     true, StaleNonce: true, STUNOnly: true, SecureSTUN: true, NoUDPRelay: true, RelayDeaf: true,
		ClockOffset: -90 * time.Minute, TLSMax: tls.VersionTLS11,
	}
	if diff := cmp.Diff(want, got.Faults); diff != "" || got.badCertificate != "expired" {
		t.Errorf("certificate %q, (-want +got):\n%s", got.badCertificate, diff)
	}
	for name := range faultWords {
		if !strings.Contains(faultsHelp, "\n  "+name) && !strings.HasPrefix(faultsHelp, "  "+name) {
			t.Errorf("the help has no line for %s", name)
		}
	}
}

func TestTurnRefusesFaultsThatItCannotHave(t *testing.T) {
	for args, says := range map[string]string{
		"--fault slow":                                       "no such fault: write one of certificate, clock-offset",
		"--fault no-realm=yes":                               "it takes no value",
		"--fault drop-answers=bind":                          "--fault drop-answers=bind: no such method",
		"--fault drop-answers=refresh/x":                     "write METHOD or METHOD/N",
		"--fault clock-offset=5":                             "write a duration",
		"--fault tls-max=3":                                  "write 1.0, 1.1, 1.2 or 1.3",
		"--fault tls-max=1.1":                                "is for --tls: give that too",
		"--fault certificate=stolen":                         "write expired or wrong-name",
		"--fault certificate=expired":                        "is for --tls and --dtls",
		"--tls --cert c --key k --fault certificate=expired": "give it without --cert and --key",
		"--transports sctp":                                  "write udp, tcp or udp,tcp",
	} {
		t.Run(args, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := execute(t.Context(), append([]string{"turn", "--listen", "127.0.0.1:0"}, strings.Fields(args)...), &out, &errs)
			if code != exitUsage || !strings.Contains(errs.String(), says) || strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("exit %d, %q", code, errs.String())
			}
		})
	}
}

func TestTurnHasTheFaultsItIsGiven(t *testing.T) {
	ready, next := runTurn(t, "--transports", "tcp", "--fault", "no-udp-relay", "--tls", "--fault", "tls-max=1.1")
	for _, url := range ready.URLs {
		if strings.Contains(url, "udp") {
			t.Errorf("it serves %s", url)
		}
	}
	conn, err := net.Dial("tcp4", addressOf(t, ready, "turn:", "tcp"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := turn.NewClient(&turn.ClientConfig{
		Conn: turn.NewSTUNConn(conn), TURNServerAddr: conn.RemoteAddr().String(), Username: ready.Users[0], Password: ready.Password,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Cleanup(client.Close)
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	if relay, err := client.Allocate(); err == nil {
		_ = relay.Close()
		t.Error("it allocated")
	}
	if e := next(turnserver.AllocationRefused); e.Code != 442 {
		t.Errorf("event %+v", e)
	}
	usual := &tls.Config{RootCAs: ready.roots()}
	if _, err := tls.Dial("tcp4", addressOf(t, ready, "turns:", "tcp"), usual); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.2: %v", err)
	}
}

func TestTurnShowsABadCertificate(t *testing.T) {
	for wrong, says := range map[string]string{"expired": "has expired", "wrong-name": "doesn't contain any IP SANs"} {
		ready, _ := runTurn(t, "--tls", "--fault", "certificate="+wrong)
		_, err := tls.Dial("tcp4", addressOf(t, ready, "turns:", "tcp"), &tls.Config{RootCAs: ready.roots()})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
