package nat

import (
	"fmt"
	"testing"
)

// oneGateway is a gateway with a host inside and two outside.
type oneGateway struct {
	network *network
	lan     *segment
	inside  endpoint
	// near and far are two hosts on the WAN.
	near, far hostID
}

func newOneGateway(h Hop) oneGateway {
	n := newNetwork()
	g := oneGateway{network: n, near: n.addHost(place{on: n.wan}), far: n.addHost(place{on: n.wan})}
	g.lan = n.attach([]Hop{h}, n.wan)
	g.inside = endpoint{n.addHost(place{on: g.lan}), 7}
	return g
}

// out returns where a packet from inside seems to come from, and whether it
// arrives.
func (g oneGateway) out(to endpoint) (endpoint, bool) {
	arrived := g.network.send(g.lan, packet{g.inside, to})
	if len(arrived) != 1 {
		return endpoint{}, false
	}
	return arrived[0].from, true
}

// in reports whether a packet from outside arrives at the inside host.
func (g oneGateway) in(from, to endpoint) bool {
	arrived := g.network.send(g.network.wan, packet{from, to})
	return len(arrived) == 1 && arrived[0] == packet{from, g.inside}
}

func TestAGatewayMapsAndFiltersAsDeclared(t *testing.T) {
	for _, c := range behaviours() {
		t.Run(c.Name, func(t *testing.T) {
			b := *c.NAT
			g := newOneGateway(Hop{NAT: &b})
			first, _ := g.out(endpoint{g.near, 1})
			again, _ := g.out(endpoint{g.near, 1})
			port, _ := g.out(endpoint{g.near, 2})
			address, _ := g.out(endpoint{g.far, 1})
			got := fmt.Sprintln(first == again, first == port, first == address)
			if want := fmt.Sprintln(true, b.Mapping != APDM, b.Mapping == EIM); got != want {
				t.Errorf("same mapping again, for another port, for another address: %s, want %s", got, want)
			}

			g = newOneGateway(Hop{NAT: &b})
			first, _ = g.out(endpoint{g.near, 1})
			got = fmt.Sprintln(g.in(endpoint{g.near, 1}, first), g.in(endpoint{g.near, 2}, first), g.in(endpoint{g.far, 1}, first))
			if want := fmt.Sprintln(true, b.Filtering != APDF, b.Filtering == EIF); got != want {
				t.Errorf("let in from there, from another port, from another address: %s, want %s", got, want)
			}
			if g.in(endpoint{g.near, 1}, g.inside) {
				t.Error("the private address is reached from outside")
			}
		})
	}
}

// Filtering goes by mapping: a second destination of a per-destination NAT does
// not open the first one's port.
func TestAFilterBelongsToAMapping(t *testing.T) {
	for _, m := range mappings {
		for _, f := range []Filtering{ADF, APDF} {
			g := newOneGateway(Hop{NAT: behind(m, f, false).NAT})
			first, _ := g.out(endpoint{g.near, 1})
			g.out(endpoint{g.far, 1})
			if got := g.in(endpoint{g.far, 1}, first); got != (m == EIM) {
				t.Errorf("%s/%s: the far host comes in at the near one's mapping: %v", m, f, got)
			}
		}
	}
}

// Whoever is let in at one mapping gets the answer from the mapping for it.
func TestAnAnswerLeavesFromTheMappingForWhereItGoes(t *testing.T) {
	for _, m := range mappings {
		g := newOneGateway(Hop{NAT: behind(m, EIF, false).NAT})
		first, _ := g.out(endpoint{g.near, 1})
		stranger := endpoint{g.far, 9}
		for range 2 {
			if !g.in(stranger, first) {
				t.Fatalf("%s: EIF does not let a stranger in", m)
			}
			answer, _ := g.out(stranger)
			if got := answer == first; got != (m == EIM) {
				t.Errorf("%s: it came in at %v, the answer leaves from %v", m, first, answer)
			}
		}
	}
}

func TestAFirewallDropsAsDeclared(t *testing.T) {
	tests := []struct {
		name                                  string
		hop                                   Hop
		unsolicited, out, answered, byAnother bool
	}{
		{"none", Hop{}, true, true, true, true},
		{"stateful", Hop{Firewall: Firewall{Stateful: true}}, false, true, true, false},
		{"no UDP", Hop{Firewall: Firewall{BlockUDP: true}}, false, false, false, false},
		{"TCP to one port", Hop{Firewall: Firewall{TCPPorts: []uint16{443}}}, true, true, true, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := newOneGateway(test.hop)
			if got := g.in(endpoint{g.near, 1}, g.inside); got != test.unsolicited {
				t.Errorf("unsolicited in: %v", got)
			}
			if _, got := g.out(endpoint{g.near, 1}); got != test.out {
				t.Errorf("out: %v", got)
			}
			if got := g.in(endpoint{g.near, 1}, g.inside); got != test.answered {
				t.Errorf("answer in: %v", got)
			}
			if got := g.in(endpoint{g.near, 2}, g.inside); got != test.byAnother {
				t.Errorf("from another port in: %v", got)
			}
		})
	}
}
