package vnet

import (
	"net/netip"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
)

var (
	inside = netip.MustParseAddrPort("10.1.0.10:5000")
	server = netip.MustParseAddrPort("198.18.0.10:3478")
	other  = netip.MustParseAddrPort("198.18.0.11:3478")
	start  = time.Unix(1_000_000, 0)
)

func TestOnlyOutboundPacketsKeepAMappingAlive(t *testing.T) {
	const lifetime = 10 * time.Second
	n := newTranslator(nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving, Lifetime: lifetime})
	port, _ := n.outbound(start, inside, server)
	for _, step := range []struct {
		after time.Duration
		from  netip.AddrPort
		want  gateway.Reason
	}{
		{0, server, ""},
		{0, other, gateway.Filtered},
		{lifetime - 1, server, ""}, // and refreshes nothing
		{lifetime, server, gateway.NoMapping},
	} {
		if _, why := n.inbound(start.Add(step.after), step.from, port); why != step.want {
			t.Errorf("after %s from %s: %q, want %q", step.after, step.from, why, step.want)
		}
	}
	n.outbound(start, inside, server)
	n.outbound(start.Add(lifetime/2), inside, other)
	if _, why := n.inbound(start.Add(lifetime), other, port); why != "" {
		t.Errorf("the mapping was refreshed, but is gone: %s", why)
	}
	if _, why := n.inbound(start.Add(lifetime), server, port); why != gateway.Filtered {
		t.Errorf("sending to one remote kept the permission of another: %q", why)
	}
}

func TestAPortThatIsTakenIsNotPreserved(t *testing.T) {
	n := newTranslator(nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Preserving})
	first, _ := n.outbound(start, inside, server)
	second, _ := n.outbound(start, netip.MustParseAddrPort("10.1.0.11:5000"), server)
	if first != inside.Port() || second == inside.Port() {
		t.Errorf("two hosts on port %d got %d and %d", inside.Port(), first, second)
	}
}

func TestForgettingDrawsNewPortsOnlyWhenAsked(t *testing.T) {
	for _, newPorts := range []bool{false, true} {
		n := newTranslator(nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Preserving})
		before, _ := n.outbound(start, inside, server)
		n.forget(newPorts)
		if _, why := n.inbound(start, server, before); why != gateway.NoMapping {
			t.Errorf("new ports %t: the mapping is not forgotten: %q", newPorts, why)
		}
		if after, _ := n.outbound(start, inside, server); (after != before) != newPorts {
			t.Errorf("new ports %t: %d became %d", newPorts, before, after)
		}
	}
}

func TestForgettingAgainGivesNoReservedPortBack(t *testing.T) {
	n := newTranslator(nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Preserving})
	before, _ := n.outbound(start, inside, server)
	n.forget(true)
	n.forget(false)
	if after, _ := n.outbound(start, inside, server); after == before {
		t.Errorf("port %d is given out again", before)
	}
}

func TestPortsRunOut(t *testing.T) {
	n := newTranslator(nat.Behavior{Mapping: nat.APDM, Filtering: nat.EIF, Ports: nat.Sequential, Lifetime: time.Second})
	for i := range portCount {
		to := netip.AddrPortFrom(server.Addr(), uint16(i+1))
		if port, ok := n.outbound(start, inside, to); !ok || int(port) != firstPort+i {
			t.Fatalf("mapping %d got port %d, %t", i, port, ok)
		}
	}
	if port, ok := n.outbound(start, inside, other); ok {
		t.Errorf("got port %d, where none is left", port)
	}
	if _, ok := n.outbound(start.Add(time.Second), inside, other); !ok {
		t.Error("no port is free again when all mappings have expired")
	}
}
