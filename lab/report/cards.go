package report

import (
	"strings"

	"github.com/icelab-go/icelab/lab/diagnose"
)

// cardView is a NAT card.
type cardView struct {
	Node, Declared string
	Rows           []factView
	Differs        []string
}

// cards are those measured before the call, or else those of the evidence.
func (c Case) cards() []cardView {
	nats := c.NATs
	if nats == nil && c.Evidence != nil {
		for _, side := range []diagnose.Side{c.Evidence.Caller, c.Evidence.Callee} {
			if side.NAT != nil {
				nats = append(nats, NAT{Node: side.Node, Card: *side.NAT})
			}
		}
	}
	var all []cardView
	for _, n := range nats {
		v := cardView{Node: n.Node, Declared: n.Declared, Differs: n.Differs}
		row := func(name, value string) {
			if value != "" {
				v.Rows = append(v.Rows, factView{name, value})
			}
		}
		if !n.Card.UDP {
			row("UDP", "no answer")
			all = append(all, v)
			continue
		}
		if !n.Card.NAT {
			row("NAT", "none")
		}
		row("mapping", strings.ToUpper(string(n.Card.Mapping)))
		row("filtering", strings.ToUpper(string(n.Card.Filtering)))
		row("ports", string(n.Card.Ports))
		row("hairpinning", string(n.Card.Hairpin))
		if n.Card.Lifetime != nil {
			row("mapping lifetime", n.Card.Lifetime.String())
		}
		if n.Card.Local.IsValid() {
			row("local", n.Card.Local.String())
		}
		if n.Card.External.IsValid() {
			row("external", n.Card.External.String())
		}
		all = append(all, v)
	}
	return all
}
