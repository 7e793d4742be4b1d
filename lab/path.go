package lab

import (
	"slices"
	"strings"

	"github.com/icelab-go/icelab/scenarios"
)

// Path is how an echo travelled.
type Path struct {
	Path scenarios.Path `json:"path"`
	// Transport is that of the leg between a relayed peer and the TURN server:
	// "udp", "tcp" or "tls", "tcp+udp" when two relayed peers differ, empty on a
	// path without a relay.
	Transport string `json:"transport,omitempty"`
}

func (p Path) String() string {
	if p.Transport == "" {
		return string(p.Path)
	}
	return string(p.Path) + "/" + p.Transport
}

// meets reports whether p is what was expected.
func (p Path) meets(e scenarios.Expect) bool {
	return p.Path == e.Path && (e.Transport == "" || p.Transport == e.Transport)
}

// unclear is the path of a witness that saw something no path explains.
const unclear scenarios.Path = "unclear"

// Testimony is what one witness says of the path, and from what it concludes so.
type Testimony struct {
	Witness string         `json:"witness"`
	Path    scenarios.Path `json:"path"`
	// CallerLeg and CalleeLeg are the transports between the peers and the TURN
	// server, as far as this witness knows them.
	CallerLeg string `json:"caller_leg,omitempty"`
	CalleeLeg string `json:"callee_leg,omitempty"`
	Saw       string `json:"saw"`
}

// hearing is what all witnesses said of one echo, and what was expected of it.
type hearing struct {
	step     string
	expected scenarios.Expect
	said     []Testimony
}

// agree compares the testimonies: all must name the same path, and all that
// know a leg the same transport for it.
func agree(all []Testimony) (Path, bool) {
	path := all[0].Path
	var callerLeg, calleeLeg string
	for _, t := range all {
		if t.Path != path || t.Path == unclear || !same(&callerLeg, t.CallerLeg) || !same(&calleeLeg, t.CalleeLeg) {
			return Path{}, false
		}
	}
	legs := slices.DeleteFunc([]string{callerLeg, calleeLeg}, func(s string) bool { return s == "" })
	slices.Sort(legs)
	return Path{path, strings.Join(slices.Compact(legs), "+")}, true
}

// same takes what one witness knows over, unless another knew differently.
func same(known *string, said string) bool {
	if *known == "" {
		*known = said
	}
	return said == "" || *known == said
}
