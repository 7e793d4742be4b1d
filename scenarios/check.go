package scenarios

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/icelab-go/icelab/lab/nat"
)

// problem is what is wrong with a scenario, and the place of it: see positions.
type problem struct {
	place   string
	message string
}

func problemf(place, format string, args ...any) *problem {
	return &problem{place: place, message: fmt.Sprintf(format, args...)}
}

// check returns the first thing about a complete scenario that cannot be.
func check(s Scenario) *problem {
	for _, p := range []*problem{
		checkName(s.Name),
		checkCaller(s.Caller),
		checkCallee(s.Callee),
		checkCarrier(s.Carrier),
		checkTurn(s.Turn),
		checkWord("timing", s.Timing, timings()),
		checkChannel(s.Channel),
		checkSteps(s),
		checkFaults(s),
		checkExpect(s),
	} {
		if p != nil {
			return p
		}
	}
	// With every value sound by itself, whether they can be together.
	for _, check := range []func(Scenario) *problem{checkNetwork, checkOrder, checkPossible} {
		if p := check(s); p != nil {
			return p
		}
	}
	return nil
}

const namePattern = `^[a-z0-9]+(-[a-z0-9]+)*$`

var nameRegexp = regexp.MustCompile(namePattern)

func checkName(name string) *problem {
	switch {
	case name == "":
		return problemf("", "the scenario has no name; add for example name: relay-symmetric")
	case !nameRegexp.MatchString(name):
		return problemf("name", "name is %s; use lower-case letters and digits with hyphens between them", quote(name))
	}
	return nil
}

func checkCaller(p Peer) *problem {
	if p.LAN != CallerLAN {
		return problemf("caller.lan", "caller.lan is %s, but the caller is always on %s; to have both peers on one LAN write callee: {lan: %s}", quote(p.LAN), CallerLAN, CallerLAN)
	}
	if p := checkBehind("caller", p); p != nil {
		return p
	}
	return checkEnd("caller", p)
}

func checkCallee(p Peer) *problem {
	if p := checkWord("callee.lan", p.LAN, []string{CallerLAN, CalleeLAN}); p != nil {
		return p
	}
	switch {
	case p.LAN != CallerLAN:
		if p := checkBehind("callee", p); p != nil {
			return p
		}
	case p.Condition != "":
		return problemf("callee.condition", "callee.condition is %s, but on %s the callee sits behind the caller's gateway; leave it out and give the caller the condition", quote(p.Condition), CallerLAN)
	case p.NAT != nil:
		return problemf("callee.nat", "callee.nat is %s, but on %s the callee sits behind the caller's gateway; leave it out and give the caller the NAT", p.NAT, CallerLAN)
	case p.Link != (nat.Link{}):
		return problemf("callee.link", "callee.link is set, but on %s the callee sits behind the caller's gateway, whose line is caller.link; leave it out", CallerLAN)
	}
	return checkEnd("callee", p)
}

// checkEnd compares what a peer has whatever it sits behind.
func checkEnd(peer string, p Peer) *problem {
	if p := checkWords(peer+".candidates", "candidate type", p.Candidates, candidateTypes()); p != nil {
		return p
	}
	if p.Port != 0 {
		if p := checkRange(peer+".port", int(p.Port), minPort, maxPort); p != nil {
			return p
		}
	}
	return checkLink(peer+".link", p.Link)
}

func checkTurn(t Turn) *problem {
	if t.Off {
		if len(t.Transports) > 0 {
			return problemf("turn", "turn is off and has transports; decide for one")
		}
		return nil
	}
	return checkWords("turn.transports", "transport", t.Transports, transports())
}

func checkChannel(c Channel) *problem {
	if c.MaxRetransmits != nil && c.MaxPacketLifeTime != nil {
		return problemf("channel.maxPacketLifeTime", "channel has both maxRetransmits and maxPacketLifeTime, which W3C's createDataChannel refuses; keep one of them")
	}
	return nil
}

func checkExpect(s Scenario) *problem {
	if s.Expect.Path == "" {
		return problemf("expect", "nothing says what to expect; add for example expect: {path: direct}")
	}
	if p := checkLeg("expect", s.Expect); p != nil {
		return p
	}
	return checkDiagnosis(s)
}

// checkLeg compares a path with the transport of its leg to the TURN server.
func checkLeg(place string, e Expect) *problem {
	if p := checkWord(place+".path", e.Path, paths()); p != nil {
		return p
	}
	if e.Transport == "" {
		return nil
	}
	if p := checkWord(place+".transport", e.Transport, transports()); p != nil {
		return p
	}
	if !e.Path.Relayed() {
		return problemf(place+".transport", "%s.transport is %s, but path %s has no leg to a TURN server; leave transport out", place, e.Transport, e.Path)
	}
	return nil
}

func checkWord[T ~string](place string, word T, words []T) *problem {
	if slices.Contains(words, word) {
		return nil
	}
	var names []string
	for _, w := range words {
		names = append(names, string(w))
	}
	return problemf(place, "%s is %s; %s", place, quote(string(word)), suggest(string(word), names))
}

func checkWords(place, kind string, words, names []string) *problem {
	if len(words) == 0 {
		return problemf(place, "%s is an empty list; name one or more, or leave the key out for the default", place)
	}
	for i, word := range words {
		at := fmt.Sprintf("%s[%d]", place, i)
		if !slices.Contains(names, word) {
			return problemf(at, "unknown %s %s; %s", kind, quote(word), suggest(word, names))
		}
		if slices.Contains(words[:i], word) {
			return problemf(at, "%s is in %s twice; remove one", word, place)
		}
	}
	return nil
}

func checkRange(place string, n, least, most int) *problem {
	if n < least || n > most {
		return problemf(place, "%s is %d; want %d to %d", place, n, least, most)
	}
	return nil
}

func checkDuration(place string, d, most Duration) *problem {
	if d <= 0 || d > most {
		return problemf(place, "%s is %s; want more than 0s and at most %gm", place, d, time.Duration(most).Minutes())
	}
	return nil
}
