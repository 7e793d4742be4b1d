package peers

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/pion/stun/v3"
	"github.com/pion/webrtc/v4"
)

// reuseStalePort makes the peer's first socket to a TURN server over UDP one whose
// port holds an allocation still, as after a crash: to the server it is the same
// client, with a transaction that it does not know (RFC 8656 section 7.2).
func (p *Peer) reuseStalePort() func(*net.UDPAddr) *net.UDPAddr {
	var first sync.Once
	return func(local *net.UDPAddr) *net.UDPAddr {
		first.Do(func() {
			port, err := p.abandon(local)
			if err != nil {
				p.journal.add("peers", "warn", "make an allocation to abandon: "+err.Error(), time.Now())
				return
			}
			local = &net.UDPAddr{IP: local.IP, Port: port, Zone: local.Zone}
		})
		return local
	}
}

// abandon makes an allocation from a socket that it closes without giving the
// allocation back, and returns the socket's port.
func (p *Peer) abandon(local *net.UDPAddr) (port int, err error) {
	server, to, err := p.turnOverUDP()
	if err != nil {
		return 0, err
	}
	conn, err := p.net.ListenUDP("udp4", local)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	transport := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}} // UDP
	challenge, err := transact(conn, to, stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), transport)
	if err != nil {
		return 0, err
	}
	var realm stun.Realm
	var nonce stun.Nonce
	if err := challenge.Parse(&realm, &nonce); err != nil {
		return 0, fmt.Errorf("the server's challenge: %w", err)
	}
	credential, _ := server.Credential.(string)
	answer, err := transact(conn, to, stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), transport,
		stun.NewUsername(server.Username), realm, nonce,
		stun.NewLongTermIntegrity(server.Username, realm.String(), credential))
	if err != nil {
		return 0, err
	}
	if answer.Type.Class != stun.ClassSuccessResponse {
		return 0, errors.New("the server refuses an allocation")
	}
	own, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("no port of %s", conn.LocalAddr())
	}
	return own.Port, nil
}

// turnOverUDP is the first TURN server over UDP that pion was given.
func (p *Peer) turnOverUDP() (webrtc.ICEServer, *net.UDPAddr, error) {
	for _, server := range p.forcing.servers {
		for _, raw := range server.URLs {
			uri, err := stun.ParseURI(raw)
			if err != nil || uri.Scheme != stun.SchemeTypeTURN || uri.Proto != stun.ProtoTypeUDP {
				continue
			}
			to, err := p.net.ResolveUDPAddr("udp4", net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port)))
			return server, to, err
		}
	}
	return webrtc.ICEServer{}, nil, errors.New("there is no TURN server over UDP")
}

// transact sends a request until its answer comes, four times in 2 s.
func transact(conn net.PacketConn, to net.Addr, request ...stun.Setter) (*stun.Message, error) {
	m, err := stun.Build(request...)
	if err != nil {
		return nil, err
	}
	buffer := make([]byte, 1500)
	for range 4 {
		if _, err := conn.WriteTo(m.Raw, to); err != nil {
			return nil, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
			return nil, err
		}
		for {
			n, _, err := conn.ReadFrom(buffer)
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				break
			}
			if err != nil {
				return nil, err
			}
			answer := &stun.Message{Raw: append([]byte(nil), buffer[:n]...)}
			if answer.Decode() == nil && answer.TransactionID == m.TransactionID {
				return answer, nil
			}
		}
	}
	return nil, errors.New("no answer within 2s")
}
