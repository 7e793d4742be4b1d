// Package report writes down what became of a run, for people and for programs:
// report.html, report.json, junit.xml, a capture that Wireshark opens, and a
// summary for GitHub Actions. It reads what it is given and judges nothing.
package report

import (
	"time"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/probe"
	"github.com/icelab-go/icelab/lab/topology"
)

// Run is everything one command played.
type Run struct {
	// Version is that of icelab.
	Version string
	// Command is what was played: "run", "matrix", "score".
	Command string
	Fabric  string
	Started time.Time
	Took    time.Duration
	// Cells are those of a matrix, row by row; the caller's condition is the row. With
	// them Cases are the accounts of cells that did not pass.
	Cases []Case
	Cells []Cell
}

// Verdict is how a case ended, in the words of package lab.
type Verdict string

// The verdicts.
const (
	Passed      Verdict = "passed"
	Failed      Verdict = "failed"
	Invalid     Verdict = "invalid"
	Unsupported Verdict = "unsupported"
)

// Case is one scenario. Every part from NATs on may be missing.
type Case struct {
	Name  string
	About string
	// Caller and Callee are the conditions that the peers are behind.
	Caller, Callee string
	Expected       Expected
	// Proven is the path that all witnesses agree on, "relay/udp"; empty where they
	// do not.
	Proven  string
	Verdict Verdict
	// Reason says in a line why it did not pass.
	Reason string
	Took   time.Duration
	// OpenMS is from the offer to the open data channel; zero if it did not open.
	OpenMS float64

	NATs      []NAT
	Witnesses []Witness
	Steps     []Step

	Topology  topology.Topology
	Diagnosis *diagnose.Verdict
	Evidence  *diagnose.Evidence
	// Secrets are those of the peers' TLS and DTLS, in the format of SSLKEYLOGFILE.
	// They go into the capture and nowhere else.
	Secrets string
}

// Expected is what a scenario asks for; what it leaves open is empty.
type Expected struct {
	Path      string `json:"path"`
	Transport string `json:"transport,omitempty"`
	Outcome   string `json:"outcome,omitempty"` // a diagnose.Outcome
	Cause     string `json:"cause,omitempty"`   // a code of the catalogue
}

func (e Expected) String() string {
	if e.Transport == "" {
		return e.Path
	}
	return e.Path + "/" + e.Transport
}

// NAT is the card of the NATs in front of a peer.
type NAT struct {
	Node     string     `json:"node"`
	Declared string     `json:"declared"` // the condition
	Card     probe.Card `json:"card"`
	// Differs says what did not measure as declared.
	Differs []string `json:"differs,omitempty"`
}

// Witness is what one witness says of the path.
type Witness struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Saw  string `json:"saw"`
}

// Step is what became of one step.
type Step struct {
	Step string  `json:"step"`
	MS   float64 `json:"ms"`
	// Echoed of Sent messages came back; both zero for other steps.
	Sent        int      `json:"sent,omitempty"`
	Echoed      int      `json:"echoed,omitempty"`
	RecoveredMS *float64 `json:"recovered_ms,omitempty"`
	Problem     string   `json:"problem,omitempty"`
}

// Cell is one cell of a matrix.
type Cell struct {
	Caller    string  `json:"caller"`
	Callee    string  `json:"callee"`
	Turn      bool    `json:"turn"`
	Predicted string  `json:"predicted"` // path: "relay/udp"
	Why       string  `json:"why"`       // it is predicted
	Proven    string  `json:"proven,omitempty"`
	Verdict   Verdict `json:"verdict"`
	Reason    string  `json:"reason,omitempty"`
	OpenMS    float64 `json:"open_ms,omitempty"`
	// What the diagnosis says, if there is one.
	Outcome    string  `json:"outcome,omitempty"` // a diagnose.Outcome
	Cause      string  `json:"cause,omitempty"`   // a code of the catalogue
	Name       string  `json:"name,omitempty"`    // of the cause
	Where      string  `json:"where,omitempty"`
	Confidence float64 `json:"confidence,omitempty"`
}

// count counts the cases of a verdict; of a matrix its cells, whose accounts the
// cases are then.
func (r Run) count(v Verdict) int {
	n := 0
	for _, c := range r.Cases {
		if len(r.Cells) == 0 && c.Verdict == v {
			n++
		}
	}
	for _, c := range r.Cells {
		if c.Verdict == v {
			n++
		}
	}
	return n
}

func (r Run) total() int {
	if len(r.Cells) > 0 {
		return len(r.Cells)
	}
	return len(r.Cases)
}
