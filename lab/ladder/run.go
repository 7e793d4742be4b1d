package ladder

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/transport/v4/stdnet"
)

// DefaultPatience is long enough for satellites, and short enough to wait for.
const DefaultPatience = 2 * time.Second

// Run tries every URL, and the controls beside them, all at once: it takes about three
// times the patience at most, and little time where all is well. What it allocates it gives back. The error is about
// config, or the context's; what a server or the network did is in the result.
func Run(ctx context.Context, config Config) (Result, error) {
	config, err := config.withDefaults()
	if err != nil {
		return Result{}, err
	}
	result := Result{Began: time.Now(), Climbs: make([]Climb, len(config.URLs))}
	lookups := config.resolveAll(ctx)

	k := &controls{Config: config, ctx: ctx}
	k.start(config.servers(lookups, anyTransport), func(at netip.AddrPort) bool {
		return slices.Contains(config.servers(lookups, func(t target) bool { return t.transport == "udp" }), at)
	})
	var work sync.WaitGroup
	shared := new(holdings)
	for i, url := range config.URLs {
		work.Go(func() {
			c := &climber{Config: config, climb: Climb{URL: url}, hold: hold{of: shared}}
			result.Climbs[i] = c.run(ctx, func(host string) lookup { return lookups[host] })
		})
	}
	work.Wait()
	k.finish(result.Climbs)
	result.Controls = k.sorted()
	return result, ctx.Err()
}

func (c Config) withDefaults() (Config, error) {
	if len(c.URLs) == 0 {
		return c, errors.New("ladder: no URLs to climb to")
	}
	if c.Patience < 0 {
		return c, fmt.Errorf("ladder: patience %s: it cannot be negative", c.Patience)
	}
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	if len(c.Username) > 508 {
		return c, fmt.Errorf("ladder: username of %d bytes: want at most 508 (RFC 8489 section 14.3)", len(c.Username))
	}
	if _, err := c.roots(); err != nil {
		return c, fmt.Errorf("ladder: %w", err)
	}
	if c.Net == nil {
		c.Net = new(stdnet.Net)
	}
	return c, nil
}

// resolveAll looks every host up once.
func (c Config) resolveAll(ctx context.Context) map[string]lookup {
	lookups := map[string]lookup{}
	var mu sync.Mutex
	var work sync.WaitGroup
	for _, host := range c.hosts() {
		work.Go(func() {
			found := c.resolve(ctx, host)
			mu.Lock()
			defer mu.Unlock()
			lookups[host] = found
		})
	}
	work.Wait()
	return lookups
}

func (c Config) hosts() []string {
	var hosts []string
	for _, url := range c.URLs {
		if t, err := parse(url); err == nil && !slices.Contains(hosts, t.host) {
			hosts = append(hosts, t.host)
		}
	}
	return hosts
}

func anyTransport(target) bool { return true }

// servers are the places that URLs lead to, of a kind.
func (c Config) servers(lookups map[string]lookup, kind func(target) bool) []netip.AddrPort {
	var servers []netip.AddrPort
	for _, url := range c.URLs {
		t, err := parse(url)
		if err != nil || !kind(t) || !lookups[t.host].address.IsValid() {
			continue
		}
		if at := netip.AddrPortFrom(lookups[t.host].address, t.port); !slices.Contains(servers, at) {
			servers = append(servers, at)
		}
	}
	return servers
}
