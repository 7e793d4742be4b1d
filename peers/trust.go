package peers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/pion/stun/v3"
	"github.com/pion/transport/v4"
)

// trustingDialer dials TURN servers over TCP in pion's place, because pion
// offers no way to say whose certificates a peer trusts. It then has to do the
// TLS of turns: URLs too.
type trustingDialer struct {
	ctx   context.Context // of the peer: pion's proxy dialers get none
	net   transport.Net
	roots *x509.CertPool
	// hosts of the turns: URLs over TCP, by HOST:PORT.
	hosts map[string]string
}

// trust makes the dialer for certificates that the PEM blocks in roots vouch
// for.
func trust(ctx context.Context, n transport.Net, roots string, servers []Server) (*trustingDialer, error) {
	d := &trustingDialer{ctx: ctx, net: n, roots: x509.NewCertPool(), hosts: map[string]string{}}
	if !d.roots.AppendCertsFromPEM([]byte(roots)) {
		return nil, errors.New("root certificates: no certificate in the text; give one or more in PEM")
	}
	plain := map[string]bool{}
	for _, s := range servers {
		for _, text := range s.URLs {
			uri, err := stun.ParseURI(text)
			if err != nil {
				return nil, fmt.Errorf("ICE server %q: %w", text, err)
			}
			address := net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port))
			switch {
			case uri.Proto != stun.ProtoTypeTCP:
			case uri.Scheme == stun.SchemeTypeTURNS:
				d.hosts[address] = uri.Host
			case uri.Scheme == stun.SchemeTypeTURN:
				plain[address] = true
			}
		}
	}
	for address := range d.hosts {
		if plain[address] {
			return nil, fmt.Errorf("ICE server %s: with root certificates it cannot be both turn: over TCP and turns:; leave one out", address)
		}
	}
	return d, nil
}

// Dial implements proxy.Dialer of golang.org/x/net, as pion's SettingEngine
// wants it. pion logs the error with the address.
func (d *trustingDialer) Dial(network, address string) (net.Conn, error) {
	to, err := d.net.ResolveTCPAddr(network, address)
	if err != nil {
		return nil, err
	}
	conn, err := d.net.DialTCP(network, nil, to)
	if err != nil {
		return nil, err
	}
	host, secure := d.hosts[address]
	if !secure {
		return conn, nil
	}
	secured := tls.Client(conn, &tls.Config{RootCAs: d.roots, ServerName: host, MinVersion: tls.VersionTLS12})
	if err := secured.HandshakeContext(d.ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS handshake: %w", cause(err))
	}
	return secured, nil
}
