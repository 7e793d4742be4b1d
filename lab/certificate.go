package lab

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
	"time"
)

// certificates are what TURN over TLS needs: the server's chain and key, and
// the authority that the peers trust. They are made for one lab and never leave
// it. All is PEM.
type certificates struct {
	authority string
	chain     string
	key       string
}

// lifetime of a lab's certificates; the margin before is for clocks that differ.
const (
	certificateLifetime = 24 * time.Hour
	clockMargin         = time.Hour
)

func newCertificates(now time.Time, servers ...netip.Addr) (certificates, error) {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificates{}, err
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "icelab lab authority"},
		NotBefore: now.Add(-clockMargin), NotAfter: now.Add(certificateLifetime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return certificates{}, fmt.Errorf("make the lab's certificate authority: %w", err)
	}
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificates{}, err
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "turn"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, a := range servers {
		server.IPAddresses = append(server.IPAddresses, net.IP(a.AsSlice()))
	}
	serverDER, err := x509.CreateCertificate(rand.Reader, server, authority, serverKey.Public(), authorityKey)
	if err != nil {
		return certificates{}, fmt.Errorf("make the TURN server's certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		return certificates{}, err
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return certificates{
		authority: block("CERTIFICATE", authorityDER),
		chain:     block("CERTIFICATE", serverDER),
		key:       block("PRIVATE KEY", keyDER),
	}, nil
}
