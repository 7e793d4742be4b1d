package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/icelab-go/icelab/peers"
)

// iceRules are those of family E.
var iceRules = []rule{
	{"candidates", []string{"E1", "E2", "E3", "E4"}, candidates},
	{"ICE credentials", []string{"E4", "E5"}, iceCredentials},
	{"credentials of descriptions", []string{"E4", "E5"}, digests},
	{"relay too early", []string{"E9"}, prematureRelay},
	{"given up early", []string{"E14"}, gaveUp},
}

// missing are the candidates that a peer sent and the other did not get, or did not
// take.
func (f *facts) missing(p *peer) (lost []peers.LocalCandidate, refused []peers.RemoteCandidate) {
	if p.Report == nil || p.other.Report == nil {
		return nil, nil
	}
	got := func(c peers.LocalCandidate) *peers.RemoteCandidate {
		i := slices.IndexFunc(p.other.Report.Remote, func(r peers.RemoteCandidate) bool {
			return r.Type == c.Type && r.Address == c.Address && r.Port == c.Port
		})
		if i < 0 {
			return nil
		}
		return &p.other.Report.Remote[i]
	}
	for _, c := range p.Report.Local {
		if !c.Sent {
			continue
		}
		switch r := got(c); {
		case r == nil && f.until().Sub(at(p.Report, c.AtMS)) > onItsWay:
			lost = append(lost, c)
		case r == nil:
			// It may still be on its way.
		case r.Ignored != "" && c.Generation == r.Generation:
			refused = append(refused, *r)
		}
	}
	return lost, refused
}

// onItsWay is how long signalling may take.
const onItsWay = time.Second

// slowSignalling is how long candidates are awaited until they are lost for sure.
const slowSignalling = 3 * time.Second

// at is a time of a report.
func at(r *peers.Report, ms float64) time.Time {
	return r.Started.Add(time.Duration(ms * float64(time.Millisecond)))
}

// end is when the last attempt ended, or else when the last packet was seen.
func (f *facts) end() time.Time {
	if n := len(f.Attempts); n > 0 {
		return f.Attempts[n-1].Ended
	}
	return f.last()
}

// signalled reports whether it is known what was sent and received.
func (f *facts) signalled() bool {
	for _, p := range f.peers {
		if p.Report == nil || len(p.Report.Local) > 0 && !slices.ContainsFunc(p.Report.Local, func(c peers.LocalCandidate) bool { return c.Sent }) {
			return false
		}
	}
	return len(f.peers[0].Report.Remote)+len(f.peers[1].Report.Remote) > 0 || len(f.peers[0].Report.Local) > 0
}

func candidates(f *facts) (list []finding) {
	if !f.signalled() {
		return nil
	}
	for _, p := range f.peers {
		lost, refused := f.missing(p)
		sent := 0
		for _, c := range p.Report.Local {
			if c.Sent && c.Generation == len(p.Report.Restarts) {
				sent++
			}
		}
		breaks := func(n int) broken {
			if n >= sent {
				return theCall
			}
			return theDirect | p.relay
		}
		if len(lost) > 0 {
			kinds := kindsOf(lost)
			x := found("E2", "signalling from "+p.role+" to "+p.other.role,
				fmt.Sprintf("the %s never got %s of the %s", p.other.role, kinds, p.role), SureObserved,
				item(OfSignalling, nil, "the %s sent %s, of which %d did not arrive: %s", p.role, many(sent, "candidate"), len(lost), listed(lost))).
				breaking(breaks(len(lost)))
			// A call that found a relay does not wait for candidates that are late.
			if awaited := f.until().Sub(at(p.Report, lost[0].AtMS)); relayed(f.Proven) && awaited < slowSignalling {
				x.Confidence = SureControlled
				if f.hasty() {
					x.Confidence = SureSilent
				}
				x = x.or("E9", SureSilent, "the candidates that arrive after the relay was chosen")
			}
			// Signalling that has delivered nothing at all may be slow, and not lossy.
			if n := len(f.Attempts); n > 0 && len(f.Caller.Report.Remote)+len(f.Callee.Report.Remote) == 0 && f.end().Sub(f.Attempts[n-1].Began) < patience {
				x.Confidence = SureSilent
				x = x.or("E14", SureSilent, "the candidates that arrive after the application gave up")
			}
			list = append(list, x)
		}
		var early, wrong, stale []peers.RemoteCandidate
		for _, r := range refused {
			switch reason := strings.ToLower(r.Ignored); {
			case strings.Contains(reason, "before ice restarted"):
				stale = append(stale, r)
			case strings.Contains(reason, "mid") || strings.Contains(reason, "media section"):
				wrong = append(wrong, r)
			case strings.Contains(reason, "description") || strings.Contains(reason, "invalidstate"):
				early = append(early, r)
			}
		}
		for _, x := range []struct {
			code, because string
			of            []peers.RemoteCandidate
		}{
			{"E1", "the %s's candidates came before its description, and the %s refused them", early},
			{"E3", "the %s's candidates name a media section that the %s does not have", wrong},
			{"E4", "since ICE restarted the %s's candidates have come with the ufrag of before, and the %s refused them", stale},
		} {
			if len(x.of) == 0 {
				continue
			}
			list = append(list, found(x.code, "signalling from "+p.role+" to "+p.other.role, fmt.Sprintf(x.because, p.role, p.other.role), SureObserved,
				item(OfSignalling, nil, "the %s refused %d of %s: %s", p.other.role, len(x.of), many(sent, "candidate"), x.of[0].Ignored)).
				breaking(breaks(len(x.of))))
		}
	}
	return list
}

// kindsOf names candidates by their types: "the srflx candidates".
func kindsOf(list []peers.LocalCandidate) string {
	var kinds []string
	for _, c := range list {
		kinds = append(kinds, string(c.Type))
	}
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	if len(list) == 1 {
		return "the " + kinds[0] + " candidate"
	}
	return "the " + strings.Join(kinds, " and ") + " candidates"
}

func listed[T fmt.Stringer](list []T) string {
	var texts []string
	for _, c := range list {
		texts = append(texts, c.String())
	}
	return strings.Join(texts, ", ")
}

// iceCredentials compares what one side's checks prove with what the other side is.
func iceCredentials(f *facts) (list []finding) {
	for _, p := range f.peers {
		var theirs, own []string // as p has it, and as the other has
		var arrived []int
		unanswered := 0
		for _, c := range f.checks {
			to, from, _ := strings.Cut(c.request().Username, ":")
			if c.from == p {
				theirs = append(theirs, to)
				if c.arrived && !c.replied {
					unanswered++
					arrived = append(arrived, c.packets()...)
				}
			} else {
				own = append(own, from)
			}
		}
		unknown := ""
		for _, u := range theirs {
			if len(own) > 0 && !slices.Contains(own, u) {
				unknown = u
			}
		}
		answered := f.summarize(p, func(c *check) bool { return c.replied && c.code == 0 })
		if unknown == "" || answered.sent > 0 {
			continue
		}
		x := found("E4", "signalling from "+p.other.role+" to "+p.role,
			fmt.Sprintf("the %s's checks use a ufrag that is not the %s's", p.role, p.other.role), SureObserved,
			item(OfSockets, nil, "its checks go to %s, the %s's are from %s", unknown, p.other.role, strings.Join(slices.Compact(own), ", "))).breaking(theCall)
		if unanswered > 0 {
			x.Evidence = append(x.Evidence, item(OfSockets, arrived, "%s arrived at the %s and got no answer", many(unanswered, "check"), p.other.role))
			x.Confidence = SureBoth
		}
		list = append(list, x)
	}
	return list
}

// digests compares the credentials that one side made with those that the other got.
func digests(f *facts) (list []finding) {
	for _, p := range f.peers {
		made, nth := lastCredentials(p.Report, true)
		got, arrived := lastCredentials(p.other.Report, false)
		if nth == 0 || nth != arrived {
			continue // one is on its way, or was refused
		}
		signalling := "signalling from " + p.role + " to " + p.other.role
		switch {
		case made.Ufrag != got.Ufrag:
			list = append(list, found("E4", signalling, fmt.Sprintf("the %s has a ufrag for the %s that is not the %s's", p.other.role, p.role, p.role), SureObserved,
				item(OfSignalling, nil, "the %s's description says %s, what came says %s", p.role, made.Ufrag, got.Ufrag)).breaking(theCall))
		case made.PasswordDigest != got.PasswordDigest:
			list = append(list, found("E5", signalling, fmt.Sprintf("the %s has an ICE password for the %s that is not the %s's", p.other.role, p.role, p.role), SureObserved,
				item(OfSignalling, nil, "the digests of the password that the %s made and the %s got differ", p.role, p.other.role)).breaking(theCall))
		}
	}
	return list
}

// lastCredentials are those of the last description that a peer made, or got, and
// how many there were.
func lastCredentials(r *peers.Report, local bool) (last peers.Credentials, n int) {
	if r == nil {
		return last, 0
	}
	for _, c := range r.Credentials {
		if c.Local == local {
			last = c
			n++
		}
	}
	return last, n
}

// patience is less than which no application should have (RFC 8863 §4 has 39.5 s).
const patience = 15 * time.Second

// slow is a round trip that makes gathering and checking take seconds.
const slow = 300 * time.Millisecond

// gaveUp is for a connection that was not given the time that its round trips take.
func gaveUp(f *facts) []finding {
	n := len(f.Attempts)
	if n == 0 || f.Attempts[n-1].OK || f.Attempts[n-1].What == AttemptedEcho {
		return nil
	}
	took := f.end().Sub(f.Attempts[n-1].Began)
	if took > patience {
		return nil
	}
	var evidence []Item
	for _, p := range f.peers {
		trip, packets := f.roundTrip(p)
		for _, c := range p.local(peers.Relay) {
			if left := f.end().Sub(at(p.Report, c.AtMS)); left >= 0 && left < took/2 {
				evidence = append(evidence, item(OfReports, nil, "the %s had a relay %s before the application gave up", p.role, left.Round(10*time.Millisecond)))
				break
			}
		}
		if trip > slow {
			evidence = append(evidence, item(OfSockets, packets, "a round trip of the %s to the TURN server takes %s", p.role, trip.Round(10*time.Millisecond)))
		}
	}
	if len(evidence) < 2 {
		return nil
	}
	return []finding{found("E14", "the application's timeout", fmt.Sprintf("the application gave up after %s, before ICE was through", took.Round(100*time.Millisecond)),
		SureControlled, evidence...).breaking(theCall)}
}

// roundTrip is the shortest one of a peer to a server.
func (f *facts) roundTrip(p *peer) (shortest time.Duration, packets []int) {
	for _, l := range p.legs {
		for _, t := range l.transactions {
			var asked, heard time.Time
			for _, s := range t.requests {
				if f.place(s.Packet, p) == atSender && asked.IsZero() {
					asked = s.Time
				}
			}
			for _, s := range t.answers {
				if s.Node == p.Node && heard.IsZero() {
					heard = s.Time
				}
			}
			if trip := heard.Sub(asked); !asked.IsZero() && !heard.IsZero() && (shortest == 0 || trip < shortest) {
				shortest, packets = trip, t.packets()
			}
		}
	}
	return shortest, packets
}

func relayed(path string) bool { return path == "relay" || path == "relay-both" }

// relayAddress reports whether a candidate is at the TURN server.
func (f *facts) relayAddress(c peers.Candidate) bool {
	return c.Type == peers.Relay || f.isServer(addrPortOf(c).Addr())
}
