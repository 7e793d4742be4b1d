package diagnose

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// server is a URL of a STUN or TURN server, taken apart (RFC 7064, RFC 7065).
type server struct {
	url  string
	turn bool
	// host is a name or an address; address is set if it is the latter.
	host    string
	address netip.Addr
	port    uint16
	// transport is "udp", "tcp", "tls" or "dtls".
	transport string
	// bad says what is wrong with it.
	bad string
}

func serversOf(c Config) (list []*server) {
	for _, u := range c.URLs {
		list = append(list, parseServer(u))
	}
	return list
}

func parseServer(url string) *server {
	s := &server{url: url}
	scheme, rest, ok := strings.Cut(url, ":")
	scheme = strings.ToLower(scheme)
	if !ok || !strings.Contains(" stun stuns turn turns ", " "+scheme+" ") || rest == "" || strings.HasPrefix(rest, "//") {
		s.bad = "it is none of stun:, stuns:, turn: and turns:, followed by a host"
		return s
	}
	secure := strings.HasSuffix(scheme, "s")
	s.turn = strings.HasPrefix(scheme, "turn")
	rest, query, _ := strings.Cut(rest, "?")
	transport := strings.TrimPrefix(query, "transport=")
	switch {
	case query != "" && (transport == query || !s.turn):
		s.bad = "it has a query that no such URL has"
	case transport != "" && transport != "udp" && transport != "tcp":
		s.bad = "its transport is neither udp nor tcp"
	}
	s.port = 3478
	s.transport = "udp"
	switch {
	case secure && transport == "udp":
		s.transport, s.port = "dtls", 5349
	case secure:
		s.transport, s.port = "tls", 5349
	case transport == "tcp":
		s.transport = "tcp"
	}
	s.host = rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		port, err := strconv.ParseUint(rest[i+1:], 10, 16)
		if err != nil {
			s.bad = "its port is no number from 1 to 65535"
		}
		s.host, s.port = rest[:i], uint16(port)
	}
	s.host = strings.Trim(s.host, "[]")
	s.address, _ = netip.ParseAddr(s.host)
	return s
}

// findServers finds the servers that a peer asked, where it is not known what it
// was given.
func (f *facts) findServers() {
	for _, p := range f.peers {
		p.asked = slices.Clone(p.urls)
		add := func(transport string, a netip.AddrPort) {
			if f.isServer(a.Addr()) && !slices.ContainsFunc(p.asked, func(s *server) bool { return s.carrier() == carrierOf(transport) && s.is(a) }) {
				p.asked = append(p.asked, &server{host: a.Addr().String(), address: a.Addr(), port: a.Port(), transport: transport})
			}
		}
		for _, l := range p.legs {
			add(l.transport, l.server)
		}
		for i := range f.Packets {
			if k := &f.Packets[i]; k.TCP != nil && k.TCP.SYN && !k.TCP.ACK && f.from(p, k, k.From) {
				add(legTransport("tcp", k.To.Port()), k.To)
			}
		}
	}
}

// carrier is what carries its transport: "udp" or "tcp".
func (s *server) carrier() string { return carrierOf(s.transport) }

func carrierOf(transport string) string {
	if transport == "tcp" || transport == "tls" {
		return "tcp"
	}
	return "udp"
}

// is reports whether an address may be where the URL leads to.
func (s *server) is(a netip.AddrPort) bool {
	return a.Port() == s.port && (!s.address.IsValid() || s.address == a.Addr())
}
