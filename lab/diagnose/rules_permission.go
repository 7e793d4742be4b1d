package diagnose

import (
	"fmt"
	"slices"

	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/turnserver"
)

// permissionUnanswered is for a server that gives a relay, and answers none of the
// requests for permissions on it.
func permissionUnanswered(f *facts) (list []finding) {
	if f.midcall() {
		return nil
	}
	for _, p := range f.peers {
		asked, arrived := 0, false
		var ids []int
		answers := false
		for _, l := range p.legs {
			if !l.relayed.IsValid() {
				continue
			}
			for _, t := range slices.Concat(l.of("create-permission"), l.of("channel-bind")) {
				answers = answers || len(t.answers) > 0
				asked += f.times(t, p)
				ids = append(ids, t.packets()...)
				_, place := f.farthest(t.requests, p)
				arrived = arrived || place == atListener
			}
		}
		if answers || asked < fewChecks {
			continue
		}
		x := found("D9", "turn's permissions", fmt.Sprintf("the TURN server confirms no permission of the %s's", p.role), SureSilent,
			item(OfSockets, ids, "%s of the %s for permissions, and no answer", many(asked, "request"), p.role)).breaking(p.relay)
		if arrived {
			x.Evidence = append(x.Evidence, item(OfServer, nil, "they arrived at the server, and no answer left it"))
			x.Confidence = SureObserved
		} else {
			x = x.or("C12", 0.3, "see whether the answer arrives and is malformed")
		}
		if slices.ContainsFunc(f.events(turnserver.PermissionCreated), func(e turnserver.Event) bool { return f.client(e) == p }) {
			x.Evidence = append(x.Evidence, item(OfServer, nil, "the TURN server's event: %s", turnserver.PermissionCreated))
			if arrived {
				x.Confidence = SureBoth
			}
		}
		if c := p.silentAt(ladder.Permission); c != "" {
			x.Evidence = append(x.Evidence, item(OfLadders, nil, "%s: probing gets no answer to a request for a permission either", c))
			x.Confidence = max(x.Confidence, SureControlled)
		}
		list = append(list, x)
	}
	return list
}

// times is how often a request was sent, as those nearest to its sender saw it.
func (f *facts) times(t *transaction, p *peer) (n int) {
	nearest := 1 << 10
	for _, s := range t.requests {
		switch place := f.place(s.Packet, p); {
		case place < 0 || place > nearest:
		case place < nearest:
			nearest, n = place, 1
		default:
			n++
		}
	}
	return n
}

// silentAt is the first URL of which probing found a stage silent.
func (p *peer) silentAt(stage ladder.Stage) string {
	if p.Ladder == nil {
		return ""
	}
	for _, c := range p.Ladder.Climbs {
		if c.Rung(stage).Outcome == ladder.Failed && c.Rung(stage).Fault == ladder.Silent {
			return c.URL
		}
	}
	return ""
}
