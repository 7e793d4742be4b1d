package peers

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// Pairs are looked at this often while ICE checks them, and less often once a
// pair is selected or ICE has given up.
const (
	samplePeriod     = 150 * time.Millisecond
	sampleIdlePeriod = time.Second
)

// refreshPatience is how long a fresh look at the pairs is awaited before the
// last one has to do.
const refreshPatience = 500 * time.Millisecond

// Pair is a candidate pair as ICE saw it. The counts are of STUN Binding
// requests and responses on the pair; packets and bytes are application data
// (DTLS), without STUN.
type Pair struct {
	Local  Candidate `json:"local"`
	Remote Candidate `json:"remote"`

	// State is "waiting", "in-progress", "succeeded" or "failed" (RFC 8445
	// section 6.1.2.6). Nominated says that the pair was chosen for use.
	State     string `json:"state"`
	Nominated bool   `json:"nominated"`

	RequestsSent      uint64 `json:"requests_sent"`
	ResponsesReceived uint64 `json:"responses_received"`
	RequestsReceived  uint64 `json:"requests_received"`
	ResponsesSent     uint64 `json:"responses_sent"`

	PacketsSent     uint32 `json:"packets_sent"`
	PacketsReceived uint32 `json:"packets_received"`
	BytesSent       uint64 `json:"bytes_sent"`
	BytesReceived   uint64 `json:"bytes_received"`

	// RTTMS is the round-trip time of the last check answered, 0 before.
	RTTMS float64 `json:"rtt_ms"`
}

// sampler asks pion for the pairs from a goroutine of its own. The question goes
// through the ICE agent's task loop, which stands still for seconds while a TURN
// server leaves a CreatePermission request unanswered; nobody else may wait for
// it.
type sampler struct {
	mu     sync.Mutex
	pairs  []Pair
	relays map[string]string // address:port of a local relay candidate → protocol towards its server
	at     time.Time
	asked  time.Time     // of the look in progress, zero between two
	round  int           // looks completed
	epoch  int           // counts forget
	taken  chan struct{} // closed and replaced with every look
	wanted chan struct{}
}

func (s *sampler) init() {
	s.relays = make(map[string]string)
	s.taken = make(chan struct{})
	s.wanted = make(chan struct{}, 1)
}

// nudge asks for a look soon.
func (s *sampler) nudge() {
	select {
	case s.wanted <- struct{}{}:
	default:
	}
}

// refresh waits for a look that began after the call, but not longer than
// patience.
func (s *sampler) refresh(ctx context.Context, patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	s.mu.Lock()
	round := s.round + 1
	if !s.asked.IsZero() {
		round++ // the look in progress began before the call
	}
	s.mu.Unlock()
	for {
		s.nudge()
		s.mu.Lock()
		done, taken := s.round >= round, s.taken
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-taken:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// sample looks at the pairs until the peer closes.
func (p *Peer) sample() {
	s := &p.sampler
	timer := time.NewTimer(samplePeriod)
	defer timer.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-timer.C:
		case <-s.wanted:
		}
		s.mu.Lock()
		s.asked = time.Now()
		epoch := s.epoch
		s.mu.Unlock()
		pairs, relays := readPairs(p.pc.GetStats())
		now := time.Now()

		s.mu.Lock()
		s.asked = time.Time{}
		for address, protocol := range relays {
			s.relays[address] = protocol
		}
		// pion drops every pair when ICE fails: the last ones seen are the
		// evidence.
		if len(pairs) > 0 && epoch == s.epoch {
			s.pairs, s.at = pairs, now
		}
		s.round++
		close(s.taken)
		s.taken = make(chan struct{})
		s.mu.Unlock()

		period := samplePeriod
		if state, _ := p.watch.current(); state.ice != "checking" && state.ice != "new" {
			period = sampleIdlePeriod
		}
		timer.Reset(period)
	}
}

// last returns the newest pairs seen and when; none and the zero time before.
func (s *sampler) last() ([]Pair, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pairs), s.at
}

// forget drops the pairs seen, and those of a look in progress: ICE restarted.
func (s *sampler) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pairs, s.at = nil, time.Time{}
	s.epoch++
}

// stallNoted is how long a look may take before it is called a stall.
const stallNoted = 200 * time.Millisecond

// stalled is for how long pion has not answered, 0 if it does.
func (s *sampler) stalled(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked.IsZero() || now.Sub(s.asked) < stallNoted {
		return 0
	}
	return now.Sub(s.asked)
}

// withRelay adds the protocol towards the TURN server, which only pion's
// statistics know.
func (s *sampler) withRelay(c Candidate) Candidate {
	if c.Type == Relay {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.RelayProtocol = s.relays[transportAddress(c)]
	}
	return c
}

func transportAddress(c Candidate) string {
	c.Type, c.RelayProtocol = "", ""
	return c.String()
}

// readPairs finds the candidate pairs in pion's statistics, best first, and the
// protocols of the local relay candidates.
func readPairs(stats webrtc.StatsReport) ([]Pair, map[string]string) {
	candidates := make(map[string]Candidate)
	relays := make(map[string]string)
	for id, entry := range stats {
		c, ok := entry.(webrtc.ICECandidateStats)
		if !ok {
			continue
		}
		candidate := Candidate{
			Type:          CandidateType(c.CandidateType.String()),
			Address:       c.IP,
			Port:          uint16(c.Port),
			Protocol:      c.Protocol,
			RelayProtocol: c.RelayProtocol,
			Priority:      uint32(c.Priority),
		}
		candidates[id] = candidate
		if candidate.RelayProtocol != "" {
			relays[transportAddress(candidate)] = candidate.RelayProtocol
		}
	}
	var pairs []Pair
	for _, entry := range stats {
		s, ok := entry.(webrtc.ICECandidatePairStats)
		if !ok {
			continue
		}
		local, known := candidates[s.LocalCandidateID]
		remote, alsoKnown := candidates[s.RemoteCandidateID]
		if !known || !alsoKnown {
			continue // gone between pion's two answers
		}
		pairs = append(pairs, Pair{
			Local: local, Remote: remote,
			State: string(s.State), Nominated: s.Nominated,
			RequestsSent: s.RequestsSent, ResponsesReceived: s.ResponsesReceived,
			RequestsReceived: s.RequestsReceived, ResponsesSent: s.ResponsesSent,
			PacketsSent: s.PacketsSent, PacketsReceived: s.PacketsReceived,
			BytesSent: s.BytesSent, BytesReceived: s.BytesReceived,
			RTTMS: math.Round(s.CurrentRoundTripTime*1e6) / 1000,
		})
	}
	slices.SortFunc(pairs, func(a, b Pair) int {
		if a.Nominated != b.Nominated {
			if a.Nominated {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Local.String()+a.Remote.String(), b.Local.String()+b.Remote.String())
	})
	return pairs, relays
}
