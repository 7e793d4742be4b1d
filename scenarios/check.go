package scenarios

import (
	"fmt"
	"regexp"
	"slices"
	"time"
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
		checkSteps(s.Steps),
		checkExpect(s.Expect),
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
	return checkCandidates("caller", p)
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
	}
	return checkCandidates("callee", p)
}

func checkCandidates(peer string, p Peer) *problem {
	if p := checkWords(peer+".candidates", "candidate type", p.Candidates, candidateTypes()); p != nil {
		return p
	}
	if p.Port == 0 {
		return nil
	}
	return checkRange(peer+".port", int(p.Port), minPort, maxPort)
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

func checkSteps(steps []Step) *problem {
	if len(steps) == 0 {
		return problemf("steps", "steps is an empty list; leave the key out for connect and echo")
	}
	for i, s := range steps {
		if p := checkStep(fmt.Sprintf("steps[%d]", i), s); p != nil {
			return p
		}
	}
	return nil
}

func checkStep(place string, s Step) *problem {
	switch n := s.actions(); {
	case n == 0:
		return problemf(place, "%s does nothing; write one of connect, echo, no-echo, kill: %s, wait: 4s", place, KillTurn)
	case n > 1:
		return problemf(place, "%s does %d things at once; give each a list item of its own", place, n)
	}
	switch {
	case s.Connect != nil:
		return checkDuration(place+".connect.within", s.Connect.Within, maxDuration)
	case s.NoEcho != nil:
		return checkDuration(place+".no-echo.for", s.NoEcho.For, maxDuration)
	case s.Kill != "":
		return checkWord(place+".kill", s.Kill, []string{KillTurn})
	case s.Wait != 0:
		return checkDuration(place+".wait", s.Wait, maxWait)
	}
	if p := checkRange(place+".echo.messages", s.Echo.Messages, minMessages, maxMessages); p != nil {
		return p
	}
	if p := checkRange(place+".echo.bytes", s.Echo.Bytes, minBytes, maxBytes); p != nil {
		return p
	}
	return checkDuration(place+".echo.within", s.Echo.Within, maxDuration)
}

func checkExpect(e Expect) *problem {
	if e.Path == "" {
		return problemf("expect", "nothing says what to expect; add for example expect: {path: direct}")
	}
	if p := checkWord("expect.path", e.Path, paths()); p != nil {
		return p
	}
	if e.Transport == "" {
		return nil
	}
	return checkWord("expect.transport", e.Transport, transports())
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
