package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/peers"
)

func runOf(cases ...Case) Run {
	return Run{Version: "1.0", Command: "run", Fabric: "netns", Started: began, Took: 2 * time.Second, Cases: cases}
}

func reportOf(local, remote peers.Candidate) *peers.Report {
	return &peers.Report{
		Role: "caller", Started: began, ICE: "failed",
		Local:  []peers.LocalCandidate{{Candidate: local, AtMS: 12, Sent: true}},
		Remote: []peers.RemoteCandidate{{Candidate: remote, AtMS: 20}},
		Pairs:  []peers.Pair{{Local: local, Remote: remote, State: "failed", RequestsSent: 7, RTTMS: 3}},
	}
}

var (
	hostCandidate  = peers.Candidate{Type: peers.Host, Address: "10.1.0.10", Port: 40000, Protocol: "udp", Priority: 2130706431}
	relayCandidate = peers.Candidate{Type: peers.Relay, Address: "198.18.0.10", Port: 49160, Protocol: "udp", RelayProtocol: "tcp"}
)

func TestReportJSONHasTheNamesOfGetStatsAndNoSecrets(t *testing.T) {
	c := refusedCall()
	c.Secrets = "CLIENT_RANDOM 00ff 11ee"
	c.Evidence.Caller.Report = reportOf(hostCandidate, relayCandidate)
	var out bytes.Buffer
	if err := WriteJSON(&out, runOf(c), []string{CaptureFile}); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, "CLIENT_RANDOM") || strings.Contains(text, base64.StdEncoding.EncodeToString(c.Evidence.Packets[0].Payload)[:20]) {
		t.Error("a secret or a payload is in report.json")
	}
	var got struct {
		Schema int
		Counts map[string]int
		Cases  []struct {
			Name, Capture string
			Diagnosis     struct{ Cause string }
			Evidence      struct {
				Caller struct {
					Stats struct {
						CandidatePairs   []map[string]any
						LocalCandidates  []map[string]any
						RemoteCandidates []map[string]any
					}
				}
				Packets []map[string]any
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != 1 || got.Counts["failed"] != 1 || got.Cases[0].Diagnosis.Cause != "A1" || got.Cases[0].Capture != CaptureFile || len(got.Cases[0].Evidence.Packets) != 9 {
		t.Errorf("it reads %+v", got)
	}
	stats := got.Cases[0].Evidence.Caller.Stats
	pair, local, remote := stats.CandidatePairs[0], stats.LocalCandidates[0], stats.RemoteCandidates[0]
	if pair["localCandidateId"] != local["id"] || pair["remoteCandidateId"] != remote["id"] {
		t.Errorf("the pair's candidates are %v and %v", pair["localCandidateId"], pair["remoteCandidateId"])
	}
	for name, want := range map[string]any{
		"state": "failed", "requestsSent": 7.0, "responsesReceived": 0.0, "currentRoundTripTime": 0.003, "nominated": false,
	} {
		if pair[name] != want {
			t.Errorf("%s is %v, want %v", name, pair[name], want)
		}
	}
	if remote["candidateType"] != "relay" || remote["relayProtocol"] != "tcp" || local["timestamp"] != float64(began.UnixMicro()+12000)/1000 {
		t.Errorf("the candidates are %v and %v", local, remote)
	}
}

func TestJUnitTellsEveryVerdictApart(t *testing.T) {
	passed, invalid, unsupported := Case{Name: "good", Verdict: Passed}, Case{Name: "lab", Verdict: Invalid, Reason: "no NAT"}, Case{Name: "tcp", Verdict: Unsupported, Reason: "UDP only"}
	failed := refusedCall()
	failed.Reason = "no path \x01 <&>"
	var out bytes.Buffer
	if err := WriteJUnit(&out, runOf(passed, failed, invalid, unsupported)); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	if got.Tests != 4 || got.Failures != 1 || got.Errors != 1 || got.Skipped != 1 {
		t.Errorf("counted %+v", got)
	}
	cases := got.Suites[0].Cases
	if cases[0].Failure != nil || cases[0].Error != nil || cases[0].Skipped != nil || cases[2].Error == nil || cases[3].Skipped == nil {
		t.Errorf("it reads %+v", cases)
	}
	f := cases[1]
	if f.Failure == nil || f.Failure.Message != "no path  <&>" || !strings.Contains(f.Failure.Text, "The password is wrong.") {
		t.Fatalf("the failure is %+v", f.Failure)
	}
	if !slices.Contains(*f.Properties, junitProp{"cause", "A1 AUTH_BAD_PASSWORD"}) || !slices.Contains(*f.Properties, junitProp{"outcome", "RELAY_FAILED"}) {
		t.Errorf("its properties are %v", *f.Properties)
	}
}

func TestAMatrixIsATestCaseForEachCell(t *testing.T) {
	r := runOf(refusedCall())
	r.Cells = []Cell{{
		Caller: "open", Callee: "open", Verdict: Passed,
		Outcome: "RELAY_EXPECTED", Cause: "F1", Name: "SYM_X_SYM", Where: "caller-nat", Confidence: 0.9,
	}, {Caller: "open", Callee: "cgnat", Verdict: Failed, Reason: "other"}}
	var out bytes.Buffer
	if err := WriteJUnit(&out, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`tests="2" failures="1"`, `name="open → cgnat"`, `name="outcome" value="RELAY_EXPECTED"`, `name="cause" value="F1 SYM_X_SYM"`,
		`name="where" value="caller-nat"`, `name="confidence" value="0.90"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing in\n%s", want, out.String())
		}
	}
}

func TestCapturesOfSeveralCasesDoNotMeet(t *testing.T) {
	folder := t.TempDir()
	strange := refusedCall()
	strange.Name = "../up"
	if err := Write(folder, runOf(refusedCall(), refusedCall(), strange, Case{Name: "none"})); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{JSONFile, JUnitFile, "auth-bad-password/capture.pcapng", "auth-bad-password-2/capture.pcapng", "---up/capture.pcapng"} {
		if about, err := os.Stat(filepath.Join(folder, name)); err != nil || about.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Write(folder, runOf(refusedCall())); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, CaptureFile)); err != nil {
		t.Error("the capture of a single case is not beside its report")
	}
}

func TestAnnotationsAreEscapedAndTenAtMost(t *testing.T) {
	var cases []Case
	for i := range 14 {
		c := refusedCall()
		c.Name, c.Reason = fmt.Sprintf("case-%d, 1:2", i), "100% lost\nand more"
		cases = append(cases, c)
	}
	var out bytes.Buffer
	if err := Annotations(&out, runOf(cases...)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 10 || lines[9] != "::error title=icelab::5 more failures" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
	want := "::error title=A1 AUTH_BAD_PASSWORD%3A case-0%2C 1%3A2::100%25 lost%0Aand more%0ARELAY_FAILED A1 AUTH_BAD_PASSWORD%0AThe password is wrong."
	if lines[0] != want {
		t.Errorf("it reads %q, want %q", lines[0], want)
	}
}

func TestTheSummaryFitsWhatGitHubTakes(t *testing.T) {
	long := refusedCall()
	long.Diagnosis.Evidence = append(long.Diagnosis.Evidence, diagnose.Item{Text: strings.Repeat("silence ", 20000)})
	cases := []Case{refusedCall()}
	for range 20 {
		cases = append(cases, long)
	}
	text := Summary(runOf(cases...), summaryBytes)
	if len(text) > summaryBytes {
		t.Errorf("%d bytes", len(text))
	}
	for _, want := range []string{"0 of 21 passed, 21 failed, on netns, in 2.0 s", "```mermaid\nsequenceDiagram\n", `A1 AUTH\_BAD\_PASSWORD`, "did not fit"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%.2000s", want, text)
		}
	}
	if got := Summary(runOf(cases...), 10); got != "" {
		t.Errorf("without room it writes %q", got)
	}
}

func TestTheSummaryTellsEvidenceOnce(t *testing.T) {
	c := refusedCall()
	c.Diagnosis.Evidence = []diagnose.Item{
		{Text: "401 to both", Of: "caller", Packets: []int{1}}, {Text: "401 to both", Of: "callee", Packets: []int{2}},
	}
	if text := Summary(runOf(c), summaryBytes); strings.Count(text, "- 401 to both\n") != 1 {
		t.Errorf("it reads\n%s", text)
	}
}

func TestGitHubAppendsToTheSummary(t *testing.T) {
	file := filepath.Join(t.TempDir(), "summary.md")
	if err := os.WriteFile(file, []byte("before\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := GitHub(&bytes.Buffer{}, file, runOf(refusedCall())); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(text), "before\n### icelab: 0 of 1 passed") {
		t.Errorf("it reads %q, %v", text, err)
	}
}
