package diagnose

import (
	"fmt"
	"slices"

	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/wire"
)

// ladders are how far each side got, with each URL and in the call.
func (f *facts) ladders() (list []SideLadder) {
	for _, p := range f.peers {
		side := SideLadder{Node: p.Node, Climbs: []ladder.Climb{}, Call: f.stages(p)}
		for _, s := range p.urls {
			c := f.climb(p, s)
			if p.Ladder != nil {
				if i := slices.IndexFunc(p.Ladder.Climbs, func(o ladder.Climb) bool { return o.URL == s.url }); i >= 0 {
					c = filled(c, p.Ladder.Climbs[i])
				}
			}
			side.Climbs = append(side.Climbs, c)
		}
		list = append(list, side)
	}
	return list
}

// filled takes from a probe what the call does not tell.
func filled(c, probe ladder.Climb) ladder.Climb {
	for _, r := range probe.Rungs {
		i := slices.IndexFunc(c.Rungs, func(o ladder.Rung) bool { return o.Stage == r.Stage })
		switch {
		case i < 0:
			c.Rungs = append(c.Rungs, r)
		case c.Rungs[i].Outcome == ladder.Skipped:
			c.Rungs[i] = r
		}
	}
	slices.SortStableFunc(c.Rungs, func(a, b ladder.Rung) int {
		return slices.Index(climbStages, a.Stage) - slices.Index(climbStages, b.Stage)
	})
	if !c.Server.IsValid() {
		c.Server = probe.Server
	}
	if !c.Mapped.IsValid() {
		c.Mapped = probe.Mapped
	}
	if c.Software == "" {
		c.Software = probe.Software
	}
	if c.Realm == "" {
		c.Realm = probe.Realm
	}
	if c.Certificate == nil {
		c.Certificate = probe.Certificate
	}
	return c
}

var climbStages = []ladder.Stage{
	ladder.Setup, ladder.DNS, ladder.Transport, ladder.TLS, ladder.Binding,
	ladder.Challenge, ladder.Allocate, ladder.Permission, ladder.Relay,
}

// climb reads how far the call itself got with a URL.
func (f *facts) climb(p *peer, s *server) ladder.Climb {
	c := ladder.Climb{URL: s.url, Transport: s.transport}
	rung := func(stage ladder.Stage, outcome ladder.Outcome, fault ladder.Fault, packets []int, detail string) *ladder.Rung {
		if len(packets) > maxItemPackets {
			packets = packets[:maxItemPackets]
		}
		r := ladder.Rung{Stage: stage, Outcome: outcome, Fault: fault, Packets: packets, Detail: detail}
		c.Rungs = append(c.Rungs, r)
		return &c.Rungs[len(c.Rungs)-1]
	}
	switch {
	case s.bad != "":
		rung(ladder.Setup, ladder.Failed, ladder.BadURL, nil, s.bad)
		return c
	case s.turn && p.configured() && (p.Config.Username == "" || !p.Config.Credential):
		rung(ladder.Setup, ladder.Failed, ladder.NoCredentials, nil, "no username or credential")
		return c
	}
	rung(ladder.Setup, ladder.OK, "", nil, "")
	legs := p.legsOf(s)
	if s.address.IsValid() {
		rung(ladder.DNS, ladder.Skipped, "", nil, "the URL has an address")
	} else if len(legs) > 0 {
		rung(ladder.DNS, ladder.OK, "", nil, legs[0].server.Addr().String())
	}
	asked, answered := 0, []int(nil)
	for _, l := range legs {
		c.Server, c.Mapped = l.server, l.mapped
		if l.software != "" {
			c.Software = l.software
		}
		for _, t := range l.transactions {
			asked++
			if len(t.answers) > 0 {
				answered = append(answered, t.packets()...)
			}
		}
	}
	switch tcp := f.tcpTo(p, s); {
	case len(answered) > 0 || s.carrier() == "tcp" && tcp.answered > 0:
		rung(ladder.Transport, ladder.OK, "", answered, "")
	case s.carrier() == "tcp" && len(tcp.refused) > 0:
		rung(ladder.Transport, ladder.Failed, ladder.Refused, tcp.refused, "the connection is refused")
	case s.carrier() == "tcp" && tcp.asked > 0:
		rung(ladder.Transport, ladder.Failed, ladder.Silent, tcp.packets, "no answer to SYN")
	case asked > 0 && len(f.udpTo(p, func(l *leg) bool { return s.is(l.server) }).refused) > 0:
		rung(ladder.Transport, ladder.Failed, ladder.Refused, f.udpTo(p, func(l *leg) bool { return s.is(l.server) }).refused, "ICMP port unreachable")
	case asked > 0:
		rung(ladder.Transport, ladder.Failed, ladder.Silent, nil, fmt.Sprintf("no answer to %s", many(asked, "request")))
	default:
		rung(ladder.Transport, ladder.Skipped, "", nil, "no packet was seen")
		return c
	}
	if s.transport == "tls" || s.transport == "dtls" {
		if ids, alert, _ := f.tlsAlert(p); len(ids) > 0 {
			rung(ladder.TLS, ladder.Failed, ladder.TLSFailed, ids, fmt.Sprintf("alert %d", alert))
			return c
		}
		if len(answered) > 0 {
			rung(ladder.TLS, ladder.OK, "", nil, "")
		}
	}
	for _, l := range legs {
		f.turnRungs(l, s, &c, rung)
	}
	return c
}

// turnRungs are those that STUN and TURN messages tell.
func (f *facts) turnRungs(l *leg, s *server, c *ladder.Climb, rung func(ladder.Stage, ladder.Outcome, ladder.Fault, []int, string) *ladder.Rung) {
	for _, t := range l.of("binding") {
		if a := t.answer(); a != nil && a.Class == wire.Success && !c.Reached(ladder.Binding) {
			rung(ladder.Binding, ladder.OK, "", t.packets(), a.Mapped.String())
		}
	}
	if ids := l.secureSTUN(); len(ids) > 0 && c.Rung(ladder.Binding).Stage == "" {
		rung(ladder.Binding, ladder.Failed, ladder.ErrorCode, ids, "").Code = 401
	}
	if !s.turn {
		return
	}
	last := 0
	for _, t := range l.of("allocate") {
		q, a := t.request(), t.answer()
		if q == nil || a == nil {
			continue
		}
		switch {
		case a.Class == wire.Success && !c.Reached(ladder.Allocate):
			c.Relayed = l.relayed
			rung(ladder.Allocate, ladder.OK, "", t.packets(), a.Relayed.String())
		case a.Code == 401 && !q.Integrity && a.Realm == "":
			rung(ladder.Challenge, ladder.Failed, ladder.NoRealm, t.packets(), "401 without REALM")
		case a.Code == 401 && !q.Integrity:
			if !c.Reached(ladder.Challenge) {
				c.Realm = a.Realm
				rung(ladder.Challenge, ladder.OK, "", t.packets(), a.Realm)
			}
		case a.Class == wire.Error && a.Code != last && !(a.Code == 438 && l.relayed.IsValid()):
			last = a.Code
			rung(ladder.Allocate, ladder.Failed, ladder.ErrorCode, t.packets(), a.Reason).Code = a.Code
		}
	}
	var refused *transaction
	for _, t := range slices.Concat(l.of("create-permission"), l.of("channel-bind")) {
		a := t.answer()
		switch {
		case a == nil:
		case a.Class == wire.Success:
			if !c.Reached(ladder.Permission) {
				rung(ladder.Permission, ladder.OK, "", t.packets(), "")
			}
		case a.Code == 403:
			refused = t
		}
	}
	if refused != nil && !c.Reached(ladder.Permission) {
		rung(ladder.Permission, ladder.Failed, ladder.ErrorCode, refused.packets(), "").Code = refused.answer().Code
	}
}

// stages are those of a call after gathering, as one peer had them.
func (f *facts) stages(p *peer) []ladder.Rung {
	var rungs []ladder.Rung
	add := func(stage ladder.Stage, ok, known bool, ms *float64, detail string) {
		r := ladder.Rung{Stage: stage, Outcome: ladder.Failed, Detail: detail}
		switch {
		case len(rungs) > 0 && rungs[len(rungs)-1].Outcome != ladder.OK || !known:
			r.Outcome, r.Detail = ladder.Skipped, ""
		case ok:
			r.Outcome = ladder.OK
			if ms != nil {
				r.MS = *ms
			}
		}
		rungs = append(rungs, r)
	}
	r := p.Report
	if r == nil {
		for _, s := range []ladder.Stage{ladder.Signalling, ladder.Checks, ladder.Nomination, ladder.Handshake, ladder.SCTP, ladder.Data} {
			add(s, false, false, nil, "")
		}
		return rungs
	}
	used := 0
	for _, c := range r.Remote {
		if c.Ignored == "" {
			used++
		}
	}
	add(ladder.Signalling, used > 0, true, nil, many(used, "candidate")+" of the other side")
	answered := 0
	for _, pair := range r.Pairs {
		if pair.ResponsesReceived > 0 {
			answered++
		}
	}
	m := r.Milestones
	heard := f.summarize(p, func(c *check) bool { return c.heard })
	add(ladder.Checks, answered > 0 || heard.heard > 0 || m.ICEConnectedMS != nil, true, nil, many(answered, "pair")+" answered")
	add(ladder.Nomination, m.ICEConnectedMS != nil, true, m.ICEConnectedMS, "ICE "+r.ICE)
	add(ladder.Handshake, m.DTLSConnectedMS != nil, true, m.DTLSConnectedMS, "DTLS "+r.DTLS)
	add(ladder.SCTP, m.ChannelOpenMS != nil, true, m.ChannelOpenMS, "the channel is "+r.Channel)
	worked, known := f.worked()
	add(ladder.Data, worked, known, nil, "")
	if last := &rungs[len(rungs)-1]; last.Outcome == ladder.Failed {
		last.Detail = "no echo"
	}
	return rungs
}
