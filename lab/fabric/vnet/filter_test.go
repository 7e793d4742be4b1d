package vnet

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/transport/v4"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
)

func stunMessage(method string, class uint16) string {
	m := binary.BigEndian.AppendUint16(nil, gateway.STUNMethods[method]|class)
	return string(append(m, 0, 0, 0x21, 0x12, 0xa4, 0x42)) + "transaction."
}

func (b *bench) filter(host string, f ...gateway.Filter) {
	b.Helper()
	if err := b.host(host).Filter(f); err != nil {
		b.Fatal(err)
	}
}

// arrives sends a payload, and another one after it that no filter here drops.
func (b *bench) arrives(from transport.UDPConn, to netip.AddrPort, at transport.UDPConn, payload string) bool {
	b.Helper()
	const last = "\xff"
	b.send(from, to, payload)
	b.send(from, to, last)
	if err := at.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 100)
	n, _, err := at.ReadFrom(buf)
	if err != nil {
		b.Fatal(err)
	}
	if string(buf[:n]) == last {
		return false
	}
	b.expect(at, last)
	return true
}

func TestAFilterDropsWhatItNamesAndNothingElse(t *testing.T) {
	binding, success, refresh := stunMessage("binding", 0), stunMessage("binding", 0x100), stunMessage("refresh", 0x110)
	channelData, dtls := "\x40\x01\x00\x04"+"data", "\x16\xfe\xfd"
	all := map[string]string{
		"binding request": binding, "binding success": success, "refresh error": refresh,
		"channel data": channelData, "DTLS": dtls, "RTP": "\x80\x60", "nothing": "",
	}
	for name, c := range map[string]struct {
		filter  gateway.Filter
		dropped string // what the names of payloads begin with
	}{
		"binding":          {gateway.Filter{STUN: []string{"binding"}}, "binding"},
		"any STUN":         {gateway.Filter{STUN: []string{"any"}}, "binding|refresh"},
		"channel data":     {gateway.Filter{ChannelData: true}, "channel data"},
		"DTLS":             {gateway.Filter{DTLS: true}, "DTLS"},
		"either":           {gateway.Filter{DTLS: true, STUN: []string{"refresh"}}, "DTLS|refresh"},
		"large":            {gateway.Filter{LargerThan: 28 + len(dtls)}, "binding|refresh|channel data"},
		"another port":     {gateway.Filter{STUN: []string{"any"}, Ports: [2]uint16{1001, 65535}}, "-"},
		"its port":         {gateway.Filter{STUN: []string{"any"}, Ports: [2]uint16{1, 1000}}, "binding|refresh"},
		"the inside port":  {gateway.Filter{STUN: []string{"any"}, Own: true, Ports: [2]uint16{5000, 5000}}, "binding|refresh"},
		"its address":      {gateway.Filter{DTLS: true, Far: []netip.Prefix{netip.MustParsePrefix("198.18.0.10/32")}}, "DTLS"},
		"another address":  {gateway.Filter{DTLS: true, Far: []netip.Prefix{netip.MustParsePrefix("198.18.0.11/32")}}, "-"},
		"each second of 1": {gateway.Filter{DTLS: true, Every: 2}, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, topology.Standard(), portRestricted)
			b.send(b.caller, firstAt, "open")
			b.expect(b.first, "open")
			for _, way := range []gateway.Direction{gateway.Outbound, gateway.Inbound} {
				f := c.filter
				f.Direction = way
				for payloadName, p := range all {
					b.filter(topology.CallerNAT, f) // each counts anew
					dropped := false
					for _, d := range strings.Split(c.dropped, "|") {
						dropped = dropped || strings.HasPrefix(payloadName, d)
					}
					if out := b.arrives(b.caller, firstAt, b.first, p); out == (dropped && way == gateway.Outbound) {
						t.Errorf("direction %s: %s arrived outside: %t", way, payloadName, out)
					}
					if in := b.arrives(b.first, external, b.caller, p); in == (dropped && way == gateway.Inbound) {
						t.Errorf("direction %s: %s arrived inside: %t", way, payloadName, in)
					}
				}
			}
		})
	}
}

func TestWhatAFilterDropsIsCountedUntilTheGatewayIsProgrammed(t *testing.T) {
	b := newBench(t, topology.Standard(), portRestricted)
	b.filter(topology.CallerNAT, gateway.Filter{})
	b.send(b.caller, firstAt, "lost")
	b.dropped(topology.CallerNAT, gateway.Policy, 28+4)
	b.program(topology.CallerNAT, portRestricted)
	b.send(b.caller, firstAt, "found")
	b.expect(b.first, "found")
}

func TestAFilterDropsEachNth(t *testing.T) {
	b := newBench(t, topology.Standard(), portRestricted)
	b.filter(topology.CallerNAT, gateway.Filter{Every: 3})
	for _, p := range []string{"1", "2", "3", "4", "5", "6", "7"} {
		b.send(b.caller, firstAt, p)
	}
	for _, p := range []string{"1", "2", "4", "5", "7"} {
		b.expect(b.first, p)
	}
}

func TestAServerHasFiltersAndTalksToItself(t *testing.T) {
	b := newBench(t, topology.Standard(), portRestricted)
	b.filter(topology.Turn, gateway.Filter{Direction: gateway.Inbound, Own: true, Ports: [2]uint16{1000, 1000}})
	b.send(b.caller, firstAt, "lost")
	b.send(b.caller, secondAt, "found")
	b.expect(b.second, "found")
	b.send(b.second, firstAt, "to itself")
	b.expect(b.first, "to itself")
	b.send(b.first, external, "out")
	b.expect(b.caller, "out")

	b.filter(topology.Turn, gateway.Filter{Direction: gateway.Outbound})
	b.send(b.second, external, "lost")
	b.send(b.second, firstAt, "to itself")
	b.expect(b.first, "to itself")
	b.filter(topology.Turn)
	b.send(b.second, external, "out")
	b.expect(b.caller, "out")
}

func TestAFilterThatCannotBeToldFromItsAbsenceIsUnsupported(t *testing.T) {
	b := newBench(t, topology.Standard(), portRestricted)
	for _, f := range []gateway.Filter{{Reject: true}, {Protocol: "tcp"}} {
		if _, ok := errors.AsType[*node.Unsupported](b.host(topology.CallerNAT).Filter([]gateway.Filter{f})); !ok {
			t.Errorf("%+v is taken", f)
		}
	}
	if err := b.host(topology.Turn).Filter([]gateway.Filter{{STUN: []string{"bind"}}}); err == nil {
		t.Error("a method that does not exist is taken")
	}
}
