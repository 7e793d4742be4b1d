package diagnose_test

import (
	"compress/gzip"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/fabric/netns"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
	"github.com/icelab-go/icelab/wire"
)

// recorded is the evidence of a run on the netns fabric, and what is so.
type recorded struct {
	Cause    string            `json:"cause"`
	Outcome  diagnose.Outcome  `json:"outcome"`
	Evidence diagnose.Evidence `json:"evidence"`
}

var record = flag.String("record", "", "play `scenarios` (files, with commas) on netns and record their evidence in testdata")

const recordings = "testdata"

// With less evidence a diagnosis may be unsure, and not wrong.
func TestWithLessEvidenceTheCauseIsTheSameOrUnsure(t *testing.T) {
	if *record != "" {
		play(t, strings.Split(*record, ","))
	}
	files, err := filepath.Glob(filepath.Join(recordings, "*.json.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json.gz"), func(t *testing.T) {
			r := read(t, file)
			all := diagnose.Explain(r.Evidence)
			if all.Cause != r.Cause || all.Outcome != r.Outcome {
				t.Errorf("%s %q, want %s %q: %s", all.Outcome, all.Cause, r.Outcome, r.Cause, all.Sentence)
			}
			for _, k := range diagnose.Kinds() {
				less := diagnose.Explain(r.Evidence.Without(k))
				// What is true beside the cause stays so where the cause cannot be seen.
				also := slices.ContainsFunc(all.Also, func(f diagnose.Finding) bool { return f.Cause == less.Cause })
				switch {
				case less.Cause == all.Cause && less.Confidence > all.Confidence:
					t.Errorf("without %s it is surer: %.2f, and not %.2f", k, less.Confidence, all.Confidence)
				case less.Cause != all.Cause && !also && less.Cause != "" && less.Cause != diagnose.Inconclusive && less.Confidence > diagnose.SureSilent:
					t.Errorf("without %s it is %s with %.2f, and not %s: %s", k, less.Cause, less.Confidence, all.Cause, less.Sentence)
				}
			}
		})
	}
}

func read(t *testing.T, file string) (r recorded) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

// play records the evidence of scenarios.
func play(t *testing.T, files []string) {
	t.Helper()
	fabric, err := netns.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var plan lab.ScorePlan
	for _, file := range files {
		s, err := scenarios.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		plan.Faults = append(plan.Faults, s)
	}
	plan.Judged = func(c lab.Case, r lab.Result) {
		if r.Trace == nil {
			t.Errorf("%s: no evidence: %s", c.Name, r.Reason)
			return
		}
		cause := c.Truth
		if cause == scenarios.NoCause {
			cause = ""
		}
		write(t, c.Name, recorded{cause, c.Expected, small(*r.Trace)})
	}
	if _, err := lab.Score(t.Context(), fabric, plan); err != nil {
		t.Fatal(err)
	}
}

// small leaves payloads out, but for what is read of them: a channel's number, and
// DNS.
func small(e diagnose.Evidence) diagnose.Evidence {
	for i := range e.Packets {
		p := &e.Packets[i]
		p.Header = nil
		switch p.Kind {
		case wire.KindDNS:
		case wire.KindChannelData:
			p.Payload = p.Payload[:min(4, len(p.Payload))]
		default:
			p.Payload = nil
		}
	}
	return e
}

func write(t *testing.T, name string, r recorded) {
	t.Helper()
	if err := os.MkdirAll(recordings, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(recordings, name+".json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z, _ := gzip.NewWriterLevel(f, gzip.BestCompression)
	for _, err := range []error{json.NewEncoder(z).Encode(r), z.Close(), f.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Where another server told the peers their mapped addresses, the one that wants a
// password for STUN took nothing from them.
func TestAPasswordForSTUNMattersWhereNoServerDoesWithout(t *testing.T) {
	r := read(t, filepath.Join(recordings, "a14-secure-stun.json.gz"))
	for _, side := range []*diagnose.Side{&r.Evidence.Caller, &r.Evidence.Callee} {
		side.Report.Local = append(side.Report.Local, peers.LocalCandidate{Candidate: peers.Candidate{Type: peers.Srflx}})
	}
	if v := diagnose.Explain(r.Evidence); v.Cause == "A14" {
		t.Errorf("%s: %s", v.Cause, v.Sentence)
	}
}
