package scenarios

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBundledScenariosExpectWhatTheirNamesSay(t *testing.T) {
	want := map[string]Expect{
		"cgnat":                           {Path: PathDirect},
		"direct-survives-turn-loss":       {Path: PathDirect},
		"gateway-reboot":                  {Path: PathDirect},
		"hairpin-off":                     {Path: PathRelay, Transport: UDP},
		"hairpin-on":                      {Path: PathDirect},
		"host-open":                       {Path: PathDirect},
		"host-same-lan":                   {Path: PathDirect},
		"lifetime-shorter-than-keepalive": {Path: PathDirect},
		"mapping-expires":                 {Path: PathDirect},
		"move-networks":                   {Path: PathDirect},
		"rebind-direct":                   {Path: PathDirect},
		"relay-dies-with-turn":            {Path: PathRelay, Transport: UDP},
		"relay-forced-both":               {Path: PathRelayBoth, Transport: UDP},
		"relay-symmetric":                 {Path: PathRelay, Transport: UDP},
		"relay-tcp-when-udp-blocked":      {Path: PathRelay, Transport: TCP},
		"same-prefix":                     {Path: PathDirect},
		"same-source-port":                {Path: PathDirect},
		"shared-carrier-hairpin":          {Path: PathDirect},
		"shared-carrier-no-hairpin":       {Path: PathRelay, Transport: UDP},
		"slow-lossy-link":                 {Path: PathDirect},
		"srflx-forced":                    {Path: PathDirect},
		"srflx-port-restricted":           {Path: PathDirect},
		"symmetric-without-turn":          {Path: PathNone},
		"tls-443-only":                    {Path: PathRelay, Transport: TLS},
		"turn-restarts":                   {Path: PathRelay, Transport: UDP},
		"udp-cut-recovers-over-tcp":       {Path: PathRelay, Transport: TCP},
		"unordered-partial-reliability":   {Path: PathDirect},
	}
	got := map[string]Expect{}
	last := ""
	for _, s := range Bundled() {
		got[s.Name] = s.Expect
		if want := "scenarios/" + s.Name + ".yaml"; s.File != want {
			t.Errorf("%s is in %s, want %s", s.Name, s.File, want)
		}
		if !strings.HasSuffix(s.About, ".") {
			t.Errorf("%s: about is no sentence: %q", s.Name, s.About)
		}
		if s.Name < last {
			t.Errorf("%s comes after %s", s.Name, last)
		}
		last = s.Name
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBundledScenariosExpectWhatIsPredicted(t *testing.T) {
	for _, s := range Bundled() {
		p, err := s.Predict()
		if err != nil {
			t.Fatal(err)
		}
		if Path(p.Path) != s.Expect.Path || p.Transport != s.Expect.Transport {
			t.Errorf("%s expects %s %s, but %s over %q is predicted: %s", s.Name, s.Expect.Path, s.Expect.Transport, p.Path, p.Transport, p.Reason)
		}
	}
}

func TestBundledScenariosNameTheirSchema(t *testing.T) {
	for file, data := range yamlIn(t, "*.yaml") {
		if !strings.HasPrefix(string(data), "# yaml-language-server: $schema=schema.json\n") {
			t.Errorf("%s does not begin with the line that editors look for", file)
		}
	}
}

func TestFindTakesNamesAndPaths(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mine.yml")
	write(t, path, "name: mine\nexpect: {path: direct}\n")
	t.Chdir(dir)

	for arg, want := range map[string]string{
		"relay-symmetric": "relay-symmetric",
		path:              "mine",
		"./mine.yml":      "mine",
		"mine.yml":        "mine",
	} {
		if s, err := Find(arg); err != nil || s.Name != want {
			t.Errorf("Find(%q) = %q, %v; want %q", arg, s.Name, err, want)
		}
	}
	for arg, want := range map[string]string{
		"relay-symetric": `unknown scenario "relay-symetric"; did you mean "relay-symmetric"? Or give the path of a .yaml file`,
		"symmetric":      `unknown scenario "symmetric"; did you mean "relay-symmetric" or "symmetric-without-turn"? Or give the path of a .yaml file`,
		"zzz":            `unknown scenario "zzz"; want ` + allButLast(bundledNames(healthy)) + ` or unordered-partial-reliability, or give the path of a .yaml file`,
		"zzz.yaml":       "zzz.yaml: no such file or directory; give the path of a scenario file",
		"./zzz":          "./zzz: no such file or directory; give the path of a scenario file",
		"":               `unknown scenario ""; want ` + allButLast(bundledNames(healthy)) + ` or unordered-partial-reliability, or give the path of a .yaml file`,
	} {
		_, err := Find(arg)
		if err == nil {
			t.Errorf("Find(%q) succeeds", arg)
		} else if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func allButLast(names []string) string { return strings.Join(names[:len(names)-1], ", ") }

func yamlIn(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatal("no bundled scenarios", err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		if all[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
