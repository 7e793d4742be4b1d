package peers

import (
	"crypto/tls"
	"errors"
	"net"
	"reflect"
	"time"

	"github.com/icelab-go/icelab/wire"
)

// alerted records the alert that ended a TLS handshake, which may have been
// encrypted: the server's, or the client's own where it does not trust the server.
func (d *trustingDialer) alerted(conn net.Conn, err error) {
	way, number := wire.In, 0
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		// crypto/tls has no name for the type.
		if v := reflect.ValueOf(alert.Err); v.Kind() == reflect.Uint8 {
			number = int(v.Uint())
		}
	} else if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		const badCertificate = 42 // RFC 8446 §6.2; crypto/tls sends no other
		way, number = wire.Out, badCertificate
	}
	if number == 0 {
		return
	}
	t := tap{recorder: d.recorder, local: endpoint(conn.LocalAddr()), remote: endpoint(conn.RemoteAddr())}
	t.note(way, time.Now(), wire.TCP{ACK: true, Alert: &number})
}
