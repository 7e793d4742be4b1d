package peers

// Faults are mistakes of applications that a Peer makes when told to. The zero
// value makes none.
type Faults struct {
	// NoQueue hands pion a candidate that comes before its remote description,
	// which refuses it, in place of keeping it until then.
	NoQueue bool `json:"no_queue,omitempty"`

	// StaleAllocation opens the peer's first TURN socket over UDP on the port of one
	// that held an allocation, and was closed without a Refresh to zero.
	StaleAllocation bool `json:"stale_allocation,omitempty"`

	// NoCredentials lets TURN URLs be without a username and a password. Browsers
	// refuse such a configuration; pion's ICE passes over its first TURN URL that has
	// none, and over those after it.
	NoCredentials bool `json:"no_credentials,omitempty"`
}
