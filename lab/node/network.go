package node

import (
	"net/netip"

	"github.com/icelab-go/icelab/lab/topology"
)

// VXLANPort is the UDP port of the overlay (RFC 7348 §5).
const VXLANPort = 4789

// Network is all a node needs to know to take its place on the lab's segments.
type Network struct {
	Links []Link `json:"links"`
	// Default replaces the default route; zero removes it.
	Default netip.Addr       `json:"default"`
	Routes  []topology.Route `json:"routes,omitempty"`
	// Forward lets packets pass from one link to another.
	Forward bool `json:"forward,omitempty"`
	// DropCapabilities gives up every capability, for good, when all is set.
	DropCapabilities bool `json:"drop_capabilities,omitempty"`
}

// Link is an interface on a segment. It is called like the segment.
type Link struct {
	Name      string         `json:"name"`
	Addresses []netip.Prefix `json:"addresses"`
	// Down leaves the link down until the node moves to it.
	Down bool `json:"down,omitempty"`
	// VXLAN makes the link over another network; without it the link exists.
	VXLAN *VXLAN `json:"vxlan,omitempty"`
}

// VXLAN carries a segment over an underlay network (RFC 7348), with static
// forwarding entries instead of multicast. The underlay is sealed: nothing but
// the overlay may use it.
type VXLAN struct {
	ID uint32 `json:"id"` // 1 to 2^24-1, one for each segment
	// Local is this node's own underlay address, Remotes those of the others.
	Local   netip.Addr   `json:"local"`
	Remotes []netip.Addr `json:"remotes"`
}
