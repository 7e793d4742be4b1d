package ladder

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
)

// dial is the rung Transport: a UDP socket, which proves nothing, or a TCP handshake.
func (c *climber) dial(ctx context.Context) Rung {
	server := c.climb.Server
	if !c.stream() {
		conn, err := c.Net.Dial("udp", server.String())
		if err != nil {
			return unusable(err, true)
		}
		c.conn = conn
		return Rung{Outcome: OK, Detail: fmt.Sprintf("a UDP socket, %s; that the server is there has yet to be seen", localOf(conn))}
	}
	conn, err := dialTCP(ctx, c.Config, server)
	if err != nil {
		return unusable(err, false)
	}
	c.conn = conn
	return Rung{Outcome: OK, Detail: fmt.Sprintf("SYN answered: connected from %s", localOf(conn))}
}

// unusable is the rung of a transport that did not come about. What this host's
// stack cannot do at all says nothing about the server.
func unusable(err error, overUDP bool) Rung {
	if errors.Is(err, errors.ErrUnsupported) {
		return Rung{Outcome: Skipped, Detail: err.Error()}
	}
	fault := cmp.Or(faultOf(err), Unreachable)
	detail := words(err, overUDP)
	if fault == Silent && !overUDP {
		detail = "no answer to our SYN"
	}
	return Rung{Outcome: Failed, Fault: fault, Detail: detail}
}

func dialTCP(ctx context.Context, c Config, to netip.AddrPort) (net.Conn, error) {
	dialer := c.Net.CreateDialer(&net.Dialer{Timeout: c.Patience})
	if d, ok := dialer.(interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	}); ok {
		return d.DialContext(ctx, "tcp", to.String())
	}
	return dialer.Dial("tcp", to.String())
}

// encrypt is the rung TLS. Verification is by hand and afterwards, so that the
// certificate is known even where it is refused, and why.
func (c *climber) encrypt(ctx context.Context) Rung {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	var chain []*x509.Certificate
	var spoken string
	var err error
	if c.transport == "dtls" {
		chain, spoken, err = c.handshakeDTLS(ctx)
	} else {
		chain, spoken, err = c.handshakeTLS(ctx)
	}
	if len(chain) > 0 {
		c.climb.Certificate = factsOf(chain[0])
	}
	if err != nil {
		return c.refusedTLS(ctx, err)
	}
	roots, err := c.roots()
	if err != nil {
		return Rung{Outcome: Failed, Fault: CertificateUnknown, Detail: err.Error()}
	}
	if fault, why := verify(chain, c.host, roots, time.Now()); fault != "" {
		return Rung{Outcome: Failed, Fault: fault, Detail: why}
	}
	return Rung{Outcome: OK, Detail: fmt.Sprintf("%s, certificate for %s by %s", spoken, strings.Join(c.climb.Certificate.Names, ", "), c.climb.Certificate.Issuer)}
}

func (c *climber) handshakeTLS(ctx context.Context) (chain []*x509.Certificate, spoken string, err error) {
	conn := tls.Client(c.conn, &tls.Config{
		ServerName: c.sni(), InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			chain = s.PeerCertificates
			return nil
		},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return chain, "", err
	}
	c.conn = conn
	return chain, tls.VersionName(conn.ConnectionState().Version), nil
}

// sni is the host where it is a name: an address is none (RFC 6066 section 3).
func (c *climber) sni() string {
	if _, ok := c.literal(); ok {
		return ""
	}
	return c.host
}

func (c *climber) handshakeDTLS(ctx context.Context) (chain []*x509.Certificate, spoken string, err error) {
	below := &datagrams{Conn: c.conn}
	conn, err := dtls.ClientWithOptions(below, c.conn.RemoteAddr(),
		dtls.WithInsecureSkipVerify(true),
		dtls.WithServerName(c.sni()),
		dtls.WithFlightInterval(firstRTO(c.Patience)),
		dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}),
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
			for _, der := range raw {
				if parsed, err := x509.ParseCertificate(der); err == nil {
					chain = append(chain, parsed)
				}
			}
			return nil
		}),
	)
	if err != nil {
		return nil, "", err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		if below.trouble != nil {
			err = below.trouble
		}
		if below.alert != 0 {
			err = dtlsAlert{below.alert, err}
		}
		return chain, "", err
	}
	c.conn = conn
	return chain, "DTLS 1.2", nil
}

// datagrams makes a PacketConn of a connected socket, and keeps what pion/dtls does
// not tell: the ICMP error, and which alert it was.
type datagrams struct {
	net.Conn
	trouble error
	alert   int
}

func (d *datagrams) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := d.Read(p)
	if fault := faultOf(err); fault == Refused || fault == Unreachable {
		d.trouble = err
	}
	const alert, fatal, header = 21, 2, 13 // RFC 6347 section 4.1, RFC 5246 section 7.2
	if n >= header+2 && p[0] == alert && p[3] == 0 && p[4] == 0 && p[header] == fatal {
		d.alert = int(p[header+1])
	}
	return n, d.RemoteAddr(), err
}

func (d *datagrams) WriteTo(p []byte, _ net.Addr) (int, error) { return d.Write(p) }

// dtlsAlert is an error that the server caused with an alert.
type dtlsAlert struct {
	alert int
	error
}

// The alerts that say something (RFC 8446 section 6.2).
const alertProtocolVersion = 70

// refusedTLS is the rung of a handshake that did not end well.
func (c *climber) refusedTLS(ctx context.Context, err error) Rung {
	failed := Rung{Outcome: Failed, Fault: TLSFailed, Detail: err.Error()}
	if alert, ok := alertOf(err); ok {
		failed.Alert = alert
		failed.Detail = fmt.Sprintf("the server ended the handshake with alert %d: %v", alert, err)
		if alert == alertProtocolVersion {
			failed.Fault = TLSVersion
		}
		return failed
	}
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		failed.Fault = TLSFailed
		failed.Detail = fmt.Sprintf("answered with what is no TLS: it begins with %q", header.RecordHeader[:])
		return failed
	}
	if strings.Contains(err.Error(), "unsupported protocol version") {
		failed.Fault = TLSVersion
		failed.Detail = "the server chose a version older than TLS 1.2: " + err.Error()
		return failed
	}
	switch fault := faultOf(err); {
	case ctx.Err() != nil || fault == Silent:
		failed.Fault, failed.Detail = Silent, "no answer to our ClientHello"
	case fault != "":
		failed.Fault, failed.Detail = fault, words(err, c.transport == "dtls")+" in answer to our ClientHello"
	}
	return failed
}

// alertOf finds the alert that the server sent. The type of crypto/tls's is not
// exported; it is a number.
func alertOf(err error) (int, bool) {
	if d, ok := errors.AsType[dtlsAlert](err); ok {
		return d.alert, true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		if v := reflect.ValueOf(op.Err); v.Kind() == reflect.Uint8 {
			return int(v.Uint()), true
		}
	}
	return 0, false
}
