package cli

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAMistakeIsOneLineWithItsExitCode(t *testing.T) {
	dir := t.TempDir()
	unknownCondition := filepath.Join(dir, "typo.yaml")
	if err := os.WriteFile(unknownCondition, []byte("name: typo\ncaller: symetric\nexpect: {path: relay}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		args []string
		env  string // DOCKER_HOST
		code int
		says string
	}{
		"unknown command":           {args: []string{"frob"}, code: exitUsage, says: "--help"},
		"unknown flag":              {args: []string{"run", "--bogus"}, code: exitUsage, says: "run --help"},
		"argument too many":         {args: []string{"clean", "all"}, code: exitUsage, says: "clean --help"},
		"unknown format":            {args: []string{"run", "--format", "xml"}, code: exitUsage, says: "want text or json"},
		"unknown fabric":            {args: []string{"run", "--on", "mars"}, code: exitUsage, says: "want auto, docker, netns, vnet or compose"},
		"fabric of another command": {args: []string{"matrix", "--on", "compose"}, code: exitUsage, says: "want auto, docker, netns or vnet"},
		"less than no lab":          {args: []string{"matrix", "--parallel", "-1"}, code: exitUsage, says: "--parallel -1"},
		"labs beside the services":  {args: []string{"run", "--on", "compose", "--parallel", "2"}, code: exitUsage, says: "one lab"},
		"unknown scenario":          {args: []string{"run", "relay-symetric"}, code: exitUsage, says: "relay-symmetric"},
		"unknown condition":         {args: []string{"run", unknownCondition}, code: exitUsage, says: "typo.yaml:2:9: "},
		"report into a file":        {args: []string{"run", "--report", unknownCondition}, code: exitUsage, says: "--report: mkdir"},
		"no socket":                 {args: []string{"run", "--on", "docker"}, env: "unix:///nonexistent/docker.sock", code: exitUnavailable, says: "DOCKER_HOST"},
		"no engine":                 {args: []string{"matrix", "--on", "docker"}, env: "tcp://127.0.0.1:1", code: exitUnavailable, says: "start it"},
		"no engine to clean":        {args: []string{"clean"}, env: "tcp://127.0.0.1:1", code: exitUnavailable, says: "start it"},
		"bad address of an echo":    {args: []string{"call", "nowhere"}, code: exitFailed, says: "nowhere"},
		"bad listener of a server":  {args: []string{"turn", "--listen", "nowhere"}, code: exitUsage, says: "nowhere"},
		"unknown candidate type":    {args: []string{"echo", "--candidates", "hosts"}, code: exitUsage, says: "--candidates"},
	} {
		t.Run(name, func(t *testing.T) {
			if row.env != "" {
				t.Setenv("DOCKER_HOST", row.env)
			}
			var out, errs bytes.Buffer
			code := execute(t.Context(), row.args, &out, &errs)
			said := errs.String()
			if code != row.code || !strings.Contains(said, row.says) {
				t.Errorf("exit %d, %q; want exit %d and %q", code, said, row.code, row.says)
			}
			if strings.Count(said, "\n") != 1 {
				t.Errorf("want one line, got %q", said)
			}
		})
	}
}

func TestTheEnvironmentNamesTheDefaultFabric(t *testing.T) {
	t.Setenv("ICELAB_ON", "mars")
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"run"}, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), `ICELAB_ON "mars": want auto`) {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}

func TestEveryCommandTeaches(t *testing.T) {
	for _, c := range newRootCommand().Commands() {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		if c.Short == "" || c.Long == "" {
			t.Errorf("icelab %s --help teaches nothing", c.Name())
		}
	}
}

func TestAFlagThatIsNoNumberSaysWhatItTakes(t *testing.T) {
	var out, errs bytes.Buffer
	code := execute(t.Context(), []string{"score", "--vary", "x"}, &out, &errs)
	if want := `icelab: --vary: give a whole number, not "x"; see icelab score --help` + "\n"; code != exitUsage || errs.String() != want {
		t.Errorf("exit %d, %q; want exit %d, %q", code, errs.String(), exitUsage, want)
	}
}

func TestACertificateNamesAnAddressOnce(t *testing.T) {
	address := netip.MustParseAddr("192.0.2.1")
	made, _, err := selfSigned(time.Now(), address, address)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(made))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil || len(certificate.IPAddresses) != 1 {
		t.Errorf("it is for %v, %v", certificate.IPAddresses, err)
	}
}
