package probe

import (
	"context"
	"net/netip"

	"github.com/icelab-go/icelab/lab/nat"
)

const testFiltering = "filtering"

// filtering asks the server to answer from where this endpoint has not sent to
// (RFC 5780 §4.4). The endpoint must be one that has not sent to anybody else:
// the mapping tests open every filter.
func (p *prober) filtering(ctx context.Context, s *socket) (mapped netip.AddrPort, f nat.Filtering, err error) {
	if mapped, err = p.contact(ctx, s, testFiltering); err != nil {
		return mapped, "", err
	}
	got, err := p.listenFor(ctx, s, testFiltering,
		question{test: testFiltering, to: p.Server, from: p.other, change: changeAddressAndPort},
		question{test: testFiltering, to: p.Server, from: netip.AddrPortFrom(p.Server.Addr(), p.other.Port()), change: changePort},
	)
	if err != nil {
		return mapped, "", err
	}
	return mapped, classifyFiltering(got[0].answer != nil, got[1].answer != nil), nil
}

// FilteringIrregular is a filter that is none of those of RFC 4787 §5.
const FilteringIrregular nat.Filtering = "irregular"

// classifyFiltering is told from where an answer came in.
func classifyFiltering(otherAddressAndPort, otherPort bool) nat.Filtering {
	switch {
	case otherAddressAndPort && otherPort:
		return nat.EIF
	case otherPort:
		return nat.ADF
	case !otherAddressAndPort:
		return nat.APDF
	default:
		return FilteringIrregular
	}
}
