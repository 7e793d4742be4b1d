package report

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/probe"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/peers"
)

// fullCase has every part that a report can show.
func fullCase() Case {
	c := refusedCall()
	c.About, c.Caller, c.Callee, c.Took = "A wrong password.", "symmetric", "symmetric", 4*time.Second
	c.Expected, c.Proven = Expected{Path: "relay", Transport: "udp"}, "none"
	c.Secrets = "CLIENT_RANDOM 00ff 11ee"
	c.Topology = topology.Standard()
	c.NATs = []NAT{{Node: "caller", Declared: "symmetric", Card: probe.Card{UDP: true, NAT: true, Mapping: nat.APDM, Filtering: nat.APDF}}}
	c.Steps = []Step{{Step: "connect within 4s", MS: 4000, Problem: "not open <script>alert(1)</script>"}}
	c.Witnesses = []Witness{{Name: "caller", Path: "none", Saw: "no selected pair"}}
	c.Evidence.Caller.Report = reportOf(hostCandidate, relayCandidate)
	c.Evidence.Callee.Report = reportOf(relayCandidate, peers.Candidate{Type: peers.Host, Address: "192.0.2.1", Port: 1, Protocol: "udp"})
	c.Diagnosis.Where, c.Diagnosis.Confidence = "caller's TURN credentials", diagnose.SureBoth
	c.Diagnosis.Remedy = &diagnose.Remedy{Owner: diagnose.Application, Do: "Compare the password."}
	c.Diagnosis.Alternatives = []diagnose.Alternative{{Cause: "A2", Confidence: 0.3, Next: "Try another user."}}
	c.Evidence.Lost = 3
	c.Evidence.Gateways = append(c.Evidence.Gateways, diagnose.Gateway{Name: "callee-nat", Of: []string{"callee"}, Missing: "no kernel log here"})
	c.Diagnosis.Predicted = "relay/udp"
	c.Diagnosis.Ladders = []diagnose.SideLadder{{Node: "caller", Climbs: []ladder.Climb{{
		URL: "turn:198.18.0.10:3478", Rungs: []ladder.Rung{
			{Stage: ladder.Allocate, Outcome: ladder.Failed, Code: 401, Packets: []int{8}},
			{Stage: ladder.Challenge, Outcome: ladder.OK, MS: 3},
		},
	}}}}
	c.Diagnosis.Pairs = []diagnose.PairReason{{Node: "caller", Local: "host 10.1.0.10:40000", Remote: "srflx 198.18.0.30:6000", State: "failed", Reason: "7 checks, none arrived"}}
	return c
}

func htmlOf(t *testing.T, r Run) string {
	t.Helper()
	var out bytes.Buffer
	if err := WriteHTML(&out, r, captures(r.Cases)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// text is what a page says, without its tags.
func text(html string) string {
	html = regexp.MustCompile(`(?s)<(style|script)>.*?</(style|script)>`).ReplaceAllString(html, "")
	html = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(html, " ")
	return strings.Join(strings.Fields(html), " ")
}

func TestThePageSaysWhyAndWhatToDo(t *testing.T) {
	html := htmlOf(t, runOf(fullCase()))
	said := text(html)
	for _, want := range []string{
		"0 of 1 passed, 1 failed, on netns", "RELAY_FAILED A1 AUTH_BAD_PASSWORD", "The password is wrong.",
		"application Compare the password.", "confidence 0.99", "predicted relay/udp", "proven none",
		"Allocate with credentials is answered with 401 sockets 8", "A2 The TURN server does not know the user",
		"To tell: Try another user.", "✓ challenge 3.0 ms ✗ allocate", "allocate: error 401 8",
		"✗ 7 checks, none arrived", "mapping APDM", "1 thing that looks bad and is not",
		"host 10.1.0.10:40000 2130706431 12.0 ms ✓ never arrived", "not gathered",
		"callee-nat shows no packets: no kernel log here.", "3 packets more than the witnesses keep passed too.",
		"not open &lt;script&gt;alert(1)&lt;/script&gt;",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(said)
	}
}

func TestEveryLinkOfThePageLeadsSomewhere(t *testing.T) {
	html := htmlOf(t, runOf(fullCase(), refusedCall(), Case{Name: "bare", Verdict: Passed}))
	links := regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(html, -1)
	if len(links) < 6 {
		t.Fatalf("only %d links", len(links))
	}
	for _, link := range links {
		if strings.Count(html, `id="`+link[1]+`"`) != 1 {
			t.Errorf("#%s is not there once", link[1])
		}
	}
}

func TestThePageLoadsNothingAndKeepsSecrets(t *testing.T) {
	html := htmlOf(t, runOf(fullCase()))
	for _, bad := range []string{"http://", "https://", "src=", "@import", "url(", "CLIENT_RANDOM", "<script>alert"} {
		if strings.Contains(html, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
}

func TestThePlaceOfTheCauseIsMarked(t *testing.T) {
	for where, want := range map[string][]string{
		"caller's TURN credentials":              {"caller"},
		"caller-nat":                             {"caller-nat"},
		"caller-nat and callee-nat":              {"caller-nat", "callee-nat"},
		"turn inbound UDP to its relay ports":    {"turn"},
		"both peers' TURN credentials":           {"caller", "callee"},
		"signalling from the callee to a caller": {"caller", "callee"},
		"":                                       nil,
	} {
		c := fullCase()
		c.Diagnosis.Where = where
		marked := map[string]bool{}
		for _, n := range c.mapView().Nodes {
			if n.Cause != "" {
				marked[n.Name] = true
			}
		}
		if len(marked) != len(want) {
			t.Errorf("%q marks %v, want %v", where, marked, want)
		}
		for _, name := range want {
			if !marked[name] {
				t.Errorf("%q does not mark %s", where, name)
			}
		}
	}
}

// Both homes are behind one carrier: it stands once, in the middle.
func TestASharedCarrierIsDrawnOnce(t *testing.T) {
	c := fullCase()
	c.Topology, c.Proven = topology.SharedCarrier(), "direct"
	v := c.mapView()
	x := map[string]int{}
	for _, n := range v.Nodes {
		if _, twice := x[n.Name]; twice {
			t.Errorf("%s is drawn twice", n.Name)
		}
		x[n.Name] = n.CX()
	}
	if !(x["caller"] < x["caller-nat"] && x["caller-nat"] < x["carrier"] && x["carrier"] == mapWidth/2 && x["carrier"] < x["callee-nat"] && x["callee-nat"] < x["callee"]) {
		t.Errorf("they stand at %v", x)
	}
}

// A run whose scenarios were not diagnosed, or not even set up, has a page too.
func TestAPageOfBareCases(t *testing.T) {
	said := text(htmlOf(t, runOf(
		Case{Name: "broken", Verdict: Invalid, Reason: "program NAT on caller-nat: no"},
		Case{Name: "empty", Verdict: Passed, Evidence: &diagnose.Evidence{}},
		Case{Name: "silent", Verdict: Failed, Evidence: &diagnose.Evidence{}, Diagnosis: &diagnose.Verdict{Outcome: diagnose.ConnectFailed}},
	)))
	if !strings.Contains(said, "program NAT on caller-nat: no") || !strings.Contains(said, "CONNECT_FAILED") {
		t.Errorf("it says %s", said)
	}
}

func TestAMatrixIsATable(t *testing.T) {
	r := runOf()
	r.Cells = []Cell{
		{Caller: "open", Callee: "open", Proven: "direct", Verdict: Passed, OpenMS: 12},
		{Caller: "open", Callee: "cgnat", Proven: "relay/tcp", Verdict: Failed, Predicted: "direct", Reason: "other"},
		{Caller: "cgnat", Callee: "open", Verdict: Unsupported}, {Caller: "cgnat", Callee: "cgnat", Proven: "none", Verdict: Passed},
	}
	html := htmlOf(t, r)
	if said := text(html); !strings.Contains(said, "caller ↓ callee → open cgnat open direct 12.0 ms relay tcp cgnat · none") {
		t.Errorf("it says %s", said)
	}
	if !strings.Contains(html, `<td class="bad" title="open → cgnat: predicted direct.  other">`) {
		t.Error("the cell that failed is not marked")
	}
}

func TestChromiumOpensThePage(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		require.Missing(t, "chromium", "there is no chromium here (apt-get install chromium)")
	}
	folder := t.TempDir()
	if err := Write(folder, runOf(fullCase(), refusedCall(), Case{Name: "good", Verdict: Passed})); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
		"--user-data-dir="+t.TempDir(), "--dump-dom", "file://"+filepath.Join(folder, HTMLFile)+"#case-2-p8")
	run.Env = append(os.Environ(), "HOME="+t.TempDir())
	var dom, logged bytes.Buffer
	run.Stdout, run.Stderr = &dom, &logged
	if err := run.Run(); err != nil {
		t.Fatalf("chromium: %v\n%s", err, logged.String())
	}
	for line := range strings.Lines(logged.String()) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the console says: %s", line)
		}
	}
	got := dom.String()
	for _, part := range []string{`class="map"`, `class="ladder"`, `class="stages"`, `class="pairs"`, `class="exchange"`, `class="cards"`} {
		if strings.Count(got, part) == 0 {
			t.Errorf("%s is missing", part)
		}
	}
	// The script ran: filters are there, and a link into the timeline opens it.
	if strings.Contains(got, `class="filters" hidden`) {
		t.Error("the filters stay hidden")
	}
	if !regexp.MustCompile(`(?s)id="case-2".*?<details class="timeline" open="">`).MatchString(got) {
		t.Error("the packet that was asked for is not shown")
	}
}
