package gateway

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"github.com/icelab-go/icelab/lab/nat"
)

func (n *network) filter(t *testing.T, at netns.NsHandle, filters ...Filter) {
	t.Helper()
	n.in(t, at, func() error { return SetFilters(filters) })
}

// exchanged says which way a datagram gets through, given which it should.
func (x traffic) exchanged(wantOut, wantIn bool) (out, in bool) {
	x.inside.t.Helper()
	return x.inside.reaches(x.outside, x.outside.local(), wantOut), x.outside.reaches(x.inside, x.mapped, wantIn)
}

func (e testEndpoint) reaches(other testEndpoint, at netip.AddrPort, want bool) bool {
	e.t.Helper()
	e.send("hello", at)
	must(e.t, other.SetReadDeadline(time.Now().Add(awaits(want, lost))))
	n, _, err := other.ReadFromUDPAddrPort(make([]byte, 100))
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		e.t.Fatal(err)
	}
	return err == nil && n == len("hello")
}

func TestAFilterLooksAtTheFarEnd(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Random}})
	x := n.traffic(t)
	for name, c := range map[string]struct {
		filter Filter
		drops  bool
	}{
		"everything":             {Filter{}, true},
		"UDP":                    {Filter{Protocol: "udp"}, true},
		"its port":               {Filter{Ports: [2]uint16{3478, 3478}}, true},
		"a range that ends so":   {Filter{Ports: [2]uint16{1, 3478}}, true},
		"a range that begins so": {Filter{Ports: [2]uint16{3478, 65535}}, true},
		"the port below":         {Filter{Ports: [2]uint16{1, 3477}}, false},
		"the port above":         {Filter{Ports: [2]uint16{3479, 3479}}, false},
		"its own port":           {Filter{Ports: [2]uint16{5000, 5000}, Own: true}, true},
		"another port of its":    {Filter{Ports: [2]uint16{3478, 3478}, Own: true}, false},
		"its address":            {Filter{Far: []netip.Prefix{netip.MustParsePrefix("198.18.0.10/32")}}, true},
		"its network": {
			Filter{Far: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.77/24")}}, true,
		},
		"the address beside": {Filter{Far: []netip.Prefix{netip.MustParsePrefix("198.18.0.11/32")}}, false},
		"port and address": {
			Filter{Far: []netip.Prefix{netip.MustParsePrefix("198.18.0.10/32")}, Ports: [2]uint16{3478, 3478}}, true,
		},
		"its address, another port": {
			Filter{Far: []netip.Prefix{netip.MustParsePrefix("198.18.0.10/32")}, Ports: [2]uint16{3479, 3479}}, false,
		},
		"TCP to its port": {Filter{Protocol: "tcp", Ports: [2]uint16{3478, 3478}}, false},
	} {
		n.filter(t, n.gateway, c.filter)
		if out, in := x.exchanged(!c.drops, !c.drops); out == c.drops || in == c.drops {
			t.Errorf("%s: out %t, in %t: want %t", name, out, in, !c.drops)
		}
	}
	n.filter(t, n.gateway)
	if out, in := x.exchanged(true, true); !out || !in {
		t.Errorf("without filters: out %t, in %t", out, in)
	}
}

func TestWhatAFilterDropsIsCountedAndLeavesNoMapping(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Random}})
	n.filter(t, n.gateway, Filter{Protocol: "udp", Direction: Outbound, Ports: [2]uint16{3478, 3478}}, Filter{DTLS: true})
	inside, outside := n.listen(t, n.inside, "10.1.0.10:0"), n.listen(t, n.outside, "198.18.0.10:0")
	for range 5 {
		inside.send("x", server)
	}
	inside.send(dtlsHello, server)
	inside.send(dtlsHello, outside.local())
	if s := n.state(t); len(s.Mappings) > 0 {
		t.Errorf("the NAT holds %v", s.Mappings)
	}
	inside.send("other", outside.local())
	outside.receive("other")
	if drops := n.drops(t); drops[Policy] != 7 || len(drops) != 1 {
		t.Errorf("dropped %v, want 7 packets for %s", drops, Policy)
	}
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Random}})
	inside.send(dtlsHello, outside.local())
	outside.receive(dtlsHello)
}

func TestAFilterKnowsPacketsBySize(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Random}})
	x := n.traffic(t)
	const headers = 28 // IP and UDP
	n.filter(t, n.gateway, Filter{LargerThan: 80})
	for size, passes := range map[int]bool{0: true, 80: true, 81: false, 1500: false, 4000: false} {
		for way, send := range map[string]func(string){
			"out": func(p string) { x.inside.send(p, x.outside.local()); x.inside.send(last, x.outside.local()) },
			"in":  func(p string) { x.outside.send(p, x.mapped); x.outside.send(last, x.mapped) },
		} {
			receiver := x.outside
			if way == "in" {
				receiver = x.inside
			}
			send(strings.Repeat("x", max(0, size-headers)))
			must(t, receiver.SetReadDeadline(time.Now().Add(patience)))
			buf := make([]byte, 5000)
			got, _, err := receiver.ReadFromUDPAddrPort(buf)
			must(t, err)
			if arrived := string(buf[:got]) != last; arrived != passes {
				t.Errorf("%s: %d bytes arrived: %t, want %t", way, size, arrived, passes)
			} else if arrived {
				receiver.receive(last)
			}
		}
	}
}

func TestAFilterDropsEachNth(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Random}})
	x := n.traffic(t)
	// It matches both ends of a prefix that it has twice, and counts one packet.
	twice := []netip.Prefix{netip.MustParsePrefix("198.18.0.0/24"), netip.MustParsePrefix("198.18.0.10/32")}
	n.filter(t, n.gateway, Filter{Direction: Outbound, Far: twice, Every: 3})
	var got string
	for _, p := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		x.inside.send(p, x.outside.local())
	}
	must(t, x.outside.SetReadDeadline(time.Now().Add(patience)))
	for got != "124578" && len(got) < 8 {
		buf := make([]byte, 10)
		size, _, err := x.outside.ReadFromUDPAddrPort(buf)
		if err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
		got += string(buf[:size])
	}
	if got != "124578" {
		t.Errorf("got %q, want all but each third", got)
	}
}

func TestAFilterThatRejectsAnswers(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Random}})
	n.filter(t, n.gateway, Filter{Direction: Outbound, Ports: [2]uint16{3478, 3478}, Reject: true})
	conn := n.dial(t, "udp4", server.String(), true)
	_, err := conn.Write([]byte("hello"))
	must(t, err)
	must(t, conn.SetReadDeadline(time.Now().Add(patience)))
	if _, err := conn.Read(make([]byte, 10)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("over UDP: %v", err)
	}
	n.in(t, n.inside, func() error {
		c, err := net.DialTimeout("tcp4", server.String(), patience)
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("over TCP: %v", err)
		}
		return nil
	})
	if drops := n.drops(t); drops[Policy] != 2 || len(drops) != 1 {
		t.Errorf("dropped %v", drops)
	}
}

func TestAFilterStopsTCP(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Random}})
	tcp := n.connect(t)
	for name, c := range map[string]struct {
		filter  Filter
		out, in bool
	}{
		"UDP":        {Filter{Protocol: "udp"}, true, true},
		"443":        {Filter{Protocol: "tcp", Ports: [2]uint16{443, 443}}, true, true},
		"DTLS":       {Filter{DTLS: true}, true, true},
		"everything": {Filter{}, false, false},
	} {
		n.filter(t, n.gateway, c.filter)
		// What was lost before is sent again first, later each time.
		if out, in := tcp.carries(tcp.inside, tcp.outside, awaits(c.out, 4*lost)), tcp.carries(tcp.outside, tcp.inside, awaits(c.in, 4*lost)); out != c.out || in != c.in {
			t.Errorf("%s: out %t, in %t", name, out, in)
		}
	}
	n.filter(t, n.gateway)
	if !tcp.carries(tcp.inside, tcp.outside, patience) || !tcp.carries(tcp.outside, tcp.inside, patience) {
		t.Error("the connection is lost")
	}
}

// Behind a NAT that turns packets round, two inside hosts talk through it.
func TestAHairpinnedPacketIsFilteredOnItsWayOut(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Random, Hairpin: true}})
	x := n.traffic(t)
	beside := n.listen(t, n.inside, "10.1.0.11:0")
	if !beside.reaches(x.inside, x.mapped, true) {
		t.Fatal("it does not hairpin")
	}
	n.filter(t, n.gateway, Filter{Direction: Outbound, Far: []netip.Prefix{netip.PrefixFrom(external, 32)}, Ports: [2]uint16{x.mapped.Port(), x.mapped.Port()}})
	if beside.reaches(x.inside, x.mapped, false) {
		t.Error("it passed the filter")
	}
}

func TestAHostThatIsNoGatewayHasFilters(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{})
	x := n.traffic(t)
	other := n.listen(t, n.outside, "198.18.0.10:0")
	for name, c := range map[string]struct {
		filters          []Filter
		out, in, another bool
	}{
		"its own port":         {[]Filter{{Direction: Inbound, Own: true, Ports: [2]uint16{3478, 3478}}}, false, true, true},
		"ports of the far end": {[]Filter{{Direction: Inbound, Ports: [2]uint16{5000, 5000}}}, false, true, false},
		"everything in":        {[]Filter{{Direction: Inbound}}, false, true, false},
		"TCP":                  {[]Filter{{Protocol: "tcp"}}, true, true, true},
		"one of two":           {[]Filter{{DTLS: true}, {Direction: Inbound, Own: true, Ports: [2]uint16{3478, 3478}}}, false, true, true},
		"none":                 {nil, true, true, true},
	} {
		n.filter(t, n.outside, c.filters...)
		out, in := x.exchanged(c.out, c.in)
		another := x.inside.reaches(other, other.local(), c.another)
		if out != c.out || in != c.in || another != c.another {
			t.Errorf("%s: in to it %t, out of it %t, in to another port %t: want %t, %t, %t", name, out, in, another, c.out, c.in, c.another)
		}
	}

	// The host itself is told of what it must not send.
	n.filter(t, n.outside, Filter{Direction: Outbound})
	if _, err := x.outside.WriteToUDPAddrPort([]byte("out"), x.inside.local()); !errors.Is(err, syscall.EPERM) {
		t.Errorf("sent: %v, want EPERM", err)
	}
	// Its relays reach each other all the same.
	n.filter(t, n.outside, Filter{})
	n.in(t, n.outside, func() error { return configure("lo", nil) })
	if !x.outside.reaches(other, other.local(), true) {
		t.Error("the filter does not spare loopback")
	}
}

func TestVXLANUnderneathIsNotFiltered(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{})
	inside, vxlan, x := n.listen(t, n.inside, "10.1.0.10:4789"), n.listen(t, n.outside, "198.18.0.10:4789"), n.traffic(t)
	n.filter(t, n.outside, Filter{})
	inside.send("in", vxlan.local())
	vxlan.receive("in")
	vxlan.send("out", inside.local())
	inside.receive("out")
	if x.inside.reaches(x.outside, x.outside.local(), false) {
		t.Error("nothing is filtered")
	}
}

func TestAHostThatRejectsAnswers(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{})
	n.listen(t, n.outside, "198.18.0.10:3478")
	n.filter(t, n.outside, Filter{Direction: Inbound, Own: true, Ports: [2]uint16{3478, 3478}, Reject: true})
	conn := n.dial(t, "udp4", server.String(), true)
	_, err := conn.Write([]byte("hello"))
	must(t, err)
	must(t, conn.SetReadDeadline(time.Now().Add(patience)))
	if _, err := conn.Read(make([]byte, 10)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("over UDP: %v", err)
	}
}

func TestAFilterThatMeansNothingIsRefused(t *testing.T) {
	for want, f := range map[string]Filter{
		`direction "up"`:            {Direction: "up"},
		`protocol "icmp"`:           {Protocol: "icmp"},
		"cannot be told over tcp":   {Protocol: "tcp", DTLS: true},
		"the first is above":        {Ports: [2]uint16{2, 1}},
		"want IPv4 prefixes":        {Far: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}},
		`STUN method "send"`:        {STUN: []string{"send"}},
		"larger than -1 bytes":      {LargerThan: -1},
		"larger than 65535 bytes":   {LargerThan: 65535},
		"filter: every -1th packet": {Every: -1},
	} {
		if err := SetFilters([]Filter{f}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", f, err, want)
		}
	}
}
