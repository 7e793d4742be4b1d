package vnet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pion/stun/v3"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/topology"
)

// wantTrace compares what the caller's gateway saw since it was asked last.
func (b *bench) wantTrace(want ...string) {
	b.Helper()
	t := b.host(topology.CallerNAT).Trace()
	var got []string
	for _, p := range t.Packets {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s>%s %s", p.At, p.Direction, p.Kind, p.From, p.To, p.Dropped)))
	}
	if !slices.Equal(got, want) || t.Lost != 0 || t.Missing != "" {
		b.Errorf("saw\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAGatewayShowsWhatPassesAndWhatEnds(t *testing.T) {
	b := newBench(t, topology.Standard(), portRestricted)
	check := string(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw)
	b.send(b.caller, firstAt, check)
	b.expect(b.first, check)
	b.send(b.first, external, check)
	b.expect(b.caller, check)
	b.send(b.caller, firstAt, "data")
	b.expect(b.first, "data")
	b.send(b.second, external, check)
	b.dropped(topology.CallerNAT, gateway.Filtered, uint64(28+len(check)))
	b.send(b.second, netip.AddrPortFrom(external.Addr(), 5001), "data")
	b.dropped(topology.CallerNAT, gateway.NoMapping, 28+4)
	b.wantTrace(
		"caller-lan in stun 10.1.0.10:5000>198.18.0.10:1000",
		"wan out stun 198.18.0.20:5000>198.18.0.10:1000",
		"wan in stun 198.18.0.10:1000>198.18.0.20:5000",
		"caller-lan out stun 198.18.0.10:1000>10.1.0.10:5000",
		"wan in stun 198.18.0.10:2000>198.18.0.20:5000 filtered",
		"wan in other 198.18.0.10:2000>198.18.0.20:5001 no-mapping")
	b.program(topology.CallerNAT, portRestricted)
	b.wantTrace()
}
