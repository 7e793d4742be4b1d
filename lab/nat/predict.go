package nat

import (
	"slices"
	"strings"
)

// Path is how an echo travels between the peers.
type Path string

// The paths there are, best first.
const (
	// PathDirect goes from peer to peer, through their gateways only.
	PathDirect Path = "direct"
	// PathRelay goes through the relay of one peer.
	PathRelay Path = "relay"
	// PathRelayBoth goes through a relay of each peer.
	PathRelayBoth Path = "relay-both"
	// PathNone is no path at all.
	PathNone Path = "none"
)

// The ICE candidate types that can be asked for (RFC 8445 §5.1.1).
const (
	Host  = "host"
	Srflx = "srflx"
	Relay = "relay"
)

// The transports between a client and the TURN server. UDP and TCP are on port
// 3478 (RFC 8656 §3), TLS is on 443, the port that passes where only the web does.
const (
	UDP = "udp"
	TCP = "tcp"
	TLS = "tls"
)

const (
	turnPort    = 3478
	turnTLSPort = 443
)

// Options is what a prediction needs to know besides the conditions. The zero
// value is two peers on LANs of their own that have STUN and no TURN.
type Options struct {
	// TURN are the transports of the TURN URLs that both peers get. With none
	// TURN is off; STUN over UDP is there in any case.
	TURN []string
	// NoServer says that nothing answers at the STUN and TURN server.
	NoServer bool
	// CallerCandidates and CalleeCandidates are the only candidate types that
	// the peer gathers, sends and accepts; nil means all. Peer-reflexive
	// candidates, learnt from checks, always count.
	CallerCandidates, CalleeCandidates []string
	// SameLAN puts both peers on one LAN behind the caller's condition; the
	// callee's is not looked at.
	SameLAN bool
	// SharedCarrier is one carrier NAT that both peers' gateways are behind. It
	// takes the place of the conditions' own carriers.
	SharedCarrier *Behavior
	// SamePrefix says that both LANs use the same private addresses.
	SamePrefix bool
}

// Prediction is what ICE can reach at best.
type Prediction struct {
	Path Path `json:"path"`
	// Transport is that of the leg between a relayed peer and the TURN server:
	// udp, tcp or tls; "tcp+tls" when two relayed peers differ; empty on a path
	// without a relay.
	Transport string `json:"transport,omitempty"`
	// Reason is one sentence that names the property that decided.
	Reason string `json:"reason"`
}

// Predict says which path ICE finds between a caller and a callee behind two
// conditions. It plays what happens: both agents gather, send checks through the
// gateways, learn peer-reflexive candidates and check those in turn, until no
// check changes anything any more; then the best pair that works is the path. A
// pair works when an answer comes from the very address that was checked.
//
// Lifetimes and port assignment do not come into it. A port that a NAT draws is a
// name of its own here, never a number, because ICE guesses no ports.
func Predict(caller, callee Condition, o Options) Prediction {
	return newPlay(caller, callee, o).predict()
}

func (p *play) predict() Prediction {
	p.settle()
	p.judge()
	return Prediction{Path: p.best.path(), Transport: p.best.transport(), Reason: p.reason()}
}

// outcome is a working pair of candidates, as far as the path is concerned. The
// zero value is none.
type outcome struct {
	works bool
	// legs are the transports of the relays in the pair.
	legs [2]string
}

// better reports whether ICE prefers o. The priority of a pair is that of its
// lesser candidate first (RFC 8445 §6.1.2.3), and a relay's is the least of all:
// fewer relays are better, and then those with the better transports. An agent
// has one relay at most, so the sum of the costs puts both in order.
func (o outcome) better(than outcome) bool {
	return o.works && (!than.works || o.cost() < than.cost())
}

func (o outcome) cost() int {
	sum := 0
	for _, leg := range o.legs {
		sum += slices.Index([]string{"", UDP, TCP, TLS}, leg)
	}
	return sum
}

func (o outcome) path() Path {
	switch {
	case !o.works:
		return PathNone
	case o.legs[0] != "" && o.legs[1] != "":
		return PathRelayBoth
	case o.legs[0] != "" || o.legs[1] != "":
		return PathRelay
	}
	return PathDirect
}

func (o outcome) transport() string {
	legs := slices.DeleteFunc(slices.Clone(o.legs[:]), func(leg string) bool { return leg == "" })
	slices.Sort(legs)
	return strings.Join(slices.Compact(legs), "+")
}
