package nat

import (
	"fmt"
	"slices"
	"strings"
)

// Condition is what one peer sits behind: a gateway that may translate
// addresses and may filter, and perhaps a carrier's NAT behind that.
type Condition struct {
	// Name is how scenarios call the condition.
	Name string `json:"name"`
	// About says in a sentence what it is and where it is met.
	About string `json:"about"`
	// NAT is the translation; nil routes addresses as they are.
	NAT *Behavior `json:"nat,omitempty"`
	// Firewall filters what crosses the gateway; the zero value lets all pass.
	Firewall Firewall `json:"firewall"`
	// Carrier is a second NAT beyond the first gateway, with a segment of
	// 100.64.0.0/10 (RFC 6598) in between; nil if there is none.
	Carrier *Behavior `json:"carrier,omitempty"`
}

// Firewall says what may cross a gateway besides what its NAT decides.
type Firewall struct {
	// BlockUDP drops every UDP datagram in both directions. TCP is left alone.
	BlockUDP bool `json:"block_udp,omitempty"`
	// TCPPorts are the only ports that TCP connections from inside may go to.
	// Nil means every port, an empty slice none.
	TCPPorts []uint16 `json:"tcp_ports,omitzero"`
	// Stateful drops inbound packets that belong to no connection begun from
	// inside: what APDF is to a NAT, for addresses that are routed.
	Stateful bool `json:"stateful,omitempty"`
}

// Hop is one gateway between a peer and the WAN.
type Hop struct {
	NAT      *Behavior
	Firewall Firewall
}

// Chain returns the gateways between the peer and the WAN, nearest first. There
// is at least one.
func (c Condition) Chain() []Hop {
	chain := []Hop{{NAT: c.NAT, Firewall: c.Firewall}}
	if c.Carrier != nil {
		chain = append(chain, Hop{NAT: c.Carrier})
	}
	return chain
}

// ConditionNames returns the names of Conditions in the same order.
func ConditionNames() []string {
	var names []string
	for _, c := range Conditions() {
		names = append(names, c.Name)
	}
	return names
}

// Named returns the condition called name. The error lists the names there are.
func Named(name string) (Condition, error) {
	for _, c := range Conditions() {
		if c.Name == name {
			return c, nil
		}
	}
	return Condition{}, fmt.Errorf("unknown condition %q: want one of %s", name, strings.Join(ConditionNames(), ", "))
}

// passesTCP reports whether connections from inside may go to a port.
func (f Firewall) passesTCP(port uint16) bool {
	return f.TCPPorts == nil || slices.Contains(f.TCPPorts, port)
}
