package peers

import (
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"
)

// Timing chooses how long ICE waits for a better candidate before it nominates
// one, and how long it waits for a STUN answer.
type Timing string

const (
	// Tuned, also the zero value: host, srflx and prflx pairs are nominated as
	// soon as they work, relay pairs 500 ms after checks began, or at once where
	// only relay candidates are allowed. A STUN answer is awaited for 1 s. It
	// shows the network instead of pion's waits.
	Tuned Timing = "tuned"

	// PionDefaults is what an application ships with: srflx 500 ms, prflx 1 s,
	// relay 2 s, STUN 5 s. pion has a zero wait for relay-only agents, but the
	// way webrtc builds its agent never reaches it (pion/ice#324).
	PionDefaults Timing = "pion-defaults"
)

const (
	tunedRelayWait  = 500 * time.Millisecond
	tunedSTUNGather = time.Second
)

// apply sets the waits of the tuned profile.
func (t Timing) apply(s *webrtc.SettingEngine, relayWait time.Duration) error {
	switch t {
	case "", Tuned:
		s.SetHostAcceptanceMinWait(0)
		s.SetSrflxAcceptanceMinWait(0)
		s.SetPrflxAcceptanceMinWait(0)
		s.SetRelayAcceptanceMinWait(relayWait)
		s.SetSTUNGatherTimeout(tunedSTUNGather)
	case PionDefaults:
	default:
		return fmt.Errorf("timing %q is unknown; use %q or %q", t, Tuned, PionDefaults)
	}
	return nil
}
