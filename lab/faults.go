package lab

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/names"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
	"github.com/icelab-go/icelab/turnserver"
)

// spoil sets what is wrong on purpose from now on, beside what is wrong with the
// peers and with what is carried between them.
func (r *run) spoil(ctx context.Context) error {
	f := r.scenario.Faults
	if r.faultyServer() {
		if err := r.startTurn(ctx); err != nil {
			return fmt.Errorf("start the TURN server with faults: %w", err)
		}
	}
	if f.DNS != "" {
		if err := r.startNames(ctx, names.Fault(f.DNS)); err != nil {
			return err
		}
	}
	for _, filter := range f.Filters {
		if err := r.filter(ctx, filter); err != nil {
			return fmt.Errorf("set a filter: %w", err)
		}
	}
	return nil
}

// heal ends what the next scenario on these nodes would find otherwise. Its TURN
// server and its peers are others.
func (r *run) heal(ctx context.Context) {
	for name := range r.filters {
		if err := r.stage.nodes.Node(name).Filter(ctx, nil); err != nil {
			r.stage.broken = true
		}
	}
}

// startNames starts the DNS server beside the TURN server.
func (r *run) startNames(ctx context.Context, fault names.Fault) error {
	at := r.stage.turnAddress(topology.DNSPort)
	c := names.Config{Listen: at, Name: topology.TurnName, Address: at.Addr(), Fault: fault}
	if err := r.turn.StartNames(ctx, c); err != nil {
		return fmt.Errorf("start the DNS server: %w", err)
	}
	return nil
}

// faultyServer reports whether the TURN server has to be another than the one that
// the NATs were measured against.
func (r *run) faultyServer() bool {
	return r.scenario.Faults.Turn.Any() || r.scenario.Faults.TimeLimited()
}

// startTurn starts the TURN server with its faults, or ends it where it is to listen
// on nothing.
func (r *run) startTurn(ctx context.Context) error {
	c, err := r.faultyTurn()
	if err != nil {
		return err
	}
	if len(c.Listen) == 0 {
		return r.turn.StopTurn(ctx)
	}
	return r.turn.StartTurn(ctx, c)
}

// faultyTurn is the TURN server with its faults.
func (r *run) faultyTurn() (turnserver.Config, error) {
	c, f := r.turnConfig(), r.scenario.Faults.Turn
	if f.Listen != nil {
		r.listen(&c, f.Listen)
	}
	if f.AdvertiseAddress != "" {
		c.AdvertiseAddress = netip.MustParseAddr(f.AdvertiseAddress) // it was checked
	}
	if f.RelayPorts != (scenarios.Ports{}) {
		c.RelayPorts = turnserver.PortRange(f.RelayPorts)
	}
	if f.Certificate != "" {
		var err error
		if c.Certificate, c.Key, err = r.lab.certificates.bad(f.Certificate, time.Now(), c.RelayAddress); err != nil {
			return c, err
		}
	}
	c.Quota = f.Quota
	for _, d := range f.DenyPeers {
		denied, err := r.denied(d)
		if err != nil {
			return c, err
		}
		c.DenyPeers = append(c.DenyPeers, denied...)
	}
	c.AllocationLifetime = time.Duration(f.AllocationLifetime)
	c.PermissionLifetime = time.Duration(f.PermissionLifetime)
	c.ChannelLifetime = time.Duration(f.ChannelLifetime)
	c.Faults = turnserver.Faults{
		DropAnswers: map[turnserver.Method]int{},
		NoRealm:     f.NoRealm, StaleNonce: f.StaleNonce, STUNOnly: f.STUNOnly, SecureSTUN: f.SecureSTUN, NoUDPRelay: f.NoUDPRelay,
		ClockOffset: time.Duration(f.ClockOffset),
		TLSMax:      tlsVersions[f.TLSMax],
	}
	for method, every := range map[turnserver.Method]int{
		turnserver.Binding: f.DropAnswers.Binding, turnserver.Allocate: f.DropAnswers.Allocate, turnserver.Refresh: f.DropAnswers.Refresh,
		turnserver.CreatePermission: f.DropAnswers.CreatePermission, turnserver.ChannelBind: f.DropAnswers.ChannelBind,
	} {
		if every > 0 {
			c.Faults.DropAnswers[method] = every
		}
	}
	if r.scenario.Faults.TimeLimited() {
		c.Users, c.Secret = nil, r.lab.secret
	}
	return c, nil
}

// tlsVersions are those of scenarios.TurnFaults.TLSMax, as crypto/tls has them.
var tlsVersions = map[string]uint16{"1.0": 0x0301, "1.1": 0x0302, "1.2": 0x0303}

// listen changes the transports that a server listens on. Discovery of NAT behaviour
// is over UDP.
func (r *run) listen(c *turnserver.Config, on []string) {
	c.Listen = nil
	for _, transport := range on {
		switch transport {
		case scenarios.UDP, scenarios.TCP:
			c.Listen = append(c.Listen, turnserver.Listener{Network: transport, Address: r.stage.turnAddress(topology.TurnPort)})
		case scenarios.TLS:
			c.Listen = append(c.Listen, turnserver.Listener{Network: transport, Address: r.stage.turnAddress(topology.TurnTLSPort)})
		}
	}
	if len(c.Listen) == 0 || c.Listen[0].Network != scenarios.UDP {
		c.Alternate = netip.AddrPort{}
	}
}

// denied are the prefixes that a value of deny-peers stands for.
func (r *run) denied(word string) ([]netip.Prefix, error) {
	if word == scenarios.SideCaller || word == scenarios.SideCallee {
		return r.addressesOf(r.side(word)), nil
	}
	p, err := scenarios.DeniedPrefix(word)
	return []netip.Prefix{p}, err
}

// addressesOf are those that a peer may be known by: its own, and the outer ones of
// the gateways in front of it.
func (r *run) addressesOf(p *part) []netip.Prefix {
	var all []netip.Prefix
	for _, n := range append([]*node.Client{p.Client}, p.gateways...) {
		if at, err := r.topology.Node(n.Name()); err == nil {
			all = append(all, netip.PrefixFrom(at.Address(), at.Address().BitLen()))
		}
	}
	return all
}

// filter drops what f names from now on, beside what is dropped there already.
func (r *run) filter(ctx context.Context, f scenarios.Filter) error {
	var at []*node.Client
	switch f.At {
	case scenarios.AtTurn:
		at = []*node.Client{r.turn}
	case scenarios.Both:
		at = []*node.Client{r.caller.gateways[0]}
		if !r.scenario.SameLAN() {
			at = append(at, r.callee.gateways[0])
		}
	default:
		at = []*node.Client{r.side(f.At).gateways[0]}
	}
	for _, host := range at {
		if r.filters == nil {
			r.filters = map[string][]gateway.Filter{}
		}
		r.filters[host.Name()] = append(r.filters[host.Name()], r.filterAt(host, f))
		if err := host.Filter(ctx, r.filters[host.Name()]); err != nil {
			return err
		}
	}
	return nil
}

// filterAt is a filter in the words of the host that it is set on.
func (r *run) filterAt(host *node.Client, f scenarios.Filter) gateway.Filter {
	g := gateway.Filter{
		Protocol: f.Protocol, Ports: [2]uint16{f.Ports.Min, f.Ports.Max}, Own: f.At == scenarios.AtTurn,
		STUN: f.STUN, ChannelData: f.ChannelData, DTLS: f.DTLS,
		LargerThan: f.LargerThan, Every: f.Every, Reject: f.Reject,
	}
	switch f.Direction {
	case scenarios.Out:
		g.Direction = gateway.Outbound
	case scenarios.In:
		g.Direction = gateway.Inbound
	}
	switch f.Far {
	case scenarios.FarTurn:
		if server, err := r.topology.Node(topology.Turn); err == nil {
			for _, a := range server.Interfaces[0].Addresses {
				g.Far = append(g.Far, netip.PrefixFrom(a.Addr(), a.Addr().BitLen()))
			}
		}
	case scenarios.FarPeer:
		other := &r.callee
		if host.Name() == r.callee.gateways[0].Name() {
			other = &r.caller
		}
		g.Far = r.addressesOf(other)
	case scenarios.SideCaller, scenarios.SideCallee:
		g.Far = r.addressesOf(r.side(f.Far))
	}
	return g
}

// spoilt is a peer's configuration with its faults.
func (r *run) spoilt(side string, c peers.Config) peers.Config {
	f := r.scenario.Faults.Of(side)
	c.AcceptRelayAtOnce = f.RelayAtOnce
	if r.scenario.Faults.DNS != "" {
		c.Resolver = r.stage.turnAddress(topology.DNSPort)
	}
	c.Faults = peers.Faults{NoQueue: f.NoQueue, StaleAllocation: f.StaleAllocation, NoCredentials: f.NoCredentials}
	if r.scenario.Faults.TimeLimited() {
		ttl := cmp.Or(time.Duration(f.CredentialTTL), time.Hour)
		r.credentials(&c, func(s *peers.Server) {
			s.Username, s.Credential = turnserver.TimeLimitedCredentials(r.lab.secret, r.lab.user, ttl, time.Now())
		})
	}
	r.credentials(&c, func(s *peers.Server) {
		s.Username, s.Credential = cmp.Or(f.Username, s.Username), cmp.Or(f.Password, s.Credential)
		if f.NoCredentials {
			s.Username, s.Credential = "", ""
		}
	})
	switch {
	case f.NoTurn:
		c.Servers = c.Servers[:1] // the STUN server is the first
	case f.URLs != nil:
		server := peers.Server{Username: r.lab.user, Credential: r.lab.password}
		if len(c.Servers) > 1 {
			server = c.Servers[1]
		}
		server.URLs = nil
		for _, url := range f.URLs {
			server.URLs = append(server.URLs, strings.ReplaceAll(url, scenarios.TurnPlaceholder, r.turnHost()))
		}
		c.Servers, c.RootCAs = []peers.Server{server}, r.lab.certificates.authority
	}
	return c
}

// credentials changes those of a peer's TURN servers.
func (r *run) credentials(c *peers.Config, change func(*peers.Server)) {
	for i := range c.Servers {
		if c.Servers[i].Username != "" {
			change(&c.Servers[i])
		}
	}
}
