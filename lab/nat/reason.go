package nat

import (
	"fmt"
	"slices"
	"strings"
)

// What is said of chains so odd that nothing simpler is true. No condition that
// has a name comes to that.
const (
	vagueFilters = "the filter of each side knows nothing of the other's checks"
	vagueChecks  = "no check of either peer reaches the other"
)

// reason tells why the best path is no better and no worse than it is.
func (p *play) reason() string {
	why := ""
	switch p.best.path() {
	case PathDirect:
		why = p.whyDirect()
	case PathRelay:
		why = p.whyNotDirect()
		if i := slices.IndexFunc(p.agents[:], func(a *agent) bool { return a.chain.blocksUDP() }); i >= 0 {
			why += fmt.Sprintf(", so the %s can use nothing but its relay over %s", p.agents[i].role, p.best.transport())
		}
	case PathRelayBoth:
		why = p.whyNotOneRelay() + ", so each peer needs a relay of its own"
	case PathNone:
		why = p.whyNotDirect() + ", and " + p.whyNoRelay()
	}
	return string(p.best.path()) + ": " + why
}

// whyDirect names the filter that was easiest to pass, and how it was passed.
func (p *play) whyDirect() string {
	i := 0
	if in := p.first[0].in; in == nil || p.first[1].in != nil && p.first[1].in.strictest < in.strictest {
		i = 1
	}
	in, from, to := p.first[i].in, p.agents[i], p.agents[1-i]
	if p.options.SameLAN && in.strictest == unfiltered {
		return "both peers are on one LAN, and their checks cross no gateway"
	}
	across := ""
	if in.hairpinned {
		across = " across the NAT that they share, which hairpins"
	}
	switch in.strictest {
	case unfiltered:
		if back := p.first[1-i].in; back != nil && back.strictest == unfiltered {
			return "both peers have routed addresses and no filter"
		}
		return fmt.Sprintf("the %s has a routed address and no filter, so the %s's first check gets in", to.role, from.role)
	case strictEIF:
		why := fmt.Sprintf("the %s's EIF filter lets everyone in, so the %s's first check gets in%s", to.role, from.role, across)
		if from.perDestination() && to.perDestination() {
			lasting := p.roles(func(a *agent) bool { return a.chain.mapping() == ADM })
			why += fmt.Sprintf(", and the ADM mapping of %s stays the same for the other's address", lasting)
		}
		return why
	case strictADF:
		return fmt.Sprintf("the %s's checks open its %s for the %s's address whatever the port, so the %s's checks get in%s",
			to.role, to.chain.filter(), from.role, from.role, across)
	}
	stable := "stable EIM mapping"
	if from.chain.mapping() == "" {
		stable = "routed address"
	}
	return fmt.Sprintf("the %s's checks open its %s for the %s's %s, so the checks of both cross%s",
		to.role, to.chain.filter(), from.role, stable, across)
}

// whyNotDirect names what keeps the first checks of both peers out.
func (p *play) whyNotDirect() string {
	caller, callee := p.agents[0], p.agents[1]
	sent := p.first[0].sent || p.first[1].sent
	if blocked := p.blocked(); blocked != "" && !(p.options.SameLAN && sent) {
		return blocked
	}
	if only := p.roles(func(a *agent) bool { return a.mayOnly(Relay) }); only != "" {
		return only + " may use relay candidates only"
	}
	if !sent {
		return p.whyNoFirstCheck()
	}
	switch both := p.first[0].lost | p.first[1].lost; {
	case both&hairpinOff != 0:
		return "the NAT that both peers share does not hairpin"
	case both&filtered != 0:
		return p.whyFiltered()
	case p.first[0].in != nil && p.first[1].in != nil && caller.perDestination() && callee.perDestination():
		return p.bothPerDestination() + ", so every answer comes from another port than the one that was checked"
	case both&notHere != 0:
		return "both LANs use the same private addresses, so a check to a host candidate never leaves the sender's"
	case caller.chain.mapping() != "" && callee.chain.mapping() != "":
		return "both peers give only private addresses away"
	}
	return vagueChecks
}

// whyNoFirstCheck tells why no peer has an address of the other's to check, but
// for relays.
func (p *play) whyNoFirstCheck() string {
	caller, callee := p.agents[0], p.agents[1]
	for _, t := range []string{Host, Srflx} {
		if caller.allows(t) && callee.allows(t) { // so t is srflx
			return "no STUN server tells the peers their addresses"
		}
	}
	if caller.allows(Relay) && callee.allows(Relay) {
		return "the peers have no candidate type in common but relay"
	}
	return "the peers have no candidate type in common"
}

// whyFiltered names the mapping that a filter cannot know.
func (p *play) whyFiltered() string {
	for i, a := range p.agents {
		if p.first[1-i].lost&filtered == 0 && p.first[1-i].in == nil {
			// Nothing of the other's even reached this one's filter.
			return fmt.Sprintf("the %s's %s cannot learn the address of the %s, which gives only a private one away",
				p.agents[1-i].role, p.agents[1-i].chain.filter(), a.role)
		}
	}
	caller, callee := p.agents[0], p.agents[1]
	switch {
	case caller.perDestination() && callee.perDestination():
		return p.bothPerDestination() + ", so neither learns the port that the other's filter has open for it"
	case callee.perDestination():
		caller, callee = callee, caller
	case !caller.perDestination():
		return vagueFilters
	}
	return fmt.Sprintf("the %s maps per destination (%s) and the %s's %s wants the exact port",
		caller.role, upper(caller.chain.mapping()), callee.role, callee.chain.filter())
}

func (p *play) bothPerDestination() string {
	mappings := []string{upper(p.agents[0].chain.mapping()), upper(p.agents[1].chain.mapping())}
	return fmt.Sprintf("both sides map per destination (%s)", strings.Join(slices.Compact(mappings), " and "))
}

func (a *agent) perDestination() bool { m := a.chain.mapping(); return m == ADM || m == APDM }

// whyNotOneRelay names what keeps each peer from using the other's relay.
func (p *play) whyNotOneRelay() string {
	var facts []string
	if blocked := p.blocked(); blocked != "" {
		facts = append(facts, blocked)
	}
	if p.agents[0].chain.blocksUDP() && p.agents[1].chain.blocksUDP() {
		return facts[0]
	}
	if only := p.roles(func(a *agent) bool { return a.mayOnly(Relay) }); only != "" {
		facts = append(facts, only+" may use relay candidates only")
	} else if !p.first[0].sent && !p.first[1].sent {
		facts = append(facts, p.whyNoFirstCheck())
	} else if private := p.roles(func(a *agent) bool {
		told := p.agents[0].allows(Srflx) && p.agents[1].allows(Srflx)
		return !a.chain.blocksUDP() && a.chain.mapping() != "" && !told
	}); private != "" {
		facts = append(facts, "a relay has no permission for the NAT of "+private+", of which only a private address is known")
	}
	return strings.Join(facts, " and ")
}

// whyNoRelay names what keeps a peer from a relay that would do.
func (p *play) whyNoRelay() string {
	switch {
	case p.options.NoServer:
		return "nothing answers at the TURN server"
	case len(p.options.TURN) == 0:
		return "no TURN server is offered"
	}
	var facts []string
	switch barred := p.roles(func(a *agent) bool { return !a.allows(Relay) }); barred {
	case "":
	case "both peers":
		facts = append(facts, "neither peer may use relay candidates")
	default:
		facts = append(facts, barred+" may not use relay candidates")
	}
	if far := p.roles(func(a *agent) bool { return a.allows(Relay) && a.leg == "" }); far != "" {
		facts = append(facts, fmt.Sprintf("TURN over %s is out of reach for %s", strings.Join(p.options.TURN, " or "), far))
	}
	return strings.Join(facts, " and ")
}

// blocked tells whose UDP is blocked, if anyone's is.
func (p *play) blocked() string {
	switch caller, callee := p.agents[0].chain.blocksUDP(), p.agents[1].chain.blocksUDP(); {
	case p.options.SameLAN && caller:
		return "no UDP passes the firewall of the peers' LAN"
	case caller && callee:
		return "no UDP passes either firewall"
	case caller:
		return "no UDP passes the caller's firewall"
	case callee:
		return "no UDP passes the callee's firewall"
	}
	return ""
}

// roles names the peers of which something is true.
func (p *play) roles(is func(*agent) bool) string {
	switch caller, callee := is(p.agents[0]), is(p.agents[1]); {
	case caller && callee:
		return "both peers"
	case caller:
		return "the caller"
	case callee:
		return "the callee"
	}
	return ""
}
