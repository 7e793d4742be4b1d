package probe

import (
	"slices"

	"github.com/icelab-go/icelab/lab/nat"
)

// expectation is how a condition should measure: several gateways in a row look
// like one.
type expectation struct {
	udp, nat bool
	// Behavior has no mapping, ports, hairpinning or lifetime without NAT.
	nat.Behavior
}

// From the least strict to the strictest.
var (
	mappings = []nat.Mapping{nat.EIM, nat.ADM, nat.APDM}
	filters  = []nat.Filtering{nat.EIF, nat.ADF, nat.APDF}
)

func expect(declared nat.Condition) expectation {
	want := expectation{udp: true, Behavior: nat.Behavior{Filtering: nat.EIF}}
	for _, hop := range declared.Chain() {
		want.udp = want.udp && !hop.Firewall.BlockUDP
		if hop.Firewall.Stateful {
			want.Filtering = nat.APDF
		}
		if hop.NAT != nil {
			want.beyond(*hop.NAT)
		}
	}
	return want
}

// beyond adds a NAT further out. Of mapping and filtering the stricter shows, of
// lifetimes the shorter. The external port is the outer NAT's, which may preserve
// the inner one's. Packets turn at the outermost NAT, whose address is the one
// that is known.
func (w *expectation) beyond(outer nat.Behavior) {
	if outer.Lifetime == 0 {
		outer.Lifetime = nat.DefaultLifetime
	}
	inner := w.Behavior
	outer.Filtering = strictest(filters, inner.Filtering, outer.Filtering)
	if w.nat {
		outer.Mapping = strictest(mappings, inner.Mapping, outer.Mapping)
		outer.Lifetime = min(inner.Lifetime, outer.Lifetime)
		if outer.Ports == nat.Preserving {
			outer.Ports = inner.Ports
		}
	}
	w.nat, w.Behavior = true, outer
}

func strictest[T comparable](order []T, a, b T) T {
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}
