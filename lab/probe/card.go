package probe

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/icelab-go/icelab/lab/nat"
)

// Card is what was measured. What could not be is empty.
type Card struct {
	// Server answered on its primary address, and has an alternate one.
	Server    netip.AddrPort `json:"server"`
	Alternate netip.AddrPort `json:"alternate,omitzero"`
	// UDP: the server answered. If it did not, UDP is blocked or there is no server.
	UDP bool `json:"udp"`
	// NAT: the server sees another address or port than the host has.
	NAT bool `json:"nat"`
	// Local and External are the first endpoint that was used, and how the server
	// sees it.
	Local    netip.AddrPort `json:"local"`
	External netip.AddrPort `json:"external,omitzero"`

	// Mapping, Ports and Hairpin are empty without NAT.
	Mapping nat.Mapping `json:"mapping,omitempty"`
	// Filtering without NAT is that of a firewall: EIF lets everything in.
	Filtering nat.Filtering      `json:"filtering,omitempty"`
	Ports     nat.PortAssignment `json:"ports,omitempty"`
	Hairpin   Hairpin            `json:"hairpin,omitempty"`
	// Lifetime is only measured when asked for.
	Lifetime *Lifetime `json:"lifetime,omitempty"`

	// Observations are the evidence: every question, ordered by test.
	Observations []Observation `json:"observations"`
}

// Observation is one question to the server, or in the hairpin test one host's
// packets to the other.
type Observation struct {
	Test string `json:"test"`
	// Local is the endpoint where the answer was expected.
	Local netip.AddrPort `json:"local"`
	To    netip.AddrPort `json:"to"`
	// From is where the answer had to come from; hairpinned packets: did come from.
	From     netip.AddrPort `json:"from,omitzero"`
	Answered bool           `json:"answered"`
	// Mapped is the sender as the server saw it.
	Mapped netip.AddrPort `json:"mapped,omitzero"`
	// Refused is the server's error.
	Refused string `json:"refused,omitempty"`
	// Requests is how often it was asked.
	Requests int `json:"requests"`
}

func (o Observation) String() string {
	s := fmt.Sprintf("%s: %s asked %s", o.Test, o.Local, o.To)
	if strings.HasPrefix(o.Test, testHairpin) && o.Mapped == (netip.AddrPort{}) {
		s = fmt.Sprintf("%s: to %s for %s", o.Test, o.To, o.Local)
	}
	if o.From.IsValid() && o.From != o.To {
		s += fmt.Sprintf(", from %s", o.From)
	}
	switch {
	case o.Refused != "":
		return s + ": refused: " + o.Refused
	case o.Answered && o.Mapped.IsValid():
		return s + ": seen as " + o.Mapped.String()
	case o.Answered:
		return s + ": arrived"
	default:
		return s + fmt.Sprintf(": nothing, %d times", o.Requests)
	}
}

// String is the card for a terminal.
func (c Card) String() string {
	var b strings.Builder
	row := func(name, value, meaning string) {
		if value != "" {
			line := fmt.Sprintf("  %-12s %-18s %s", name, value, meaning)
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	fmt.Fprintf(&b, "NAT card, measured against %s\n", c.Server)
	if !c.UDP {
		row("UDP", "no answer", "blocked, or no STUN server is there")
		return b.String()
	}
	row("local", c.Local.String(), "")
	row("external", c.External.String(), "")
	if c.Alternate.IsValid() && !c.NAT {
		row("NAT", "none", "")
	}
	row("mapping", strings.ToUpper(string(c.Mapping)), mappingMeans[c.Mapping])
	row("filtering", strings.ToUpper(string(c.Filtering)), filteringMeans[c.Filtering])
	row("ports", string(c.Ports), portsMean[c.Ports])
	row("hairpinning", string(c.Hairpin), hairpinMeans[c.Hairpin])
	if c.Lifetime != nil {
		row("lifetime", c.Lifetime.String(), "of a mapping after the last outbound packet")
	}
	return b.String()
}

var (
	mappingMeans = map[nat.Mapping]string{
		nat.EIM:          "one external port for all destinations",
		nat.ADM:          "another external port for every destination address",
		nat.APDM:         "another external port for every destination address and port",
		MappingIrregular: "external ports follow none of RFC 4787's rules",
	}
	filteringMeans = map[nat.Filtering]string{
		nat.EIF:            "anybody may send in",
		nat.ADF:            "addresses that were sent to may send in",
		nat.APDF:           "addresses and ports that were sent to may send in",
		FilteringIrregular: "who may send in follows none of RFC 4787's rules",
	}
	portsMean = map[nat.PortAssignment]string{
		nat.Preserving: "the external port is the local one while it is free",
		nat.Random:     "",
		nat.Sequential: "external ports count up",
	}
	hairpinMeans = map[Hairpin]string{
		HairpinYes:         "inside hosts reach each other by their external addresses",
		HairpinNo:          "inside hosts do not reach each other by their external addresses",
		HairpinInternal:    "inside hosts reach each other, but show their inside addresses",
		HairpinUndecidable: "nothing arrived, but the filter would have kept it out anyway",
	}
)

// String gives the bracket: "2.75s to 3s".
func (l Lifetime) String() string {
	if l.Below == 0 {
		return fmt.Sprintf("%.2fs or more", l.AtLeast.Seconds())
	}
	return fmt.Sprintf("%.2fs to %.2fs", l.AtLeast.Seconds(), l.Below.Seconds())
}
