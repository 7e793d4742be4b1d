package ladder

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"
)

// issuer is a certificate and its key.
type issuer struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// issue makes a certificate that is valid from day to day of 2026.
func issue(t *testing.T, by *issuer, name string, ca bool, from, to int) issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(name))), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: day(from), NotAfter: day(to), IsCA: ca, BasicConstraintsValid: true,
	}
	if by == nil {
		by = &issuer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issuer{made, key}
}

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

func TestWhyACertificateIsRefused(t *testing.T) {
	root := issue(t, nil, "root", true, 0, 300)
	between := issue(t, &root, "intermediate", true, 0, 100)
	leaf := issue(t, &between, "turn.example.org", false, 50, 250)
	alone := issue(t, nil, "turn.example.org", false, 50, 250)
	trusted := x509.NewCertPool()
	trusted.AddCert(root.Certificate)
	whole := []*x509.Certificate{leaf.Certificate, between.Certificate}
	for name, row := range map[string]struct {
		chain []*x509.Certificate
		host  string
		at    int
		want  Fault
		says  string
	}{
		"nothing is wrong":             {chain: whole, at: 60},
		"no certificate":               {at: 60, want: CertificateUnknown, says: "no certificate"},
		"another host":                 {chain: whole, host: "198.51.100.7", at: 60, want: CertificateName, says: "turn.example.org, not for 198.51.100.7"},
		"not yet valid":                {chain: whole, at: 40, want: CertificateNotValid, says: "not valid before 2026-02-19"},
		"expired":                      {chain: whole, at: 260, want: CertificateExpired, says: "expired on 2026-09-07"},
		"the intermediate has expired": {chain: whole, at: 120, want: CertificateExpired, says: "of the chain"},
		"the intermediate is missing":  {chain: whole[:1], at: 60, want: CertificateUnknown, says: "by CN=intermediate"},
		"self-signed":                  {chain: []*x509.Certificate{alone.Certificate}, at: 60, want: CertificateUnknown, says: "self-signed"},
		"several at once":              {chain: []*x509.Certificate{alone.Certificate}, host: "other.example.org", at: 260, want: CertificateUnknown, says: "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			host := row.host
			if host == "" {
				host = "turn.example.org"
			}
			fault, why := verify(row.chain, host, trusted, day(row.at))
			if fault != row.want || !strings.Contains(why, row.says) {
				t.Errorf("%q: %s; want %q with %q", fault, why, row.want, row.says)
			}
		})
	}
}
