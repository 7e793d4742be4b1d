package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/scenarios"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s:\n%s", name, diff)
	}
}

func rungs(stages []ladder.Stage, failed ladder.Stage, detail string, on ...int) []ladder.Rung {
	var all []ladder.Rung
	outcome := ladder.OK
	for _, s := range stages {
		r := ladder.Rung{Stage: s, Outcome: outcome}
		switch {
		case s == failed:
			r.Outcome, r.Detail, r.Packets = ladder.Failed, detail, on
			outcome = ladder.Skipped
		case outcome == ladder.OK && (s == ladder.DNS || s == ladder.TLS):
			r.Outcome = ladder.Skipped
		}
		all = append(all, r)
	}
	if failed == "" {
		last := &all[len(all)-1]
		last.Detail, last.Packets = detail, on
	}
	return all
}

var (
	climbing = []ladder.Stage{ladder.Setup, ladder.DNS, ladder.Transport, ladder.TLS, ladder.Binding, ladder.Challenge, ladder.Allocate, ladder.Permission}
	calling  = []ladder.Stage{ladder.Signalling, ladder.Checks, ladder.Nomination, ladder.Handshake, ladder.SCTP}
)

// wrongPassword is a verdict with every part that one may have.
func wrongPassword() diagnose.Verdict {
	c, _ := diagnose.Find("A1")
	return diagnose.Verdict{
		Outcome: diagnose.RelayFailed, Cause: "A1", Name: c.Name, Confidence: diagnose.SureBoth,
		Sentence:  "The TURN password is wrong: the server challenges the caller, and answers the request that is signed with it with 401 again.",
		Where:     "caller's TURN credentials",
		Predicted: "relay/udp", Proven: "none",
		Evidence: []diagnose.Item{
			{Text: "Allocate with credentials is answered with 401", Of: diagnose.OfSockets, Packets: []int{12, 14, 18}},
			{Text: "The server reports that the integrity of the caller's requests does not match, for a user that it knows", Of: diagnose.OfServer, Packets: []int{13, 15, 19, 23, 27, 31}},
			{Text: "Both NATs are symmetric", Of: diagnose.OfNATs},
			{Text: "Allocate with credentials is answered with 401", Of: diagnose.OfSockets, Packets: []int{52}},
		},
		Against: []diagnose.Item{{Text: "The callee's Allocate with the same username is accepted", Of: diagnose.OfSockets, Packets: []int{21}}},
		Alternatives: []diagnose.Alternative{
			{Cause: "A3", Confidence: 0.2, Next: "ask for a fresh credential and try again"},
			{Cause: "A5", Confidence: 0.05},
		},
		Also: []diagnose.Finding{{Cause: "D2", Where: "turn", Confidence: 0.85, Evidence: []diagnose.Item{
			{Text: "Nothing reaches the callee's relay from outside", Of: diagnose.OfServer},
		}}},
		Remedy: &c.Remedy,
		Benign: []diagnose.Item{
			{Text: "the first 401 is the challenge that every Allocate begins with"},
			{Text: "host pairs fail across NATs"},
		},
		Ladders: []diagnose.SideLadder{
			{
				Node: "caller",
				Climbs: []ladder.Climb{
					{URL: "turn:198.18.0.10:3478?transport=udp", Rungs: rungs(climbing, ladder.Allocate, "401 Unauthorized to a request that is signed", 14)},
					{URL: "turns:198.18.0.10:443?transport=tcp", Rungs: rungs(climbing, ladder.Transport, "no answer to SYN within 2 s")},
				},
				Call: rungs(calling, ladder.Checks, "7 pairs, none answered"),
			},
			{
				Node:   "callee",
				Climbs: []ladder.Climb{{URL: "turn:198.18.0.10:3478?transport=udp", Rungs: rungs(climbing, "", "CreatePermission answered after 1 ms", 40)}},
				Call:   rungs(calling, ladder.Checks, "no check came in"),
			},
		},
		Pairs: []diagnose.PairReason{
			{Node: "caller", Local: "host 10.1.0.10:40001", Remote: "host 10.2.0.10:40002", State: "failed", Reason: "private address of another LAN: nothing routes it"},
			{Node: "caller", Local: "host 10.1.0.10:40001", Remote: "srflx 198.18.0.30:40002", State: "failed", Reason: "the callee's APDF filter does not know the port that the caller's symmetric NAT drew"},
			{Node: "caller", Local: "srflx 198.18.0.20:55555", Remote: "srflx 198.18.0.30:40002", State: "failed", Reason: "the callee's APDF filter does not know the port that the caller's symmetric NAT drew"},
			{Node: "caller", Local: "host 10.1.0.10:40001", Remote: "relay 198.18.0.10:50000", State: "succeeded"},
			{Node: "callee", Local: "relay 198.18.0.10:50000", Remote: "srflx 198.18.0.20:55555", State: "in-progress", Reason: "checks go out, none is answered"},
		},
	}
}

func TestAVerdictReadsFromTheAnswerToTheRemedy(t *testing.T) {
	for file, width := range map[string]int{"verdict.txt": 100, "verdict-narrow.txt": 60} {
		var out bytes.Buffer
		page{&out, 4, width}.verdict(wrongPassword())
		golden(t, file, out.String())
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%s: %d characters: %s", file, n, line)
			}
			if strings.HasSuffix(line, " \n") {
				t.Errorf("%s: space at the end of %q", file, line)
			}
		}
	}
}

func TestAVerdictOfManyPairsStaysNarrow(t *testing.T) {
	v := diagnose.Verdict{Outcome: diagnose.ConnectFailed, Cause: diagnose.Inconclusive, Sentence: "The evidence decides for no cause.", Confidence: diagnose.SureSilent}
	for i := range 30 {
		v.Pairs = append(v.Pairs, diagnose.PairReason{
			Node: "caller", Local: "host 10.1.0.10:40001", Remote: "prflx 198.18.0.30:" + string(rune('0'+i/10)) + string(rune('0'+i%10)),
			State: "failed", Reason: "reason " + string(rune('0'+i%28/10)) + string(rune('0'+i%28%10)),
		})
	}
	var out bytes.Buffer
	page{&out, 4, 100}.verdict(v)
	golden(t, "verdict-pairs.txt", out.String())
}

func TestRungsAreInTheOrderOfAClimb(t *testing.T) {
	var out bytes.Buffer
	page{&out, 0, 100}.climb("callee", "turn:198.18.0.10:3478", []ladder.Rung{
		{Stage: ladder.Setup, Outcome: ladder.OK}, {Stage: ladder.Transport, Outcome: ladder.OK},
		{Stage: ladder.Allocate, Outcome: ladder.Failed, Fault: ladder.ErrorCode, Code: 486},
		{Stage: ladder.Binding, Outcome: ladder.OK},
	})
	want := "  callee  turn:198.18.0.10:3478\n          ✓ config  ✓ transport  ✓ binding  ✗ allocate\n          └ allocate: error 486\n"
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}

func TestTheTableExplainsWhatIsNotAsItShouldBe(t *testing.T) {
	all := func(v diagnose.Verdict) lab.Result {
		r := played("story", lab.Passed, "")
		r.Diagnosis = &v
		return r
	}
	fine := diagnose.Verdict{Outcome: diagnose.DirectOK, Sentence: "The call is direct."}
	symmetric := diagnose.Verdict{Outcome: diagnose.RelayExpected, Cause: "F1", Sentence: "Both NATs are symmetric.", Ladders: wrongPassword().Ladders}
	rebound := fine
	rebound.Also, rebound.Ladders = []diagnose.Finding{{Cause: "F6"}}, symmetric.Ladders
	degraded := wrongPassword()
	degraded.Outcome = diagnose.Degraded
	failed := all(symmetric)
	failed.Verdict, failed.Reason = lab.Failed, "expected direct, proven relay/udp"
	yes, no := true, false
	for name, row := range map[string]struct {
		result        lab.Result
		explain       *bool
		few           bool
		head, ladders bool
	}{
		"all is well":                          {all(fine), nil, false, false, false},
		"all is well, asked for":               {all(fine), &yes, false, true, false},
		"a relay that has to be":               {all(symmetric), nil, false, true, false},
		"a relay that has to be, asked for":    {all(symmetric), &yes, false, true, true},
		"a relay that has to be, of a few":     {all(symmetric), nil, true, true, false},
		"a fault beneath":                      {all(degraded), nil, false, true, false},
		"a fault beneath, of a few":            {all(degraded), nil, true, true, true},
		"a fault beneath, of a few, not asked": {all(degraded), &no, true, true, false},
		"direct, and a port that changed":      {all(rebound), nil, false, false, false},
		"direct, and a port that changed, few": {all(rebound), nil, true, true, true},
		"another path than expected":           {failed, nil, false, true, true},
	} {
		var out bytes.Buffer
		report := newReporter("text", []scenarios.Scenario{{Name: "story"}}, &out, new(bytes.Buffer)).(*textReporter)
		report.explain, report.few = row.explain, row.few
		report.up(1, time.Second)
		report.result(row.result)
		head := strings.Contains(out.String(), string(row.result.Diagnosis.Outcome)+"  ")
		ladders := strings.Contains(out.String(), "How far each side got")
		if head != row.head || ladders != row.ladders {
			t.Errorf("%s: answer %t, in full %t:\n%s", name, head, ladders, out.String())
		}
	}
}

func TestAScenarioThatPassesHasOneLineOfReasons(t *testing.T) {
	r := played("story", lab.Passed, "")
	r.Diagnosis = &diagnose.Verdict{
		Outcome: diagnose.RelayExpected, Cause: "F3", Ladders: wrongPassword().Ladders,
		Sentence: "Relayed through turn (udp), and nothing better is possible, because both peers are behind carrier, which does not hairpin.",
	}
	var out bytes.Buffer
	newReporter("text", nil, &out, new(bytes.Buffer)).result(r)
	_, below, _ := strings.Cut(out.String(), "\n")
	if want := "    RELAY_EXPECTED  F3  because both peers are behind carrier, which does not hairpin.\n"; below != want {
		t.Errorf("below the line:\n%s\nwant:\n%s", below, want)
	}
}
