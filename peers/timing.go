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
	// Tuned, also the zero value: host and srflx pairs are nominated as soon as
	// they work, prflx pairs 190 ms after checks began, relay pairs 500 ms after;
	// where only relay candidates are allowed, all at once. A STUN answer is
	// awaited for 1 s. It shows the network instead of pion's waits.
	Tuned Timing = "tuned"

	// PionDefaults is what an application ships with: srflx 500 ms, prflx 1 s,
	// relay 2 s, STUN 5 s. pion has a zero wait for relay-only agents, but the
	// way webrtc builds its agent never reaches it (pion/ice#324).
	PionDefaults Timing = "pion-defaults"
)

const (
	tunedRelayWait = 500 * time.Millisecond

	// A relay's check can overtake the signalling of its candidate, and then the
	// relay is taken for a peer-reflexive candidate, which has no wait of 500 ms.
	// So those wait until just before pion's second round of checks, at 200 ms.
	tunedPrflxWait = 190 * time.Millisecond

	tunedSTUNGather = time.Second
)

// apply sets the waits of the tuned profile.
func (t Timing) apply(s *webrtc.SettingEngine, relayWait time.Duration) error {
	switch t {
	case "", Tuned:
		s.SetHostAcceptanceMinWait(0)
		s.SetSrflxAcceptanceMinWait(0)
		s.SetPrflxAcceptanceMinWait(min(tunedPrflxWait, relayWait))
		s.SetRelayAcceptanceMinWait(relayWait)
		s.SetSTUNGatherTimeout(tunedSTUNGather)
	case PionDefaults:
	default:
		return fmt.Errorf("timing %q is unknown; use %q or %q", t, Tuned, PionDefaults)
	}
	return nil
}
