// Package wire says what a packet was, in the words of the standards, to whoever
// wants to know why a connection came about or did not: the STUN transaction it
// belongs to, the DTLS handshake it carries, the TCP segment or the ICMP error it
// is, where it was seen, and whether it went on from there.
//
// What it hands out holds no secret: see Redact.
package wire

import (
	"net/netip"
	"time"
)

// Packet is one packet as one witness saw it.
type Packet struct {
	// ID numbers the packets of a timeline, from 1; 0 outside of one.
	ID   int       `json:"id,omitempty"`
	Time time.Time `json:"time"`
	// Node is who saw it: "caller", "caller-nat", "turn".
	Node string `json:"node,omitempty"`
	// At is where the node saw it: AtSocket, AtListener, AtRelay, or on a gateway
	// the name of the segment: "caller-lan", "wan".
	At string `json:"at"`
	// Direction is as the node sees it: on a gateway, In came from the segment and
	// Out went onto it.
	Direction Direction `json:"direction"`
	// Protocol carried it: "udp", "tcp", "icmp", and where the witness sits above
	// the encryption "tls" or "dtls".
	Protocol string         `json:"protocol"`
	From     netip.AddrPort `json:"from"`
	To       netip.AddrPort `json:"to"`
	// Bytes is the length of the payload, without IP, UDP and TCP headers.
	Bytes int `json:"bytes"`

	Kind Kind  `json:"kind"`
	STUN *STUN `json:"stun,omitempty"`
	DTLS *DTLS `json:"dtls,omitempty"`
	TCP  *TCP  `json:"tcp,omitempty"`
	ICMP *ICMP `json:"icmp,omitempty"`
	// Inner is what a Send or Data indication, or ChannelData, carries.
	Inner *Inner `json:"inner,omitempty"`

	// Dropped is why the packet ended here; empty if it went on. On a gateway it is
	// a gateway.Reason.
	Dropped string `json:"dropped,omitempty"`

	// Payload is the payload, redacted and at most SnapLength bytes of it; nil for
	// a packet of which only the facts were kept.
	Payload []byte `json:"payload,omitempty"`
	// Header is the IP header and the TCP or ICMP one after it, where the witness
	// saw them.
	Header []byte `json:"header,omitempty"`
}

// SnapLength is how much of a payload is kept.
const SnapLength = 2048

// Direction is which way a packet went, as its witness sees it.
type Direction string

// The directions.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// Where a witness that is no gateway saw a packet.
const (
	// AtSocket: a socket of a peer. For TURN over TLS and DTLS, above the encryption.
	AtSocket = "socket"
	// AtListener: a socket on which clients reach the TURN server, above the
	// encryption too.
	AtListener = "listener"
	// AtRelay: the socket of a relayed transport address.
	AtRelay = "relay"
)

// Kind is what a packet is, by its first bytes (RFC 7983 §7).
type Kind string

// The kinds.
const (
	KindSTUN        Kind = "stun" // TURN's methods too
	KindChannelData Kind = "channel-data"
	KindDTLS        Kind = "dtls"
	KindTLS         Kind = "tls"
	KindTCP         Kind = "tcp" // a segment that opens, refuses or ends a connection
	KindICMP        Kind = "icmp"
	KindDNS         Kind = "dns"
	KindOther       Kind = "other"
)

// STUN is a message of RFC 8489 or RFC 8656. Attributes that it lacks are zero.
type STUN struct {
	// Method is "binding", "allocate", "refresh", "create-permission",
	// "channel-bind", "send" or "data".
	Method string `json:"method"`
	Class  Class  `json:"class"`
	// Transaction is the ID, in hexadecimal.
	Transaction string `json:"transaction"`

	Code   int    `json:"code,omitempty"` // ERROR-CODE
	Reason string `json:"reason,omitempty"`

	Username  string `json:"username,omitempty"`
	Realm     string `json:"realm,omitempty"`
	Nonce     bool   `json:"nonce,omitempty"`     // has one
	Integrity bool   `json:"integrity,omitempty"` // has MESSAGE-INTEGRITY
	Software  string `json:"software,omitempty"`

	Mapped  netip.AddrPort   `json:"mapped,omitzero"`  // XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS
	Relayed netip.AddrPort   `json:"relayed,omitzero"` // XOR-RELAYED-ADDRESS
	Peers   []netip.AddrPort `json:"peers,omitempty"`  // XOR-PEER-ADDRESS
	Channel uint16           `json:"channel,omitempty"`
	// Lifetime is in seconds; nil without the attribute.
	Lifetime *uint32 `json:"lifetime,omitempty"`
	// RequestedTransport is a protocol number: 17 is UDP.
	RequestedTransport int `json:"requested_transport,omitempty"`

	// Of a connectivity check (RFC 8445 §7.1).
	Priority     uint32 `json:"priority,omitempty"`
	UseCandidate bool   `json:"use_candidate,omitempty"`
	Role         string `json:"role,omitempty"` // "controlling", "controlled"
}

// Class is the class of a STUN message (RFC 8489 §5).
type Class string

// The classes.
const (
	Request    Class = "request"
	Indication Class = "indication"
	Success    Class = "success"
	Error      Class = "error"
)

// DTLS is the first record of a datagram.
type DTLS struct {
	// Type is "handshake", "alert", "change-cipher-spec", "application-data",
	// "ack" or "cid".
	Type string `json:"type"`
	// Handshake is the message's name while it is readable: "client_hello".
	Handshake string `json:"handshake,omitempty"`
	// Alert is the description's number while it is readable, nil without one.
	Alert *int `json:"alert,omitempty"`
}

// TCP are the flags of a segment.
type TCP struct {
	SYN bool `json:"syn,omitempty"`
	ACK bool `json:"ack,omitempty"`
	FIN bool `json:"fin,omitempty"`
	RST bool `json:"rst,omitempty"`
	// Alert is that of a plain TLS alert record at the segment's beginning.
	Alert *int `json:"alert,omitempty"`
}

// ICMP is an error, and the packet it is about.
type ICMP struct {
	Type     int            `json:"type"`
	Code     int            `json:"code"`
	Protocol string         `json:"protocol,omitempty"` // of the packet it is about
	From     netip.AddrPort `json:"from,omitzero"`
	To       netip.AddrPort `json:"to,omitzero"`
}

// Inner is what a relayed packet carries.
type Inner struct {
	Kind  Kind  `json:"kind"`
	Bytes int   `json:"bytes"`
	STUN  *STUN `json:"stun,omitempty"`
	DTLS  *DTLS `json:"dtls,omitempty"`
}
