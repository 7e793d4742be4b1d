package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/icelab-go/icelab/lab/ladder"
)

// ExplainLadder is the verdict on a client's own probing, without a call: which cause
// keeps a relay from working, if any does. Its outcome is RelayOK, Degraded where only
// some URLs give a relay that works, or RelayFailed.
//
// STUN URLs beside TURN ones are controls: what is wrong with them stands under Also,
// and decides nothing.
func ExplainLadder(r ladder.Result) Verdict {
	v := Verdict{Outcome: RelayOK, Ladders: []SideLadder{{Climbs: r.Climbs}}}
	asked := r
	if wanted := only(r.Climbs, isTURN); len(wanted) > 0 {
		asked.Climbs = wanted
	}
	var list, beside []Finding
	for _, c := range r.Climbs {
		c := climbed{r, c}
		if counts := isTURN(c.Climb) || len(asked.Climbs) == len(r.Climbs); !counts {
			beside = append(beside, c.findings()...)
			continue
		}
		list = append(append(list, c.findings()...), c.noReflexive()...)
		beside = append(beside, c.noSecond()...)
	}
	findings := surestFirst(list)
	working := len(only(asked.Climbs, works))
	switch {
	case working == 0:
		v.Outcome = RelayFailed
	case working < len(asked.Climbs) || len(findings) > 0:
		v.Outcome = Degraded
	}
	mainFirst(findings)
	for _, f := range surestFirst(beside) {
		if !slices.ContainsFunc(findings, func(known Finding) bool { return known.Cause == f.Cause }) {
			v.Also = append(v.Also, f)
		}
	}
	var main Finding
	switch {
	case len(findings) > 0:
		main = findings[0]
		v.blame(findings)
	case v.Outcome != RelayOK:
		v.Cause = Inconclusive
	default:
		v.Confidence = SureObserved
	}
	v.Sentence = ladderSentence(v, main, asked, working)
	if dead := unanswered(r, asked); dead != "" {
		v.Sentence += " The control " + dead + " does not work, and decides nothing."
	}
	return v
}

func only(climbs []ladder.Climb, are func(ladder.Climb) bool) (some []ladder.Climb) {
	for _, c := range climbs {
		if are(c) {
			some = append(some, c)
		}
	}
	return some
}

// unanswered is a control that does not work, among the climbs that do not count.
func unanswered(all, asked ladder.Result) string {
	if len(all.Climbs) == len(asked.Climbs) {
		return ""
	}
	for _, c := range all.Climbs {
		if !isTURN(c) && !works(c) {
			return c.URL
		}
	}
	return ""
}

// noReflexive is for a relay that works though the server answers no Binding.
func (c climbed) noReflexive() []Finding {
	r := c.Rung(ladder.Binding)
	if !isTURN(c.Climb) || !works(c.Climb) || c.Transport != "udp" || r.Outcome != ladder.Failed || r.Code == 401 {
		return nil
	}
	return worded(c.one("A14", SureSilent, "Binding at "+c.at(), r,
		Alternative{"B20", 0.3, "ask once more a minute later, and read the server's log for a rate limit"}),
		"a Binding gets no address, so there are no server-reflexive candidates from it: every call is relayed or lost", Remedy{})
}

// noSecond is for a server that gives one allocation and refuses another one beside it.
// The ladder's own may be what used it up.
func (c climbed) noSecond() []Finding {
	e := c.Echo(ladder.EchoRelay)
	if e == nil {
		return nil
	}
	a, ok := answered[e.Code]
	if !ok || e.Code != 486 && e.Code != 508 {
		return nil
	}
	return c.one(a.cause, SureSilent, c.at(), ladder.Rung{Detail: e.Detail + ", while one beside it was held"}, a.or...)
}

func isTURN(c ladder.Climb) bool { return strings.HasPrefix(c.URL, "turn") }

// works reports whether a URL gave what it is for. An echo that could not be tried is
// none that failed.
func works(c ladder.Climb) bool {
	if !isTURN(c) {
		return c.Reached(ladder.Binding)
	}
	return c.Reached(ladder.Relay) || c.Reached(ladder.Allocate) && c.Rung(ladder.Relay).Outcome == ladder.Skipped &&
		c.Rung(ladder.Permission).Outcome != ladder.Failed
}

// mainFirst puts the cause to name first: a sure one before one that is not, and then
// by the stage of the connection.
func mainFirst(findings []Finding) {
	order := map[string]int{}
	for i, c := range Causes() {
		order[c.Code] = i
	}
	sure := func(f Finding) int {
		if f.Confidence > SureSilent {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(sure(a)-sure(b), order[a.Cause]-order[b.Cause])
	})
}

// blame fills in the cause. One that rests on silence alone is not named.
func (v *Verdict) blame(findings []Finding) {
	main := findings[0]
	v.Cause, v.Where, v.Confidence = main.Cause, main.Where, main.Confidence
	v.Evidence, v.Against, v.Alternatives = main.Evidence, main.Against, main.Alternatives
	v.Also = append(findings[1:], v.Also...)
	if main.Confidence <= SureSilent {
		v.Cause = Inconclusive
		v.Alternatives = append([]Alternative{{main.Cause, main.Confidence, decides(main.Cause)}}, main.Alternatives...)
		return
	}
	if c, ok := Find(main.Cause); ok {
		v.Name, v.Remedy = c.Name, main.remedy(c)
	}
}

// remedy is that of the finding, or the catalogue's with the port of the URL.
func (f Finding) remedy(c Cause) *Remedy {
	if f.does != nil {
		return f.does
	}
	r := c.Remedy
	if f.port != 0 {
		r.Do = strings.ReplaceAll(r.Do, "3478", strconv.Itoa(int(f.port)))
	}
	return &r
}

// decides is the experiment that tells whether it is a cause that silence, or little
// more, speaks for.
func decides(cause string) string {
	next := map[string]string{
		"A13": "ask the operator whether the server relays",
		"A14": "read the server's configuration: no-stun, secure-stun or a limit on Binding",
		"B3":  "give a stun: URL of another server: if that is silent too, it is the network",
		"B4":  "give a stun: URL with another port of the same server",
		"B6":  "look on the server's host whether the requests arrive (tcpdump)",
		"B11": "ask with openssl s_client -servername, and look who answers",
		"B15": "give a stun: URL of another server, and send it UDP that is no STUN",
		"B16": "try from another network",
		"B20": "try over TCP; read the server's log for a rate limit",
		"C12": "look at the answer in a capture (tcpdump, Wireshark)",
		"D1":  "compare the relayed address with the addresses of the server's host",
		"D9":  "see in a capture on the server's host whether CreatePermission arrives, and what is answered",
		"D12": "see on the server from which address packets reach the relay",
	}[cause]
	return cmp.Or(next, "try from another network, and on the server's host itself")
}

func ladderSentence(v Verdict, main Finding, asked ladder.Result, working int) string {
	all := len(asked.Climbs)
	relays := all > 0 && isTURN(asked.Climbs[0])
	var how string
	switch {
	case v.Outcome == RelayOK && !relays && all == 1:
		return "The server answers; no relay was asked for."
	case v.Outcome == RelayOK && !relays:
		return "Every server answers; no relay was asked for."
	case v.Outcome == RelayOK && all == 1:
		return "The relay works: data went through it and came back."
	case v.Outcome == RelayOK:
		return fmt.Sprintf("Every relay works: data went through all %d and came back.", all)
	case working == 0 && !relays:
		how = "No answer to STUN"
	case working == 0 && all == 1:
		how = "No relay"
	case working == 0:
		how = "No relay from any URL"
	case working == all && !relays:
		how = "STUN is answered"
	case working == all && all > 1:
		how = fmt.Sprintf("All %d relays work", all)
	case working == all:
		how = "The relay works"
	default:
		how = fmt.Sprintf("%d of %d URLs work", working, all)
	}
	joint := ": "
	if v.Outcome == Degraded {
		joint = ", but "
	}
	if v.Cause == Inconclusive {
		detail := "what was seen does not tell why"
		if main.says != "" {
			return how + joint + main.says + fmt.Sprintf("; %s (%s).", detail, main.Evidence[0].Text)
		}
		if failed := firstFailure(asked); failed != "" {
			detail += ": " + failed
		}
		return how + joint + detail + "."
	}
	c, _ := Find(v.Cause)
	title := cmp.Or(main.says, uncapitalized(c.Title))
	if !relays {
		title = strings.ReplaceAll(title, "TURN", "STUN")
	}
	return fmt.Sprintf("%s%s%s (%s).", how, joint, title, v.Evidence[0].Text)
}

func firstFailure(r ladder.Result) string {
	for _, c := range r.Climbs {
		if f := c.Failed(); f != nil {
			return c.URL + ": " + f.Detail
		}
	}
	return ""
}
