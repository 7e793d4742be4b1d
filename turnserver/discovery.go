package turnserver

import (
	"net"
	"net/netip"

	"github.com/pion/stun/v3"
	"github.com/pion/transport/v4"
)

// discovery answers Binding requests on two addresses × two ports, from which a client finds out
// what its NAT does (RFC 5780). One of the four sockets is a leg's, shared with turn/v4, which
// then sees no Binding request any more; the other three serve nothing else.
type discovery struct {
	faults  *faulty
	sockets [2][2]transport.UDPConn // by address, by port: the primary one is 0, the alternate one 1
}

// maxRequest is turn/v4's limit for a message too.
const maxRequest = 1600

// openAlternates binds the other three sockets.
func (s *Server) openAlternates(primary transport.UDPConn) (err error) {
	d := &discovery{faults: s.faults}
	s.discovery = d
	here, other := addrPort(primary.LocalAddr()), s.config.Alternate
	d.sockets[0][0] = primary
	if d.sockets[1][0], err = s.config.listenUDP(netip.AddrPortFrom(other.Addr(), here.Port())); err != nil {
		return err
	}
	// A port that the system finds for one address may be taken on the other.
	const attempts = 10
	for attempt := 1; ; attempt++ {
		corner, err := s.config.listenUDP(other)
		if err != nil {
			return err
		}
		port := addrPort(corner.LocalAddr()).Port()
		side, err := s.config.listenUDP(netip.AddrPortFrom(here.Addr(), port))
		if err == nil {
			d.sockets[1][1], d.sockets[0][1] = corner, side

			return nil
		}
		_ = corner.Close()
		if other.Port() != 0 || attempt == attempts {
			return err
		}
	}
}

// alternates are the three sockets that are no leg's, as far as they are open.
func (d *discovery) alternates() (conns []transport.UDPConn) {
	if d == nil {
		return nil
	}
	for _, conn := range []transport.UDPConn{d.sockets[0][1], d.sockets[1][0], d.sockets[1][1]} {
		if conn != nil {
			conns = append(conns, conn)
		}
	}

	return conns
}

func (s *Server) serveAlternate(conn transport.UDPConn) {
	p := make([]byte, maxRequest)
	for {
		n, from, err := conn.ReadFrom(p)
		if err != nil {
			return
		}
		if n < len(p) {
			s.discovery.answer(conn, p[:n], addrPort(from))
		}
	}
}

// position tells which of the four sockets conn is.
func (d *discovery) position(conn net.PacketConn) (address, port int, ok bool) {
	if d != nil {
		for address := range d.sockets {
			for port, c := range d.sockets[address] {
				if net.PacketConn(c) == conn {
					return address, port, true
				}
			}
		}
	}

	return 0, 0, false
}

// answer answers a Binding request that came in on conn, and reports whether it was one.
func (d *discovery) answer(conn net.PacketConn, raw []byte, client netip.AddrPort) bool {
	address, port, ok := d.position(conn)
	if !ok || !isSTUN(raw) || messageType(raw) != stun.BindingRequest {
		return false
	}
	req := new(stun.Message)
	if stun.Decode(raw, req) != nil {
		return true // discarded silently (RFC 8489 section 6.3)
	}
	if req.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(req) != nil {
		return true
	}

	if d.faults.drops(stun.MethodBinding) {
		return true
	}
	ask, refusal := parseDiscovery(req)
	if refusal != nil {
		send(conn, client, req, append([]stun.Setter{stun.BindingError}, refusal...))

		return true
	}
	out := d.sockets[address^ask.otherAddress][port^ask.otherPort]
	to := client
	if ask.responsePort != 0 {
		// Only ever the sender's own address: a forged request reaches no host that a plain
		// one would not.
		to = netip.AddrPortFrom(client.Addr(), ask.responsePort)
	}
	send(out, to, req, []stun.Setter{
		stun.BindingSuccess,
		&stun.XORMappedAddress{IP: client.Addr().AsSlice(), Port: int(client.Port())},
		// Beside the XOR-ed form, so that an ALG that rewrites addresses in payloads gives
		// itself away (RFC 5780 section 6.1).
		transportAddress{stun.AttrMappedAddress, client},
		transportAddress{stun.AttrResponseOrigin, addrPort(out.LocalAddr())},
		transportAddress{stun.AttrOtherAddress, addrPort(d.sockets[address^1][port^1].LocalAddr())},
		ask.padding,
	})

	return true
}

// send answers with a fingerprint, since other protocols share the sockets (RFC 5780 section 6.1).
func send(conn net.PacketConn, to netip.AddrPort, req *stun.Message, attrs []stun.Setter) {
	answer, err := stun.Build(append(append([]stun.Setter{req}, attrs...), stun.Fingerprint)...)
	if err == nil {
		_, _ = conn.WriteTo(answer.Raw, net.UDPAddrFromAddrPort(to))
	}
}

type transportAddress struct {
	as stun.AttrType
	netip.AddrPort
}

func (a transportAddress) AddTo(m *stun.Message) error {
	return (&stun.MappedAddress{IP: a.Addr().AsSlice(), Port: int(a.Port())}).AddToAs(m, a.as)
}
