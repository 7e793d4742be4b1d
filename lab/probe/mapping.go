package probe

import (
	"context"
	"net/netip"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/nat"
)

const testMapping = "mapping"

// mapping asks all four sockets of the server from one endpoint (RFC 5780 §4.3).
// The order of what it returns: the primary address on its two ports, the other
// address on its two.
func (p *prober) mapping(ctx context.Context, s *socket, first *answer) (mapped [4]netip.AddrPort, err error) {
	mapped[0] = first.mapped
	group, each := errgroup.WithContext(ctx)
	for i, to := range [...]netip.AddrPort{
		1: netip.AddrPortFrom(p.Server.Addr(), p.other.Port()),
		2: netip.AddrPortFrom(p.other.Addr(), p.Server.Port()),
		3: p.other,
	} {
		if !to.IsValid() {
			continue
		}
		group.Go(func() error {
			a, err := p.mustAsk(each, s, question{test: testMapping, to: to})
			if err == nil {
				mapped[i] = a.mapped
			}
			return err
		})
	}
	return mapped, group.Wait()
}

func isNAT(local netip.AddrPort, mapped [4]netip.AddrPort) bool {
	return mapped != [4]netip.AddrPort{local, local, local, local}
}

// MappingIrregular is a mapping that is none of those of RFC 4787 §4.1.
const MappingIrregular nat.Mapping = "irregular"

func classifyMapping(m [4]netip.AddrPort) nat.Mapping {
	distinct := map[netip.AddrPort]bool{m[0]: true, m[1]: true, m[2]: true, m[3]: true}
	switch {
	case len(distinct) == 1:
		return nat.EIM
	case len(distinct) == 2 && m[0] == m[1] && m[2] == m[3]:
		return nat.ADM
	case len(distinct) == 4:
		return nat.APDM
	default:
		return MappingIrregular
	}
}
