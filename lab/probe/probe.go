package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/nat"
)

// Defaults of a Config.
const (
	// DefaultRTO suits a lab, where an answer takes a millisecond or two. Over
	// the internet 500 ms is better (RFC 8489 §6.2.1).
	DefaultRTO = 100 * time.Millisecond
	// DefaultRetransmits makes 16 requests. With every fifth packet lost, each
	// way, one transaction in ten million goes unanswered.
	DefaultRetransmits = 15
)

// Config says what to measure against, and how patiently.
type Config struct {
	// Server is the primary address of a server that speaks RFC 5780.
	Server netip.AddrPort `json:"server"`

	// LocalAddress is what to send from. Zero asks the system which address it
	// would send to Server from.
	LocalAddress netip.Addr `json:"local_address,omitzero"`
	// LocalPort is the port that the mapping is measured for. Zero draws one.
	LocalPort uint16 `json:"local_port,omitempty"`

	// RTO is how long to wait for an answer before asking again; afterwards the
	// question is repeated twice as often. Zero means DefaultRTO. The measurement
	// holds on networks that are slower, it just asks more often than it need.
	RTO time.Duration `json:"rto,omitempty"`
	// Retransmits is how often a question is repeated. Zero means DefaultRetransmits.
	Retransmits int `json:"retransmits,omitempty"`

	// DeclaredLifetime is what the lifetime of mappings should be. It is searched
	// up to one and a half times as long, which takes that long. Zero leaves it
	// unmeasured.
	DeclaredLifetime time.Duration `json:"declared_lifetime,omitempty"`

	// Net replaces the system's network stack, for example by a pion vnet. Nil is
	// the system's own. Only its ListenUDP is used, and Dial where there is no LocalAddress.
	Net transport.Net `json:"-"`
}

func (c Config) withDefaults() (Config, error) {
	if !c.Server.IsValid() || c.Server.Addr().IsUnspecified() || c.Server.Port() == 0 {
		return c, fmt.Errorf("probe: server %s: want the IP:PORT of a STUN server", c.Server)
	}
	if c.RTO < 0 || c.Retransmits < 0 || c.DeclaredLifetime < 0 {
		return c, errors.New("probe: RTO, retransmits and declared lifetime cannot be negative")
	}
	if c.RTO == 0 {
		c.RTO = DefaultRTO
	}
	if c.Retransmits == 0 {
		c.Retransmits = DefaultRetransmits
	}
	if c.Net == nil {
		c.Net = new(stdnet.Net)
	}
	if !c.LocalAddress.IsValid() {
		local, err := routedFrom(c.Net, c.Server)
		if err != nil {
			return c, fmt.Errorf("probe: no way to %s: %w", c.Server, err)
		}
		c.LocalAddress = local
	}
	return c, nil
}

// Run measures. A server that does not answer gives a card that says so, and no
// error. With an error the card holds what was found out before it.
//
// All sockets are opened on the calling goroutine, so that a thread's network
// namespace is the one that is measured.
func Run(ctx context.Context, c Config) (Card, error) {
	c, err := c.withDefaults()
	if err != nil {
		return Card{}, err
	}
	p := &prober{Config: c}
	defer p.close()
	p.card = Card{Server: c.Server}
	err = p.run(ctx)
	slices.SortStableFunc(p.card.Observations, func(a, b Observation) int { return strings.Compare(a.Test, b.Test) })
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return p.card, fmt.Errorf("probe %s: %w", c.Server, err)
	}
	return p.card, nil
}

type prober struct {
	Config
	sockets []*socket

	other netip.AddrPort // the server's other address and port

	mu   sync.Mutex // guards card.Observations
	card Card
}

func (p *prober) run(ctx context.Context) error {
	m, err := p.openOn(p.LocalPort)
	if err != nil {
		return err
	}
	p.card.Local = m.local
	first, err := p.ask(ctx, m, question{test: testMapping, to: p.Server})
	if err != nil {
		return err
	}
	switch {
	case first == nil:
		return m.unsent()
	case first.refused != "":
		return fmt.Errorf("the server refuses a plain Binding request: %s", first.refused)
	}
	p.card.UDP, p.card.External = true, first.mapped
	if p.other, err = otherAddress(p.Server, first); err != nil {
		return err
	}
	p.card.Alternate = p.other

	fresh := make([]*socket, 5)
	for i := range fresh {
		if fresh[i], err = p.open(); err != nil {
			return err
		}
	}
	var guesses [guessedPairs][2]*socket
	preserved := first.mapped != m.local && first.mapped.Port() == m.local.Port()
	if preserved {
		for i := range guesses {
			for j := range guesses[i] {
				if guesses[i][j], err = p.open(); err != nil {
					return err
				}
			}
		}
	}

	var mapped [4]netip.AddrPort
	var filtering nat.Filtering
	contacts := make([]netip.AddrPort, len(fresh))
	var heard heard
	group, each := errgroup.WithContext(ctx)
	group.Go(func() (err error) { mapped, err = p.mapping(each, m, first); return })
	group.Go(func() (err error) { contacts[0], filtering, err = p.filtering(each, fresh[0]); return })
	group.Go(func() (err error) { contacts[1], err = p.contact(each, fresh[1], testPorts); return })
	group.Go(func() (err error) { contacts[2], err = p.contact(each, fresh[2], testPorts); return })
	group.Go(func() (err error) {
		contacts[3], contacts[4], err = p.hairpinKnown(each, &heard, fresh[3], fresh[4])
		return
	})
	if preserved {
		for _, pair := range guesses {
			group.Go(func() error { return p.hairpinGuessed(each, &heard, first.mapped.Addr(), pair) })
		}
	}
	if p.DeclaredLifetime > 0 {
		if err := p.lifetime(each, group); err != nil {
			return errors.Join(err, group.Wait())
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}

	p.card.Filtering = filtering
	p.card.NAT = isNAT(m.local, mapped)
	if !p.card.NAT {
		p.card.Lifetime = nil
		return nil
	}
	p.card.Mapping = classifyMapping(mapped)
	samples := []sample{{m.local, first.mapped}}
	for i, s := range fresh {
		samples = append(samples, sample{s.local, contacts[i]})
	}
	p.card.Ports = classifyPorts(samples)
	p.card.Hairpin = classifyHairpin(heard.sources(), p.card)
	return nil
}

// otherAddress checks that the server can tell apart what RFC 5780 wants told.
func otherAddress(server netip.AddrPort, a *answer) (netip.AddrPort, error) {
	switch {
	case !a.other.IsValid():
		return a.other, errors.New("the server does STUN but not RFC 5780 (no OTHER-ADDRESS): only the external address is known: use a server with two addresses")
	case a.other.Addr() == server.Addr() || a.other.Port() == server.Port():
		return a.other, fmt.Errorf("the server's OTHER-ADDRESS %s does not differ from %s in both address and port: use another server", a.other, server)
	}
	return a.other, nil
}

// contact is the first question a socket asks, and returns where it is mapped.
func (p *prober) contact(ctx context.Context, s *socket, test string) (netip.AddrPort, error) {
	a, err := p.mustAsk(ctx, s, question{test: test, to: p.Server})
	if err != nil {
		return netip.AddrPort{}, err
	}
	return a.mapped, nil
}
