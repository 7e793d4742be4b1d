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
	// they work, prflx pairs 590 ms after checks began, relay pairs 1 s after;
	// where only relay candidates are allowed, all at once. A STUN answer is
	// awaited for 1 s. What SCTP has to send again is sent at least every second,
	// so that a data channel goes on within a second of the network.
	//
	// How ICE watches a connection is pion's in both profiles: a check on the
	// selected pair every 2 s, "disconnected" when nothing has come for 5 s,
	// "failed" 25 s later; RFC 7675 section 5.1 lets consent expire after 30 s too.
	Tuned Timing = "tuned"

	// PionDefaults is what an application ships with: srflx 500 ms, prflx 1 s,
	// relay 2 s, STUN 5 s; SCTP's retransmission timeout doubles up to 60 s (RFC
	// 9260 section 16), so an outage of 20 s can take 40 s. pion has a zero wait
	// for relay-only agents, but the way webrtc builds its agent never reaches it
	// (pion/ice#324).
	PionDefaults Timing = "pion-defaults"
)

const (
	// A direct path through two filters can take three rounds of checks, one every
	// 200 ms in pion, and a busy machine is late with each.
	tunedRelayWait = time.Second

	// A relay's check can overtake the signalling of its candidate, and then the
	// relay is taken for a peer-reflexive candidate, which has no wait of 1 s.
	// Signalling is late by some 200 ms on a busy machine, so those wait until just
	// before pion's fourth round of checks, at 600 ms.
	tunedPrflxWait = 590 * time.Millisecond

	tunedSTUNGather = time.Second

	// pion's lowest and first retransmission timeout. Its eight tries for a
	// handshake of SCTP take 8 s with it instead of three minutes.
	tunedSCTPTimeout = time.Second
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
		s.SetSCTPRTOMax(tunedSCTPTimeout)
	case PionDefaults:
	default:
		return fmt.Errorf("timing %q is unknown; use %q or %q", t, Tuned, PionDefaults)
	}
	return nil
}
