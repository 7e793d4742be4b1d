package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/icelab-go/icelab/lab/diagnose"
)

func explained(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := execute(t.Context(), append([]string{"explain"}, args...), &out, &errs); code != exitPassed {
		t.Fatalf("explain %v: exit %d, %s", args, code, errs.String())
	}
	return out.String()
}

func TestACauseIsExplainedWithinEightyColumns(t *testing.T) {
	for _, c := range diagnose.Causes() {
		text := explained(t, c.Code)
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if n := utf8.RuneCountInString(line); n > 80 || strings.TrimRight(line, " ") != line {
				t.Errorf("%s: line of %d characters: %q", c.Code, n, line)
			}
		}
		told := strings.Join(strings.Fields(text), " ")
		want := []string{c.Code, c.Name, c.Title, c.Looks.Wire, c.Looks.ICE, c.Looks.Server, string(c.Remedy.Owner), c.Remedy.Do}
		want = append(append(want, c.Sources...), c.Related...)
		if c.Answers != nil {
			want = append(want, c.Answers.Standard, c.Answers.Coturn, c.Answers.Pion)
		}
		for _, part := range want {
			if !strings.Contains(told, part) {
				t.Errorf("%s does not tell %q", c.Code, part)
			}
		}
	}
}

func TestWithoutACauseAllAreListedOnOneLineEach(t *testing.T) {
	text := explained(t)
	for _, f := range diagnose.Families() {
		if !strings.Contains(text, f.Title) {
			t.Errorf("family %s is missing", f.Letter)
		}
		for _, c := range f.Causes {
			found := false
			for line := range strings.Lines(text) {
				fields := strings.Fields(line)
				found = found || len(fields) > 2 && fields[0] == c.Code && fields[1] == c.Name &&
					strings.Join(fields[2:], " ") == c.Title
			}
			if !found {
				t.Errorf("%s is not listed on one line", c.Code)
			}
		}
	}
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(line); n > 81 {
			t.Errorf("line of %d characters: %q", n-1, line)
		}
	}
}

func TestCodeAndNameExplainTheSame(t *testing.T) {
	want := explained(t, "A1")
	for _, word := range []string{"a1", "AUTH_BAD_PASSWORD", "auth-bad-password", "A1_AUTH_BAD_PASSWORD"} {
		if got := explained(t, word); got != want {
			t.Errorf("explain %s:\n%s", word, got)
		}
	}
}

func TestAnUnknownCauseSuggestsNearOnes(t *testing.T) {
	for word, says := range map[string]string{
		"auth_bad_pasword": `no cause "auth_bad_pasword"; did you mean A1 AUTH_BAD_PASSWORD?`,
		"hairpin":          "D7 TURN_HAIRPIN or F3 CGNAT_NO_HAIRPIN?",
		"Z9":               "icelab explain lists them",
	} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), []string{"explain", word}, &out, &errs)
		if said := errs.String(); code != exitUsage || !strings.Contains(said, says) || out.Len() > 0 {
			t.Errorf("explain %s: exit %d, %q; want exit %d and %q", word, code, said, exitUsage, says)
		}
	}
}

func TestCausesAreThereAsJSON(t *testing.T) {
	var one diagnose.Cause
	if err := json.Unmarshal([]byte(explained(t, "D2", "--format", "json")), &one); err != nil {
		t.Fatal(err)
	}
	if one.Name != "RELAY_RANGE_FIREWALLED" || one.Remedy.Owner != diagnose.Operator {
		t.Errorf("got %+v", one)
	}
	var families []diagnose.Family
	if err := json.Unmarshal([]byte(explained(t, "--format", "json")), &families); err != nil {
		t.Fatal(err)
	}
	causes := 0
	for _, f := range families {
		causes += len(f.Causes)
	}
	if len(families) != 7 || causes != len(diagnose.Causes()) {
		t.Errorf("%d families with %d causes", len(families), causes)
	}
}
