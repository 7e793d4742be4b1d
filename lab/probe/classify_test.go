package probe

import (
	"net/netip"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab/nat"
)

func at(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("198.18.0.20"), port)
}

func TestMappingIsToldByTheExternalPorts(t *testing.T) {
	for _, c := range []struct {
		name  string
		ports [4]uint16 // primary address, port and other port; other address, port and other port
		want  nat.Mapping
	}{
		{"always the same", [4]uint16{1, 1, 1, 1}, nat.EIM},
		{"one for each address", [4]uint16{1, 1, 2, 2}, nat.ADM},
		{"one for each address and port", [4]uint16{1, 2, 3, 4}, nat.APDM},
		{"one for each port", [4]uint16{1, 2, 1, 2}, MappingIrregular},
		{"three of four", [4]uint16{1, 1, 2, 3}, MappingIrregular},
		{"one stray", [4]uint16{1, 1, 1, 2}, MappingIrregular},
	} {
		var mapped [4]netip.AddrPort
		for i, p := range c.ports {
			mapped[i] = at(p)
		}
		if got := classifyMapping(mapped); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestNoNATIsWhatShowsTheLocalEndpointToAll(t *testing.T) {
	local := at(5000)
	if isNAT(local, [4]netip.AddrPort{local, local, local, local}) {
		t.Error("taken for a NAT")
	}
	if !isNAT(local, [4]netip.AddrPort{local, local, local, at(5001)}) {
		t.Error("a NAT towards one socket is not recognised")
	}
}

func TestFilteringIsToldByWhoGetsIn(t *testing.T) {
	for _, c := range []struct {
		otherAddressAndPort, otherPort bool
		want                           nat.Filtering
	}{
		{true, true, nat.EIF},
		{false, true, nat.ADF},
		{false, false, nat.APDF},
		{true, false, FilteringIrregular},
	} {
		if got := classifyFiltering(c.otherAddressAndPort, c.otherPort); got != c.want {
			t.Errorf("%t, %t: %s, want %s", c.otherAddressAndPort, c.otherPort, got, c.want)
		}
	}
}

func TestPortAssignmentIsToldByFirstMappings(t *testing.T) {
	for _, c := range []struct {
		name   string
		mapped []uint16 // of local ports 20000, 20100, ...
		want   nat.PortAssignment
	}{
		{"all kept", []uint16{20000, 20100, 20200, 20300, 20400, 20500}, nat.Preserving},
		{"two were taken", []uint16{20000, 20100, 41022, 20300, 20400, 51999}, nat.Preserving},
		{"counting up", []uint16{32768, 32769, 32770, 32771, 32772, 32773}, nat.Sequential},
		{"counting, others in between, answers out of order", []uint16{32790, 32768, 32801, 32771, 32812, 32783}, nat.Sequential},
		{"counting past the end", []uint16{60997, 60998, 60999, 32768, 32769, 32770}, nat.Sequential},
		{"all over", []uint16{40112, 59001, 33650, 48222, 52771, 36999}, nat.Random},
		{"two neighbours by chance", []uint16{40112, 40113, 33650, 48222, 52771, 36999}, nat.Random},
		{"one kept by chance", []uint16{20000, 59001, 33650, 48222, 52771, 36999}, nat.Random},
	} {
		var samples []sample
		for i, p := range c.mapped {
			samples = append(samples, sample{at(20000 + 100*uint16(i)), at(p)})
		}
		if got := classifyPorts(samples); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestHairpinningIsOnlyDeniedWhereItWouldHaveShown(t *testing.T) {
	inside, outside := netip.MustParseAddr("10.1.0.10"), netip.MustParseAddr("198.18.0.20")
	card := func(m nat.Mapping, f nat.Filtering, p nat.PortAssignment) Card {
		return Card{Local: netip.AddrPortFrom(inside, 5000), Mapping: m, Filtering: f, Ports: p}
	}
	symmetric := card(nat.APDM, nat.APDF, nat.Random)
	for _, c := range []struct {
		name    string
		sources []netip.Addr
		card    Card
		want    Hairpin
	}{
		{"from the external address", []netip.Addr{outside, outside}, symmetric, HairpinYes},
		{"from the inside address", []netip.Addr{outside, inside}, symmetric, HairpinInternal},
		{"nothing, both filters are open", nil, card(nat.EIM, nat.APDF, nat.Random), HairpinNo},
		{"nothing, there is no filter", nil, card(nat.APDM, nat.EIF, nat.Random), HairpinNo},
		{"nothing, the ports were known", nil, card(nat.APDM, nat.APDF, nat.Preserving), HairpinNo},
		{"nothing, and the filter may be why", nil, symmetric, HairpinUndecidable},
		{"the same with ADM and ADF", nil, card(nat.ADM, nat.ADF, nat.Sequential), HairpinUndecidable},
	} {
		if got := classifyHairpin(c.sources, c.card); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestLifetimeIsBracketed(t *testing.T) {
	s := func(from, to float64, alive bool) silence {
		return silence{time.Duration(from * 1e9), time.Duration(to * 1e9), alive}
	}
	for _, c := range []struct {
		name  string
		found []silence
		want  Lifetime
	}{
		{"between two", []silence{s(3, 3.2, false), s(0, 0, true), s(2, 2.2, true), s(4, 4.2, false)}, Lifetime{2 * time.Second, 3200 * time.Millisecond}},
		{"longer than was searched", []silence{s(1, 1, true), s(2, 2, true)}, Lifetime{AtLeast: 2 * time.Second}},
		{"gone at once", []silence{s(0.1, 0.3, false), s(1, 1.2, false)}, Lifetime{Below: 300 * time.Millisecond}},
	} {
		if got := bracket(c.found); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
