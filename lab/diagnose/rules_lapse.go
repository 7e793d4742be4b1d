package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/turnserver"
	"github.com/icelab-go/icelab/wire"
)

// lapse is what a client has to refresh at the server in time.
type lapse struct {
	code, where, because string
	// ended is the server's event, with a part of its reason if it has one.
	ended  turnserver.Kind
	reason string
	// drops is why the server drops what comes after that.
	drops []string
	// method is the request that refreshes it.
	method string
}

func permissionLost(f *facts) []finding {
	return f.lapsed(lapse{"D9", "turn's permissions", "the %s's permission at the TURN server has lapsed",
		turnserver.PermissionEnded, "", []string{"no permission for this peer"}, "create-permission"})
}

func channelExpired(f *facts) []finding {
	return f.lapsed(lapse{"D10", "turn's channels", "the %s's channel at the TURN server has lapsed",
		turnserver.ChannelEnded, "", []string{"is not bound"}, "channel-bind"})
}

func notRefreshed(f *facts) []finding {
	return f.lapsed(lapse{"D11", "turn's allocations", "the %s's allocation has expired without a refresh",
		turnserver.AllocationEnded, "its lifetime ended without a refresh", nil, "refresh"})
}

func (f *facts) lapsed(l lapse) (list []finding) {
	if !f.midcall() || !f.wasRelayed() {
		return nil
	}
	for _, p := range f.peers {
		var evidence []Item
		confidence := 0.0
		for _, e := range f.events(l.ended) {
			if f.client(e) == p && f.fatal(e) && strings.Contains(e.Reason, l.reason) {
				evidence = append(evidence, item(OfServer, nil, "the TURN server's event: %s of %s%s", e.Kind, e.Client, reasoned(e)))
				confidence = SureObserved
				break
			}
		}
		if lost := f.droppedByServer(p, l.drops); len(lost) > 0 && confidence > 0 {
			evidence = append(evidence, item(OfServer, lost, "the TURN server dropped %s since", many(len(lost), "packet")))
			confidence = SureBoth
		}
		if asked := f.unanswered(p, l.method); len(asked) > 0 {
			evidence = append(evidence, item(OfSockets, asked, "%s requests of the %s without an answer", l.method, p.role))
			if confidence = SureBoth; len(evidence) == 1 {
				confidence = SureSilent
			}
		}
		if confidence == 0 {
			continue
		}
		x := found(l.code, l.where, fmt.Sprintf(l.because, p.role), confidence, evidence...).breaking(p.relay)
		if confidence == SureSilent {
			x = x.or("G1", SureSilent, "the server's log: whether it was restarted")
		}
		x.midcall = true
		list = append(list, x)
	}
	return list
}

// unanswered are a peer's requests of a method that got no answer.
func (f *facts) unanswered(p *peer, method string) (ids []int) {
	for _, l := range p.legs {
		for _, t := range l.of(method) {
			if _, place := f.farthest(t.answers, p.other); len(t.answers) == 0 || f.sockets && place != atReceiver {
				ids = append(ids, t.packets()...)
			}
		}
	}
	return ids
}

// droppedByServer are the packets of a relayed peer that the server dropped since
// the call died, for one of some reasons.
func (f *facts) droppedByServer(p *peer, reasons []string) (ids []int) {
	relays := f.relays(p)
	for i := range f.Packets {
		k := &f.Packets[i]
		if k.Node != topology.Turn || k.Dropped == "" || k.Time.Before(f.died) {
			continue
		}
		own := k.At == wire.AtRelay && slices.Contains(relays, k.To) || k.At == wire.AtListener && f.whose(k, k.From) == p
		if own && slices.ContainsFunc(reasons, func(r string) bool { return strings.Contains(k.Dropped, r) }) {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

func reasoned(e turnserver.Event) string {
	if e.Reason == "" {
		return ""
	}
	return fmt.Sprintf(", %q", e.Reason)
}

// fatal reports whether an event may be behind the end of a call: it came after the
// call was up and before the last attempt had ended, and is not the end of an
// allocation that takes its permissions and channels along.
func (f *facts) fatal(e turnserver.Event) bool {
	up := time.Time{}
	for _, a := range f.Attempts {
		if a.OK {
			up = a.Ended
			break
		}
	}
	if !e.Time.After(up) || e.Time.After(f.end()) || e.Peer.IsValid() && isPrivate(e.Peer.Addr()) {
		return false
	}
	return e.Kind == turnserver.AllocationEnded || !slices.ContainsFunc(f.events(turnserver.AllocationEnded), func(end turnserver.Event) bool {
		return end.Client == e.Client && end.Time.Sub(e.Time).Abs() < atATime
	})
}

// atATime is how far apart the events of one end may be.
const atATime = 50 * time.Millisecond
