package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/icelab-go/icelab/lab"
)

func TestARunWithoutDockerSaysWhereItIsAndWhy(t *testing.T) {
	t.Setenv("ICELAB_ON", "")
	t.Setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"run", "symmetric-without-turn", "host-open"}, &out, &errs); code != exitPassed {
		t.Fatalf("exit %d: %s%s", code, out.String(), errs.String())
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	if !strings.HasPrefix(first, "on ") || !strings.Contains(first, "docker: there is no socket at ") {
		t.Errorf("the first line is %q", first)
	}
	if strings.Index(out.String(), "✓ symmetric-without-turn") > strings.Index(out.String(), "✓ host-open") {
		t.Errorf("the results are not in the order asked for:\n%s", out.String())
	}
}

func TestJSONSaysWhereTheLabWas(t *testing.T) {
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"run", "--on", "vnet", "--parallel", "2", "--format", "json", "host-open", "srflx-forced"}, &out, &errs); code != exitPassed {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	var said struct {
		Lab struct {
			On       string
			Parallel int
		}
		Passed, Unsupported *int
	}
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		t.Fatal(err)
	}
	if said.Lab.On != "vnet" || said.Lab.Parallel != 2 || said.Passed == nil || *said.Passed != 2 || said.Unsupported == nil {
		t.Errorf("%+v", said)
	}
}

func TestAnInterruptedCommandSaysJustThat(t *testing.T) {
	for _, args := range [][]string{{"run", "--on", "vnet"}, {"matrix", "--on", "vnet"}} {
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer
		errs := watched{cancel: cancel}
		if code := execute(ctx, args, &out, &errs); code != exitInterrupted || !strings.HasSuffix(errs.String(), "\nicelab: interrupted\n") {
			t.Errorf("%s: exit %d, %q", args, code, errs.String())
		}
	}
}

// watched interrupts as soon as the labs are coming up.
type watched struct {
	bytes.Buffer
	cancel context.CancelFunc
}

func (w *watched) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("bringing")) {
		w.cancel()
	}
	return w.Buffer.Write(p)
}

func TestTheFabricsAreShownWithRemedies(t *testing.T) {
	var out bytes.Buffer
	printFabrics(&out, []lab.Availability{
		{Name: "docker", About: "containers", Why: "no engine answers", Remedy: "start it"},
		{Name: "netns", About: "processes", Available: true},
	})
	want := "docker  no    containers\n              no engine answers\n              → start it\nnetns   yes   processes\n"
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}

func TestTheFabricsCommandTriesThemOut(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"fabrics", "--format", "json"}, &out, &errs); code != exitPassed {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	var said struct{ Fabrics []lab.Availability }
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		t.Fatal(err)
	}
	if len(said.Fabrics) != 3 || said.Fabrics[0].Available || said.Fabrics[0].Remedy == "" || !said.Fabrics[2].Available {
		t.Errorf("%+v", said.Fabrics)
	}
}
