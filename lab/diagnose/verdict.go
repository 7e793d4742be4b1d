package diagnose

import "github.com/icelab-go/icelab/lab/ladder"

// Outcome is how a call went, beside what could have been.
type Outcome string

// The outcomes.
const (
	// DirectOK: direct, as it should be.
	DirectOK Outcome = "DIRECT_OK"
	// RelayExpected: over one relay, and the NATs leave nothing better; or over
	// both where neither side can send UDP.
	RelayExpected Outcome = "RELAY_EXPECTED"
	// RelayAvoidable: over a relay, though the NATs leave a direct path.
	RelayAvoidable Outcome = "RELAY_AVOIDABLE"
	// RelayFailed: nothing, or not for long, and a relay that works would have
	// carried the call.
	RelayFailed Outcome = "RELAY_FAILED"
	// ConnectFailed: nothing, or not for long, for another reason.
	ConnectFailed Outcome = "CONNECT_FAILED"
	// Degraded: it works, on a worse path than it could or with a fault beneath
	// that the next call may not survive.
	Degraded Outcome = "DEGRADED"
	// RelayOK: there was no call, and every TURN URL gives a relay that works.
	RelayOK Outcome = "RELAY_OK"
)

// Inconclusive stands for a cause where the evidence decides for none.
const Inconclusive = "INCONCLUSIVE"

// Verdict is the answer to "why".
type Verdict struct {
	Outcome Outcome `json:"outcome"`
	// Cause is a code of the catalogue, Inconclusive, or empty where all is as it
	// should be.
	Cause string `json:"cause,omitempty"`
	Name  string `json:"name,omitempty"` // the cause's, "AUTH_BAD_PASSWORD"
	// Sentence says it in one.
	Sentence string `json:"sentence"`
	// Where is the place of the cause: "caller's TURN credentials", "caller-nat".
	Where string `json:"where,omitempty"`
	// Confidence is from 0 to 1: see the constants.
	Confidence float64 `json:"confidence"`
	// Evidence speaks for the cause, Against against it.
	Evidence []Item `json:"evidence,omitempty"`
	Against  []Item `json:"against,omitempty"`
	// Alternatives are other causes that the evidence leaves, likeliest first.
	Alternatives []Alternative `json:"alternatives,omitempty"`
	// Also are other causes that were found beside this one.
	Also   []Finding `json:"also,omitempty"`
	Remedy *Remedy   `json:"remedy,omitempty"`

	Predicted string `json:"predicted,omitempty"` // path, with the transport of a relay: "relay/udp"
	Proven    string `json:"proven,omitempty"`

	// Benign is what looks bad and is not.
	Benign []Item `json:"benign,omitempty"`
	// Ladders are how far each side got, by URL.
	Ladders []SideLadder `json:"ladders,omitempty"`
	// Pairs are the candidate pairs, each with what became of it.
	Pairs []PairReason `json:"pairs,omitempty"`
}

// How sure a finding is, by what it rests on.
const (
	// SureBoth: a code that was observed, and the server's event that matches.
	SureBoth = 0.99
	// SureObserved: what one witness saw plainly.
	SureObserved = 0.9
	// SureControlled: silence, where an experiment beside it was answered.
	SureControlled = 0.85
	// SureInferred: from the types of the NATs alone.
	SureInferred = 0.6
	// SureSilent: silence, and nothing beside it. No cause is named with it.
	SureSilent = 0.5
)

// Item is a piece of evidence, in words, with what it rests on.
type Item struct {
	Text string `json:"text"`
	// Of is the kind of evidence it is.
	Of Kind `json:"of"`
	// Packets are the IDs of the packets behind it.
	Packets []int `json:"packets,omitempty"`
}

// Finding is a cause that the evidence speaks for.
type Finding struct {
	Cause      string  `json:"cause"`
	Where      string  `json:"where,omitempty"`
	Confidence float64 `json:"confidence"`
	Evidence   []Item  `json:"evidence,omitempty"`
	Against    []Item  `json:"against,omitempty"`
	// Alternatives are what the same evidence would look like too.
	Alternatives []Alternative `json:"alternatives,omitempty"`

	// What fits a client's own probing better than the catalogue's title and remedy, and
	// the port of the URL that it is about.
	says string
	does *Remedy
	port uint16
}

// Alternative is a cause that was not ruled out, and what would do it.
type Alternative struct {
	Cause      string  `json:"cause"`
	Confidence float64 `json:"confidence"`
	// Next is the probe that tells it apart.
	Next string `json:"next"`
}

// SideLadder is how far a side got: with each URL, and in the call.
type SideLadder struct {
	Node   string         `json:"node"`
	Climbs []ladder.Climb `json:"climbs"`
	// Call are the stages after gathering: signalling, checks, nomination, dtls,
	// sctp, data.
	Call []ladder.Rung `json:"call"`
}

// PairReason is a candidate pair of one side and what became of it.
type PairReason struct {
	Node   string `json:"node"`
	Local  string `json:"local"`  // "srflx 198.18.0.2:40000"
	Remote string `json:"remote"` // "host 192.168.2.2:5000"
	State  string `json:"state"`
	// Reason says in a line why it is in that state.
	Reason string `json:"reason"`
}
