package peers

import (
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
	net   transport.Net
	roots *x509.CertPool
	// names are the hosts of the turns: URLs, by HOST:PORT.
	names map[string]string
}

// trust makes the dialer for certificates that the PEM blocks in roots vouch
// for.
func trust(n transport.Net, roots string, servers []Server) (*trustingDialer, error) {
	d := &trustingDialer{net: n, roots: x509.NewCertPool(), names: map[string]string{}}
	if !d.roots.AppendCertsFromPEM([]byte(roots)) {
		return nil, errors.New("root certificates: no certificate in the PEM text")
	}
	for _, s := range servers {
		for _, text := range s.URLs {
			uri, err := stun.ParseURI(text)
			if err != nil {
				return nil, fmt.Errorf("server %q: %w", text, err)
			}
			if uri.Scheme == stun.SchemeTypeTURNS {
				d.names[net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port))] = uri.Host
			}
		}
	}
	return d, nil
}

// Dial implements proxy.Dialer of golang.org/x/net, as pion's SettingEngine
// wants it.
func (d *trustingDialer) Dial(network, address string) (net.Conn, error) {
	to, err := d.net.ResolveTCPAddr(network, address)
	if err != nil {
		return nil, err
	}
	conn, err := d.net.DialTCP(network, nil, to)
	if err != nil {
		return nil, err
	}
	name, secure := d.names[address]
	if !secure {
		return conn, nil
	}
	secured := tls.Client(conn, &tls.Config{RootCAs: d.roots, ServerName: name, MinVersion: tls.VersionTLS12})
	if err := secured.Handshake(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}
