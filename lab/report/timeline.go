package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/turnserver"
	"github.com/icelab-go/icelab/wire"
)

// momentView is a row of the timeline: a packet that a witness saw, an event of the
// TURN server, a state that a peer took, or something that the application tried.
type momentView struct {
	ID     string
	Time   string // in milliseconds since the call began
	Packet int    // its ID; 0 if it is none
	Kind   string // "packet", "server", "state", "attempt"
	Node   string
	At     string
	Way    string
	Text   string
	Ends   string // "10.1.0.10:40000 → 198.18.0.10:3478"
	Bad    bool
	Said   []string // what the diagnosis says of it
	// Normal: the diagnosis says that it looks bad and is not.
	Normal bool

	when time.Time
	rank int
}

// timeline is at most so many rows; how many had no room is returned. What the
// diagnosis rests on has room first, data last.
func (c Case) timeline(id string, most int) (rows []momentView, hidden int) {
	e := c.Evidence
	if e == nil {
		return nil, 0
	}
	said, anonymous := comments(c.Diagnosis), anonymous(e.Packets)
	for i, p := range e.Packets {
		m := newMoment(p, idOf(p, i), id, said)
		if s := p.STUN; s != nil && s.Code == 401 && anonymous[s.Transaction] && m.Bad {
			m.Bad, m.Normal = false, true
		}
		rows = append(rows, m)
	}
	if e.Server != nil {
		for _, event := range e.Server.Events {
			rows = append(rows, momentView{
				Kind: "server", Node: "turn", Text: serverWords(event), when: event.Time, rank: 1,
				Bad: event.Kind == turnserver.AuthFailed || strings.HasSuffix(string(event.Kind), "refused") ||
					event.Kind == turnserver.RelayDropped || event.Kind == turnserver.RequestUnanswered,
			})
		}
	}
	for _, side := range []struct {
		node   string
		report *peers.Report
	}{{c.caller(), e.Caller.Report}, {c.callee(), e.Callee.Report}} {
		if side.report == nil {
			continue
		}
		for _, change := range side.report.Timeline {
			rows = append(rows, momentView{
				Kind: "state", Node: side.node, Text: change.What + " " + change.State, rank: 1,
				Bad:  change.State == "failed",
				when: side.report.Started.Add(time.Duration(change.AtMS * float64(time.Millisecond))),
			})
		}
	}
	for _, a := range e.Attempts {
		rows = append(rows, momentView{Kind: "attempt", Node: c.caller(), Text: a.What, when: a.Began, rank: 1})
		if !a.Ended.IsZero() {
			end := momentView{Kind: "attempt", Node: c.caller(), Text: a.What + " done", when: a.Ended, rank: 1}
			if !a.OK {
				end.Text, end.Bad = strings.TrimSuffix(a.What+" failed: "+a.Problem, ": "), true
			}
			rows = append(rows, end)
		}
	}
	if len(rows) > most {
		ranked := slices.Clone(rows)
		slices.SortStableFunc(ranked, func(a, b momentView) int { return cmp.Compare(a.rank, b.rank) })
		rows, hidden = ranked[:most], len(ranked)-most
	}
	slices.SortStableFunc(rows, func(a, b momentView) int { return a.when.Compare(b.when) })
	start := c.start()
	for i := range rows {
		rows[i].Time = fmt.Sprintf("%.2f", float64(rows[i].when.Sub(start).Microseconds())/1000)
	}
	return rows, hidden
}

// start is when the call began, or its first packet was seen: all times count from
// there.
func (c Case) start() time.Time {
	var first time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if len(c.Evidence.Packets) > 0 {
		earlier(c.Evidence.Packets[0].Time)
	}
	if len(c.Evidence.Attempts) > 0 {
		earlier(c.Evidence.Attempts[0].Began)
	}
	for _, r := range []*peers.Report{c.Evidence.Caller.Report, c.Evidence.Callee.Report} {
		if r != nil {
			earlier(r.Started)
		}
	}
	return first
}

func newMoment(p wire.Packet, number int, id string, said map[int][]string) momentView {
	m := momentView{
		ID: fmt.Sprintf("%s-p%d", id, number), Packet: number, Kind: "packet", Node: p.Node, At: p.At,
		Way: string(p.Direction), Text: words(p) + over(p), Ends: p.From.String() + " → " + p.To.String(),
		when: p.Time, rank: 3,
	}
	for _, text := range said[number] {
		if strings.HasPrefix(text, benignPrefix) {
			m.Normal = true
			continue
		}
		m.Said = append(m.Said, text)
	}
	if p.Dropped != "" {
		m.Text += ", dropped: " + p.Dropped
	}
	bad := p.Dropped != "" || p.STUN != nil && p.STUN.Class == wire.Error || p.Kind == wire.KindICMP
	m.Bad, m.Normal = bad && !m.Normal, bad && m.Normal
	switch {
	case len(m.Said) > 0 || m.Normal:
		m.rank = 0
	case m.Bad:
		m.rank = 2
	case p.STUN == nil || p.STUN.Method == "binding" || p.STUN.Class == wire.Indication:
		m.rank = 4
		if p.STUN == nil && p.DTLS == nil {
			m.rank = 5
		}
	}
	return m
}

func serverWords(e turnserver.Event) string {
	text := strings.ReplaceAll(string(e.Kind), "-", " ")
	if e.Method != "" {
		text += ", " + e.Method
	}
	if e.Code != 0 {
		text += fmt.Sprintf(" %d", e.Code)
	}
	if e.Client.IsValid() {
		text += " of " + e.Client.String()
	}
	if e.Relay.IsValid() {
		text += ", relay " + e.Relay.String()
	}
	if e.Peer.IsValid() {
		peer := e.Peer.String()
		if e.Peer.Port() == 0 {
			peer = e.Peer.Addr().String()
		}
		text += ", peer " + peer
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}
