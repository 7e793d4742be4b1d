package nat

import "slices"

// play is two agents on one network, and what came of it.
type play struct {
	network *network
	agents  [2]*agent
	options Options
	deepest int

	best outcome
	// first is what became of the checks that each agent sent to the addresses
	// that the other one had signalled, relays apart, once all was settled.
	first [2]firstChecks
}

// firstChecks are the checks that open the way for all others.
type firstChecks struct {
	// sent says that there was a socket and an address to check.
	sent bool
	// in is how the easiest one got in, if one did.
	in   *observation
	lost drops
}

func newPlay(caller, callee Condition, o Options) *play {
	n := newNetwork()
	if o.SameLAN {
		callee = caller
	}
	outside := n.wan
	var carrier []Hop
	if o.SharedCarrier != nil {
		caller.Carrier, callee.Carrier = nil, nil
		carrier = []Hop{{NAT: o.SharedCarrier}}
		outside = n.attach(carrier, n.wan)
	}
	callerLAN := n.attach(caller.Chain(), outside)
	calleeLAN := callerLAN
	if !o.SameLAN {
		calleeLAN = n.attach(callee.Chain(), outside)
		if o.SamePrefix {
			calleeLAN.prefix = callerLAN.prefix
		}
	}
	p := &play{network: n, options: o, deepest: deepest, agents: [2]*agent{
		newAgent("caller", append(caller.Chain(), carrier...), o.CallerCandidates),
		newAgent("callee", append(callee.Chain(), carrier...), o.CalleeCandidates),
	}}
	for i, lan := range []*segment{callerLAN, calleeLAN} {
		p.agents[i].gather(n, lan, o, firstRelayPort+i)
	}
	p.agents[0].accept(p.agents[1])
	p.agents[1].accept(p.agents[0])
	return p
}

// deepest is how many peer-reflexive candidates may come of each other. Two NATs
// that map per destination and let the other's checks in make new ones for ever:
// each answer comes from a port of its own, which is then checked, from a port of
// its own. Two are enough to meet: a mapping that lasts for the other's address is
// learnt by the second check at the latest. The third is one to spare.
const deepest = 3

// settle sends every check again and again until nothing new comes of it. It
// ends: where a check comes from depends on its socket and the candidate that it
// goes to alone, so those of one depth make finitely many of the next, and none
// is deeper than the deepest.
func (p *play) settle() {
	for again := true; again; {
		p.network.changed, again = false, false
		for i, a := range p.agents {
			other := p.agents[1-i]
			for from := range a.sockets {
				for r := 0; r < len(a.remotes); r++ {
					if !a.sends(from, a.remotes[r]) {
						continue
					}
					depth := a.remotes[r].depth + 1
					for _, check := range p.send(a, from, a.remotes[r].at) {
						if at := other.socketAt(check); at >= 0 && depth <= p.deepest && other.learn(at, check.from, depth) {
							again = true
						}
					}
				}
			}
		}
		again = again || p.network.changed
	}
}

// send sends a packet from a socket. A relay has a permission made for where it
// sends to.
func (p *play) send(a *agent, from int, to endpoint) []packet {
	s := &a.sockets[from]
	if s.kind == Relay {
		remember(p.network, &s.permissions, to.host)
	}
	return p.network.send(s.on, packet{s.at, to})
}

// judge looks for the pairs that work, and for what became of the first checks.
func (p *play) judge() {
	for i, a := range p.agents {
		for from := range a.sockets {
			for _, r := range a.remotes {
				if a.sends(from, r) {
					p.try(i, from, r)
				}
			}
		}
	}
}

// try sends one check and awaits the answer to it.
func (p *play) try(i, from int, to remote) {
	a, other := p.agents[i], p.agents[1-i]
	checks := slices.Clone(p.send(a, from, to.at))
	if first := &p.first[i]; a.sockets[from].kind != Relay && (to.kind == Host || to.kind == Srflx) {
		first.sent = true
		first.lost |= p.network.seen.drops
		if seen := p.network.seen; len(checks) > 0 && (first.in == nil || seen.strictest < first.in.strictest) {
			first.in = &seen
		}
	}
	for _, check := range checks {
		at := other.socketAt(check)
		if at < 0 {
			continue
		}
		// The answer must come from where the check went (RFC 8445 §7.2.5.2.1).
		answer := packet{to.at, a.sockets[from].at}
		if !slices.Contains(p.send(other, at, check.from), answer) {
			continue
		}
		pair := outcome{works: true}
		if a.sockets[from].kind == Relay {
			pair.legs[i] = a.leg
		}
		if other.sockets[at].kind == Relay {
			pair.legs[1-i] = other.leg
		}
		if pair.better(p.best) {
			p.best = pair
		}
	}
}
