package gateway

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// What filters cannot do everywhere.
var (
	// ErrEvery is returned where a filter cannot drop each Nth packet.
	ErrEvery = errors.New("this kernel cannot count packets (CONFIG_NFT_NUMGEN is off): declare a filter that drops all of them")
	// ErrReject is returned where a filter cannot answer.
	ErrReject = errors.New("this kernel refuses nothing before it has routed it (Linux 5.9 and later do): declare a filter that drops")
)

// Filter says which packets a host drops, or refuses, by a rule of its firewall. A
// packet has to meet all that is set; the zero value meets every one. On a gateway
// the far end is the one outside, on another host the one that it talks to. A
// packet that hairpins is an outbound one.
type Filter struct {
	// Direction is Outbound, Inbound or empty for both: on a gateway as its inside
	// hosts see it, on another host as it does itself. A host other than a gateway
	// that sends what it drops outbound is told so by its kernel (EPERM).
	Direction Direction `json:"direction,omitempty"`
	Protocol  string    `json:"protocol,omitempty"` // "udp", "tcp"
	// Ports are those of the far end, both ends of the range included; with Own those
	// of this host, or of the host inside.
	Ports [2]uint16 `json:"ports,omitzero"`
	Own   bool      `json:"own,omitempty"`
	// Far are the addresses of the far end.
	Far []netip.Prefix `json:"far,omitempty"`

	// STUN, ChannelData and DTLS are what UDP carries: a packet has to be one of
	// those that are set.
	//
	// STUN are methods (RFC 8489, RFC 8656), requests, indications and answers alike:
	// "binding", "allocate", "refresh", "create-permission", "channel-bind"; "any" is
	// every STUN message. What a relay carries for its client is not looked into.
	STUN        []string `json:"stun,omitempty"`
	ChannelData bool     `json:"channel_data,omitempty"`
	DTLS        bool     `json:"dtls,omitempty"`
	// LargerThan is in bytes of the whole IP packet, which may have come in
	// fragments.
	LargerThan int `json:"larger_than,omitempty"`

	// Every meets only each Nth; 0 and 1 are all.
	Every int `json:"every,omitempty"`
	// Reject answers with ICMP port unreachable, or a RST.
	Reject bool `json:"reject,omitempty"`
}

// AnySTUN is every STUN message, in Filter.STUN.
const AnySTUN = "any"

// STUNMethods are the methods that Filter.STUN names, by their numbers (RFC 8489
// section 18.2, RFC 8656 section 17).
var STUNMethods = map[string]uint16{
	"binding": 0x001, "allocate": 0x003, "refresh": 0x004, "create-permission": 0x008, "channel-bind": 0x009,
}

// Validate says what is wrong with a filter.
func (f Filter) Validate() error {
	switch f.Direction {
	case "", Outbound, Inbound:
	default:
		return fmt.Errorf("filter: direction %q: use %q, %q or none for both", f.Direction, Outbound, Inbound)
	}
	switch f.Protocol {
	case "", "udp":
	case "tcp":
		if f.carries() {
			return errors.New("filter: what UDP carries (STUN, ChannelData, DTLS) cannot be told over tcp")
		}
	default:
		return fmt.Errorf("filter: protocol %q: use \"udp\", \"tcp\" or none for both", f.Protocol)
	}
	if f.Ports[0] > f.Ports[1] {
		return fmt.Errorf("filter: ports %d-%d: the first is above the last", f.Ports[0], f.Ports[1])
	}
	for _, p := range f.Far {
		if !p.IsValid() || !p.Addr().Is4() {
			return fmt.Errorf("filter: far %s: want IPv4 prefixes", p)
		}
	}
	for _, m := range f.STUN {
		if _, known := STUNMethods[m]; !known && m != AnySTUN {
			return fmt.Errorf("filter: STUN method %q: use one of %v, or %q", m, slices.Sorted(maps.Keys(STUNMethods)), AnySTUN)
		}
	}
	const largest = 65535 // RFC 791: the total length has 16 bits
	if f.LargerThan < 0 || f.LargerThan >= largest {
		return fmt.Errorf("filter: larger than %d bytes: use 1 to %d, or 0 for any size", f.LargerThan, largest-1)
	}
	if f.Every < 0 {
		return fmt.Errorf("filter: every %dth packet: use 1 for all, or more", f.Every)
	}
	return nil
}

// carries reports whether it looks at what UDP carries.
func (f Filter) carries() bool { return len(f.STUN) > 0 || f.ChannelData || f.DTLS }

// hasPorts reports whether it looks at ports, which only UDP and TCP have.
func (f Filter) hasPorts() bool { return f.Ports != [2]uint16{} }
