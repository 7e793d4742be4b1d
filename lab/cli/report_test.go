package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestARunWritesItsReport(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "out")
	summary := filepath.Join(t.TempDir(), "summary.md")
	t.Setenv("GITHUB_ACTIONS", "true")
	t.Setenv("GITHUB_STEP_SUMMARY", summary)
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(wrong, []byte("name: wrong\ncaller: open\ncallee: open\nturn: off\nsteps: [{connect: {within: 5s}}, {echo: {messages: 5}}]\nexpect: {path: direct, cause: F1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"run", "--on", "vnet", "--report", folder, "host-open", wrong}, &out, &errs); code != exitFailed {
		t.Fatalf("exit %d: %s%s", code, out.String(), errs.String())
	}
	if !strings.Contains(errs.String(), "::error title=") {
		t.Errorf("no annotation in %q", errs.String())
	}
	for _, name := range []string{"report.html", "report.json", "junit.xml", "host-open/capture.pcapng", "wrong/capture.pcapng"} {
		if about, err := os.Stat(filepath.Join(folder, name)); err != nil || about.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Fabric string
		Counts map[string]int
		Cases  []struct {
			Name, Proven, Verdict string
			Evidence              struct{ Packets []any }
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Fabric != "vnet" || got.Counts["passed"] != 1 || got.Counts["failed"] != 1 || len(got.Cases) != 2 ||
		got.Cases[0].Name != "host-open" || got.Cases[0].Proven != "direct" || len(got.Cases[0].Evidence.Packets) == 0 {
		t.Errorf("it reads %.600s", text)
	}
	if text, err := os.ReadFile(summary); err != nil || !strings.Contains(string(text), "1 of 2 passed, 1 failed, on vnet") {
		t.Errorf("the summary reads %q, %v", text, err)
	}
}
