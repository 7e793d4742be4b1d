package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/wire"
)

// sequence is what passed between the nodes of a case: lifelines, and arrows in
// order of time.
type sequence struct {
	lifelines []string
	arrows    []arrow
	// left is how many arrows there would be more.
	left int
}

// arrow is a packet on its way, and those that were the same again.
type arrow struct {
	from, to string
	// at are the nodes that saw it, the ends among them or not.
	at []string
	// after is since the call began.
	after time.Duration
	text  string
	count int
	// Of a request: no answer was back.
	unanswered bool
	lost       bool
	dropped    string
	// answer: it is the answer to a request.
	answer bool
	// failed: it is an error, or was dropped.
	failed bool
	// said is what the diagnosis says of it; empty if it does not rest on it.
	said    string
	packets []int
	// normal: it looks bad and is not.
	normal bool

	rank int
}

// sequence draws a case with so many arrows at most. Those that the diagnosis rests
// on go first, then errors and drops, then STUN, then the rest.
func (c Case) sequence(limit int) sequence {
	if c.Evidence == nil || len(c.Evidence.Packets) == 0 {
		return sequence{}
	}
	said, benign := map[int]string{}, map[int]bool{}
	if d := c.Diagnosis; d != nil {
		for _, item := range d.Benign {
			for _, id := range item.Packets {
				benign[id] = true
			}
		}
		for _, item := range d.Evidence {
			for _, id := range item.Packets {
				if said[id] == "" {
					said[id] = item.Text
				}
			}
		}
	}
	type kind struct {
		from, to, text, dropped string
		lost, unanswered        bool
	}
	var s sequence
	known := map[kind]int{}
	start := c.start()
	for _, f := range flights(c.Evidence) {
		a := newArrow(f, start, said, benign)
		k := kind{a.from, a.to, a.text, a.dropped, a.lost, a.unanswered}
		if f.undecided {
			// It is one more of those that have no answer, if there are any.
			open := k
			open.unanswered = true
			if _, some := known[open]; some {
				k = open
			}
		}
		if i, again := known[k]; again {
			s.arrows[i].join(a)
			continue
		}
		known[k] = len(s.arrows)
		s.arrows = append(s.arrows, a)
	}
	s.limit(limit)
	s.lifelines = c.lifelines(s.arrows)
	return s
}

// join counts the same packet sent again. Evidence names the first few only.
func (a *arrow) join(again arrow) {
	a.count++
	a.packets = append(a.packets, again.packets...)
	a.said, a.rank = cmp.Or(a.said, again.said), min(a.rank, again.rank)
}

func newArrow(f flight, start time.Time, said map[int]string, benign map[int]bool) arrow {
	p := f.first()
	a := arrow{
		from: f.from, to: f.to, after: p.Time.Sub(start), text: arrowText(p), count: 1,
		unanswered: f.request() && !f.answered && !f.undecided, lost: f.lost, dropped: f.dropped, normal: f.challenge, rank: 3,
	}
	for _, q := range f.seen {
		a.packets = append(a.packets, q.ID)
		if !slices.Contains(a.at, q.Node) {
			a.at = append(a.at, q.Node)
		}
		a.said = cmp.Or(a.said, said[q.ID])
		a.normal = a.normal || benign[q.ID]
	}
	if s := p.STUN; s != nil {
		a.rank = 2
		a.answer = s.Class == wire.Success || s.Class == wire.Error
	}
	a.failed = !a.normal && (f.dropped != "" || p.STUN != nil && p.STUN.Class == wire.Error ||
		p.Kind == wire.KindICMP || p.TCP != nil && p.TCP.RST)
	switch {
	case a.said != "":
		a.rank = 0
	case a.failed:
		a.rank = 1
	}
	return a
}

// arrowText says what a packet is in so few words that those of the same kind are one
// arrow: of checks that go through a relay it does not tell every address.
func arrowText(p wire.Packet) string {
	if p.Inner != nil {
		text := "ChannelData"
		if p.STUN != nil {
			text = methods[p.STUN.Method]
		}
		inner := content(p.Inner.Kind, p.Inner.Bytes, nil, p.Inner.DTLS)
		switch s := p.Inner.STUN; {
		case s != nil && s.Class == wire.Success:
			inner = methods[s.Method] + " success"
		case s != nil:
			inner = stunWords(*s)
		case p.Inner.DTLS == nil:
			inner = "data"
		}
		return text + " (" + inner + ")" + over(p)
	}
	s := p.STUN
	switch {
	case s != nil && s.Method == "channel-bind" && s.Class == wire.Request:
		return "ChannelBind request" + over(p)
	case s == nil || s.Method != "binding":
		return words(p) + over(p)
	}
	check := s.Username != "" || s.Role != "" || s.Priority != 0
	switch {
	case s.Class == wire.Request && check:
		return words(p) + " to " + p.To.String()
	case s.Class == wire.Success && p.From.Port() != topology.TurnPort && p.From.Port() != topology.AlternatePort:
		return "Binding success" // of a check
	}
	return words(p) + over(p)
}

// limit leaves out what matters least.
func (s *sequence) limit(most int) {
	if len(s.arrows) <= most {
		return
	}
	order := make([]int, len(s.arrows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.arrows[a].rank, s.arrows[b].rank) })
	s.left = len(s.arrows) - most
	kept := order[:most]
	slices.Sort(kept)
	arrows := make([]arrow, 0, most)
	for _, i := range kept {
		arrows = append(arrows, s.arrows[i])
	}
	s.arrows = arrows
}

// lifelines are the nodes that arrows touch, from the caller over its gateways, the
// server and the callee's gateways to the callee.
func (c Case) lifelines(arrows []arrow) []string {
	touched := []string{c.caller(), c.callee()}
	for _, a := range arrows {
		touched = append(touched, a.from, a.to)
		touched = append(touched, a.at...)
	}
	callerChain, calleeChain := c.chain(c.caller()), c.chain(c.callee())
	slices.Reverse(calleeChain)
	order := slices.Concat([]string{c.caller()}, callerChain, []string{topology.Turn}, calleeChain, []string{c.callee()})
	// What is none of them, such as an address outside, stands before the callee's.
	at := 2 + len(callerChain)
	for _, name := range touched {
		if !slices.Contains(order, name) {
			order = slices.Insert(order, at, name)
			at++
		}
	}
	var lines []string
	for _, name := range order {
		if slices.Contains(touched, name) && !slices.Contains(lines, name) {
			lines = append(lines, name)
		}
	}
	return lines
}

// caller and callee are the names of the nodes that played them.
func (c Case) caller() string {
	if c.Evidence != nil && c.Evidence.Caller.Node != "" {
		return c.Evidence.Caller.Node
	}
	return topology.Caller
}

func (c Case) callee() string {
	if c.Evidence != nil && c.Evidence.Callee.Node != "" {
		return c.Evidence.Callee.Node
	}
	return topology.Callee
}

// chain are the gateways in front of a peer, nearest first. Those of the evidence
// have no order of the callee's where both peers share one.
func (c Case) chain(of string) []string {
	var names []string
	for _, g := range c.Topology.Gateways(of) {
		names = append(names, g.Name)
	}
	if names == nil && c.Evidence != nil {
		for _, g := range c.Evidence.Gateways {
			if slices.Contains(g.Of, of) {
				names = append(names, g.Name)
			}
		}
	}
	return names
}
