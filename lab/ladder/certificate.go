package ladder

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

func factsOf(leaf *x509.Certificate) *Certificate {
	facts := &Certificate{
		Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(),
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
		Names: append([]string{}, leaf.DNSNames...),
	}
	for _, ip := range leaf.IPAddresses {
		facts.Names = append(facts.Names, ip.String())
	}
	return facts
}

// roots are the authorities to trust; nil is the system's.
func (c Config) roots() (*x509.CertPool, error) {
	if c.RootCAs == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(c.RootCAs)) {
		return nil, errors.New("no certificate in PEM among the root CAs")
	}
	return pool, nil
}

// verify says why a client does not take a chain for that host at that time, nothing
// if it does. Of several reasons it is the one to remedy first: an authority that
// nobody knows makes a newer certificate of no use. All of them are in the words.
func verify(chain []*x509.Certificate, host string, roots *x509.CertPool, now time.Time) (Fault, string) {
	if len(chain) == 0 {
		return CertificateUnknown, "the server showed no certificate"
	}
	leaf := chain[0]
	options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	var fault Fault
	var why []string
	found := func(f Fault, format string, args ...any) {
		if fault == "" {
			fault = f
		}
		why = append(why, fmt.Sprintf(format, args...))
	}

	// The authority is judged at a time when the leaf was valid.
	timely := options
	if now.After(leaf.NotAfter) {
		timely.CurrentTime = leaf.NotAfter
	} else if now.Before(leaf.NotBefore) {
		timely.CurrentTime = leaf.NotBefore
	}
	_, authority := leaf.Verify(timely)
	invalid, expired := errors.AsType[x509.CertificateInvalidError](authority)
	expired = expired && invalid.Reason == x509.Expired
	if authority != nil && !expired {
		if leaf.Subject.String() == leaf.Issuer.String() {
			found(CertificateUnknown, "the certificate is self-signed (%s) and none that this client trusts", leaf.Subject)
		} else {
			found(CertificateUnknown, "the certificate of %s is by %s, which leads to no authority that this client trusts: %v", leaf.Subject, leaf.Issuer, authority)
		}
	}
	const date = "2006-01-02 15:04 MST"
	switch {
	case now.After(leaf.NotAfter):
		found(CertificateExpired, "the certificate expired on %s", leaf.NotAfter.UTC().Format(date))
	case now.Before(leaf.NotBefore):
		found(CertificateNotValid, "the certificate is not valid before %s", leaf.NotBefore.UTC().Format(date))
	case expired:
		found(CertificateExpired, "a certificate of the chain has expired, though the server's own is valid until %s", leaf.NotAfter.UTC().Format(date))
	}
	if leaf.VerifyHostname(host) != nil {
		names := strings.Join(factsOf(leaf).Names, ", ")
		if names == "" {
			names = "no name at all"
		}
		found(CertificateName, "the certificate is for %s, not for %s", names, host)
	}
	return fault, strings.Join(why, "; ")
}
