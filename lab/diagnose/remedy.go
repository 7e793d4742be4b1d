package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/topology"
)

// remedy is that of a cause, or one that fits this call better.
func (f *facts) remedy(c Cause) *Remedy {
	better := Remedy{}
	switch c.Code {
	case "B5":
		better = f.otherPort()
	case "B7":
		better = f.over443()
	case "F1", "F2":
		if !f.offered() {
			better = Remedy{Application, "Offer TURN: between these NATs nothing but a relay carries the call."}
		}
	case "F3":
		better = f.sharedHome()
	case "B6":
		if f.Server != nil && !f.Server.Running {
			better = Remedy{Operator, "Start the TURN server again, and find out why it ended. The application should restart ICE when a relay dies, with a second server in its list."}
		}
	}
	if better.Do == "" {
		return &c.Remedy
	}
	return &better
}

// otherPort is for a URL whose port is closed where another one of the same server
// answers over the same transport.
func (f *facts) otherPort() Remedy {
	for _, p := range f.peers {
		for _, s := range p.turns() {
			if slices.ContainsFunc(p.legsOf(s), (*leg).answered) || len(p.legsOf(s)) == 0 && len(f.tcpTo(p, s).refused) == 0 {
				continue
			}
			for _, l := range slices.Concat(f.peers[0].legs, f.peers[1].legs) {
				if l.transport == s.transport && l.server.Port() != s.port && (!s.address.IsValid() || l.server.Addr() == s.address) && l.answered() {
					return Remedy{Application, fmt.Sprintf("Correct the %s's URL %s: nothing listens at that port, and the server answers at port %d.", p.role, s.url, l.server.Port())}
				}
			}
		}
	}
	return Remedy{}
}

// answered reports whether the server has answered anything on a leg.
func (l *leg) answered() bool {
	return slices.ContainsFunc(l.transactions, func(t *transaction) bool { return len(t.answers) > 0 })
}

// over443 is for a network that lets only TCP to port 443 out, where the server is
// there already.
func (f *facts) over443() Remedy {
	answers := false
	for _, p := range f.peers {
		if slices.ContainsFunc(p.turns(), func(s *server) bool { return s.transport == "tls" && s.port == topology.TurnTLSPort }) {
			if f.only443(p) {
				return Remedy{ClientNetwork, "Keep the turns: URL on port 443: nothing else passes this network. For better media have it allow UDP to the TURN server."}
			}
			answers = true
		}
		answers = answers || p.controlledAt(ladder.ControlTCP, topology.TurnTLSPort, ladder.OK)
	}
	if answers {
		return Remedy{Application, "Put the server's turns: URL on port 443 (transport=tcp) into the list of each peer: the server listens there already."}
	}
	return Remedy{}
}

// sharedHome is for one LAN, whose peers need no NAT between them.
func (f *facts) sharedHome() Remedy {
	caller, callee := f.peers[0], f.peers[1]
	if len(caller.chain) == 0 || len(callee.chain) == 0 || caller.chain[0].Name != callee.chain[0].Name {
		return Remedy{}
	}
	if !caller.has("host") || !callee.has("host") {
		return Remedy{Application, "Allow host candidates: the peers are on one LAN and reach each other without the NAT. Until then keep TURN."}
	}
	return Remedy{ClientNetwork, "Let the peers reach each other on their LAN (no isolation of clients), or turn hairpinning on in its router. Keep TURN."}
}

// whyDirect says why the path is direct.
func (f *facts) whyDirect() string {
	shared := f.sharedNAT()
	for _, p := range f.peers {
		if shared != "" && !p.has("host") {
			return fmt.Sprintf("both peers are behind %s, which hairpins", shared)
		}
	}
	return strings.TrimPrefix(f.Predicted.Reason, "direct: ")
}
