package diagnose

import (
	"fmt"

	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/turnserver"
)

// allocateRules are those of family C.
var allocateRules = []rule{
	{"refused allocation", []string{"C1", "C2", "C4", "C7", "C8", "C9", "C11"}, refusedAllocation},
	{"nonce", []string{"C5"}, nonceLoop},
}

// byErrorCode are the causes that a code of RFC 8656 §18 tells plainly.
var byErrorCode = map[int]struct{ code, because string }{
	403: {"C11", "the TURN server takes no new allocation of the %s's"},
	420: {"C9", "the TURN server does not know an attribute that the %s sends"},
	437: {"C4", "the %s's port still has an allocation of before"},
	440: {"C8", "the TURN server has no relay of the IP version that the %s asks for"},
	442: {"C7", "the TURN server does not relay the transport that the %s asks for"},
	486: {"C1", "the %s's user holds all the allocations that it may"},
	508: {"C2", "the TURN server has no relay port left for the %s"},
}

func refusedAllocation(f *facts) (list []finding) {
	for _, p := range f.peers {
		for _, r := range f.refusals(p) {
			cause, is := byErrorCode[r.code]
			if !is {
				continue
			}
			// A port that is tried again after 437 is what the standard wants.
			if r.code == 437 && f.served(r) {
				continue
			}
			where := topology.Turn
			if r.code == 437 {
				where = p.role + "'s TURN client"
			}
			x := r.found(cause.code, where, fmt.Sprintf(cause.because, p.role))
			x.breaks = f.ifNone(p)
			list = append(list, x)
		}
	}
	return list
}

// served reports whether an allocation followed on the same leg.
func (f *facts) served(r *refusal) bool { return r.leg != nil && r.leg.relayed.IsValid() }

// nonces is how many 438 are more than nonces that expired.
const nonces = 3

func nonceLoop(f *facts) (list []finding) {
	for _, p := range f.peers {
		var ids []int
		count := 0
		for _, l := range p.legs {
			for _, t := range l.transactions {
				if a := t.answer(); a != nil && a.Code == 438 {
					count++
					ids = append(ids, t.packets()...)
				}
			}
		}
		events := 0
		for _, e := range f.events(turnserver.NonceStale) {
			if f.client(e) == p {
				events++
			}
		}
		logged := p.log("error 438") != ""
		if max(count, events) < nonces && !(logged && !f.granted(p) && max(count, events) > 0) {
			continue
		}
		x := found("C5", topology.Turn, fmt.Sprintf("the TURN server refuses every nonce of the %s", p.role), SureObserved)
		if count > 0 {
			x.Evidence = append(x.Evidence, item(OfSockets, ids, "%s with 438, each of them to another request", many(count, "answer")))
		}
		if events > 0 {
			x.Evidence = append(x.Evidence, item(OfServer, nil, "%s of the TURN server's: %s", many(events, "event"), turnserver.NonceStale))
		}
		if count > 0 && events > 0 {
			x.Confidence = SureBoth
		}
		list = append(list, x.breaking(f.ifNone(p)))
	}
	return list
}
