package nat

import (
	"fmt"
	"strings"
)

// Condition is what one peer sits behind: a gateway that may translate
// addresses and may filter.
type Condition struct {
	// Name is how scenarios call the condition.
	Name string `json:"name"`
	// About says in a sentence what it is and where it is met.
	About string `json:"about"`
	// NAT is the translation; nil routes addresses as they are.
	NAT *Behavior `json:"nat,omitempty"`
	// Firewall filters what crosses the gateway; the zero value lets all pass.
	Firewall Firewall `json:"firewall"`
}

// Firewall says what may cross a gateway besides what its NAT decides.
type Firewall struct {
	// BlockUDP drops every UDP datagram in both directions. TCP is left alone.
	BlockUDP bool `json:"block_udp,omitempty"`
}

// Conditions returns every condition that has a name, from the most open to
// the most closed. The values are copies; callers may keep and change them.
func Conditions() []Condition {
	return []Condition{
		{
			Name:  "open",
			About: "A routed address and no filter: a server, or a host with a public address.",
		},
		{
			Name:  "port-restricted",
			About: "One external port for all destinations, replies only from where packets went: most home routers, and Linux masquerading.",
			NAT:   &Behavior{Mapping: EIM, Filtering: APDF, Ports: Preserving},
		},
		{
			Name:  "symmetric",
			About: "A new random port for every destination, replies only from there: many corporate firewalls and mobile carriers.",
			NAT:   &Behavior{Mapping: APDM, Filtering: APDF, Ports: Random},
		},
		{
			Name:     "udp-blocked",
			About:    "A port-restricted NAT that lets no UDP through: strict office and guest networks.",
			NAT:      &Behavior{Mapping: EIM, Filtering: APDF, Ports: Preserving},
			Firewall: Firewall{BlockUDP: true},
		},
	}
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
