package diagnose

import (
	"regexp"
	"slices"
	"strings"
)

// Explain says how a call went, beside what could have been, and why. It reads
// nothing but e, so the same evidence gives the same verdict.
func Explain(e Evidence) Verdict {
	f := know(e)
	return f.judge(f.findings())
}

// Wants tells from which sides probing would help: where the call did not go as it
// should, or a TURN URL gave no relay, and what was seen does not tell why.
func Wants(e Evidence) (caller, callee bool) {
	e.Caller.Ladder, e.Callee.Ladder = nil, nil
	f := know(e)
	v := f.judge(f.findings())
	return f.wants(f.peers[0], v), f.wants(f.peers[1], v)
}

func (f *facts) wants(p *peer, v Verdict) bool {
	if len(p.turns()) == 0 {
		return false
	}
	if v.Outcome != DirectOK && v.Outcome != RelayExpected && v.Confidence < SureObserved {
		return true
	}
	if f.early(p) || !p.has("relay") {
		return false
	}
	return v.Cause == Inconclusive || slices.ContainsFunc(p.turns(), func(s *server) bool { return !f.gave(p, s) && !f.explained(p, s, v) })
}

// gave reports whether a URL led to an allocation.
func (f *facts) gave(p *peer, s *server) bool {
	for _, l := range p.legsOf(s) {
		if l.relayed.IsValid() {
			return true
		}
	}
	for _, c := range p.local("relay") {
		if c.RelayProtocol == s.transport {
			return true
		}
	}
	return false
}

// overUDP are the causes that say no more than that a server is not reached over
// UDP.
var overUDP = []string{"B3", "B4", "B15"}

// explained reports whether a finding says why a URL gave no allocation.
func (f *facts) explained(p *peer, s *server, v Verdict) bool {
	list := append([]Finding{{Cause: v.Cause, Where: v.Where, Confidence: v.Confidence}}, v.Also...)
	return slices.ContainsFunc(list, func(x Finding) bool {
		if x.Cause == "" || x.Confidence < SureControlled || !strings.Contains("ABCG", x.Cause[:1]) {
			return false
		}
		if slices.Contains(overUDP, x.Cause) && s.carrier() != "udp" {
			return false
		}
		return !strings.Contains(x.Where, p.other.role) || strings.Contains(x.Where, p.role)
	})
}

// early reports whether a peer was connected before its allocations could be
// answered.
func (f *facts) early(p *peer) bool {
	asked := p.allocates()
	return len(asked) > 0 && f.end().Sub(asked[0].began()) < onItsWay && !f.udpTo(p, nil).again
}

// findings are those of all rules, one for each cause.
func (f *facts) findings() (list []finding) {
	for _, r := range rules() {
		for _, x := range r.find(f) {
			list = join(list, x)
		}
	}
	list = f.probed(list)
	for i := range list {
		list[i].Evidence, list[i].Against = once(list[i].Evidence), once(list[i].Against)
	}
	return list
}

// once has pieces of evidence that say the same in one.
func once(items []Item) (told []Item) {
	for _, x := range items {
		i := slices.IndexFunc(told, func(o Item) bool { return o.Text == x.Text && o.Of == x.Of })
		if i < 0 {
			told = append(told, x)
			continue
		}
		for _, id := range x.Packets {
			if len(told[i].Packets) < maxItemPackets && !slices.Contains(told[i].Packets, id) {
				told[i].Packets = append(slices.Clip(told[i].Packets), id)
			}
		}
	}
	return told
}

// join adds a finding, or puts it to one of the same cause: what is wrong on both
// sides is one thing.
func join(list []finding, x finding) []finding {
	for i := range list {
		if y := &list[i]; y.Cause == x.Cause {
			y.because = ofBoth(y.because, x.because)
			y.Where = places(y.Where, x.Where)
			y.Confidence = max(y.Confidence, x.Confidence)
			y.Evidence = append(y.Evidence, x.Evidence...)
			y.Against = append(y.Against, x.Against...)
			y.breaks |= x.breaks
			y.midcall = y.midcall && x.midcall
			for _, a := range x.Alternatives {
				if !slices.ContainsFunc(y.Alternatives, func(b Alternative) bool { return a.Cause == b.Cause }) {
					y.Alternatives = append(y.Alternatives, a)
				}
			}
			return list
		}
	}
	return append(list, x)
}

// ofBoth makes one clause of two that differ in which peer they are about. After a
// no it speaks of either peer, which elsewhere might mean one of them.
func ofBoth(a, b string) string {
	before, _, named := strings.Cut(a, "the caller")
	if !named {
		return a
	}
	both := "each peer"
	if negation.MatchString(before) {
		both = "either peer"
	}
	clause := strings.ReplaceAll(a, "the caller", both)
	if clause == strings.ReplaceAll(b, "the callee", both) && !strings.Contains(a, "callee") {
		return clause
	}
	return a
}

var negation = regexp.MustCompile(`\b(no|not|never|nobody|nothing|refuses)\b`)

func places(a, b string) string {
	switch {
	case a == b || b == "" || a == "both peers' "+strings.TrimPrefix(b, "callee's "):
		return a
	case strings.TrimPrefix(a, "caller's ") == strings.TrimPrefix(b, "callee's "):
		return "both peers' " + strings.TrimPrefix(a, "caller's ")
	case strings.Contains(a, b):
		return a
	}
	return a + " and " + b
}
