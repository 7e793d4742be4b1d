package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/peers"
)

// pairs are the candidate pairs of both peers, each with what became of it.
func (f *facts) pairs() (list []PairReason) {
	for _, p := range f.peers {
		if p.Report == nil {
			continue
		}
		for _, pair := range p.Report.Pairs {
			list = append(list, PairReason{
				Node: p.Node, Local: candidateText(pair.Local), Remote: candidateText(pair.Remote),
				State: pair.State, Reason: f.reason(p, pair),
			})
		}
	}
	return list
}

func candidateText(c peers.Candidate) string {
	return fmt.Sprintf("%s %s", c.Type, addrPortOf(c))
}

func (f *facts) reason(p *peer, pair peers.Pair) string {
	local, remote := addrPortOf(pair.Local), addrPortOf(pair.Remote)
	s := f.summarize(p, func(c *check) bool { return c.remote == remote && sameBase(c, pair.Local, local) })
	switch {
	case pair.Nominated:
		return fmt.Sprintf("nominated; %d of %s answered", pair.ResponsesReceived, many(int(pair.RequestsSent), "check"))
	case pair.ResponsesReceived > 0 || s.heard > 0:
		return "answered, and not chosen"
	}
	if pair.Local.Type == peers.Relay {
		for _, x := range f.permissions(p) {
			if x.address == remote.Addr() && x.refused && !x.granted {
				return fmt.Sprintf("403 for %s", x.address)
			}
		}
	}
	switch {
	case s.sent == 0 && pair.RequestsSent == 0:
		return "no check was sent"
	case s.sent == 0:
		return fmt.Sprintf("no answer to %s", many(int(pair.RequestsSent), "check"))
	case s.replied > 0:
		return "answered, and " + f.backs(p, remote, pair.Local, local)
	}
	return "no answer: " + f.ends(p, s)
}

// sameBase reports whether a check left from a candidate, or from the socket that
// it is the mapping of.
func sameBase(c *check, candidate peers.Candidate, at netip.AddrPort) bool {
	if candidate.Type == peers.Relay {
		return c.local == at
	}
	return !c.throughOwn && (c.near == at || c.near.Port() == candidate.RelatedPort && candidate.RelatedPort != 0)
}

// ends says where checks without an answer ended.
func (f *facts) ends(p *peer, s summary) string {
	var texts []string
	for where, n := range s.dropped {
		texts = append(texts, fmt.Sprintf("%d dropped by %s: %s", n, where[0], where[1]))
	}
	for where, n := range s.ends {
		switch {
		case where == p.Node:
			texts = append(texts, fmt.Sprintf("%s left the %s, none arrived at the %s", many(n, "check"), p.role, p.other.role))
		case p.behind(where) && !p.other.behind(where):
			texts = append(texts, fmt.Sprintf("%s left %s, none arrived at %s", many(n, "check"), where, p.other.gatewayName()))
		default:
			texts = append(texts, fmt.Sprintf("%s got as far as %s", many(n, "check"), where))
		}
	}
	if s.arrived > 0 {
		texts = append(texts, fmt.Sprintf("%s arrived at the %s, which did not answer", many(s.arrived, "check"), p.other.role))
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

// backs says where the answers ended.
func (f *facts) backs(p *peer, remote netip.AddrPort, candidate peers.Candidate, local netip.AddrPort) string {
	for _, c := range f.checks {
		if c.from != p || c.remote != remote || !sameBase(c, candidate, local) || !c.replied {
			continue
		}
		if d, is := dropped(c.answers); is {
			return fmt.Sprintf("the answers were dropped by %s: %s", d.Node, d.Dropped)
		}
		if c.back.Packet != nil {
			return "the answers got as far as " + c.back.Node
		}
	}
	return "the answers did not come back"
}
