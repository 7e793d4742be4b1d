package turnserver

import "time"

// Faults are what is wrong with a server on purpose. The zero value is a server without any.
// Events tell of a fault no more than the log of a real server would that has it.
type Faults struct {
	// STUNOnly refuses every Allocate request with 400, as turn/v4 without a user does: a STUN
	// server that is taken for a TURN server.
	STUNOnly bool `json:"stun_only,omitempty"`

	// ClockOffset is how far the server's clock is ahead of this host's, or behind when
	// negative, where it judges time-limited credentials: two clocks that disagree.
	ClockOffset time.Duration `json:"clock_offset,omitempty"`
}

// clock is the time the server believes it is.
func (f Faults) clock() time.Time { return time.Now().Add(f.ClockOffset) }
