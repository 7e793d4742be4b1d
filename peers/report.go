package peers

import (
	"slices"
	"time"
)

// Report is what a peer knows about its connection at one moment. Times ending
// in _ms count from Offer or Answer; a candidate that came before is negative.
//
// It repeats what pion says and judges nothing. In particular pion makes no
// peer-reflexive local candidates, so behind a NAT a path that leaves through
// the mapped address can appear as host/prflx: judge by address.
type Report struct {
	Role    string    `json:"role"`             // "caller", "callee" or "" before Offer and Answer
	Started time.Time `json:"started,omitzero"` // wall clock of Offer or Answer

	// The states in the words of the W3C WebRTC specification. Channel is "none"
	// while a callee was offered none.
	ICE        string `json:"ice"`
	DTLS       string `json:"dtls"`
	Connection string `json:"connection"`
	Gathering  string `json:"gathering"`
	Channel    string `json:"channel"`

	Local  []LocalCandidate  `json:"local"`
	Remote []RemoteCandidate `json:"remote"`

	// Selected is the pair selected last, nil before, and after a restart of ICE
	// until there is a new one. It stays when ICE fails later. Selections holds
	// every pair selected, in order.
	Selected   *Selection  `json:"selected,omitempty"`
	Selections []Selection `json:"selections,omitempty"`

	// Pairs are the pairs as last seen, at PairsMS. They are looked at every
	// 150 ms while ICE checks and every second later, so on a peer whose ICE
	// failed they may be that much older than the failure.
	Pairs   []Pair   `json:"pairs"`
	PairsMS *float64 `json:"pairs_ms,omitempty"`

	// StalledMS is for how long pion's ICE agent has not answered the question
	// for its pairs, 0 if it does. It stands still, host pairs and all, while a
	// TURN server leaves a CreatePermission request unanswered (up to 7.8 s for
	// each address).
	StalledMS float64 `json:"stalled_ms,omitempty"`

	// Traffic is what was sent and received on the data channels: on a callee
	// the messages echoed.
	Traffic Traffic `json:"traffic"`

	// Credentials are those of the descriptions that the peer made and got, in
	// order.
	Credentials []Credentials `json:"credentials,omitempty"`

	// Restarts are the restarts of ICE, in order.
	Restarts []Restart `json:"restarts,omitempty"`

	// Milestones are of the first connection; those of later ones are in Restarts.
	Milestones Milestones    `json:"milestones"`
	Timeline   []StateChange `json:"timeline"`

	// Log are pion's warnings and errors, and the few other lines that give a
	// failure's reason; at most 200 different ones.
	Log []LogLine `json:"log,omitempty"`
}

// LocalCandidate is a candidate gathered.
type LocalCandidate struct {
	Candidate
	AtMS float64 `json:"at_ms"`
	Sent bool    `json:"sent"` // handed out for the other side
	// Generation is how many restarts of ICE this peer had begun before.
	Generation int `json:"generation,omitempty"`
}

// RemoteCandidate is a candidate the other side sent.
type RemoteCandidate struct {
	Candidate
	AtMS    float64 `json:"at_ms"`
	Ignored string  `json:"ignored,omitempty"` // why it is not used
	// Generation is how many restarts of ICE this peer had begun when it came.
	Generation int `json:"generation,omitempty"`
}

// Outstanding are the candidates that this peer sent and the other one has not got.
func (r Report) Outstanding(other Report) []LocalCandidate {
	var list []LocalCandidate
	for _, c := range r.Local {
		if c.Sent && !slices.ContainsFunc(other.Remote, func(got RemoteCandidate) bool {
			return got.Address == c.Address && got.Port == c.Port
		}) {
			list = append(list, c)
		}
	}
	return list
}

// Restart is one restart of ICE: Restart was called, or the offer of one came.
type Restart struct {
	AtMS float64 `json:"at_ms"`
	// ICEConnectedMS is when ICE was connected again, nil while it was not.
	ICEConnectedMS *float64 `json:"ice_connected_ms,omitempty"`
}

// Selection is a pair ICE selected.
type Selection struct {
	Local  Candidate `json:"local"`
	Remote Candidate `json:"remote"`
	AtMS   float64   `json:"at_ms"`
}

// Milestones are the times of firsts, nil for what did not happen.
type Milestones struct {
	GatheringStartedMS *float64 `json:"gathering_started_ms,omitempty"`
	FirstCandidateMS   *float64 `json:"first_candidate_ms,omitempty"`
	GatheredMS         *float64 `json:"gathered_ms,omitempty"`
	ICEConnectedMS     *float64 `json:"ice_connected_ms,omitempty"`
	DTLSConnectedMS    *float64 `json:"dtls_connected_ms,omitempty"`
	ChannelOpenMS      *float64 `json:"channel_open_ms,omitempty"`
}

// StateChange says that What ("ice", "dtls", "connection", "gathering",
// "channel") took a new state.
type StateChange struct {
	What  string  `json:"what"`
	State string  `json:"state"`
	AtMS  float64 `json:"at_ms"`
}

// Report answers at once, from what was last seen, and also after Close.
func (p *Peer) Report() Report {
	p.watch.mu.Lock()
	role, start, state := p.watch.roleName, p.watch.start, p.watch.state
	timeline := slices.Clone(p.watch.timeline)
	selections := slices.Clone(p.watch.selections)
	restarts := slices.Clone(p.watch.restarts)
	descriptions := slices.Clone(p.watch.descriptions)
	p.watch.mu.Unlock()

	ms := func(t time.Time) float64 {
		if start.IsZero() {
			return 0
		}
		return milliseconds(t.Sub(start))
	}
	r := Report{
		Role: role, Started: start.Round(0),
		ICE: state.ice, DTLS: state.dtls, Connection: state.connection,
		Gathering: state.gathering, Channel: state.channel,
		Local: []LocalCandidate{}, Remote: []RemoteCandidate{}, Pairs: []Pair{}, Timeline: []StateChange{},
		Traffic: p.traffic.total(),
		Log:     p.journal.snapshot(ms),
	}

	p.trickle.mu.Lock()
	for _, c := range p.trickle.list {
		r.Local = append(r.Local, LocalCandidate{Candidate: c.Candidate, AtMS: ms(c.at), Sent: c.sent, Generation: c.generation})
	}
	p.trickle.mu.Unlock()
	for i := range r.Local {
		r.Local[i].Candidate = p.sampler.withRelay(r.Local[i].Candidate)
	}

	p.remote.mu.Lock()
	for _, c := range p.remote.list {
		r.Remote = append(r.Remote, RemoteCandidate{Candidate: c.Candidate, AtMS: ms(c.at), Ignored: c.ignored, Generation: c.generation})
	}
	p.remote.mu.Unlock()

	for _, s := range selections {
		r.Selections = append(r.Selections, Selection{
			Local: p.sampler.withRelay(s.local), Remote: s.remote, AtMS: ms(s.at),
		})
		if s.generation == len(restarts) {
			last := r.Selections[len(r.Selections)-1]
			r.Selected = &last
		}
	}
	for _, again := range restarts {
		one := Restart{AtMS: ms(again.at)}
		if !again.connected.IsZero() {
			at := ms(again.connected)
			one.ICEConnectedMS = &at
		}
		r.Restarts = append(r.Restarts, one)
	}

	for _, d := range descriptions {
		d.AtMS = ms(d.at)
		r.Credentials = append(r.Credentials, d.Credentials)
	}

	if pairs, at := p.sampler.last(); len(pairs) > 0 {
		seen := ms(at)
		r.Pairs, r.PairsMS = pairs, &seen
	}

	r.StalledMS = milliseconds(p.sampler.stalled(time.Now()))

	for _, c := range timeline {
		r.Timeline = append(r.Timeline, StateChange{c.what, c.state, ms(c.at)})
	}
	r.Milestones = milestones(r)
	return r
}

func milestones(r Report) Milestones {
	first := func(what string, states ...string) *float64 {
		for _, c := range r.Timeline {
			if c.What == what && slices.Contains(states, c.State) {
				return &c.AtMS
			}
		}
		return nil
	}
	m := Milestones{
		GatheringStartedMS: first("gathering", "gathering"),
		GatheredMS:         first("gathering", "complete"),
		ICEConnectedMS:     first("ice", "connected", "completed"),
		DTLSConnectedMS:    first("dtls", "connected"),
		ChannelOpenMS:      first("channel", "open"),
	}
	if len(r.Local) > 0 {
		m.FirstCandidateMS = &r.Local[0].AtMS
	}
	return m
}
