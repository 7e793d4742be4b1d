package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/ladder"
)

// stagesView is how far a side got with one URL, or in the call.
type stagesView struct {
	Node, Of string
	Rungs    []rungView
	// Broke is the first rung that failed.
	Broke *rungView
	// Controls are the experiments beside its climbs; only with the first.
	Controls []ladder.Control
}

type rungView struct {
	Stage, Mark, Kind string // kind is the outcome
	MS                float64
	Detail            string
	Links             []linkView
	More              int
}

// stages are the ladders of the diagnosis, or else those of the probes.
func (c Case) stages(id string, shown map[int]bool) []stagesView {
	var sides []diagnose.SideLadder
	if c.Diagnosis != nil {
		sides = c.Diagnosis.Ladders
	}
	probed := map[string]*ladder.Result{}
	if e := c.Evidence; e != nil {
		for _, side := range []diagnose.Side{e.Caller, e.Callee} {
			if side.Ladder == nil {
				continue
			}
			probed[side.Node] = side.Ladder
			if len(sides) == 0 || c.Diagnosis == nil {
				sides = append(sides, diagnose.SideLadder{Node: side.Node, Climbs: side.Ladder.Climbs})
			}
		}
	}
	var all []stagesView
	for _, side := range sides {
		begin := len(all)
		for _, climb := range side.Climbs {
			all = append(all, newStages(side.Node, climb.URL, climb.Rungs, id, shown))
		}
		if len(side.Call) > 0 {
			all = append(all, newStages(side.Node, "the call", side.Call, id, shown))
		}
		if p := probed[side.Node]; p != nil && len(all) > begin {
			for _, control := range p.Controls {
				if control.Outcome != ladder.Skipped {
					all[begin].Controls = append(all[begin].Controls, control)
				}
			}
		}
	}
	return all
}

// order is that in which a connection is made: a Binding, for one, can be seen after
// an allocation.
var order = []ladder.Stage{
	ladder.Setup, ladder.DNS, ladder.Transport, ladder.TLS, ladder.Binding, ladder.Challenge, ladder.Allocate,
	ladder.Permission, ladder.Relay, ladder.Signalling, ladder.Checks, ladder.Nomination, ladder.Handshake,
	ladder.SCTP, ladder.Data,
}

func newStages(node, of string, rungs []ladder.Rung, id string, shown map[int]bool) stagesView {
	v := stagesView{Node: node, Of: of}
	for _, r := range slices.SortedStableFunc(slices.Values(rungs), func(a, b ladder.Rung) int {
		return cmp.Compare(slices.Index(order, a.Stage), slices.Index(order, b.Stage))
	}) {
		one := rungView{
			Stage: string(r.Stage), Kind: string(r.Outcome), MS: r.MS, Detail: r.Detail,
			Mark: map[ladder.Outcome]string{ladder.OK: "✓", ladder.Failed: "✗", ladder.Skipped: "–"}[r.Outcome],
		}
		if one.Detail == "" && r.Code != 0 {
			one.Detail = fmt.Sprintf("error %d", r.Code)
		}
		if one.Detail == "" {
			one.Detail = strings.ReplaceAll(string(r.Fault), "-", " ")
		}
		one.Links, one.More = links(r.Packets, id, shown)
		v.Rungs = append(v.Rungs, one)
		if r.Outcome == ladder.Failed && v.Broke == nil {
			v.Broke = &one
		}
	}
	return v
}
