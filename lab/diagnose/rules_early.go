package diagnose

import (
	"fmt"
	"time"

	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/peers"
)

// prematureRelay is for a relay that was chosen while a direct pair works.
func prematureRelay(f *facts) (list []finding) {
	if !relayed(f.Proven) || f.Predicted != nil && f.Predicted.Path != nat.PathDirect {
		return nil
	}
	for _, p := range f.peers {
		var evidence []Item
		confidence, because := 0.0, "the relay was chosen before the direct path's checks were through"
		s := f.summarize(p, func(c *check) bool { return c.direct() && c.heard && c.code == 0 && f.lately(c.began()) })
		if s.sent > 0 {
			evidence = append(evidence, item(OfSockets, s.packets, "%s of the %s went to the %s and back directly", many(s.sent, "check"), p.role, p.other.role))
			confidence = SureObserved
		}
		if p.Report != nil {
			for _, pair := range p.Report.Pairs {
				if pair.State == "succeeded" && !pair.Nominated && pair.Local.Type != peers.Relay && !f.relayAddress(pair.Remote) {
					evidence = append(evidence, item(OfReports, nil, "the %s's pair %s to %s succeeded", p.role, pair.Local, pair.Remote))
					confidence = max(SureObserved, confidence)
					break
				}
			}
		}
		controlling := f.peers[0]
		if late := f.late(p); len(late) > 0 && f.Predicted != nil {
			evidence = append(evidence, item(OfSignalling, nil, "%s of the %s came to the %s when the relay was chosen, or later: %s",
				many(len(late), "direct candidate"), p.other.role, p.role, listed(late)))
			because = fmt.Sprintf("the relay was chosen before the %s's direct candidates had come to the %s", p.other.role, p.role)
			confidence = max(SureObserved, confidence)
		}
		if confidence == 0 && f.hasty() {
			if f.unfinished(p) == 0 && f.outstanding(p) == 0 {
				continue
			}
			evidence = append(evidence, item(OfReports, nil, "the relay was chosen while %s of the %s had not been checked to the end and %s of its had not arrived",
				many(f.unfinished(p), "direct pair"), p.role, many(f.outstanding(p), "candidate")))
			if confidence = SureControlled; f.Predicted == nil {
				confidence = SureSilent // there may be no direct path to wait for
			}
		}
		if confidence == 0 {
			continue
		}
		if len(evidence) > 1 && confidence > SureSilent {
			confidence = SureBoth
		}
		if controlling.Config.RelayAtOnce {
			evidence = append(evidence, item(OfConfig, nil, "the %s takes a relay without waiting for a direct pair", controlling.role))
		}
		return append(list, found("E9", controlling.role+"'s nomination", because, confidence, evidence...).breaking(theDirect))
	}
	return nil
}

// hasty reports whether the controlling side took a relay without waiting for a
// direct pair.
func (f *facts) hasty() bool {
	p := f.peers[0]
	if f.Predicted != nil && f.Predicted.Path != nat.PathDirect {
		return false // there is none to wait for
	}
	if p.Config.RelayAtOnce {
		return true
	}
	_, ms := f.chosen()
	return ms > 0 && ms < float64(atOnce.Milliseconds())
}

// chosen is when the controlling side took a relay as its first pair, also in
// milliseconds since it was there; 0 if it did not.
func (f *facts) chosen() (when time.Time, ms float64) {
	p := f.peers[0]
	if p.Report == nil || len(p.Report.Selections) == 0 || p.only("relay") {
		return when, 0
	}
	s := p.Report.Selections[0]
	if s.Local.Type != peers.Relay && !f.relayAddress(s.Remote) {
		return when, 0
	}
	return at(p.Report, s.AtMS), s.AtMS
}

// oneRound is the time between two checks of a pair in pion. Of a candidate that came
// later than that before a relay was chosen there was one check at most.
const oneRound = 200 * time.Millisecond

// late are the direct candidates of the other side that came to p too late to be
// checked before a relay was chosen. There are none if any that leads to p's network
// was in time.
func (f *facts) late(p *peer) (list []peers.RemoteCandidate) {
	chosen, ms := f.chosen()
	if ms == 0 || p.Report == nil || p.other.Report == nil {
		return nil
	}
	mapped := p.other.local("srflx")
	for _, c := range p.Report.Remote {
		switch {
		case c.Type == peers.Relay || c.Ignored != "" || c.Generation > 0:
		case at(p.Report, c.AtMS).After(chosen.Add(-oneRound)):
			list = append(list, c)
		case c.Type == peers.Srflx || len(mapped) == 0:
			return nil
		}
	}
	return list
}

// atOnce is less than any implementation waits before it takes a relay.
const atOnce = 400 * time.Millisecond

// unfinished counts the direct pairs that were still being checked.
func (f *facts) unfinished(p *peer) (n int) {
	if p.Report == nil {
		return 0
	}
	for _, pair := range p.Report.Pairs {
		if (pair.State == "in-progress" || pair.State == "waiting") && pair.Local.Type != peers.Relay && !f.relayAddress(pair.Remote) {
			n++
		}
	}
	return n
}

// outstanding counts the candidates that a peer sent and that have not arrived.
func (f *facts) outstanding(p *peer) int {
	if p.Report == nil || p.other.Report == nil {
		return 0
	}
	return len(p.Report.Outstanding(*p.other.Report))
}
