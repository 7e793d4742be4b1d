package peers

import (
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// timelineLimit bounds the changes remembered.
const timelineLimit = 500

// watch remembers every change of state with its time.
type watch struct {
	mu         sync.Mutex
	roleName   string
	start      time.Time // of Offer or Answer
	state      states
	timeline   []change
	selections []selection
	restarts   []restart
	opened     bool // the channel was
	// descriptions are those made and got.
	descriptions []described
	altered      chan struct{} // closed and replaced with every change
}

type states struct{ ice, connection, dtls, gathering, channel string }

type change struct {
	what, state string
	at          time.Time
}

type selection struct {
	local, remote Candidate
	at            time.Time
	generation    int // how many restarts there were before, -1 if unknown
}

// restart is one of ICE; connected is zero until ICE was connected again.
type restart struct{ at, connected time.Time }

func (w *watch) init() {
	w.altered = make(chan struct{})
	w.state = states{ice: "new", connection: "new", dtls: "new", gathering: "new", channel: "none"}
}

// begin gives the peer its role, once.
func (w *watch) begin(role string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.roleName != "" {
		return false
	}
	w.roleName, w.start = role, now
	if role == "caller" {
		w.state.channel = "connecting"
	}
	return true
}

func (w *watch) role() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.roleName
}

// changed records that one thing has a new state. A candidate has none: it only
// wakes whoever waits.
func (w *watch) changed(what, state string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch what {
	case "ice":
		w.state.ice = state
		w.reconnected(state, now)
	case "dtls":
		w.state.dtls = state
	case "gathering":
		w.state.gathering = state
	case "channel":
		w.opened = w.opened || state == "open"
		if w.state.channel != "closed" { // which pion may tell before "open"
			w.state.channel = state
		}
	}
	w.note(what, state, now)
}

func (w *watch) note(what, state string, now time.Time) {
	if what != "candidate" && len(w.timeline) < timelineLimit {
		w.timeline = append(w.timeline, change{what, state, now})
	}
	w.wake()
}

// reconnected keeps when ICE was connected after the last restart. pion tells its
// states from a queue, so the first ones after a restart may be from before; then
// "checking" follows.
func (w *watch) reconnected(state string, now time.Time) {
	if len(w.restarts) == 0 {
		return
	}
	last := &w.restarts[len(w.restarts)-1]
	switch {
	case state == "checking":
		last.connected = time.Time{}
	case last.connected.IsZero() && (state == "connected" || state == "completed"):
		last.connected = now
	}
}

func (w *watch) restarted(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.restarts = append(w.restarts, restart{at: at})
	w.wake()
}

// connected says whether ICE is, and over which pair, since the last restart.
func (w *watch) connected() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.restarts); n > 0 && w.restarts[n-1].connected.IsZero() {
		return false
	}
	n := len(w.selections)
	return n > 0 && w.selections[n-1].generation == len(w.restarts) && (w.state.ice == "connected" || w.state.ice == "completed")
}

// open says whether the channel was opened, and over which pair. pion tells of the
// pair from a queue of its own, which may be later.
func (w *watch) open() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opened && len(w.selections) > 0
}

// selected records a pair; current says whether it is of the generation of now.
func (w *watch) selected(local, remote Candidate, current bool, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	generation := -1
	if current {
		generation = len(w.restarts)
	}
	if len(w.selections) < timelineLimit {
		w.selections = append(w.selections, selection{local, remote, now, generation})
	}
	w.wake()
}

func (w *watch) wake() {
	close(w.altered)
	w.altered = make(chan struct{})
}

func (w *watch) current() (states, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state, w.altered
}

// noteConnection records the state of the connection as it is now. pion starts a
// goroutine for each change, so the state a handler is given may be out of date
// by the time it runs.
func (p *Peer) noteConnection() {
	w := &p.watch
	w.mu.Lock()
	state := p.pc.ConnectionState()
	switch state {
	case webrtc.PeerConnectionStateFailed:
		p.down.close("failed", false)
		p.ended.close("failed", false)
	case webrtc.PeerConnectionStateClosed:
		p.down.close("closed", true)
		p.ended.close("closed", true)
		p.goneOnce.Do(func() { close(p.gone) })
	default:
		p.down.reopen()
		p.ended.reopen()
	}
	if text := state.String(); text != w.state.connection {
		w.state.connection = text
		w.note("connection", text, time.Now())
	}
	w.mu.Unlock()
	p.sampler.nudge()
}

// observe follows pion's events. Other handlers than the connection's are called
// in order, from goroutines pion's ICE agent waits for; they only take notes.
func (p *Peer) observe() {
	p.pc.OnICECandidate(p.onCandidate)
	p.pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
		p.watch.changed("ice", s.String(), time.Now())
		p.sampler.nudge()
	})
	p.pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { p.noteConnection() })
	dtls := p.pc.SCTP().Transport()
	dtls.OnStateChange(func(s webrtc.DTLSTransportState) {
		p.watch.changed("dtls", s.String(), time.Now())
	})
	dtls.ICETransport().OnSelectedCandidatePairChange(func(pair *webrtc.ICECandidatePair) {
		current := !p.trickle.isPast(candidateUfrag(pair.Local.ToJSON().Candidate))
		p.watch.selected(candidateFromPion(pair.Local), candidateFromPion(pair.Remote), current, time.Now())
		p.sampler.nudge()
	})
}
