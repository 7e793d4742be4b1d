package diagnose

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/wire"
)

// facts are what the rules ask: the evidence, put in order once.
type facts struct {
	Evidence
	peers [2]*peer

	// Whose packets there are.
	sockets, gateways, server bool

	// began is when the application first tried to connect; packets before it are of
	// the measurement of the NATs. died is when what had worked did no longer.
	began, died time.Time
	// renewed is when ICE was restarted last; zero if it was not. The path of the end
	// is of after that.
	renewed time.Time

	transactions []*transaction
	checks       []*check
}

// peer is one side.
type peer struct {
	*Side
	role  string // "caller", "callee"
	other *peer
	// chain are the gateways in front of it, nearest first.
	chain []Gateway
	// left are those that it was behind before it moved.
	left []Gateway
	// urls are those that it was given, asked are all that it is known to have asked.
	urls, asked []*server
	legs        []*leg
	relay       broken // which relay is its own
	// rejects: a gateway in front of it refuses what it sends.
	rejects bool
}

func know(e Evidence) *facts {
	if slices.ContainsFunc(e.Gateways, func(g Gateway) bool { return g.Missing != "" }) {
		// That a packet was not seen means something only where all are watched.
		e.Packets = e.packetsBut(e.isGateway)
	}
	e.Packets = addressed(e)
	f := &facts{Evidence: e}
	f.peers[0] = &peer{Side: &f.Caller, role: "caller", relay: callersRelay}
	f.peers[1] = &peer{Side: &f.Callee, role: "callee", relay: calleesRelay}
	f.peers[0].other, f.peers[1].other = f.peers[1], f.peers[0]
	for _, p := range f.peers {
		for _, g := range e.Gateways {
			switch {
			case !slices.Contains(g.Of, p.Node):
			case g.Left:
				p.left = append(p.left, g)
			default:
				p.chain = append(p.chain, g)
			}
		}
		p.urls = serversOf(p.Config)
	}
	f.began, f.died = turningPoints(e)
	for _, a := range e.Attempts {
		if a.What == AttemptedRestart {
			f.renewed = a.Began
		}
	}
	for i := range e.Packets {
		switch node := e.Packets[i].Node; {
		case node == topology.Turn:
			f.server = true
		case node == e.Caller.Node || node == e.Callee.Node:
			f.sockets = true
		case e.isGateway(node):
			f.gateways = true
		}
	}
	f.join()
	f.findLegs()
	f.findChecks()
	f.findServers()
	for _, p := range f.peers {
		p.rejects = f.refusing(p)
	}
	return f
}

// addressed gives sockets that are bound to every address the one that their peer
// has.
func addressed(e Evidence) []wire.Packet {
	packets := slices.Clone(e.Packets)
	for i := range packets {
		p := &packets[i]
		own, end := netip.Addr{}, &p.From
		switch p.Node {
		case e.Caller.Node:
			own = e.Caller.Address
		case e.Callee.Node:
			own = e.Callee.Address
		}
		if p.Direction == wire.In {
			end = &p.To
		}
		if own.IsValid() && (!end.IsValid() || end.Addr().IsUnspecified()) {
			*end = netip.AddrPortFrom(own, end.Port())
		}
	}
	return packets
}

// turningPoints are when the first attempt began, and when what had worked was seen
// to do no longer.
func turningPoints(e Evidence) (began, died time.Time) {
	up := time.Time{}
	for _, a := range e.Attempts {
		if began.IsZero() {
			began = a.Began
		}
		switch {
		case a.OK:
			up = a.Ended
		case !up.IsZero() && died.IsZero():
			died = a.Began
		}
	}
	if died.IsZero() && e.Proven == string(nat.PathNone) {
		died = up
	}
	return began, died
}

// worked reports whether the last attempt did; known is false where that is not
// known.
func (f *facts) worked() (worked, known bool) {
	if f.Proven == string(nat.PathNone) {
		return false, true
	}
	if n := len(f.Attempts); n > 0 {
		return f.Attempts[n-1].OK, true
	}
	if f.Proven != "" {
		return true, true
	}
	for _, p := range f.peers {
		if p.Report != nil && p.Report.Channel != "" {
			return p.Report.Channel == "open", true
		}
	}
	return false, false
}

// midcall reports whether what had worked did no longer.
func (f *facts) midcall() bool { return !f.died.IsZero() }

// during reports whether a packet belongs to the call, and not to what was measured
// before it.
func (f *facts) during(p *wire.Packet) bool {
	return f.began.IsZero() || !p.Time.Before(f.began)
}

// lately reports whether something happened since ICE began, or was restarted last.
func (f *facts) lately(at time.Time) bool { return f.renewed.IsZero() || !at.Before(f.renewed) }

// named says whose an address is: "turn", "callee-nat", or the address itself.
func (f *facts) named(a netip.Addr) string {
	if name := f.Names[a]; name != "" {
		return name
	}
	return a.String()
}

// isServer reports whether an address is the TURN server's.
func (f *facts) isServer(a netip.Addr) bool {
	if name, known := f.Names[a]; known {
		return name == topology.Turn
	}
	for _, p := range f.peers {
		for _, s := range p.urls {
			if s.address == a {
				return true
			}
		}
	}
	return false
}

// isPrivate reports whether an address means something on its own network only.
func isPrivate(a netip.Addr) bool {
	carrier := netip.MustParsePrefix("100.64.0.0/10")
	return a.IsPrivate() || a.IsLinkLocalUnicast() || carrier.Contains(a)
}

// drops counts what the gateways in front of a peer dropped for a reason.
func (p *peer) drops(reasons ...gateway.Reason) (packets uint64, at string) {
	for _, g := range p.chain {
		for _, d := range g.Drops {
			if slices.Contains(reasons, d.Reason) && d.Packets > 0 {
				packets += d.Packets
				at = g.Name
			}
		}
	}
	return packets, at
}

// gatewayName is the one nearest to the peer; the peer itself where there is none.
func (p *peer) gatewayName() string {
	if len(p.chain) > 0 {
		return p.chain[0].Name
	}
	return p.Node
}

// gatewayNames are those of all of them, nearest first.
func (p *peer) gatewayNames() string {
	var names []string
	for _, g := range p.chain {
		names = append(names, g.Name)
	}
	return or(strings.Join(names, " and "), p.Node)
}

// behind reports whether a gateway stands in front of the peer, or did before it
// moved.
func (p *peer) behind(node string) bool {
	return slices.ContainsFunc(slices.Concat(p.chain, p.left), func(g Gateway) bool { return g.Name == node })
}

// through are the gateways of which one is among, nearest first, and its position.
func (p *peer) through(node string) (chain []Gateway, position int) {
	for _, chain := range [][]Gateway{p.chain, p.left} {
		if i := slices.IndexFunc(chain, func(g Gateway) bool { return g.Name == node }); i >= 0 {
			return chain, i
		}
	}
	return nil, -1
}

// has reports whether the peer may use candidates of a type.
func (p *peer) has(kind string) bool {
	return len(p.Config.Candidates) == 0 || slices.Contains(p.Config.Candidates, kind)
}

// only reports whether they are the only ones.
func (p *peer) only(kind string) bool {
	return len(p.Config.Candidates) > 0 && !slices.ContainsFunc(p.Config.Candidates, func(c string) bool { return c != kind })
}

// configured reports whether it is known what the application gave the peer.
func (p *peer) configured() bool { return len(p.Config.URLs) > 0 || len(p.Config.Candidates) > 0 }

// turns are the peer's TURN URLs, in their order.
func (p *peer) turns() []*server {
	return slices.DeleteFunc(slices.Clone(p.urls), func(s *server) bool { return !s.turn })
}

// log returns the first line of the peer's log that holds one of some texts.
func (p *peer) log(texts ...string) string {
	if p.Report == nil {
		return ""
	}
	for _, l := range p.Report.Log {
		for _, text := range texts {
			if strings.Contains(l.Text, text) {
				return strings.Join(strings.Fields(l.Text), " ")
			}
		}
	}
	return ""
}

// local returns the candidates of a type that the peer gathered.
func (p *peer) local(kind peers.CandidateType) (found []peers.LocalCandidate) {
	if p.Report == nil {
		return nil
	}
	for _, c := range p.Report.Local {
		if c.Type == kind {
			found = append(found, c)
		}
	}
	return found
}

func addrPortOf(c peers.Candidate) netip.AddrPort {
	a, err := netip.ParseAddr(c.Address)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), c.Port)
}
