package scenarios

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/icelab-go/icelab/lab/nat"
)

// behavior is a nat.Behavior as a file has it: the lifetime is text, and what
// has a default may be left out.
type behavior struct {
	Mapping     nat.Mapping        `json:"mapping"`
	Filtering   nat.Filtering      `json:"filtering"`
	Ports       nat.PortAssignment `json:"ports,omitempty"`
	Hairpin     bool               `json:"hairpin,omitempty"`
	Lifetime    *Duration          `json:"lifetime,omitempty"`
	Unsolicited nat.Unsolicited    `json:"unsolicited,omitempty"`
}

// defaultPorts is how a NAT that is written out assigns ports when it does not
// say.
const defaultPorts = nat.Preserving

func mappings() []nat.Mapping        { return []nat.Mapping{nat.EIM, nat.ADM, nat.APDM} }
func filterings() []nat.Filtering    { return []nat.Filtering{nat.EIF, nat.ADF, nat.APDF} }
func unsolicited() []nat.Unsolicited { return []nat.Unsolicited{nat.Drop, nat.Reject} }
func portAssignments() []nat.PortAssignment {
	return []nat.PortAssignment{nat.Preserving, nat.Random, nat.Sequential}
}

// behavior reads a mapping into a nat.Behavior.
func (d decoder) behavior(n ast.Node, v reflect.Value, place string) *Error {
	var b behavior
	if err := d.structure(n, reflect.ValueOf(&b).Elem(), place); err != nil {
		return err
	}
	lifetime := time.Duration(0)
	if b.Lifetime != nil {
		// Zero would be taken for a lifetime that was left out.
		if *b.Lifetime == 0 {
			at := join(place, "lifetime")
			return errorAt(d.written[at], "%s is 0s; want whole seconds, at least 1s, or leave the key out", at)
		}
		lifetime = time.Duration(*b.Lifetime)
	}
	v.Set(reflect.ValueOf(nat.Behavior{
		Mapping: b.Mapping, Filtering: b.Filtering, Ports: b.Ports,
		Hairpin: b.Hairpin, Lifetime: lifetime, Unsolicited: b.Unsolicited,
	}))
	return nil
}

// written is the reverse; nil stays nil.
func written(b *nat.Behavior) *behavior {
	if b == nil {
		return nil
	}
	w := &behavior{Mapping: b.Mapping, Filtering: b.Filtering, Ports: b.Ports, Hairpin: b.Hairpin, Unsolicited: b.Unsolicited}
	if b.Lifetime != 0 {
		w.Lifetime = new(Duration(b.Lifetime))
	}
	return w
}

// MarshalJSON writes NAT and link as a file has them.
func (p Peer) MarshalJSON() ([]byte, error) {
	type mapping Peer
	return json.Marshal(struct {
		mapping
		NAT  *behavior `json:"nat,omitempty"`
		Link link      `json:"link,omitzero"`
	}{mapping(p), written(p.NAT), writtenLink(p.Link)})
}

// MarshalJSON writes the carrier as a file has it.
func (s Scenario) MarshalJSON() ([]byte, error) {
	type mapping Scenario
	return json.Marshal(struct {
		mapping
		Carrier *behavior `json:"carrier,omitempty"`
	}{mapping(s), written(s.Carrier)})
}
