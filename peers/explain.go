package peers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/ice/v4"
)

// explain says in one line how far a connection got and, where the report shows
// it, why no further.
func (r Report) explain(f forcing) string {
	var why string
	switch {
	case r.Channel == "open" || r.Milestones.ChannelOpenMS != nil:
		why = "the channel was open and ended"
	case r.DTLS == "failed":
		why = "the DTLS handshake failed" + r.lastLog("dtls", "pc")
	case r.DTLS == "connected" && r.Channel == "none":
		why = "connected, but the caller opened no data channel"
	case r.DTLS == "connected":
		why = "connected, but the other side did not confirm the data channel"
	case r.Milestones.ICEConnectedMS != nil && r.ICE != "disconnected" && r.ICE != "failed":
		why = fmt.Sprintf("ICE connected (%s), but the DTLS handshake is not through", r.pathText())
	default:
		return r.explainICE(f)
	}
	return r.withCounts(why)
}

// explainICE says how far ICE got, since its last restart if there was one.
func (r Report) explainICE(f forcing) string {
	r = r.latest()
	used := 0
	for _, c := range r.Remote {
		if c.Ignored == "" {
			used++
		}
	}
	succeeded, answered := 0, 0
	for _, p := range r.Pairs {
		if p.State == "succeeded" {
			succeeded++
		}
		if p.RequestsReceived > 0 {
			answered++
		}
	}

	var why string
	switch {
	case r.Milestones.ICEConnectedMS != nil:
		why = fmt.Sprintf("ICE connected (%s) and lost the path again", r.pathText())
	case len(r.Local) == 0 && r.Gathering == "complete":
		why = fmt.Sprintf("not one local candidate was gathered with %s allowed", f.types)
		if !f.types[Host] && len(f.servers) == 0 {
			why += " and no server given that provides any"
		}
		why += r.lastLog("ice", "turnc")
	case len(r.Local) == 0:
		why = "no local candidate was gathered yet"
	case len(r.Remote) == 0:
		why = "no candidate of the other side arrived"
	case used == 0:
		last := r.Remote[len(r.Remote)-1]
		why = fmt.Sprintf("none of the other side's %s can be used (last: %s)", count(len(r.Remote), "candidate"), last.Ignored)
	case r.StalledMS > 0:
		why = fmt.Sprintf("pion's ICE agent has stood still for %.1f s, as it does while a TURN server leaves a CreatePermission request unanswered", r.StalledMS/1000)
	case len(r.Pairs) == 0:
		why = "no candidate pair was formed" + r.lastLog("ice")
	case succeeded > 0:
		why = "a candidate pair works, but was not nominated"
	case answered > 0:
		why = "checks of the other side arrive, but none of ours is answered" + r.lastLog("ice")
	default:
		why = "no check was answered" + r.lastLog("ice")
	}
	if len(r.Restarts) > 0 {
		why = "after the restart of ICE: " + why
	}
	return r.withCounts(why)
}

// latest leaves of the candidates those of the last generation, and of the
// milestones its own.
func (r Report) latest() Report {
	n := len(r.Restarts)
	if n == 0 {
		return r
	}
	r.Local = slices.DeleteFunc(slices.Clone(r.Local), func(c LocalCandidate) bool { return c.Generation != n })
	r.Remote = slices.DeleteFunc(slices.Clone(r.Remote), func(c RemoteCandidate) bool { return c.Generation != n })
	r.Milestones.ICEConnectedMS = r.Restarts[n-1].ICEConnectedMS
	return r
}

func (r Report) withCounts(why string) string {
	return fmt.Sprintf("%s [ICE %s, DTLS %s, gathering %s; candidates: local %s, remote %s; pairs: %s]",
		why, r.ICE, r.DTLS, r.Gathering, localCounts(r.Local), remoteCounts(r.Remote), pairCounts(r.Pairs))
}

// lastLog is the newest warning or error of some scopes, in brackets.
func (r Report) lastLog(scopes ...string) string {
	best := -1
	for i, l := range r.Log {
		if l.Level != "warn" && l.Level != "error" && !strings.HasPrefix(l.Text, "Failed to send packet") &&
			!strings.HasPrefix(l.Text, "Failed to listen ") {
			continue
		}
		if strings.HasPrefix(l.Text, "Failed to ping without candidate pairs") {
			continue // says what the counts say already
		}
		if strings.HasSuffix(l.Text, ice.ErrPort.Error()) {
			continue // no port to listen on: the line before says why
		}
		for _, scope := range scopes {
			if l.Scope == scope && (best < 0 || l.LastMS >= r.Log[best].LastMS) {
				best = i
			}
		}
	}
	if best < 0 {
		return ""
	}
	return fmt.Sprintf(" (pion says: %s)", shorten(strings.Join(strings.Fields(r.Log[best].Text), " "), 200))
}

func (r Report) pathText() string {
	if r.Selected == nil {
		return "pair unknown"
	}
	return fmt.Sprintf("%s to %s", r.Selected.Local, r.Selected.Remote)
}

func localCounts(list []LocalCandidate) string {
	counts := map[CandidateType]int{}
	for _, c := range list {
		counts[c.Type]++
	}
	return typeCounts(counts)
}

func remoteCounts(list []RemoteCandidate) string {
	counts, ignored := map[CandidateType]int{}, 0
	for _, c := range list {
		if c.Ignored != "" {
			ignored++
			continue
		}
		counts[c.Type]++
	}
	text := typeCounts(counts)
	if ignored > 0 {
		text += fmt.Sprintf(" and %d ignored", ignored)
	}
	return text
}

func typeCounts(counts map[CandidateType]int) string {
	var parts []string
	for _, t := range []CandidateType{Host, Srflx, Prflx, Relay} {
		if n := counts[t]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, t))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, " ")
}

func pairCounts(pairs []Pair) string {
	var parts []string
	for _, state := range []string{"succeeded", "in-progress", "waiting", "failed"} {
		n := 0
		for _, p := range pairs {
			if p.State == state {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, " ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
