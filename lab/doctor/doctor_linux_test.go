package doctor

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/turnserver"
)

// The addresses of a host that exists in the tests' namespace only.
var (
	own   = netip.MustParseAddr("203.0.113.10")
	other = netip.MustParseAddr("203.0.113.11")
)

func TestMain(m *testing.M) {
	os.Exit(require.RunInNamespace(m, func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		for _, a := range []string{"203.0.113.10/24", "203.0.113.11/24"} {
			address, err := netlink.ParseAddr(a)
			if err != nil {
				return err
			}
			if err := netlink.AddrAdd(lo, address); err != nil {
				return err
			}
		}
		return netlink.LinkSetUp(lo)
	}))
}

// serve runs a server on the usual port until the test ends.
func serve(t *testing.T, networks ...string) *turnserver.Server {
	t.Helper()
	require.Namespace(t)
	t.Cleanup(func() { goleak.VerifyNone(t) })
	c := turnserver.Config{
		RelayAddress: own, Alternate: netip.AddrPortFrom(other, 3479),
		Users: map[string]string{"alice": "secret-of-alice"},
	}
	for _, n := range networks {
		c.Listen = append(c.Listen, turnserver.Listener{Network: n, Address: netip.AddrPortFrom(own, 3478)})
	}
	s, err := turnserver.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func examine(t *testing.T, password string, targets ...string) Report {
	t.Helper()
	r, err := Run(t.Context(), Config{Targets: targets, Username: "alice", Credential: password, Patience: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAHostIsExaminedByAllUsualURLsAndMayLackSome(t *testing.T) {
	serve(t, "udp", "tcp")
	r := examine(t, "secret-of-alice", own.String())
	if r.Verdict.Cause != "" || r.Verdict.Outcome != diagnose.RelayOK {
		t.Errorf("%+v", r.Verdict)
	}
	if len(r.Climbs) != 2 || len(r.NotOffered) != 2 {
		t.Errorf("%d URLs count and %d are not offered, want TLS to be not offered", len(r.Climbs), len(r.NotOffered))
	}
}

func TestAURLThatWasAskedForCountsThoughTheHostLacksIt(t *testing.T) {
	serve(t, "udp")
	r := examine(t, "secret-of-alice", "turn:203.0.113.10", "turns:203.0.113.10")
	if r.Verdict.Cause != "B5" || r.Verdict.Outcome != diagnose.Degraded || len(r.NotOffered) > 0 {
		t.Errorf("%+v", r)
	}
}

func TestAHostWithNothingAtAllIsNotWell(t *testing.T) {
	require.Namespace(t)
	r := examine(t, "secret-of-alice", own.String())
	if r.Verdict.Cause != "B5" || r.Verdict.Outcome != diagnose.RelayFailed || len(r.Climbs) != 4 {
		t.Errorf("%+v", r)
	}
}

func TestTheNATIsMeasuredWhereTheServerCan(t *testing.T) {
	serve(t, "udp")
	r := examine(t, "secret-of-alice", "turn:203.0.113.10")
	if r.NAT == nil || r.NAT.Alternate != netip.AddrPortFrom(other, 3479) || r.NAT.NAT {
		t.Errorf("%+v", r.NAT)
	}
}

func TestAReportHoldsNoPassword(t *testing.T) {
	serve(t, "udp", "tcp")
	for _, password := range []string{"secret-of-alice", "guess-of-mallory"} {
		r := examine(t, password, own.String())
		written, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(written), password) {
			t.Errorf("the report holds the password %s", password)
		}
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	s := serve(t, "udp", "tcp")
	examine(t, "secret-of-alice", own.String())
	all := s.Allocations()
	for _, a := range all {
		if a.Ended.IsZero() {
			t.Errorf("left behind: %+v", a)
		}
	}
	if len(all) == 0 {
		t.Error("no allocation was ever made")
	}
}

func TestReportsAreReadAgainAsTheyWereWritten(t *testing.T) {
	serve(t, "udp")
	r := examine(t, "guess", "turn:203.0.113.10")
	written, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal(written, &again); err != nil {
		t.Fatal(err)
	}
	if again.Version != Version || again.Verdict.Cause != "A1" || len(again.Climbs) != 1 || again.Climbs[0].Rung(ladder.Allocate).Code != 400 {
		t.Errorf("%s", written)
	}
	if again.NAT == nil || again.NAT.Server != r.NAT.Server {
		t.Errorf("the card reads %+v", again.NAT)
	}
}
