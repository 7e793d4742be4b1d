package probe

import (
	"fmt"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/nat"
)

// Property is something a condition declares and a card measures.
type Property string

// The properties.
const (
	PropertyUDP       Property = "udp"
	PropertyNAT       Property = "nat"
	PropertyMapping   Property = "mapping"
	PropertyFiltering Property = "filtering"
	PropertyPorts     Property = "ports"
	PropertyHairpin   Property = "hairpin"
	PropertyLifetime  Property = "lifetime"
)

// Difference is a property that does not measure as declared.
type Difference struct {
	Property Property `json:"property"`
	Declared string   `json:"declared"`
	Measured string   `json:"measured"`
	// Raw are the observations that it was measured by.
	Raw []Observation `json:"raw"`
}

// String names the property and both values, without the observations.
func (d Difference) String() string {
	return fmt.Sprintf("%s: declared %s, measured %s", d.Property, d.Declared, d.Measured)
}

// Compare names every property that measured otherwise than declared. Where UDP
// or NAT itself differs there is nothing else to compare. A lifetime is compared
// if it was measured.
func (c Card) Compare(declared nat.Condition) []Difference {
	var found []Difference
	check := func(p Property, differs bool, declared, measured any) bool {
		if differs {
			found = append(found, Difference{p, fmt.Sprint(declared), fmt.Sprint(measured), c.evidence(p)})
		}
		return differs
	}
	want := expect(declared)
	switch {
	case check(PropertyUDP, c.UDP != want.udp, passes(want.udp), passes(c.UDP)):
		return found
	case !c.UDP:
		return nil
	case check(PropertyNAT, c.NAT != want.nat, yes(want.nat), yes(c.NAT)):
		return found
	}
	check(PropertyFiltering, c.Filtering != want.Filtering, want.Filtering, c.Filtering)
	if !c.NAT {
		return found
	}
	check(PropertyMapping, c.Mapping != want.Mapping, want.Mapping, c.Mapping)
	check(PropertyPorts, c.Ports != want.Ports, want.Ports, c.Ports)
	check(PropertyHairpin, want.hairpinDiffers(c.Hairpin), yes(want.Hairpin), c.Hairpin)
	if c.Lifetime != nil {
		check(PropertyLifetime, c.Lifetime.differs(want.Lifetime), want.Lifetime, *c.Lifetime)
	}
	return found
}

// hairpinDiffers accepts that nothing arrives from a NAT that hairpins, if its
// own filter keeps it out: that of an ADM or APDM NAT that is not EIF, when the
// external ports cannot be known before. Nothing in RFC 4787 exempts hairpinned
// packets from filtering.
func (w expectation) hairpinDiffers(measured Hairpin) bool {
	filtered := w.Mapping != nat.EIM && w.Filtering != nat.EIF && w.Ports != nat.Preserving
	switch measured {
	case HairpinYes:
		return !w.Hairpin
	case HairpinNo, HairpinUndecidable:
		return w.Hairpin && !filtered
	default:
		return true
	}
}

// differs allows for what passes between the kernel's clock and this one.
func (l Lifetime) differs(declared time.Duration) bool {
	slack := declared/20 + 50*time.Millisecond
	return l.AtLeast > declared+slack || l.Below != 0 && l.Below < declared-slack
}

func (c Card) evidence(p Property) (raw []Observation) {
	tests := string(p)
	switch p {
	case PropertyUDP, PropertyNAT:
		tests = testMapping
	}
	for _, o := range c.Observations {
		if strings.HasPrefix(o.Test, tests) {
			raw = append(raw, o)
		}
	}
	return raw
}

func passes(udp bool) string {
	if udp {
		return "passes"
	}
	return "blocked"
}

func yes(b bool) Hairpin {
	if b {
		return HairpinYes
	}
	return HairpinNo
}
