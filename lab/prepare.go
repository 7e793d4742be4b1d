package lab

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
	"github.com/icelab-go/icelab/turnserver"
)

// program makes the gateways what the scenario declares.
func (r *run) program(ctx context.Context, callerBehind, calleeBehind nat.Condition) error {
	hops := map[string]nat.Hop{}
	for _, side := range []struct {
		part
		behind nat.Condition
	}{{r.callee, calleeBehind}, {r.caller, callerBehind}} {
		chain := side.behind.Chain()
		if len(chain) > len(side.gateways) {
			return fmt.Errorf("%s: the condition %s needs %d gateways, the lab has %d", side.Name(), side.behind.Name, len(chain), len(side.gateways))
		}
		for i, hop := range chain {
			hops[side.gateways[i].Name()] = hop
		}
	}
	if move := r.scenario.Moves(); move != nil {
		to, err := nat.Named(move.To)
		if err != nil {
			return err
		}
		hops[topology.VisitedNAT] = to.Chain()[0]
	}
	r.specs = map[string]gateway.Spec{}
	each, ctx := errgroup.WithContext(ctx)
	for _, g := range r.gateways() {
		// A gateway beyond the condition's chain just routes.
		spec, err := r.stage.gatewaySpec(g.Name(), hops[g.Name()])
		if err != nil {
			return err
		}
		r.specs[g.Name()] = spec
		each.Go(func() error {
			if err := g.Program(ctx, spec); err != nil {
				return fmt.Errorf("program the gateway: %w", err)
			}
			return nil
		})
	}
	return each.Wait()
}

// impairLines makes the lines behind the peers' own gateways as bad as the
// scenario wants them.
func (r *run) impairLines(ctx context.Context) error {
	r.lines = map[string]nat.Link{}
	for _, line := range []struct {
		part
		nat.Link
	}{{r.caller, r.scenario.Caller.Link}, {r.callee, r.scenario.Callee.Link}} {
		if line.Link == (nat.Link{}) {
			continue
		}
		if err := r.impair(ctx, line.gateways[0], line.Link); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) impair(ctx context.Context, g *node.Client, l nat.Link) error {
	if err := g.Impair(ctx, l); err != nil {
		return fmt.Errorf("impair the line: %w", err)
	}
	r.lines[g.Name()] = l
	return nil
}

func (s *stage) gatewaySpec(name string, hop nat.Hop) (gateway.Spec, error) {
	n, err := s.topology.Node(name)
	if err != nil {
		return gateway.Spec{}, err
	}
	side := func(i topology.Interface) gateway.Side {
		a := i.Addresses[0]
		return gateway.Side{Interface: i.Segment, Address: a.Addr(), Prefix: a.Masked()}
	}
	return gateway.Spec{
		WAN: side(n.Interfaces[0]), LAN: side(n.Interfaces[1]),
		NAT: hop.NAT, Firewall: hop.Firewall,
	}, nil
}

// turnAddress is the TURN server's main address with a port.
func (s *stage) turnAddress(port uint16) netip.AddrPort {
	n, _ := s.topology.Node(topology.Turn)
	return netip.AddrPortFrom(n.Address(), port)
}

func (r *run) turnConfig() turnserver.Config {
	at, secure := r.stage.turnAddress(topology.TurnPort), r.stage.turnAddress(topology.TurnTLSPort)
	// STUN is over UDP whatever TURN is.
	listen := []turnserver.Listener{{Network: "udp", Address: at}}
	for _, transport := range r.scenario.Turn.Transports {
		switch transport {
		case scenarios.TCP:
			listen = append(listen, turnserver.Listener{Network: "tcp", Address: at})
		case scenarios.TLS:
			listen = append(listen, turnserver.Listener{Network: "tls", Address: secure})
		}
	}
	return turnserver.Config{
		Alternate:    r.stage.alternate(),
		Listen:       listen,
		RelayAddress: at.Addr(),
		Users:        map[string]string{r.lab.user: r.lab.password},
		Certificate:  r.lab.certificates.chain,
		Key:          r.lab.certificates.key,
	}
}

// alternate is the TURN server's second address and port (RFC 5780).
func (s *stage) alternate() netip.AddrPort {
	n, _ := s.topology.Node(topology.Turn)
	return netip.AddrPortFrom(n.Interfaces[0].Addresses[1].Addr(), topology.AlternatePort)
}

// turnURL is where a peer finds TURN over a transport (RFC 7065).
func (r *run) turnURL(transport string) string {
	if transport == "tls" {
		return fmt.Sprintf("turns:%s:%d?transport=tcp", r.turnHost(), topology.TurnTLSPort)
	}
	return fmt.Sprintf("turn:%s:%d?transport=%s", r.turnHost(), topology.TurnPort, transport)
}

// turnHost is what the peers' URLs call the TURN server.
func (r *run) turnHost() string {
	if r.scenario.Faults.DNS != "" {
		return topology.TurnName
	}
	return r.stage.turnAddress(topology.TurnPort).Addr().String()
}

func (r *run) openPeers(ctx context.Context) error {
	r.given = map[string]peers.Config{
		r.caller.Name(): r.spoilt(scenarios.SideCaller, r.peerConfig(r.scenario.Caller, r.caller.Client)),
		r.callee.Name(): r.spoilt(scenarios.SideCallee, r.peerConfig(r.scenario.Callee, r.callee.Client)),
	}
	r.dropped = map[string][]gateway.Drop{}
	for _, g := range r.gateways() {
		before, err := g.ObserveGateway(ctx)
		if err != nil {
			return fmt.Errorf("ask the witnesses: %w", err)
		}
		r.dropped[g.Name()] = before.Drops
	}
	r.opened = time.Now()
	each, ctx := errgroup.WithContext(ctx)
	for _, p := range []part{r.caller, r.callee} {
		each.Go(func() error { return p.OpenPeer(ctx, r.given[p.Name()]) })
	}
	return each.Wait()
}

func (r *run) peerConfig(p scenarios.Peer, at *node.Client) peers.Config {
	c := peers.Config{
		Servers: []peers.Server{{URLs: []string{fmt.Sprintf("stun:%s:%d", r.turnHost(), topology.TurnPort)}}},
		Timing:  peers.Timing(r.scenario.Timing),
		Channel: peers.Channel{
			Unordered:         !r.scenario.Channel.IsOrdered(),
			MaxRetransmits:    r.scenario.Channel.MaxRetransmits,
			MaxPacketLifeTime: r.scenario.Channel.MaxPacketLifeTime,
		},
	}
	if n, err := r.topology.Node(at.Name()); err == nil {
		// Not the network underneath: it is sealed, and not part of the lab.
		for _, i := range n.Interfaces {
			c.Interfaces = append(c.Interfaces, i.Segment)
		}
	}
	c.Port = p.Port
	for _, t := range p.Candidates {
		c.Candidates = append(c.Candidates, peers.CandidateType(t))
	}
	if !r.scenario.Turn.Off {
		turn := peers.Server{Username: r.lab.user, Credential: r.lab.password}
		for _, transport := range r.scenario.Turn.Transports {
			turn.URLs = append(turn.URLs, r.turnURL(transport))
		}
		c.Servers = append(c.Servers, turn)
		c.RootCAs = r.lab.certificates.authority
	}
	return c
}
