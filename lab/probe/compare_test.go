package probe

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icelab-go/icelab/lab/nat"
)

var (
	cone      = nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving}
	symmetric = nat.Behavior{Mapping: nat.APDM, Filtering: nat.APDF, Ports: nat.Random}
)

// measured is a card of what a NAT does, with a lifetime of 3 s.
func measured(b nat.Behavior, h Hairpin) Card {
	return Card{
		UDP: true, NAT: true, Mapping: b.Mapping, Filtering: b.Filtering, Ports: b.Ports, Hairpin: h,
		Lifetime:     &Lifetime{2750 * time.Millisecond, 3200 * time.Millisecond},
		Observations: []Observation{{Test: testFiltering}, {Test: "lifetime after 1s"}, {Test: testMapping}},
	}
}

func lasting(b nat.Behavior, d time.Duration) *nat.Behavior {
	b.Lifetime = d
	return &b
}

func hairpinning(b nat.Behavior) *nat.Behavior {
	b.Hairpin, b.Lifetime = true, 3*time.Second
	return &b
}

func TestCompareNamesWhatDiffers(t *testing.T) {
	const three = 3 * time.Second
	adf := cone
	adf.Filtering = nat.ADF
	routed := Card{UDP: true, Filtering: nat.EIF}
	stateful := Card{UDP: true, Filtering: nat.APDF}
	for _, c := range []struct {
		name     string
		card     Card
		declared nat.Condition
		want     []string
	}{
		{"as declared", measured(cone, HairpinNo), nat.Condition{NAT: lasting(cone, three)}, nil},
		{"all is other", measured(symmetric, HairpinYes), nat.Condition{NAT: lasting(adf, time.Minute)}, []string{
			"filtering: declared adf, measured apdf",
			"mapping: declared eim, measured apdm",
			"ports: declared preserving, measured random",
			"hairpin: declared no, measured yes",
			"lifetime: declared 1m0s, measured 2.75s to 3.20s",
		}},
		{"lives longer", measured(cone, HairpinNo), nat.Condition{NAT: lasting(cone, 2*time.Second)}, []string{"lifetime: declared 2s, measured 2.75s to 3.20s"}},
		{"lifetime not measured", Card{UDP: true, NAT: true, Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving, Hairpin: HairpinNo},
			nat.Condition{NAT: lasting(cone, time.Second)}, nil},
		{"no hairpinning", measured(cone, HairpinNo), nat.Condition{NAT: hairpinning(cone)}, []string{"hairpin: declared yes, measured no"}},
		{"hairpinning with the wrong source", measured(cone, HairpinInternal), nat.Condition{NAT: hairpinning(cone)}, []string{"hairpin: declared yes, measured internal-source"}},
		{"hairpinning that cannot show", measured(symmetric, HairpinUndecidable), nat.Condition{NAT: hairpinning(symmetric)}, nil},
		{"no hairpinning where it would not show", measured(symmetric, HairpinUndecidable), nat.Condition{NAT: lasting(symmetric, three)}, nil},
		{"UDP blocked and declared so", Card{}, nat.Condition{NAT: &cone, Firewall: nat.Firewall{BlockUDP: true}}, nil},
		{"UDP blocked", Card{}, nat.Condition{NAT: &cone}, []string{"udp: declared passes, measured blocked"}},
		{"UDP passes", measured(cone, HairpinNo), nat.Condition{NAT: &cone, Firewall: nat.Firewall{BlockUDP: true}}, []string{"udp: declared blocked, measured passes"}},
		{"no NAT", routed, nat.Condition{NAT: &cone}, []string{"nat: declared yes, measured no"}},
		{"a NAT where there is none", measured(cone, HairpinNo), nat.Condition{}, []string{"nat: declared no, measured yes"}},
		{"open", routed, nat.Condition{}, nil},
		{"open behind a firewall", stateful, nat.Condition{}, []string{"filtering: declared eif, measured apdf"}},
		{"stateful firewall", stateful, nat.Condition{Firewall: nat.Firewall{Stateful: true}}, nil},
		{"no stateful firewall", routed, nat.Condition{Firewall: nat.Firewall{Stateful: true}}, []string{"filtering: declared apdf, measured eif"}},
		{"home and carrier", measured(symmetric, HairpinUndecidable), nat.Condition{NAT: lasting(cone, time.Minute), Carrier: lasting(symmetric, three)}, nil},
		{"the carrier adds nothing", measured(cone, HairpinNo), nat.Condition{NAT: lasting(cone, three), Carrier: lasting(symmetric, three)}, []string{
			"mapping: declared apdm, measured eim", "ports: declared random, measured preserving",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, d := range c.card.Compare(c.declared) {
				got = append(got, d.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestADifferenceCarriesItsEvidence(t *testing.T) {
	for _, d := range measured(symmetric, HairpinNo).Compare(nat.Condition{NAT: lasting(cone, time.Minute)}) {
		for _, o := range d.Raw {
			if !strings.HasPrefix(o.Test, string(d.Property)) {
				t.Errorf("%s is shown by %s", d.Property, o)
			}
		}
		if d.Property == PropertyLifetime && len(d.Raw) != 1 {
			t.Errorf("lifetime is shown by %v", d.Raw)
		}
	}
}

func TestTheCardIsReadable(t *testing.T) {
	card := measured(symmetric, HairpinUndecidable)
	card.Server, card.Alternate = at(3478), at(3479)
	card.Local, card.External = at(5000), at(40000)
	want := `NAT card, measured against 198.18.0.20:3478
  local        198.18.0.20:5000
  external     198.18.0.20:40000
  mapping      APDM               another external port for every destination address and port
  filtering    APDF               addresses and ports that were sent to may send in
  ports        random
  hairpinning  undecidable        nothing arrived, but the filter would have kept it out anyway
  lifetime     2.75s to 3.20s     of a mapping after the last outbound packet
`
	if diff := cmp.Diff(want, card.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTheCardTravelsAsJSON(t *testing.T) {
	card := measured(cone, HairpinNo)
	card.Server, card.Alternate, card.Local, card.External = at(1), at(2), at(3), at(4)
	data, err := json.Marshal(card)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"server":"198.18.0.20:1"`, `"udp":true`, `"mapping":"eim"`, `"at_least":2750000000`, `"observations":[{"test":"filtering"`} {
		if !strings.Contains(string(data), key) {
			t.Errorf("no %s in %s", key, data)
		}
	}
	var back Card
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(card.String(), back.String()); diff != "" {
		t.Error(diff)
	}
}
