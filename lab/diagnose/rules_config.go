package diagnose

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/turnserver"
	"github.com/icelab-go/icelab/wire"
)

// configRules are those of family A, and of G6, which is a credential too.
var configRules = []rule{
	{"refused credentials", []string{"A1", "A2", "A3", "A4", "A13", "G6"}, refusedCredentials},
	{"realm", []string{"A5"}, noRealm},
	{"TURN without credentials", []string{"A6"}, noCredentials},
	{"malformed URL", []string{"A7"}, badURL},
	{"relay only", []string{"A9", "A10"}, relayOnly},
	{"TURN on one side", []string{"A11"}, oneSided},
	{"TURN over UDP only", []string{"A12"}, onlyUDP},
	{"a password for STUN", []string{"A14"}, secureSTUN},
}

// refusedCredentials tells apart why an Allocate request with credentials was
// refused with 400 or 401, which the code alone does not.
func refusedCredentials(f *facts) (list []finding) {
	for _, p := range f.peers {
		for _, r := range f.refusals(p) {
			if x, is := f.credentials(r); is {
				list = append(list, x)
			}
		}
	}
	return list
}

func (f *facts) credentials(r *refusal) (finding, bool) {
	where := r.peer.role + "'s TURN credentials"
	switch reason := r.reason; {
	case strings.Contains(reason, "expired"):
		return f.expired(r), true
	case strings.Contains(reason, "wrong password"):
		return r.found("A1", where, "the "+r.peer.role+"'s TURN password is wrong"), true
	case strings.Contains(reason, "unknown user"):
		return r.found("A2", where, fmt.Sprintf("the TURN server does not know the %s's user", r.peer.role)), true
	case strings.Contains(reason, "STUN only"):
		return r.found("A13", topology.Turn, "the server speaks STUN only, and the "+r.peer.role+" takes it for a TURN server"), true
	case r.event != nil || r.code != 400 && r.code != 401:
		return finding{}, false // another family's
	}
	// The code alone: what else is known of the credentials?
	if until, limited := timeLimited(r.username); limited && !r.at.IsZero() && until.Before(r.at) {
		x := f.expired(r)
		x.Confidence = SureControlled
		return x, true
	}
	other := r.peer.other
	if other.Config.Username == r.username && r.username != "" && f.granted(other) {
		x := r.found("A1", where, "the "+r.peer.role+"'s TURN password is wrong", item(OfServer, nil, "the %s has an allocation with the same username", other.role))
		x.Confidence = SureControlled
		return x, true
	}
	x := r.found("A1", where, fmt.Sprintf("the TURN server refused the %s's credentials", r.peer.role)).
		or("A2", 0.3, "the server's log: whether it knows the user").
		or("A13", 0.2, "the server's configuration: whether it has TURN at all")
	x.Confidence = SureSilent
	return x, true
}

// found is a cause with what shows the refusal.
func (r *refusal) found(code, where, because string, more ...Item) finding {
	var evidence []Item
	switch {
	case len(r.packets) > 0:
		evidence = append(evidence, item(OfSockets, r.packets, "the server answered the %s's Allocate with credentials with %d", r.peer.role, r.code))
	case r.said != "":
		evidence = append(evidence, item(OfReports, nil, "the %s's log: %s", r.peer.role, r.said))
	}
	confidence := SureObserved
	if r.event != nil {
		if len(evidence) > 0 {
			confidence = SureBoth
		}
		evidence = append(evidence, item(OfServer, nil, "the TURN server's event: %s%s", r.event.Kind, reasoned(*r.event)))
	}
	return found(code, where, because, confidence, append(evidence, more...)...).breaking(r.peer.relay)
}

// expired tells a credential that is too old from two clocks that disagree, and
// from one that ended during the call.
func (f *facts) expired(r *refusal) finding {
	role, where := r.peer.role, r.peer.role+"'s TURN credentials"
	until, limited := timeLimited(r.username)
	at := r.at
	if r.event != nil {
		at = r.event.Time
	}
	stamp := item(OfConfig, nil, "the username %s ends at %s", r.username, until.UTC().Format(time.RFC3339))
	switch {
	case limited && !at.IsZero() && until.After(at):
		return r.found("A4", "the TURN server's clock", fmt.Sprintf("the TURN server's clock is ahead: it takes the %s's credential for expired, which by the witnesses' clocks has %s to live",
			role, until.Sub(at).Round(time.Second)), stamp)
	case f.grantedBefore(r.peer, at):
		x := r.found("G6", where, fmt.Sprintf("the %s's TURN credential expired during the call and was not renewed for the restart", role), stamp)
		x.midcall = true
		return x
	}
	return r.found("A3", where, fmt.Sprintf("the %s's TURN credential has expired", role), stamp)
}

// grantedBefore reports whether the peer had been given an allocation by then.
func (f *facts) grantedBefore(p *peer, then time.Time) bool {
	for _, e := range f.events(turnserver.AllocationCreated) {
		if f.client(e) == p && e.Time.Before(then) {
			return true
		}
	}
	for _, l := range p.legs {
		for _, t := range l.of("allocate") {
			if a := t.answer(); a != nil && a.Class == wire.Success && t.began().Before(then) {
				return true
			}
		}
	}
	return false
}

// timeLimited reads the end of a time-limited credential: "UNIXTIME:NAME".
func timeLimited(username string) (time.Time, bool) {
	stamp, _, _ := strings.Cut(username, ":")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || seconds < 1e9 { // 2001: not a name that happens to be a number
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}

func noRealm(f *facts) (list []finding) {
	for _, p := range f.peers {
		if f.granted(p) {
			continue
		}
		var ids []int
		for _, l := range p.legs {
			for _, t := range l.of("allocate") {
				if a := t.answer(); a != nil && a.Code == 401 && a.Realm == "" && !t.request().Integrity {
					ids = append(ids, t.packets()...)
				}
			}
		}
		if len(ids) > 0 {
			list = append(list, found("A5", "turn's realm", "the TURN server's challenge has no realm, so the "+p.role+" has nothing to make its key from",
				SureObserved, item(OfSockets, ids, "401 without REALM")).breaking(p.relay))
			continue
		}
		for _, e := range f.events(turnserver.AuthFailed) {
			if f.client(e) == p && (strings.Contains(e.Reason, "wrong realm") || strings.Contains(e.Reason, "is missing")) {
				list = append(list, found("A5", "turn's realm", "the "+p.role+" and the TURN server do not agree on the realm",
					SureControlled, item(OfServer, nil, "the TURN server's event: %q", e.Reason)).breaking(p.relay))
				break
			}
		}
	}
	return list
}

func noCredentials(f *facts) (list []finding) {
	for _, p := range f.peers {
		if len(p.turns()) == 0 || p.Config.Username != "" && p.Config.Credential {
			continue
		}
		x := found("A6", p.role+"'s TURN credentials", fmt.Sprintf("the %s's TURN URLs have no username or credential, so it never asks the server", p.role),
			SureObserved, item(OfConfig, nil, "%s has no username or credential", p.turns()[0].url)).breaking(p.relay)
		if asked := p.allocates(); len(asked) == 0 && f.sockets {
			x.Evidence = append(x.Evidence, item(OfSockets, nil, "no Allocate request left the %s", p.role))
			x.Confidence = SureBoth
		}
		list = append(list, x)
	}
	return list
}

// allocates are the peer's Allocate transactions.
func (p *peer) allocates() (list []*transaction) {
	for _, l := range p.legs {
		list = append(list, l.of("allocate")...)
	}
	return list
}

func badURL(f *facts) (list []finding) {
	for _, p := range f.peers {
		for _, s := range p.urls {
			if s.bad == "" {
				continue
			}
			list = append(list, found("A7", p.role+"'s URLs", fmt.Sprintf("the %s's URL %s is malformed: %s", p.role, s.url, s.bad),
				SureObserved, item(OfConfig, nil, "%s: %s", s.url, s.bad)).breaking(p.relay))
		}
	}
	return list
}

func relayOnly(f *facts) (list []finding) {
	for _, p := range f.peers {
		if !p.only("relay") {
			continue
		}
		policy := item(OfConfig, nil, "the %s may use relay candidates only", p.role)
		if len(p.turns()) == 0 {
			list = append(list, found("A9", p.role+"'s ICE policy", fmt.Sprintf("the %s may use a relay only and has no TURN server", p.role),
				SureObserved, policy, item(OfConfig, nil, "none of its URLs is a turn: one")).breaking(theCall|p.relay))
			continue
		}
		list = append(list, found("A10", p.role+"'s ICE policy", fmt.Sprintf("the %s may use a relay only", p.role),
			SureObserved, policy).breaking(theDirect))
	}
	return list
}

func oneSided(f *facts) (list []finding) {
	for _, p := range f.peers {
		if !p.configured() || len(p.turns()) > 0 || len(p.other.turns()) == 0 || !p.has("relay") || p.only("relay") {
			continue
		}
		x := found("A11", p.role+"'s ICE servers", fmt.Sprintf("only the %s has a TURN server: the %s depends on it", p.other.role, p.role),
			SureObserved, item(OfConfig, nil, "none of the %s's URLs is a turn: one", p.role))
		// One relay is enough, unless this side cannot send UDP to it.
		if blocked, _, evidence := f.udpBlocked(p); blocked {
			x.Evidence = append(x.Evidence, evidence...)
			x = x.breaking(p.relay)
		}
		list = append(list, x)
	}
	return list
}

// onlyUDP is for a peer that is known to have no UDP.
func onlyUDP(f *facts) (list []finding) {
	for _, p := range f.peers {
		turns := p.turns()
		if len(turns) == 0 || f.granted(p) {
			continue
		}
		for _, s := range turns {
			if s.carrier() != "udp" {
				turns = nil
				break
			}
		}
		blocked, confidence, evidence := f.udpBlocked(p)
		if turns == nil || !blocked {
			continue
		}
		evidence = append([]Item{item(OfConfig, nil, "all of the %s's TURN URLs are over UDP", p.role)}, evidence...)
		list = append(list, found("A12", p.role+"'s ICE servers", fmt.Sprintf("no UDP leaves the %s's network, and it has no TURN URL over TCP or TLS", p.role),
			confidence, evidence...).breaking(p.relay|theDirect))
	}
	return list
}

// publicServer reports whether an address can be reached from other networks.
func publicServer(a netip.Addr) bool { return a.IsValid() && !isPrivate(a) }

// secureSTUN: a peer learns no mapped address from a server that wants credentials,
// and from no other.
func secureSTUN(f *facts) (list []finding) {
	for _, p := range f.peers {
		if !p.has("srflx") || len(p.local(peers.Srflx)) > 0 {
			continue
		}
		for _, l := range p.legs {
			if ids := l.secureSTUN(); len(ids) > 0 {
				list = append(list, found("A14", topology.Turn, fmt.Sprintf("the server wants a password for STUN too, and tells the %s no mapped address", p.role),
					SureObserved, item(OfSockets, ids, "the server answered the %s's Binding requests with 401", p.role)).breaking(theDirect))
			}
		}
	}
	return list
}

// secureSTUN are the packets of Binding requests, if all that were answered were
// answered with 401.
func (l *leg) secureSTUN() (packets []int) {
	for _, t := range l.of("binding") {
		a := t.answer()
		switch {
		case a == nil || t.isCheck():
		case a.Class != wire.Error || a.Code != 401:
			return nil
		default:
			packets = append(packets, t.packets()...)
		}
	}
	return packets
}
