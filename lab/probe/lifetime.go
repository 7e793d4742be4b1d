package probe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const testLifetime = "lifetime"

// Lifetime brackets how long a mapping lives after the last outbound packet.
type Lifetime struct {
	// AtLeast is the longest silence after which a mapping was alive.
	AtLeast time.Duration `json:"at_least"`
	// Below is the shortest silence after which one was gone. Zero: all were alive.
	Below time.Duration `json:"below,omitempty"`
}

// lifetimeSteps is how many steps a declared lifetime is divided into. The search
// goes half as far again.
const lifetimeSteps, searchedSteps = 12, 18

// lifetime searches how long a mapping lives unused (RFC 5780 §4.6): after a
// silence, another socket has the server answer to the mapping's external port.
// Every silence has a mapping of its own and all begin at once. So an answer,
// which may refresh a mapping, spoils no later step, and the whole search takes
// as long as its longest step, where a search one step after another takes
// several times that.
func (p *prober) lifetime(ctx context.Context, group *errgroup.Group) error {
	asker, err := p.open()
	if err != nil {
		return err
	}
	var sockets [searchedSteps + 1]*socket
	for i := range sockets {
		if sockets[i], err = p.open(); err != nil {
			return err
		}
	}
	all, each := errgroup.WithContext(ctx)
	var mu sync.Mutex
	var found []silence
	for i, s := range sockets {
		after := p.DeclaredLifetime * time.Duration(i) / lifetimeSteps
		all.Go(func() error {
			one, err := p.survives(each, s, asker, after)
			mu.Lock()
			defer mu.Unlock()
			found = append(found, one)
			if err == nil && after == 0 && !one.alive {
				err = errors.New("lifetime: the server does not answer to another port (RESPONSE-PORT), or the NAT gives one host several external addresses: neither can be measured with")
			}
			return err
		})
	}
	group.Go(func() error {
		if err := all.Wait(); err != nil {
			return err
		}
		l := bracket(found)
		p.card.Lifetime = &l
		return nil
	})
	return nil
}

// silence is one step of the search. From and to say when it ended: with the
// first request that would have been answered, and the last.
type silence struct {
	from, to time.Duration
	alive    bool
}

func (p *prober) survives(ctx context.Context, s, asker *socket, after time.Duration) (silence, error) {
	test := fmt.Sprintf("%s after %s", testLifetime, after)
	a, err := p.mustAsk(ctx, s, question{test: test, to: p.Server})
	if err != nil {
		return silence{}, err
	}
	began := s.lastSent()
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return silence{}, ctx.Err()
	}
	got, err := p.listenFor(ctx, asker, test, question{
		test: test, to: p.Server, receiver: s, responsePort: a.mapped.Port(),
	})
	if err != nil {
		return silence{}, err
	}
	return silence{got[0].first.Sub(began), got[0].last.Sub(began), got[0].answer != nil}, nil
}

func bracket(found []silence) (l Lifetime) {
	for _, s := range found {
		if s.alive {
			l.AtLeast = max(l.AtLeast, s.from)
		}
	}
	for _, s := range found {
		if !s.alive && (l.Below == 0 || s.to < l.Below) {
			l.Below = s.to
		}
	}
	return l
}
