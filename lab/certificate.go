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

	"github.com/icelab-go/icelab/lab/topology"
)

// certificates are what TURN over TLS needs: the server's chain and key, and
// the authority that the peers trust. They are made for one lab and never leave
// it. All is PEM.
type certificates struct {
	authority string
	chain     string
	key       string
	signer    signer
}

// signer signs the certificates of servers. The zero value lets each sign itself.
type signer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// lifetime of a lab's certificates; the margin before is for clocks that differ.
const (
	certificateLifetime = 24 * time.Hour
	clockMargin         = time.Hour
)

func newCertificates(now time.Time, servers ...netip.Addr) (made certificates, err error) {
	if made.signer, err = newSigner(now); err != nil {
		return made, fmt.Errorf("make the lab's certificate authority: %w", err)
	}
	made.authority = pemBlock("CERTIFICATE", made.signer.certificate.Raw)
	made.chain, made.key, err = made.signer.sign(serverCertificate(now, servers...))
	return made, err
}

// newSigner makes an authority.
func newSigner(now time.Time) (s signer, err error) {
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return s, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "icelab lab authority"},
		NotBefore: now.Add(-clockMargin), NotAfter: now.Add(certificateLifetime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
	if err != nil {
		return s, err
	}
	s.certificate, err = x509.ParseCertificate(der)
	return s, err
}

// serverCertificate is to be signed.
func serverCertificate(now time.Time, servers ...netip.Addr) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "turn"},
		NotBefore: now.Add(-clockMargin), NotAfter: now.Add(certificateLifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	c.DNSNames = []string{topology.TurnName}
	for _, a := range servers {
		c.IPAddresses = append(c.IPAddresses, net.IP(a.AsSlice()))
	}
	return c
}

// sign makes a key for a server and signs its certificate.
func (s signer) sign(server *x509.Certificate) (chain, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make the TURN server's key: %w", err)
	}
	if s.certificate == nil { // it signs itself
		s = signer{server, private}
	}
	der, err := x509.CreateCertificate(rand.Reader, server, s.certificate, private.Public(), s.key)
	if err != nil {
		return "", "", fmt.Errorf("make the TURN server's certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", fmt.Errorf("make the TURN server's key: %w", err)
	}
	return pemBlock("CERTIFICATE", der), pemBlock("PRIVATE KEY", keyDER), nil
}

func pemBlock(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
