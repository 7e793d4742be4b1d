package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/nat"
)

// Scenario is one story: two peers, a TURN server, what happens, and what is
// expected of it. Its JSON is again a scenario file that Parse reads.
type Scenario struct {
	// Name is how the scenario is called: lower-case letters, digits and
	// hyphens. A bundled scenario has the name of its file.
	Name string `json:"name"`
	// About says in a sentence or two what the scenario shows.
	About string `json:"about,omitempty"`
	// Caller opens the data channel and sends.
	Caller Peer `json:"caller,omitzero"`
	// Callee answers and echoes.
	Callee Peer `json:"callee,omitzero"`
	// Carrier is one carrier's NAT that the gateways of both peers are behind,
	// on 100.64.0.0/10 (RFC 6598). It excludes conditions that have a carrier of
	// their own.
	Carrier *nat.Behavior `json:"carrier,omitempty"`
	// SamePrefix gives both LANs the same private addresses, as two homes with
	// the same router have. Both peers have to be behind NATs.
	SamePrefix bool `json:"same-prefix,omitempty"`
	// Turn is what the TURN server offers to both peers.
	Turn Turn `json:"turn,omitzero"`
	// Timing says how long ICE waits before it accepts a pair: tuned (the
	// default) accepts a direct pair at once and a relayed one after 1 s (at
	// once if nothing but relay is allowed); pion-defaults is what an
	// application ships with that sets nothing.
	Timing string `json:"timing,omitempty"`
	// Channel is the data channel that the caller opens.
	Channel Channel `json:"channel,omitzero"`
	// Steps happen one after the other. The default is connect and echo, or
	// connect alone where no path is expected.
	Steps []Step `json:"steps,omitempty"`
	// Faults are what is wrong on purpose.
	Faults Faults `json:"faults,omitzero"`
	// Expect is what must be proven for the scenario to pass.
	Expect Expect `json:"expect"`

	// File is where the scenario was read from, for messages. It is no key of
	// the file.
	File string `json:"-"`
}

// Peer is one end of the data channel. A condition's name alone is short for a
// peer behind it: "caller: symmetric".
type Peer struct {
	// Condition is what the peer's LAN sits behind, by default open. On the
	// caller's LAN the callee has none of its own.
	Condition string `json:"condition,omitempty"`
	// NAT is what the peer's LAN sits behind, written out instead of a
	// condition's name. Mapping and filtering are required.
	NAT *nat.Behavior `json:"nat,omitempty"`
	// Candidates are the only ICE candidate types that the peer gathers, sends
	// and accepts: host, srflx, relay. The default is all three.
	Candidates []string `json:"candidates,omitempty"`
	// LAN is the segment the peer is on. The caller is always on caller-lan; the
	// callee is on callee-lan, or on caller-lan and then behind the caller's
	// gateway too.
	LAN string `json:"lan,omitempty"`
	// Port is the UDP port that the peer's host candidates are on, 1024 to
	// 65535, and so the one that its NAT sees. Server-reflexive candidates are on
	// it too where the peer may use no host candidates. The default is any.
	Port uint16 `json:"port,omitempty"`
	// Link is how good the line behind the peer's gateway is, by default perfect.
	Link nat.Link `json:"link,omitzero"`
}

// Turn is what the TURN server offers to both peers: "off", or transports. The
// same server answers STUN over UDP in any case, so that off still leaves
// server-reflexive candidates.
type Turn struct {
	// Off gives the peers no TURN URL.
	Off bool `json:"-"`
	// Transports are those of the TURN URLs that the peers get: udp and tcp on
	// port 3478, tls on 443. The default is udp and tcp.
	Transports []string `json:"transports,omitempty"`
}

// Channel holds the options of the data channel, named as in W3C's
// RTCDataChannelInit. The zero value is ordered and reliable.
type Channel struct {
	// Ordered is whether messages arrive in the order they were sent; they do
	// by default.
	Ordered *bool `json:"ordered,omitempty"`
	// MaxRetransmits is how often a message is sent again before it is given up.
	// It excludes MaxPacketLifeTime.
	MaxRetransmits *uint16 `json:"maxRetransmits,omitempty"`
	// MaxPacketLifeTime is for how many milliseconds a message is sent again
	// before it is given up. It excludes MaxRetransmits.
	MaxPacketLifeTime *uint16 `json:"maxPacketLifeTime,omitempty"`
}

// Expect is what must be proven for the scenario to pass.
type Expect struct {
	// Path is how the echo has to travel.
	Path Path `json:"path"`
	// Transport is that of the leg between the relayed peer and the TURN server,
	// udp, tcp or tls; of both such legs on a path with two relays. Left out, any
	// will do.
	Transport string `json:"transport,omitempty"`
	// Verdict is what the diagnosis has to call the outcome: DIRECT_OK,
	// RELAY_EXPECTED, RELAY_AVOIDABLE, RELAY_FAILED, CONNECT_FAILED or DEGRADED. Left
	// out, any will do.
	Verdict string `json:"verdict,omitempty"`
	// Cause is the code of the cause that the diagnosis has to name, as icelab
	// explain lists them. Left out, any will do.
	Cause string `json:"cause,omitempty"`
}

// Path is how an echo travels between the peers.
type Path string

// The paths there are.
const (
	// PathDirect goes from peer to peer, through their gateways only.
	PathDirect Path = "direct"
	// PathRelay goes through the relay of one peer.
	PathRelay Path = "relay"
	// PathRelayBoth goes through a relay of each peer.
	PathRelayBoth Path = "relay-both"
	// PathNone is no path at all within the time of the connect step.
	PathNone Path = "none"
)

// The ICE candidate types of Peer.Candidates (RFC 8445 §5.1.1). Peer-reflexive
// ones are found by checks and cannot be asked for.
const (
	Host  = "host"
	Srflx = "srflx"
	Relay = "relay"
)

// The transports of Turn.Transports and Expect.Transport.
const (
	UDP = "udp"
	TCP = "tcp"
	TLS = "tls"
)

// The segments of Peer.LAN.
const (
	CallerLAN = "caller-lan"
	CalleeLAN = "callee-lan"
)

// The profiles of Scenario.Timing.
const (
	Tuned        = "tuned"
	PionDefaults = "pion-defaults"
)

// The range of Peer.Port: below it are those that belong to services.
const minPort, maxPort = 1024, 65535

// defaultCondition is what a peer sits behind when nothing is said.
const defaultCondition = "open"

// paths returns them best first.
func paths() []Path               { return []Path{PathDirect, PathRelay, PathRelayBoth, PathNone} }
func candidateTypes() []string    { return []string{Host, Srflx, Relay} }
func transports() []string        { return []string{UDP, TCP, TLS} }
func defaultTransports() []string { return []string{UDP, TCP} }
func timings() []string           { return []string{Tuned, PionDefaults} }

// Relayed reports whether p goes through a relay at all.
func (p Path) Relayed() bool { return p == PathRelay || p == PathRelayBoth }

// Allows reports whether the peer may use candidates of a type.
func (p Peer) Allows(candidateType string) bool { return slices.Contains(p.Candidates, candidateType) }

// IsOrdered reports whether messages arrive in the order they were sent.
func (c Channel) IsOrdered() bool { return c.Ordered == nil || *c.Ordered }

// SameLAN reports whether both peers are on the caller's LAN.
func (s Scenario) SameLAN() bool { return s.Callee.LAN == CallerLAN }

// Conditions returns what the caller and the callee sit behind, without the
// carrier that they share. On one LAN that is the same gateway. A NAT that is
// written out is called by its mapping and filtering: "EIM/APDF".
func (s Scenario) Conditions() (caller, callee nat.Condition, err error) {
	if caller, err = s.Caller.behind(); err != nil || s.SameLAN() {
		return caller, caller, err
	}
	callee, err = s.Callee.behind()
	return caller, callee, err
}

func (p Peer) behind() (nat.Condition, error) {
	if p.NAT == nil {
		return nat.Named(p.Condition)
	}
	name, _, _ := strings.Cut(p.NAT.String(), ",")
	return nat.Condition{Name: name, About: p.NAT.String() + ".", NAT: new(*p.NAT)}, nil
}

// Complete fills in what s leaves out and refuses what cannot be. Scenarios
// that were read from a file are complete; those written in Go become so here.
func (s Scenario) Complete() (Scenario, error) {
	s.fill()
	s.Steps = slices.Clone(s.Steps)
	for i := range s.Steps {
		s.Steps[i] = s.Steps[i].complete()
	}
	if p := check(s); p != nil {
		return Scenario{}, fmt.Errorf("scenario %q: %s", s.Name, p.message)
	}
	return s, nil
}

// fill sets what was left out, except inside of steps.
func (s *Scenario) fill() {
	if s.Timing == "" {
		s.Timing = Tuned
	}
	if s.Caller.LAN == "" {
		s.Caller.LAN = CallerLAN
	}
	if s.Callee.LAN == "" {
		s.Callee.LAN = CalleeLAN
	}
	for _, p := range []*Peer{&s.Caller, &s.Callee} {
		if p.Candidates == nil {
			p.Candidates = candidateTypes()
		}
		if p.Condition == "" && p.NAT == nil && (p == &s.Caller || !s.SameLAN()) {
			p.Condition = defaultCondition
		}
	}
	for _, b := range []**nat.Behavior{&s.Caller.NAT, &s.Callee.NAT, &s.Carrier} {
		if *b != nil {
			*b = new(**b)
			(*b).Ports = cmp.Or((*b).Ports, defaultPorts)
		}
	}
	if !s.Turn.Off && s.Turn.Transports == nil {
		s.Turn.Transports = defaultTransports()
	}
	if s.Steps == nil {
		s.Steps = []Step{{Connect: newConnect()}}
		if s.Expect.Path != PathNone {
			s.Steps = append(s.Steps, Step{Echo: newEcho()})
		}
	}
}
