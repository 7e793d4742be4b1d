package peers

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/pion/logging"
	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"
)

// turnServer is a TURN server on 127.0.0.1 over UDP and TCP that counts the
// Binding requests it gets, and can keep silent about permissions. It serves
// further listeners too.
type turnServer struct {
	udp, tcp    string
	bindings    atomic.Int64
	permissions atomic.Int64 // requests ignored
	ignore      atomic.Bool
}

func startTURN(t testing.TB, further ...net.Listener) *turnServer {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &turnServer{udp: socket.LocalAddr().String(), tcp: listener.Addr().String()}
	relays := func() turn.RelayAddressGenerator {
		return &turn.RelayAddressGeneratorStatic{RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1"}
	}
	var listeners []turn.ListenerConfig
	for _, l := range append(further, listener) {
		listeners = append(listeners, turn.ListenerConfig{Listener: l, RelayAddressGenerator: relays()})
	}
	server, err := turn.NewServer(turn.ServerConfig{
		Realm: "test",
		AuthHandler: func(user, realm string, _ net.Addr) ([]byte, bool) {
			return turn.GenerateAuthKey(user, realm, "secret"), user == "lab"
		},
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: &turnSocket{socket, s}, RelayAddressGenerator: relays()}},
		ListenerConfigs:   listeners,
		LoggerFactory:     &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close TURN server: %v", err)
		}
	})
	return s
}

func (s *turnServer) overUDP() Server {
	return Server{URLs: []string{fmt.Sprintf("turn:%s?transport=udp", s.udp)}, Username: "lab", Credential: "secret"}
}

func (s *turnServer) overTCP() Server {
	return Server{URLs: []string{fmt.Sprintf("turn:%s?transport=tcp", s.tcp)}, Username: "lab", Credential: "secret"}
}

func (s *turnServer) stun() Server { return Server{URLs: []string{"stun:" + s.udp}} }

type turnSocket struct {
	net.PacketConn
	server *turnServer
}

func (c *turnSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.PacketConn.ReadFrom(b)
		if err == nil && stun.IsMessage(b[:n]) {
			m := stun.Message{Raw: b[:n]}
			if m.Decode() == nil {
				switch {
				case m.Type == stun.BindingRequest:
					c.server.bindings.Add(1)
				case m.Type.Method == stun.MethodCreatePermission && c.server.ignore.Load():
					c.server.permissions.Add(1)
					continue
				}
			}
		}
		return n, from, err
	}
}

// silentUDP is a UDP socket that never answers.
func silentUDP(t testing.TB) string {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return socket.LocalAddr().String()
}

// silentTCP is a TCP listener nobody accepts from: connections open, and then
// nothing is ever answered.
func silentTCP(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}
