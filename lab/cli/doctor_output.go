package cli

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/icelab-go/icelab/lab/doctor"
	"github.com/icelab-go/icelab/lab/ladder"
)

// doctor tells what was found: the answer first, then how far each URL led and what
// was learnt there, what was tried beside, and what to do.
func (p page) doctor(r doctor.Report) {
	p.answer(r.Verdict)
	for _, c := range r.Climbs {
		p.heading(c.URL)
		inner := p
		inner.indent += 2
		inner.rungs(c.Rungs)
		if d := deciding(c.Rungs); d != nil && d.Detail != "" {
			inner.labelled("", "└ ", fmt.Sprintf("%s: %s", d.Stage, d.Detail))
		}
		for _, fact := range learnt(c, r.Began) {
			inner.dim("  ", fact)
		}
	}
	if len(r.NotOffered) > 0 {
		p.heading("Not offered")
		for _, c := range r.NotOffered {
			p.dim("  – ", fmt.Sprintf("%s (%s)", c.URL, deciding(c.Rungs).Detail))
		}
	}
	p.controls(r.Controls)
	p.natCard(r)
	p.others(r.Verdict)
	p.remedy(r.Verdict)
}

// learnt are the facts of a climb, a line each.
func learnt(c ladder.Climb, now time.Time) []string {
	var facts, server []string
	if c.Relayed.IsValid() {
		facts = append(facts, fmt.Sprintf("relay %s, for %s unless refreshed; we are %s", c.Relayed, c.Lifetime, c.Mapped))
	} else if c.Mapped.IsValid() {
		facts = append(facts, fmt.Sprintf("we are %s", c.Mapped))
	}
	if c.Software != "" {
		server = append(server, c.Software)
	}
	if c.Realm != "" {
		server = append(server, fmt.Sprintf("realm %q", c.Realm))
	}
	if len(server) > 0 {
		facts = append(facts, strings.Join(server, ", "))
	}
	if c.Rung(ladder.Relay).Outcome == ladder.Failed {
		for _, e := range c.Echoes {
			mark, _ := rungMark(e.Outcome)
			facts = append(facts, fmt.Sprintf("%s %s: %s", mark, echoTitles[e.Way], e.Detail))
		}
	}
	if k := c.Certificate; k != nil {
		names := strings.Join(k.Names, ", ")
		if names == "" {
			names = k.Subject
		}
		left := "expired"
		if until := k.NotAfter.Sub(now); until > 0 {
			left = fmt.Sprintf("%d days left", int(until.Hours()/24))
		}
		facts = append(facts, fmt.Sprintf("certificate for %s, by %s, until %s (%s)", names, k.Issuer, k.NotAfter.UTC().Format(time.DateOnly), left))
	}
	return facts
}

var echoTitles = map[string]string{
	ladder.EchoSocket:  "a socket of ours to the relayed address",
	ladder.EchoServer:  "to the relay's port at the server's own address",
	ladder.EchoOutward: "the relay to a socket of ours",
	ladder.EchoRelay:   "another allocation to this one",
}

// controlTitles are short, since all of one place stand in a line.
var controlTitles = map[string]string{
	ladder.ControlBinding:   "STUN over UDP",
	ladder.ControlTCP:       "TCP",
	ladder.ControlTLS:       "TCP",
	ladder.ControlOtherPort: "STUN over UDP",
	ladder.ControlRandomUDP: "other UDP",
	ladder.ControlLarge:     "1200 bytes",
}

// controls are what was tried beside the URLs, a line for each place.
func (p page) controls(all []ladder.Control) {
	var places []netip.AddrPort
	tried := map[netip.AddrPort][]string{}
	told := map[string]bool{}
	longest := 0
	for _, k := range all {
		title := controlTitles[k.Name]
		if k.Outcome == ladder.Skipped || told[k.To.String()+title] {
			continue
		}
		told[k.To.String()+title] = true
		if tried[k.To] == nil {
			places = append(places, k.To)
			longest = max(longest, utf8.RuneCountInString(k.To.String()))
		}
		mark, hue := rungMark(k.Outcome)
		word := p.paint(hue, mark) + " " + title
		switch {
		case k.Outcome == ladder.Failed:
			word += " " + string(k.Fault)
		case k.Fault == ladder.Refused:
			word += " reached (refused)"
		}
		tried[k.To] = append(tried[k.To], word)
	}
	if len(places) == 0 {
		return
	}
	p.heading("Tried beside")
	for _, at := range places {
		fmt.Fprintf(p.out, "  %-*s  %s\n", longest, at, strings.Join(tried[at], "  "))
	}
}

// natCard is what stands between here and a server that can measure it.
func (p page) natCard(r doctor.Report) {
	if r.NAT == nil {
		return
	}
	p.heading("")
	fmt.Fprint(p.out, r.NAT)
}
