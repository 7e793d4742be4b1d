package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
	"github.com/icelab-go/icelab/wire"
)

// climbWithin bounds the probes from one peer's place.
const climbWithin = 30 * time.Second

// diagnose says why the path is what it is. What is known by then is all it gets
// to see, and where that is not enough, what probes from the peers' places find:
// neither the scenario's faults nor what it expects.
func (r *run) diagnose(ctx context.Context, end sighting) error {
	e, err := r.evidence(ctx, end)
	if err != nil {
		return err
	}
	caller, callee := diagnose.Wants(*e)
	each, eachCtx := errgroup.WithContext(ctx)
	for _, side := range []struct {
		wanted bool
		node   *node.Client
		of     *diagnose.Side
	}{{caller, r.caller.Client, &e.Caller}, {callee, r.callee.Client, &e.Callee}} {
		if !side.wanted {
			continue
		}
		each.Go(func() error {
			found, err := side.node.Climb(eachCtx, r.climb(r.given[side.node.Name()]), climbWithin)
			if err != nil {
				return fmt.Errorf("probe the TURN server: %w", err)
			}
			side.of.Ladder = &found
			return nil
		})
	}
	if err := each.Wait(); err != nil {
		return err
	}
	verdict := diagnose.Explain(*e)
	r.result.Diagnosis, r.result.Trace = &verdict, e
	return nil
}

// climb is what a peer's place is probed with: what the peer was given.
func (r *run) climb(given peers.Config) ladder.Config {
	c := ladder.Config{
		RootCAs: given.RootCAs, Resolver: given.Resolver,
		Others: []netip.AddrPort{
			netip.AddrPortFrom(r.stage.turnAddress(0).Addr(), topology.AlternatePort),
			netip.AddrPortFrom(r.stage.alternate().Addr(), topology.TurnPort),
		},
		NotSTUN: r.stage.turnAddress(topology.DNSPort),
	}
	for _, s := range given.Servers {
		c.URLs = append(c.URLs, s.URLs...)
		if s.Username != "" {
			c.Username, c.Credential = s.Username, s.Credential
		}
	}
	return c
}

// evidence gathers what all witnesses hold.
func (r *run) evidence(ctx context.Context, end sighting) (*diagnose.Evidence, error) {
	e := &diagnose.Evidence{
		Caller: r.witnessed(r.caller, end.caller, 0),
		Callee: r.witnessed(r.callee, end.callee, 1),
		Server: &diagnose.Server{
			Running: end.turn.Running, Events: end.turn.Events, Allocations: end.turn.Allocations,
		},
		Attempts:  r.attempts,
		Predicted: r.predicted(),
		Names:     map[netip.Addr]string{},
	}
	if p := r.result.Proven; p != nil {
		e.Proven, e.Transport = string(p.Path), p.Transport
	}
	for _, n := range r.topology.Nodes {
		home, err := r.stage.topology.Node(n.Name)
		if err != nil {
			return nil, err
		}
		for _, i := range n.Interfaces {
			if i.Down && i.Segment != home.Interfaces[0].Segment {
				continue // where it never was
			}
			for _, a := range i.Addresses {
				e.Names[a.Addr()] = n.Name
			}
		}
	}
	e.Gateways = r.crossed(end)
	return e, r.traced(ctx, e)
}

// witnessed is what is known of one side.
func (r *run) witnessed(p part, report peers.Report, at int) diagnose.Side {
	s := diagnose.Side{Node: p.Name(), Report: &report, Config: configured(r.given[p.Name()])}
	if n, err := r.topology.Node(p.Name()); err == nil {
		s.Address = n.Address()
	}
	// The last card is of the LAN that a peer moved to.
	for i, m := range r.result.NATs {
		if i == at || m.Node == p.Name() {
			s.NAT = &r.result.NATs[i].Card
		}
	}
	return s
}

// configured is what the application gave a peer, without its secrets.
func configured(given peers.Config) diagnose.Config {
	c := diagnose.Config{URLs: []string{}, RelayAtOnce: given.AcceptRelayAtOnce}
	for _, s := range given.Servers {
		c.URLs = append(c.URLs, s.URLs...)
		if slices.ContainsFunc(s.URLs, func(url string) bool { return strings.HasPrefix(url, "turn") }) {
			c.Username, c.Credential = s.Username, s.Credential != ""
		}
	}
	for _, t := range given.Candidates {
		c.Candidates = append(c.Candidates, string(t))
	}
	if c.Candidates == nil {
		c.Candidates = []string{scenarios.Host, scenarios.Srflx, scenarios.Relay}
	}
	return c
}

// crossed is what the gateways counted since the peers are there: those in front of
// them now, and those that they have left.
func (r *run) crossed(end sighting) []diagnose.Gateway {
	var all []diagnose.Gateway
	add := func(of, name string, left bool) {
		if i := slices.IndexFunc(all, func(x diagnose.Gateway) bool { return x.Name == name && x.Left == left }); i >= 0 {
			all[i].Of = append(all[i].Of, of)
			return
		}
		seen := end.gateways[name]
		one := diagnose.Gateway{Name: name, Of: []string{of}, Left: left, Flows: seen.Flows, Drops: since(seen.Drops, r.dropped[name])}
		if r.specs[name].NAT != nil {
			one.External = r.specs[name].WAN.Address
		}
		all = append(all, one)
	}
	for _, p := range []part{r.caller, r.callee} {
		for _, g := range p.gateways {
			add(p.Name(), g.Name(), false)
		}
		for _, g := range r.stage.topology.Gateways(p.Name()) {
			if !slices.ContainsFunc(p.gateways, func(now *node.Client) bool { return now.Name() == g.Name }) {
				add(p.Name(), g.Name, true)
			}
		}
	}
	return all
}

// since takes what was dropped before off. A gateway that was rebooted counts from
// zero again.
func since(drops, before []gateway.Drop) []gateway.Drop {
	drops = slices.Clone(drops)
	for i := range drops {
		d := &drops[i]
		for _, b := range before {
			if b.Reason == d.Reason && b.Packets <= d.Packets {
				d.Packets -= b.Packets
				d.Bytes -= min(b.Bytes, d.Bytes)
			}
		}
	}
	return drops
}

// predicted is the best path between the NATs as they are now, with a TURN server
// over everything that may use every candidate type.
func (r *run) predicted() *nat.Prediction {
	caller, callee, err := r.scenario.Conditions()
	if err != nil {
		return nil
	}
	if move := r.scenario.Moves(); move != nil {
		to, err := nat.Named(move.To)
		if err != nil {
			return nil
		}
		if move.Side == scenarios.SideCallee {
			callee = to
		} else {
			caller = to
		}
	}
	return new(nat.Predict(caller, callee, nat.Options{
		TURN:          []string{nat.UDP, nat.TCP, nat.TLS},
		SameLAN:       r.scenario.SameLAN(),
		SharedCarrier: r.scenario.Carrier,
		SamePrefix:    r.scenario.SamePrefix,
	}))
}

// traced puts what all nodes saw of the packets since the peers are there into one
// order.
func (r *run) traced(ctx context.Context, e *diagnose.Evidence) error {
	nodes := []*node.Client{r.caller.Client, r.callee.Client, r.turn}
	nodes = append(nodes, r.gateways()...)
	traces := make([]node.Trace, len(nodes))
	each, ctx := errgroup.WithContext(ctx)
	for i, n := range nodes {
		ask(each, &traces[i], func() (node.Trace, error) { return n.Trace(ctx) })
	}
	if err := each.Wait(); err != nil {
		return fmt.Errorf("ask for the packets: %w", err)
	}
	for i, trace := range traces {
		e.Lost += trace.Lost
		if g := slices.IndexFunc(e.Gateways, func(g diagnose.Gateway) bool { return g.Name == nodes[i].Name() }); g >= 0 {
			e.Gateways[g].Missing = trace.Missing
		}
		r.result.Secrets += trace.Secrets
		own, err := r.topology.Node(nodes[i].Name())
		if err != nil {
			return err
		}
		for _, p := range trace.Packets {
			if p.Time.Before(r.opened) {
				continue // of the measuring of the NATs
			}
			p.Node = own.Name
			p.From, p.To = addressed(p.From, own), addressed(p.To, own)
			e.Packets = append(e.Packets, p)
		}
	}
	slices.SortStableFunc(e.Packets, func(a, b wire.Packet) int { return a.Time.Compare(b.Time) })
	for i := range e.Packets {
		e.Packets[i].ID = i + 1
	}
	return nil
}

// addressed gives a socket that is bound to no address the one of its node.
func addressed(a netip.AddrPort, own topology.Node) netip.AddrPort {
	if a.Addr().IsValid() && !a.Addr().IsUnspecified() {
		return a
	}
	return netip.AddrPortFrom(own.Address(), a.Port())
}

// attempted notes what the application tried.
func (r *run) attempted(what string, began time.Time, ok bool, problem string) {
	r.attempts = append(r.attempts, diagnose.Attempt{What: what, Began: began, Ended: time.Now(), OK: ok, Problem: problem})
}
