// Package gateway turns the host it runs on into a NAT and a firewall, from a
// declared behaviour, and counts what crosses it. It needs Linux and
// CAP_NET_ADMIN, and no tool besides the kernel.
package gateway

import (
	"errors"
	"net/netip"

	"github.com/icelab-go/icelab/lab/nat"
)

// ErrSequential is returned where sequential ports cannot be had.
var ErrSequential = errors.New("this kernel cannot count ports up (CONFIG_NFT_NUMGEN is off): declare random or preserving ports")

// Spec declares one gateway between an inside (LAN) and an outside (WAN).
type Spec struct {
	WAN Side `json:"wan"`
	LAN Side `json:"lan"`
	// NAT is how addresses are translated; nil routes them as they are.
	NAT      *nat.Behavior `json:"nat,omitempty"`
	Firewall nat.Firewall  `json:"firewall"`
	// Link is how good the line is. Impair changes it.
	Link nat.Link `json:"link,omitzero"`
}

// Cut says which packets a gateway drops for the time being, in both directions.
type Cut string

// The cuts.
const (
	// Whole cuts nothing: all that may pass does so again.
	Whole Cut = ""
	// CutUDP lets no UDP through, as a firewall that was switched on mid-call.
	CutUDP Cut = "udp"
	// CutAll lets nothing through, as a cable that was pulled.
	CutAll Cut = "all"
)

// Side is one of the gateway's two interfaces.
type Side struct {
	Interface string       `json:"interface"`
	Address   netip.Addr   `json:"address"`
	Prefix    netip.Prefix `json:"prefix"`
}

// Observation is what crossed the gateway, and what did not, since it was
// programmed.
type Observation struct {
	Flows []Flow `json:"flows"`
	Drops []Drop `json:"drops"`
}

// Direction says which way a flow's packets went.
type Direction string

// The directions of a flow.
const (
	Outbound Direction = "out"
	Inbound  Direction = "in"
)

// Flow counts the packets that were forwarded between one inside host and one
// remote transport address, in one direction. Addresses are as the inside host
// sees them; Bytes are whole IP packets.
//
// A hairpinned packet counts twice: as a flow of its sender, whose remote is the
// inside address of the receiver and not the external one that it was sent to,
// and as a flow of its receiver.
type Flow struct {
	Direction Direction      `json:"direction"`
	Protocol  string         `json:"protocol"` // "udp" or "tcp"
	Inside    netip.Addr     `json:"inside"`
	Remote    netip.AddrPort `json:"remote"`
	Packets   uint64         `json:"packets"`
	Bytes     uint64         `json:"bytes"`
}

// Reason says why a gateway dropped a packet.
type Reason string

// The reasons a packet can be dropped for.
const (
	// UDPBlocked: the firewall lets no UDP through.
	UDPBlocked Reason = "udp-blocked"
	// TCPBlocked: the firewall lets no TCP out to this port.
	TCPBlocked Reason = "tcp-blocked"
	// Unsolicited: the stateful firewall of a gateway without NAT knows of no
	// connection begun from inside.
	Unsolicited Reason = "unsolicited"
	// NoMapping: an inbound packet for a port that no inside host has mapped.
	NoMapping Reason = "no-mapping"
	// Filtered: the port is mapped, but its filter does not let this sender in.
	Filtered Reason = "filtered"
	// PrivateDestination: from outside straight to an inside address.
	PrivateDestination Reason = "private-destination"
	// HairpinOff: an inside host sent to the NAT's own external address.
	HairpinOff Reason = "hairpin-off"
	// LineCut: the line is cut for the time being, see Cut.
	LineCut Reason = "cut"
	// LineLoss: the line loses it, by the loss or the rate of a nat.Link.
	LineLoss Reason = "loss"
	// PortsExhausted: no free external port was found for a new mapping.
	PortsExhausted Reason = "ports-exhausted"
	// Policy: a rule of the firewall names it, see Filter.
	Policy Reason = "policy"
)

var reasons = []Reason{Policy, UDPBlocked, TCPBlocked, Unsolicited, NoMapping, Filtered, PrivateDestination, HairpinOff, LineCut, LineLoss, PortsExhausted}

// Drop counts the packets that were dropped for one reason.
type Drop struct {
	Reason  Reason `json:"reason"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}
