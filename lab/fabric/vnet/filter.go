package vnet

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/wire"
)

// filters are those of one node.
type filters []*filter

type filter struct {
	gateway.Filter
	met atomic.Uint64
}

func newFilters(set []gateway.Filter) (filters, error) {
	var made filters
	for _, f := range set {
		switch err := f.Validate(); {
		case err != nil:
			return nil, err
		case f.Reject:
			return nil, unsupported("an in-process network has no ICMP to reject packets with")
		case f.Protocol == "tcp":
			return nil, unsupported(noTCP + ", so a filter has none to drop")
		}
		made = append(made, &filter{Filter: f})
	}
	return made, nil
}

// drop decides about a packet on its way to or from the far end. The other port is
// that of the node, or of the host inside.
func (all *filters) drop(way gateway.Direction, own uint16, far netip.AddrPort, p packet) bool {
	if all == nil {
		return false
	}
	return slices.ContainsFunc(*all, func(f *filter) bool {
		return f.meets(way, own, far, p) && f.met.Add(1)%uint64(max(1, f.Every)) == 0
	})
}

func (f *filter) meets(way gateway.Direction, own uint16, far netip.AddrPort, p packet) bool {
	port := far.Port()
	if f.Own {
		port = own
	}
	switch {
	case f.Direction != "" && f.Direction != way,
		f.Ports != [2]uint16{} && (port < f.Ports[0] || port > f.Ports[1]),
		len(f.Far) > 0 && !slices.ContainsFunc(f.Far, func(n netip.Prefix) bool { return n.Contains(far.Addr()) }),
		f.LargerThan > 0 && p.size() <= uint64(f.LargerThan):
		return false
	}
	return f.carries(p.payload)
}

// carries tells payloads apart by their first bytes (RFC 7983), as the kernel's
// filters do.
func (f *filter) carries(payload []byte) bool {
	if len(f.STUN) == 0 && !f.ChannelData && !f.DTLS {
		return true
	}
	const firstChannel, lastChannel, firstContent, lastContent = 0x40, 0x4f, 20, 63
	switch {
	case len(payload) == 0:
		return false
	case wire.IsSTUN(payload):
		const class = 0x0110
		method := binary.BigEndian.Uint16(payload) &^ class
		return slices.ContainsFunc(f.STUN, func(m string) bool { return m == gateway.AnySTUN || method == gateway.STUNMethods[m] })
	case f.ChannelData && len(payload) > 1 && payload[0] >= firstChannel && payload[0] <= lastChannel:
		return true
	}
	return f.DTLS && payload[0] >= firstContent && payload[0] <= lastContent
}
