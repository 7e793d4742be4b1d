package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"time"
)

// What may be wrong with a certificate on purpose.
const (
	expiredCertificate = "expired"
	wrongName          = "wrong-name"
)

// selfSigned makes a certificate for a server on these addresses, good for 30 days, that is its own
// authority: a client that trusts it trusts nothing else for that.
func selfSigned(now time.Time, addresses ...netip.Addr) (certificate, key string, err error) {
	return selfSignedBut("", now, addresses...)
}

// selfSignedBut makes one with something wrong.
func selfSignedBut(wrong string, now time.Time, addresses ...netip.Addr) (certificate, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return "", "", fmt.Errorf("make a certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "icelab turn"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 30), // clocks differ
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost"},
	}
	for _, a := range addresses {
		if ip := net.IP(a.AsSlice()); a.IsValid() && !a.IsUnspecified() && !slices.ContainsFunc(template.IPAddresses, ip.Equal) {
			template.IPAddresses = append(template.IPAddresses, ip)
		}
	}
	switch wrong {
	case expiredCertificate:
		template.NotBefore, template.NotAfter = now.AddDate(0, 0, -30), now.Add(-time.Hour)
	case wrongName:
		template.DNSNames, template.IPAddresses = []string{"another-server.example"}, nil // RFC 2606
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return "", "", fmt.Errorf("make a certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", fmt.Errorf("make a certificate: %w", err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", keyDER), nil
}
