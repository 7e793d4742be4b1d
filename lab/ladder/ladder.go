// Package ladder climbs to a TURN server the way a client does, one rung after
// the other, and tells at which one it cannot go on: the URL itself, its name, the
// transport, TLS, a Binding, the challenge, the allocation, a permission, and an
// echo through the relay. Beside each URL it tries what tells causes of silence
// apart: the same server over the other transports and ports.
//
// It reports what it saw, and judges nothing: that is lab/diagnose's.
package ladder

import (
	"net/netip"
	"time"

	"github.com/pion/transport/v4"
)

// Config says where to climb, and with what.
type Config struct {
	// URLs are those of TURN servers (RFC 7065); stun: ones end after Binding.
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
	// RootCAs are the certificates, in PEM, that vouch for servers, and no others do;
	// empty means the system's.
	RootCAs string `json:"root_cas,omitempty"`
	// Resolver is the only DNS server asked, over UDP; zero means the system's.
	Resolver netip.AddrPort `json:"resolver,omitzero"`

	// Others are STUN servers over UDP on other ports or hosts, for ControlOtherPort,
	// and OtherPorts are UDP ports of the URLs' own hosts: also a port where nothing
	// listens tells something, if it says so.
	Others     []netip.AddrPort `json:"others,omitempty"`
	OtherPorts []uint16         `json:"other_ports,omitempty"`
	// NotSTUN is a DNS server, whose answer is UDP that is no STUN, for
	// ControlRandomUDP.
	NotSTUN netip.AddrPort `json:"not_stun,omitzero"`

	// Patience is how long one question may stay without an answer: 2 s by default.
	// It is asked several times in between (RFC 8489 §6.2.1).
	Patience time.Duration `json:"patience,omitempty"`
	// Net replaces the machine's network stack.
	Net transport.Net `json:"-"`
}

// Stage is a rung, or one of the stages of a call that follow it.
type Stage string

// The rungs of Climb, in order, and after them the stages of a call.
const (
	Setup      Stage = "config"
	DNS        Stage = "dns"
	Transport  Stage = "transport"
	TLS        Stage = "tls" // or DTLS
	Binding    Stage = "binding"
	Challenge  Stage = "challenge"
	Allocate   Stage = "allocate"
	Permission Stage = "permission"
	Relay      Stage = "relay" // an echo through it

	Signalling Stage = "signalling"
	Checks     Stage = "checks"
	Nomination Stage = "nomination"
	Handshake  Stage = "dtls" // between the peers
	SCTP       Stage = "sctp"
	Data       Stage = "data"
)

// Outcome is how a rung held.
type Outcome string

// The outcomes.
const (
	OK     Outcome = "ok"
	Failed Outcome = "failed"
	// Skipped: it does not apply, or a rung below failed.
	Skipped Outcome = "skipped"
)

// Fault is how a rung failed, for a program: see the constants.
type Fault string

// The faults of rungs.
const (
	// Setup: the URL is none, or cannot be used.
	BadURL        Fault = "bad-url"
	NoCredentials Fault = "no-credentials"
	// DNS.
	NameUnknown Fault = "name-unknown" // NXDOMAIN, or no address at all
	NameSilent  Fault = "name-silent"  // the resolver does not answer
	NameFailed  Fault = "name-failed"  // SERVFAIL and the like
	NameFamily  Fault = "name-family"  // addresses, none of an IP version that this host has
	// Transport, TLS, and every rung that asks something.
	Silent      Fault = "silent"  // no answer to any retransmission
	Refused     Fault = "refused" // ICMP port unreachable, or RST
	Unreachable Fault = "unreachable"
	Forbidden   Fault = "forbidden" // EPERM: this host's own firewall
	Closed      Fault = "closed"    // the connection was ended midway
	NotSTUN     Fault = "not-stun"  // answered with something else
	// TLS: what the client does not accept.
	CertificateUnknown  Fault = "certificate-unknown" // unknown authority, self-signed
	CertificateName     Fault = "certificate-name"
	CertificateExpired  Fault = "certificate-expired"
	CertificateNotValid Fault = "certificate-not-yet-valid"
	TLSVersion          Fault = "tls-version"
	TLSFailed           Fault = "tls-failed"
	// Binding, Challenge, Allocate, Permission: a STUN error, see Rung.Code.
	ErrorCode Fault = "error-code"
	NoRealm   Fault = "no-realm"
	// NonceLoop: 438 again and again.
	NonceLoop Fault = "nonce-loop"
	// Relay: the allocation's address is not where its relay is, nothing sent there
	// arrives, or it arrives and nothing comes back.
	RelayElsewhere Fault = "relay-elsewhere"
	RelayDeaf      Fault = "relay-deaf"
	RelayMute      Fault = "relay-mute"
)

// Rung is one step of a climb.
type Rung struct {
	Stage   Stage   `json:"stage"`
	Outcome Outcome `json:"outcome"`
	Fault   Fault   `json:"fault,omitempty"`
	Code    int     `json:"code,omitempty"`  // of a STUN error
	Alert   int     `json:"alert,omitempty"` // of TLS or DTLS, from the server
	// Detail says in a line what was seen: the deciding packet.
	Detail string  `json:"detail,omitempty"`
	MS     float64 `json:"ms"`
	// Packets are IDs of the packets behind it, where it was read from a timeline.
	Packets []int `json:"packets,omitempty"`
}

// Climb is what became of one URL.
type Climb struct {
	URL string `json:"url"`
	// Transport is "udp", "tcp", "tls" or "dtls".
	Transport string         `json:"transport"`
	Server    netip.AddrPort `json:"server,omitzero"`
	Rungs     []Rung         `json:"rungs"`

	// Username is that of the credentials it allocated with.
	Username string `json:"username,omitempty"`

	// What a climb learnt on the way.
	Mapped   netip.AddrPort `json:"mapped,omitzero"`
	Relayed  netip.AddrPort `json:"relayed,omitzero"`
	Software string         `json:"software,omitempty"`
	Realm    string         `json:"realm,omitempty"`
	Lifetime time.Duration  `json:"lifetime,omitempty"` // of the allocation
	// Alternate is the other address of a server that speaks RFC 5780.
	Alternate netip.AddrPort `json:"alternate,omitzero"`
	// Echoes are the ways on which data was sent through the relay: the evidence for
	// the rung Relay.
	Echoes []Echo `json:"echoes,omitempty"`
	// Certificate is the server's, where there was TLS.
	Certificate *Certificate `json:"certificate,omitempty"`
}

// Certificate is what a TLS or DTLS server shows.
type Certificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// Rung returns the rung of a stage, the zero Rung if there is none.
func (c Climb) Rung(s Stage) Rung {
	for _, r := range c.Rungs {
		if r.Stage == s {
			return r
		}
	}
	return Rung{}
}

// Echo is one way on which data was sent to an allocation and back, or should have
// been.
type Echo struct {
	// Way is one of the constants below.
	Way string         `json:"way"`
	To  netip.AddrPort `json:"to,omitzero"`
	// Outcome is Skipped where it could not be tried, or proves nothing: a socket that
	// UDP does not reach anyway.
	Outcome Outcome `json:"outcome"`
	// Fault is Refused or Unreachable where ICMP said so.
	Fault Fault `json:"fault,omitempty"`
	// Code is the STUN error that the second allocation of EchoRelay was refused with.
	Code   int     `json:"code,omitempty"`
	Detail string  `json:"detail,omitempty"`
	MS     float64 `json:"ms"`
}

// The ways of an echo.
const (
	// EchoSocket: from a UDP socket of this host to the relayed address and back. It
	// is what peers do.
	EchoSocket = "socket"
	// EchoServer: from a UDP socket of this host to the relay's port at the server's own
	// address, where the relayed address is another one.
	EchoServer = "server-address"
	// EchoOutward: from the relay to a UDP socket of this host that has sent to the
	// server only. NATs that filter stop it.
	EchoOutward = "outward"
	// EchoRelay: from a second allocation on the same server. Its packets may stay
	// inside the server's host.
	EchoRelay = "relay"
)

// Echo returns the echo on a way, nil if it was not tried.
func (c Climb) Echo(way string) *Echo {
	for i := range c.Echoes {
		if c.Echoes[i].Way == way {
			return &c.Echoes[i]
		}
	}
	return nil
}

// Failed returns the first rung that failed, nil if none did.
func (c Climb) Failed() *Rung {
	for i := range c.Rungs {
		if c.Rungs[i].Outcome == Failed {
			return &c.Rungs[i]
		}
	}
	return nil
}

// Reached reports whether a rung held.
func (c Climb) Reached(s Stage) bool {
	for _, r := range c.Rungs {
		if r.Stage == s {
			return r.Outcome == OK
		}
	}
	return false
}

// Control is one of the experiments that tell causes of silence apart (see the
// table in lab/diagnose).
type Control struct {
	// Name is one of the constants below.
	Name string `json:"name"`
	// To is where it was tried.
	To netip.AddrPort `json:"to,omitzero"`
	// Outcome is Skipped where there was nothing to try it against.
	Outcome Outcome `json:"outcome"`
	Fault   Fault   `json:"fault,omitempty"`
	Detail  string  `json:"detail,omitempty"`
	MS      float64 `json:"ms"`
}

// The controls.
const (
	// ControlBinding: a Binding request over UDP to the URL's own port.
	ControlBinding = "binding-same-port"
	// ControlTCP: a TCP handshake with the URL's own port.
	ControlTCP = "tcp-same-port"
	// ControlTLS: a TCP handshake with port 443 of the same host.
	ControlTLS = "tcp-443"
	// ControlOtherPort: a Binding request over UDP to another port or server.
	ControlOtherPort = "binding-other-port"
	// ControlRandomUDP: UDP that is no STUN to an echo service, which comes back.
	ControlRandomUDP = "udp-not-stun"
	// ControlLarge: a Binding request over UDP padded to a large datagram.
	ControlLarge = "large-datagram"
)

// Result is everything a client found out.
type Result struct {
	// Began is when, by the client's clock.
	Began    time.Time `json:"began"`
	Climbs   []Climb   `json:"climbs"`
	Controls []Control `json:"controls"`
}

// Control returns the control of a name, nil if it was not tried.
func (r Result) Control(name string) *Control {
	for i := range r.Controls {
		if r.Controls[i].Name == name {
			return &r.Controls[i]
		}
	}
	return nil
}

// ControlAt returns the control of a name that was tried there, nil if it was not.
func (r Result) ControlAt(name string, to netip.AddrPort) *Control {
	for i := range r.Controls {
		if r.Controls[i].Name == name && r.Controls[i].To == to {
			return &r.Controls[i]
		}
	}
	return nil
}
