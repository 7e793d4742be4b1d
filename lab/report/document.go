package report

import (
	"encoding/json"
	"io"
	"net/netip"
	"time"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/probe"
	"github.com/icelab-go/icelab/wire"
)

// Schema is the version of report.json. It counts up when a field changes its
// meaning or goes; new fields do not count.
const Schema = 1

// document is report.json. What W3C's getStats has too is called as it is there,
// in objects with the names of its dictionaries; everything else is in snake case.
type document struct {
	Schema  int            `json:"schema"`
	Version string         `json:"version,omitempty"`
	Command string         `json:"command,omitempty"`
	Fabric  string         `json:"fabric,omitempty"`
	Started time.Time      `json:"started"`
	Seconds float64        `json:"seconds"`
	Counts  map[string]int `json:"counts"`
	Cases   []caseDocument `json:"cases"`
	Matrix  []Cell         `json:"matrix,omitempty"`
}

type caseDocument struct {
	Name      string    `json:"name"`
	About     string    `json:"about,omitempty"`
	Caller    string    `json:"caller"`
	Callee    string    `json:"callee"`
	Expected  Expected  `json:"expected"`
	Proven    string    `json:"proven,omitempty"`
	Verdict   Verdict   `json:"verdict"`
	Reason    string    `json:"reason,omitempty"`
	Seconds   float64   `json:"seconds"`
	OpenMS    float64   `json:"open_ms,omitempty"`
	NATs      []NAT     `json:"nats,omitempty"`
	Witnesses []Witness `json:"witnesses,omitempty"`
	Steps     []Step    `json:"steps,omitempty"`

	Diagnosis *diagnose.Verdict `json:"diagnosis,omitempty"`
	Evidence  *evidenceDocument `json:"evidence,omitempty"`
	// Capture is where the packets are, beside this file.
	Capture string `json:"capture,omitempty"`
}

type evidenceDocument struct {
	Caller    peerDocument          `json:"caller"`
	Callee    peerDocument          `json:"callee"`
	Server    *diagnose.Server      `json:"server,omitempty"`
	Gateways  []diagnose.Gateway    `json:"gateways,omitempty"`
	Attempts  []diagnose.Attempt    `json:"attempts,omitempty"`
	Predicted *nat.Prediction       `json:"predicted,omitempty"`
	Proven    string                `json:"proven,omitempty"`
	Transport string                `json:"transport,omitempty"`
	Names     map[netip.Addr]string `json:"names,omitempty"`
	// Packets are without their payloads, which are in the capture.
	Packets []wire.Packet `json:"packets,omitempty"`
	Lost    int           `json:"lost,omitempty"`
}

type peerDocument struct {
	Node    string          `json:"node"`
	Address netip.Addr      `json:"address,omitzero"`
	Config  diagnose.Config `json:"config"`
	Stats   *stats          `json:"stats,omitempty"`
	NAT     *probe.Card     `json:"nat,omitempty"`
	Ladder  *ladder.Result  `json:"ladder,omitempty"`
}

// WriteJSON writes report.json. captures are the paths of the cases' captures.
func WriteJSON(out io.Writer, r Run, captures []string) error {
	d := document{
		Schema: Schema, Version: r.Version, Command: r.Command, Fabric: r.Fabric,
		Started: r.Started.Round(0), Seconds: r.Took.Seconds(), Matrix: r.Cells,
		Counts: map[string]int{}, Cases: []caseDocument{},
	}
	for _, v := range []Verdict{Passed, Failed, Invalid, Unsupported} {
		d.Counts[string(v)] = r.count(v)
	}
	for i, c := range r.Cases {
		one := caseDocument{
			Name: c.Name, About: c.About, Caller: c.Caller, Callee: c.Callee,
			Expected: c.Expected, Proven: c.Proven, Verdict: c.Verdict, Reason: c.Reason,
			Seconds: c.Took.Seconds(), OpenMS: c.OpenMS,
			NATs: c.NATs, Witnesses: c.Witnesses, Steps: c.Steps,
			Diagnosis: c.Diagnosis, Evidence: evidenceOf(c.Evidence),
		}
		if i < len(captures) {
			one.Capture = captures[i]
		}
		d.Cases = append(d.Cases, one)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", " ")
	return encoder.Encode(d)
}

func evidenceOf(e *diagnose.Evidence) *evidenceDocument {
	if e == nil {
		return nil
	}
	d := &evidenceDocument{
		Caller: peerOf(e.Caller), Callee: peerOf(e.Callee), Server: e.Server, Gateways: e.Gateways,
		Attempts: e.Attempts, Predicted: e.Predicted, Proven: e.Proven, Transport: e.Transport,
		Names: e.Names, Lost: e.Lost,
	}
	for i, p := range e.Packets {
		p.ID, p.Payload, p.Header = idOf(p, i), nil, nil
		d.Packets = append(d.Packets, p)
	}
	return d
}

func peerOf(s diagnose.Side) peerDocument {
	return peerDocument{
		Node: s.Node, Address: s.Address, Config: s.Config, Stats: statsOf(s.Report), NAT: s.NAT, Ladder: s.Ladder,
	}
}
