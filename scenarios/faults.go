package scenarios

import "reflect"

// Faults are what is wrong on purpose. The NATs are measured without them, and the
// diagnosis never sees them: Expect says what it has to find.
type Faults struct {
	// Turn is what is wrong at the TURN server.
	Turn TurnFaults `json:"turn,omitzero"`
	// Filters are packets that are dropped on their way.
	Filters []Filter `json:"filters,omitempty"`
	// Caller is what is wrong with the caller's configuration.
	Caller PeerFaults `json:"caller,omitzero"`
	// Callee is what is wrong with the callee's configuration.
	Callee PeerFaults `json:"callee,omitzero"`
	// Signalling is what is wrong with what is carried between the peers.
	Signalling []SignallingFault `json:"signalling,omitempty"`
	// DNS is what becomes of a question for the TURN server's name, which the URLs
	// of both peers then hold in place of its address: there is no such name
	// (nxdomain), the DNS server fails (servfail) or keeps silent (silent), or it
	// answers with an address where nobody is (wrong-address).
	DNS string `json:"dns,omitempty"`
}

// TurnFaults is what is wrong at the TURN server: how it was set up, what it does
// wrong, and which certificate it shows. It is the STUN server too.
type TurnFaults struct {
	// Listen are the transports that the server listens on, where they are not
	// those of its URLs: udp, tcp, tls. STUN is over udp, and gone without it. none
	// alone is none at all.
	Listen []string `json:"listen,omitempty"`
	// AdvertiseAddress is the IPv4 address that clients are told instead of the
	// relay's.
	AdvertiseAddress string `json:"advertise-address,omitempty"`
	// RelayPorts is the range that relays are on, such as 49160-49161.
	RelayPorts Ports `json:"relay-ports,omitzero"`
	// Quota is how many allocations one user may hold, 1 to 1000.
	Quota int `json:"quota,omitempty"`
	// DenyPeers are the addresses that nothing is relayed to: prefixes, or caller or
	// callee for those that the peer and the gateways before it have.
	DenyPeers []string `json:"deny-peers,omitempty"`
	// AllocationLifetime is how long an allocation lives without a Refresh.
	AllocationLifetime Duration `json:"allocation-lifetime,omitempty"`
	// PermissionLifetime is how long a permission lives without a refresh.
	PermissionLifetime Duration `json:"permission-lifetime,omitempty"`
	// ChannelLifetime is how long the binding of a channel lives without a refresh.
	ChannelLifetime Duration `json:"channel-lifetime,omitempty"`
	// DropAnswers loses answers of the server, by the method of the request.
	DropAnswers DropAnswers `json:"drop-answers,omitzero"`
	// NoRealm leaves the realm out of every challenge.
	NoRealm bool `json:"no-realm,omitempty"`
	// StaleNonce answers every request with 438 and another nonce.
	StaleNonce bool `json:"stale-nonce,omitempty"`
	// STUNOnly refuses every Allocate request, as a STUN server does.
	STUNOnly bool `json:"stun-only,omitempty"`
	// SecureSTUN refuses Binding requests without credentials with 401.
	SecureSTUN bool `json:"secure-stun,omitempty"`
	// NoUDPRelay refuses to relay UDP with 442.
	NoUDPRelay bool `json:"no-udp-relay,omitempty"`
	// ClockOffset is how far the server's clock is ahead, or behind where it is
	// negative, at most 24h.
	ClockOffset Offset `json:"clock-offset,omitempty"`
	// Certificate is what is wrong with the certificate: nobody vouches for it
	// (self-signed), it is for another server (wrong-name), or its time is over
	// (expired).
	Certificate string `json:"certificate,omitempty"`
	// TLSMax is the newest version of TLS that the server speaks: "1.0", "1.1" or
	// "1.2".
	TLSMax string `json:"tls-max,omitempty"`
}

// DropAnswers is which answers of the TURN server are lost: 1 loses all of them, N
// every Nth to any client. The server has acted on the request by then.
type DropAnswers struct {
	// Binding is about STUN, and nothing of TURN.
	Binding int `json:"binding,omitempty"`
	// Allocate is about new allocations, challenges included.
	Allocate int `json:"allocate,omitempty"`
	// Refresh is about what keeps an allocation alive, or ends it.
	Refresh int `json:"refresh,omitempty"`
	// CreatePermission is about which addresses may send to the relay.
	CreatePermission int `json:"create-permission,omitempty"`
	// ChannelBind is about channels.
	ChannelBind int `json:"channel-bind,omitempty"`
}

// PeerFaults is what is wrong with one peer's configuration.
type PeerFaults struct {
	// Username is a wrong one for TURN.
	Username string `json:"username,omitempty"`
	// Password is a wrong one for TURN.
	Password string `json:"password,omitempty"`
	// NoCredentials gives TURN URLs without a username and a password.
	NoCredentials bool `json:"no-credentials,omitempty"`
	// CredentialTTL makes the credentials of both peers time-limited ones. Those of
	// this peer end so long after the peer is made, at most 24h; with a negative
	// time they have ended before.
	CredentialTTL Offset `json:"credential-ttl,omitempty"`
	// NoTurn gives no TURN URL.
	NoTurn bool `json:"no-turn,omitempty"`
	// URLs are given in place of the STUN and TURN URLs. {turn} in them is the TURN
	// server's address, or its name where dns is set.
	URLs []string `json:"urls,omitempty"`
	// RelayAtOnce accepts a relay without waiting for a direct path.
	RelayAtOnce bool `json:"relay-at-once,omitempty"`
	// StaleAllocation lets the peer's TURN socket over UDP have the port of an
	// earlier one that was closed without giving its allocation back.
	StaleAllocation bool `json:"stale-allocation,omitempty"`
	// NoQueue hands ICE a candidate that comes before its description at once,
	// which refuses it.
	NoQueue bool `json:"no-queue,omitempty"`
}

// SignallingFault is what is wrong with what is carried from one peer to the other,
// in ICE restarts too.
type SignallingFault struct {
	// From is whose descriptions and candidates it is about: caller, callee or both.
	From string `json:"from"`
	// Drop are the candidate types that never arrive: host, srflx, relay, or any
	// alone for all of them.
	Drop []string `json:"drop,omitempty"`
	// Every drops only each Nth of these, 2 to 1000.
	Every int `json:"every,omitempty"`
	// Delay is how much later each candidate arrives, at most 60s.
	Delay Duration `json:"delay,omitempty"`
	// Delayed are the candidate types that delay is about; by default all.
	Delayed []string `json:"delayed,omitempty"`
	// BeforeDescription delivers the candidates before the description.
	BeforeDescription bool `json:"before-description,omitempty"`
	// Mid is put in place of the sdpMid of candidates.
	Mid string `json:"mid,omitempty"`
	// Ufrag is put in place of the username fragment in descriptions and candidates:
	// 4 to 256 letters, digits, + or /, or stale for that of the first description,
	// which ICE restarts then have too.
	Ufrag string `json:"ufrag,omitempty"`
	// Password is put in place of the ICE password in descriptions: 22 to 256
	// letters, digits, + or /.
	Password string `json:"password,omitempty"`
}

// The values of Filter.At and SignallingFault.From beside the sides.
const (
	Both   = "both"
	AtTurn = "turn"
)

// ListenNone is the one value of TurnFaults.Listen that stands for no transport.
const ListenNone = "none"

// AnyType is the one value of SignallingFault.Drop that stands for all candidate
// types.
const AnyType = "any"

// StaleUfrag is the value of SignallingFault.Ufrag that stands for the username
// fragment of the first description.
const StaleUfrag = "stale"

// TurnPlaceholder is what PeerFaults.URLs have in the place of the TURN server.
const TurnPlaceholder = "{turn}"

// The values of Faults.DNS.
const (
	NXDomain     = "nxdomain"
	ServFail     = "servfail"
	SilentDNS    = "silent"
	WrongAddress = "wrong-address"
)

// The values of TurnFaults.Certificate.
const (
	SelfSigned = "self-signed"
	WrongName  = "wrong-name"
	Expired    = "expired"
)

// dnsFaults, certificates, tlsVersions and droppable are the words that a file may
// have.
func dnsFaults() []string    { return []string{NXDomain, ServFail, SilentDNS, WrongAddress} }
func certificates() []string { return []string{SelfSigned, WrongName, Expired} }
func tlsVersions() []string  { return []string{"1.0", "1.1", "1.2"} }
func listenable() []string   { return append(transports(), ListenNone) }
func droppable() []string    { return append(candidateTypes(), AnyType) }
func senders() []string      { return append(sides(), Both) }

// any reports whether anything is wrong on purpose.
func (f Faults) any() bool { return !reflect.ValueOf(f).IsZero() }

// Any reports whether anything is wrong with the server.
func (t TurnFaults) Any() bool { return !reflect.ValueOf(t).IsZero() }

// Of returns the faults of one side.
func (f Faults) Of(side string) PeerFaults {
	if side == SideCallee {
		return f.Callee
	}
	return f.Caller
}

// TimeLimited reports whether the credentials are time-limited ones.
func (f Faults) TimeLimited() bool { return f.Caller.CredentialTTL != 0 || f.Callee.CredentialTTL != 0 }
