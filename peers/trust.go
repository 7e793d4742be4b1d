package peers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/pion/stun/v3"
	"github.com/pion/transport/v4"
	"github.com/pion/webrtc/v4"

	"github.com/icelab-go/icelab/wire"
)

// trustingDialer dials TURN servers over TCP in pion's place, because pion
// offers no way to say whose certificates a peer trusts, nor to look into its TLS.
// It then has to do the TLS of turns: URLs too.
type trustingDialer struct {
	ctx      context.Context // of the peer: pion's proxy dialers get none
	net      transport.Net
	roots    *x509.CertPool // nil is the system's
	recorder *wire.Recorder
	keys     io.Writer
	// hosts of the turns: URLs over TCP, by HOST:PORT.
	hosts map[string]string
}

// useDialer makes pion dial over TCP as the configuration wants it, and take down
// the secrets of DTLS.
func (p *Peer) useDialer(settings *webrtc.SettingEngine) error {
	keys := p.config.KeyLog
	if keys != nil {
		settings.SetDTLSKeyLogWriter(keys)
	}
	ours := p.config.RootCAs != ""
	if !ours && keys == nil && p.config.Recorder == nil {
		return nil
	}
	dialer, err := trust(p.ctx, p.net, p.config.RootCAs, p.config.Servers)
	if err != nil {
		if ours {
			return err
		}
		return nil // pion does it all, unseen
	}
	dialer.recorder, dialer.keys = p.config.Recorder, keys
	settings.SetICEProxyDialer(dialer)
	return nil
}

// trust makes the dialer for certificates that the PEM blocks in roots vouch for,
// or the system's pool where there are none.
func trust(ctx context.Context, n transport.Net, roots string, servers []Server) (*trustingDialer, error) {
	d := &trustingDialer{ctx: ctx, net: n, hosts: map[string]string{}}
	if roots != "" {
		d.roots = x509.NewCertPool()
		if !d.roots.AppendCertsFromPEM([]byte(roots)) {
			return nil, errors.New("root certificates: no certificate in the text; give one or more in PEM")
		}
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
	secured := tls.Client(conn, &tls.Config{RootCAs: d.roots, ServerName: host, MinVersion: tls.VersionTLS12, KeyLogWriter: d.keys})
	if err := secured.HandshakeContext(d.ctx); err != nil {
		d.alerted(conn, err)
		_ = conn.Close()
		return nil, fmt.Errorf("TLS handshake: %w", cause(err))
	}
	if d.recorder == nil {
		return secured, nil
	}
	return tapStream(d.recorder, "tls", secured), nil
}
