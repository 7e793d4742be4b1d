package probe

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v3"
	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/nat"
)

const testHairpin = "hairpin"

// Hairpin says whether two inside hosts reach each other through their external
// addresses (RFC 4787 §6).
type Hairpin string

// What can be found out about hairpinning.
const (
	HairpinYes Hairpin = "yes"
	HairpinNo  Hairpin = "no"
	// HairpinInternal: packets arrive, but show the sender's inside address,
	// against RFC 4787 REQ-9a. A host whose system drops packets that come in from
	// its own address, as Linux does, measures HairpinNo instead.
	HairpinInternal Hairpin = "internal-source"
	// HairpinUndecidable: nothing arrived, and the filter may be why. The NAT
	// gives an endpoint another external port towards itself than towards the
	// server, so neither host can know the other's in time to open its filter.
	HairpinUndecidable Hairpin = "undecidable"
)

// heard collects where hairpinned requests seemed to come from.
type heard struct {
	mu   sync.Mutex
	from []netip.Addr
}

func (h *heard) add(from netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.from = append(h.from, from)
}

func (h *heard) sources() []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.from
}

// hairpinKnown lets two endpoints learn their external addresses from the server
// and send to each other's. Both send, which opens the filter of both, unless the
// NAT maps them anew towards itself.
func (p *prober) hairpinKnown(ctx context.Context, h *heard, a, b *socket) (mappedA, mappedB netip.AddrPort, err error) {
	group, each := errgroup.WithContext(ctx)
	group.Go(func() (err error) { mappedA, err = p.contact(each, a, testHairpin); return })
	group.Go(func() (err error) { mappedB, err = p.contact(each, b, testHairpin); return })
	if err := group.Wait(); err != nil {
		return mappedA, mappedB, err
	}
	if mappedA == a.local && mappedB == b.local {
		return mappedA, mappedB, nil // no NAT to turn at
	}
	return mappedA, mappedB, p.exchange(ctx, h, a, b, mappedA, mappedB)
}

// guessedPairs is how many pairs guess. A guess is wrong when a port was taken.
const guessedPairs = 2

// hairpinGuessed is for NATs that preserve ports: two endpoints that have sent to
// nobody yet send to the external address on each other's own port. Whatever the
// mapping behaviour, these are the mappings they get, and both filters open.
func (p *prober) hairpinGuessed(ctx context.Context, h *heard, external netip.Addr, pair [2]*socket) error {
	a, b := pair[0], pair[1]
	return p.exchange(ctx, h, a, b, netip.AddrPortFrom(external, a.local.Port()), netip.AddrPortFrom(external, b.local.Port()))
}

// exchange sends from a to b's external address and back until one hears the
// other. That nothing came is believed as listenFor believes it.
func (p *prober) exchange(ctx context.Context, h *heard, a, b *socket, externalA, externalB netip.AddrPort) error {
	arrived := make(chan struct{}, 1)
	type half struct {
		from, at *socket
		source   netip.Addr // to expect
		to       netip.AddrPort
		request  *stun.Message
	}
	halves := []*half{
		{from: a, source: externalA.Addr(), at: b, to: externalB},
		{from: b, source: externalB.Addr(), at: a, to: externalA},
	}
	var note sync.Mutex
	seen := make([]netip.AddrPort, len(halves))
	for i, half := range halves {
		request, err := stun.Build(stun.TransactionID, stun.BindingRequest)
		if err != nil {
			return err
		}
		half.request = request
		defer half.at.expect(request.TransactionID, waiter{heard: func(_ *stun.Message, source netip.AddrPort) {
			note.Lock()
			seen[i] = source
			note.Unlock()
			select {
			case arrived <- struct{}{}:
			default:
			}
		}})()
	}
	rounds := 0
	defer func() {
		note.Lock()
		defer note.Unlock()
		for i, half := range halves {
			o := Observation{Test: testHairpin, Local: half.at.local, To: half.to, From: seen[i], Requests: rounds, Answered: seen[i].IsValid()}
			p.observe(o)
			if o.Answered && (o.From.Addr() == half.source || o.From.Addr() == half.from.local.Addr()) {
				h.add(o.From.Addr())
			}
		}
	}()
	wait := func(d time.Duration) (bool, error) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-arrived:
			return true, nil
		case <-timer.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	for range p.Retransmits + 1 {
		rounds++
		for _, half := range halves {
			half.from.send(half.request, half.to)
		}
		if ok, err := wait(p.RTO / 8); ok || err != nil {
			return err
		}
	}
	if _, err := p.mustAsk(ctx, a, question{test: testHairpin, to: p.Server}); err != nil {
		return err
	}
	_, err := wait(p.RTO / 2)
	return err
}

func classifyHairpin(sources []netip.Addr, c Card) Hairpin {
	for _, from := range sources {
		if from == c.Local.Addr() {
			return HairpinInternal
		}
	}
	switch {
	case len(sources) > 0:
		return HairpinYes
	case c.Mapping == nat.EIM || c.Filtering == nat.EIF || c.Ports == nat.Preserving:
		return HairpinNo
	default:
		return HairpinUndecidable
	}
}
