package lab

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// parsed is what the two ends make of a lab's certificates: the server's leaf
// and the peers' pool.
func parsed(t *testing.T, c certificates) (*x509.Certificate, *x509.CertPool) {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(c.chain), []byte(c.key))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(c.authority)) {
		t.Fatal("the authority is no certificate")
	}
	return pair.Leaf, roots
}

func TestThePeersTrustTheTurnServerOfTheirLab(t *testing.T) {
	now := time.Now()
	turn, second := netip.MustParseAddr("198.18.0.10"), netip.MustParseAddr("198.18.0.11")
	made, err := newCertificates(now, turn, second)
	if err != nil {
		t.Fatal(err)
	}
	leaf, roots := parsed(t, made)
	another, err := newCertificates(now, turn)
	if err != nil {
		t.Fatal(err)
	}
	_, othersRoots := parsed(t, another)

	for name, row := range map[string]struct {
		address string
		roots   *x509.CertPool
		at      time.Time
		want    string // of the error
	}{
		"its address":               {turn.String(), roots, now, ""},
		"its second address":        {second.String(), roots, now, ""},
		"another address":           {"198.18.0.20", roots, now, "certificate is valid for 198.18.0.10, 198.18.0.11, not 198.18.0.20"},
		"another lab":               {turn.String(), othersRoots, now, "certificate signed by unknown authority"},
		"on a clock that is behind": {turn.String(), roots, now.Add(-30 * time.Minute), ""},
		"at the end of a long day":  {turn.String(), roots, now.Add(23 * time.Hour), ""},
		"the day before":            {turn.String(), roots, now.Add(-24 * time.Hour), "certificate has expired or is not yet valid"},
		"two days later":            {turn.String(), roots, now.Add(48 * time.Hour), "certificate has expired or is not yet valid"},
	} {
		t.Run(name, func(t *testing.T) {
			// As crypto/tls does it for a client.
			_, err := leaf.Verify(x509.VerifyOptions{Roots: row.roots, CurrentTime: row.at})
			if err == nil {
				err = leaf.VerifyHostname(row.address)
			}
			switch {
			case row.want == "" && err != nil:
				t.Errorf("not trusted: %v", err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Errorf("error %v lacks %q", err, row.want)
			}
		})
	}
}

func TestATurnServersCertificateVouchesForNoOther(t *testing.T) {
	made, err := newCertificates(time.Now(), netip.MustParseAddr("198.18.0.10"))
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := parsed(t, made)
	if leaf.IsCA || leaf.KeyUsage&x509.KeyUsageCertSign != 0 {
		t.Error("the server's certificate is an authority's")
	}
	itself := x509.NewCertPool()
	itself.AddCert(leaf)
	client := x509.VerifyOptions{Roots: itself, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := leaf.Verify(client); err == nil {
		t.Error("the server's certificate is a client's too")
	}
	for name, text := range map[string]string{"authority": made.authority, "chain": made.chain} {
		if strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("a key in the %s", name)
		}
	}
}
