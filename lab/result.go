package lab

import (
	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
)

// Verdict is how a scenario ended.
type Verdict string

// The verdicts.
const (
	// Passed: the expected path was proven, and every step did what it should.
	Passed Verdict = "passed"
	// Failed: the lab worked and something else happened.
	Failed Verdict = "failed"
	// Invalid: the lab could not be set up as declared, so that nothing can be
	// said about the peers.
	Invalid Verdict = "invalid"
	// Unsupported: this fabric cannot do what the scenario needs. It is no pass.
	Unsupported Verdict = "unsupported"
)

// Result is the account of one scenario.
type Result struct {
	Scenario string           `json:"scenario"`
	About    string           `json:"about,omitempty"`
	Caller   string           `json:"caller"` // condition
	Callee   string           `json:"callee"`
	Expected scenarios.Expect `json:"expected"`
	// Proven is the path that all witnesses agree on; nil when they do not, or
	// were not asked.
	Proven  *Path   `json:"proven"`
	Verdict Verdict `json:"verdict"`
	// Reason says in a line why the scenario did not pass.
	Reason string `json:"reason,omitempty"`
	// NATs are the cards of both sides' NATs, the caller's first.
	NATs      []Measured  `json:"nats"`
	Witnesses []Testimony `json:"witnesses"`
	Steps     []StepTaken `json:"steps"`
	Times     Times       `json:"times_ms"`
	Evidence  Evidence    `json:"evidence"`
	// Diagnosis says why the path is what it is; nil where the lab did not work.
	Diagnosis *diagnose.Verdict `json:"diagnosis,omitempty"`
	// Trace is what the diagnosis was made from.
	Trace *diagnose.Evidence `json:"-"`
	// Topology is where it was played.
	Topology topology.Topology `json:"-"`
	// Secrets are those of the peers' TLS and DTLS, in the format of SSLKEYLOGFILE.
	Secrets string `json:"-"`
}

// StepTaken is what became of one step.
type StepTaken struct {
	Step string  `json:"step"`
	MS   float64 `json:"ms"`
	// Echo is the account of an echo or no-echo step.
	Echo *peers.EchoResult `json:"echo,omitempty"`
	// RecoveredMS is how long after the step began the echo of a message sent since
	// then was back; nil where that was not asked for, or did not happen.
	RecoveredMS *float64 `json:"recovered_ms,omitempty"`
	// Problem says in a line what went wrong, if anything did.
	Problem string `json:"problem,omitempty"`
}

// Times are the stages of a scenario, in milliseconds.
type Times struct {
	// Program is the reprogramming of the gateways, Turn the start of the
	// server, Measure the measuring of both NATs, Peers the making of the peers.
	Program float64 `json:"program"`
	Turn    float64 `json:"turn"`
	Measure float64 `json:"measure"`
	Peers   float64 `json:"peers"`
	// Open is from the offer to the open data channel; zero if it did not open.
	Open float64 `json:"open"`
	// Echo is the time all echo steps took.
	Echo float64 `json:"echo"`
	// Diagnose is the gathering of the evidence, probes where they were called for,
	// and the diagnosis.
	Diagnose float64 `json:"diagnose"`
	Total    float64 `json:"total"`
}

// Evidence is what the witnesses held at the end.
type Evidence struct {
	Caller   *peers.Report                  `json:"caller,omitempty"`
	Callee   *peers.Report                  `json:"callee,omitempty"`
	Gateways map[string]gateway.Observation `json:"gateways,omitempty"`
	Turn     *node.TurnObservation          `json:"turn,omitempty"`
}
