package gateway

import (
	"net/netip"
	"time"
)

// State is what a NAT holds for UDP at one moment.
type State struct {
	Mappings    []Mapping    `json:"mappings"`
	Permissions []Permission `json:"permissions"`
}

// Mapping is an external port that an inside endpoint has.
type Mapping struct {
	Inside netip.AddrPort `json:"inside"`
	// Remote is whom the mapping is for: the zero AddrPort for EIM, port 0 for ADM.
	Remote netip.AddrPort `json:"remote,omitzero"`
	// External is the port on the NAT's external address.
	External uint16 `json:"external"`
	// Expires is how long the mapping lives if nothing more is sent.
	Expires time.Duration `json:"expires"`
}

// Permission lets packets from a remote in to an external port. A NAT with
// endpoint-independent filtering needs none.
type Permission struct {
	External uint16 `json:"external"`
	// Remote has port 0 for ADF: any port.
	Remote  netip.AddrPort `json:"remote"`
	Expires time.Duration  `json:"expires"`
}
