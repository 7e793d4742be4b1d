package lab

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/icelab-go/icelab/scenarios"
)

// The name and the address of a server that is in no lab (RFC 2606, RFC 5737).
var anotherName, anotherAddress = "another-server.example", netip.MustParseAddr("192.0.2.1")

// bad makes a certificate for the TURN server that the peers must not take, and
// its key. What is wrong is as faults.turn.certificate says it; an expired one ended an
// hour ago.
func (c certificates) bad(wrong string, now time.Time, servers ...netip.Addr) (chain, key string, err error) {
	template := serverCertificate(now, servers...)
	switch wrong {
	case scenarios.SelfSigned:
		return signer{}.sign(template)
	case scenarios.WrongName:
		template = serverCertificate(now, anotherAddress)
		template.DNSNames = []string{anotherName}
	case scenarios.Expired:
		template.NotBefore, template.NotAfter = now.Add(-certificateLifetime), now.Add(-clockMargin)
	default:
		return "", "", fmt.Errorf("certificate %q: use %s, %s or %s", wrong, scenarios.SelfSigned, scenarios.WrongName, scenarios.Expired)
	}
	return c.signer.sign(template)
}
