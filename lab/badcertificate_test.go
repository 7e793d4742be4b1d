package lab

import (
	"crypto/x509"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/icelab-go/icelab/scenarios"
)

func TestThePeersTrustNoBadCertificate(t *testing.T) {
	now := time.Now()
	turn := netip.MustParseAddr("198.18.0.10")
	made, err := newCertificates(now, turn)
	if err != nil {
		t.Fatal(err)
	}
	// Each has one thing wrong and nothing else.
	for wrong, want := range map[string]struct{ chain, name string }{
		scenarios.SelfSigned: {"certificate signed by unknown authority", ""},
		scenarios.WrongName:  {"", "certificate is valid for 192.0.2.1, not 198.18.0.10"},
		scenarios.Expired:    {"certificate has expired or is not yet valid", ""},
	} {
		chain, key, err := made.bad(wrong, now, turn)
		if err != nil {
			t.Fatal(err)
		}
		leaf, roots := parsed(t, certificates{authority: made.authority, chain: chain, key: key})
		_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now})
		for _, is := range []struct {
			err  error
			want string
		}{{err, want.chain}, {leaf.VerifyHostname(turn.String()), want.name}} {
			if is.want == "" && is.err != nil || is.want != "" && (is.err == nil || !strings.Contains(is.err.Error(), is.want)) {
				t.Errorf("%s: error %v, want %q", wrong, is.err, is.want)
			}
		}
	}
	if _, _, err := made.bad("stolen", now, turn); err == nil {
		t.Error("a fault that does not exist is taken")
	}
}
