package nat

import "slices"

// agent is one peer's ICE agent.
type agent struct {
	role  string
	chain chain
	// types are those that it gathers, sends and accepts.
	types []string
	// leg is the transport of its relay, "" if it has none.
	leg string

	sockets []socket
	remotes []remote
}

// socket is what an agent sends checks from. As in pion a server-reflexive
// candidate has a socket of its own, beside that of the host candidate.
type socket struct {
	kind string
	at   endpoint
	on   *segment
	// signalled is the candidate that the other agent is told.
	signalled endpoint
	// permissions are the addresses that may send to a relay. TURN looks at no
	// port (RFC 8656 §9).
	permissions []hostID
}

// remote is a candidate of the other agent.
type remote struct {
	kind string // "" for a peer-reflexive one
	at   endpoint
	// learntBy are the sockets that a check came to from it, if it is
	// peer-reflexive.
	learntBy []int
	// depth is how many peer-reflexive candidates, this one included, led here:
	// 0 for one that was signalled.
	depth int
}

// The ports of an agent's own sockets. Relays differ by agent, since they are on
// one host.
const (
	hostPort = iota
	srflxPort
	stunPort
	firstRelayPort
)

func newAgent(role string, c chain, types []string) *agent {
	if types == nil {
		types = []string{Host, Srflx, Relay}
	}
	return &agent{role: role, chain: c, types: types, sockets: make([]socket, 0, 3), remotes: make([]remote, 0, 8)}
}

func (a *agent) allows(candidateType string) bool { return slices.Contains(a.types, candidateType) }

// mayOnly reports whether the agent may use nothing but one type.
func (a *agent) mayOnly(candidateType string) bool {
	return len(a.types) == 1 && a.types[0] == candidateType
}

// gather opens the sockets on a host of a LAN and makes their candidates.
func (a *agent) gather(n *network, lan *segment, o Options, relayPort int) {
	host := n.addHost(place{on: lan})
	if a.allows(Host) {
		at := endpoint{host, hostPort}
		a.sockets = append(a.sockets, socket{kind: Host, at: at, on: lan, signalled: at})
	}
	if a.allows(Srflx) && !o.NoServer {
		// The server tells where the request came from (RFC 8489 §14.2).
		at := endpoint{host, srflxPort}
		if seen := n.send(lan, packet{at, endpoint{server, stunPort}}); len(seen) > 0 {
			a.sockets = append(a.sockets, socket{kind: Srflx, at: at, on: lan, signalled: seen[0].from})
		}
	}
	if a.allows(Relay) && !o.NoServer {
		// pion allocates over every transport at once and likes UDP best
		// (preferenceRelayUDP in ice's candidate_relay.go).
		for _, transport := range []string{UDP, TCP, TLS} {
			if slices.Contains(o.TURN, transport) && a.chain.passesTURN(transport) {
				a.leg = transport
				at := endpoint{server, relayPort}
				a.sockets = append(a.sockets, socket{kind: Relay, at: at, on: n.wan, signalled: at})
				break
			}
		}
	}
}

// passesTURN reports whether the client's leg to the TURN server passes. What
// comes back on it answers what went out, so every NAT and filter lets it in.
func (c chain) passesTURN(transport string) bool {
	switch transport {
	case UDP:
		return !c.blocksUDP()
	case TCP:
		return c.passesTCP(turnPort)
	default:
		return c.passesTCP(turnTLSPort)
	}
}

// accept takes the other agent's candidates, those of the types it may use.
func (a *agent) accept(from *agent) {
	for _, s := range from.sockets {
		if a.allows(s.kind) {
			a.remotes = append(a.remotes, remote{kind: s.kind, at: s.signalled})
		}
	}
}

// sends reports whether checks go from a socket to a remote candidate. A
// peer-reflexive one is paired with the socket it came to alone (RFC 8445
// §7.3.1.3). pion pairs it with the others too, which reach nothing that this one
// does not.
func (a *agent) sends(from int, to remote) bool {
	return to.kind != "" || slices.Contains(to.learntBy, from)
}

// learn takes note that a check came to a socket. It reports whether it came
// from a candidate, or a pair of one, that was unknown, or thought to be deeper.
func (a *agent) learn(at int, from endpoint, depth int) bool {
	i := slices.IndexFunc(a.remotes, func(r remote) bool { return r.at == from })
	if i < 0 {
		a.remotes = append(a.remotes, remote{at: from, learntBy: []int{at}, depth: depth})
		return true
	}
	r := &a.remotes[i]
	if r.kind != "" || slices.Contains(r.learntBy, at) && r.depth <= depth {
		return false
	}
	r.depth = min(r.depth, depth)
	if !slices.Contains(r.learntBy, at) {
		r.learntBy = append(r.learntBy, at)
	}
	return true
}

// socketAt returns the index of the socket that a packet came to, or -1 if there
// is none or its relay has no permission for the sender.
func (a *agent) socketAt(p packet) int {
	return slices.IndexFunc(a.sockets, func(s socket) bool {
		return s.at == p.to && (s.kind != Relay || slices.Contains(s.permissions, p.from.host))
	})
}
