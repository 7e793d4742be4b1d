package lab

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/topology"
)

// idle is a fabric that only has to be chosen.
type idle string

func (idle) Up(context.Context, topology.Topology) (fabric.Nodes, error) {
	return nil, errors.ErrUnsupported
}
func (n idle) String() string { return string(n) }

func TestAutoTakesTheFirstThatWorksAndSaysWhy(t *testing.T) {
	works := func(name string) kind {
		return kind{name: name, patience: time.Minute, open: func(context.Context, func(string)) (fabric.Fabric, error) {
			return idle(name + " is here"), nil
		}}
	}
	lacks := func(name string) kind {
		return kind{name: name, patience: time.Minute, open: func(context.Context, func(string)) (fabric.Fabric, error) {
			return nil, &fabric.Unavailable{Fabric: name, Why: "no " + name, Remedy: "get one"}
		}}
	}
	hangs := func(name string) kind {
		return kind{name: name, patience: time.Millisecond, open: func(ctx context.Context, _ func(string)) (fabric.Fabric, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
	}
	for name, row := range map[string]struct {
		kinds []kind
		on    string
		why   string
	}{
		"the first works":  {[]kind{works("a"), works("b")}, "a", "a is here"},
		"the second works": {[]kind{lacks("a"), works("b"), works("c")}, "b", "a: no a"},
		"the third works":  {[]kind{lacks("a"), lacks("b"), works("c")}, "c", "a: no a; b: no b"},
		"the first hangs":  {[]kind{hangs("a"), works("b")}, "b", "a: no answer within 1ms"},
	} {
		t.Run(name, func(t *testing.T) {
			_, chosen, err := first(t.Context(), row.kinds, nil)
			if want := (Chosen{row.on, row.why}); err != nil || chosen != want {
				t.Errorf("chose %+v, %v; want %+v", chosen, err, want)
			}
		})
	}
	t.Run("none works", func(t *testing.T) {
		_, _, err := first(t.Context(), []kind{lacks("a"), lacks("b")}, nil)
		var missing *fabric.Unavailable
		if !errors.As(err, &missing) || !strings.Contains(err.Error(), "no b") {
			t.Errorf("%v: want a *fabric.Unavailable that names all", err)
		}
	})
}

func TestAnEngineThatHangsCostsTwoSeconds(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it accepts connections, in the kernel, and never answers
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	begin := time.Now()
	_, chosen, err := first(t.Context(), []kind{kinds[0], kinds[2]}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("auto took %s", took)
	}
	if chosen.On == "docker" || !strings.Contains(chosen.Why, "docker: no answer within 2s") {
		t.Errorf("chose %+v", chosen)
	}
}

func TestEveryFabricIsAccountedFor(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
	list := Fabrics(t.Context())
	var names []string
	for _, a := range list {
		names = append(names, a.Name)
		if a.About == "" || !a.Available && (a.Why == "" || a.Remedy == "") {
			t.Errorf("%+v teaches nothing", a)
		}
	}
	if got := strings.Join(names, " "); got != "docker netns vnet" {
		t.Errorf("the fabrics are %s", got)
	}
	if list[0].Available || !strings.Contains(list[0].Why, "/nonexistent/docker.sock") {
		t.Errorf("docker: %+v", list[0])
	}
	if !list[2].Available {
		t.Errorf("vnet works anywhere, but: %+v", list[2])
	}
}

func TestTheEnvironmentNamesTheFabric(t *testing.T) {
	t.Setenv(FabricVariable, "vnet")
	l, err := Auto(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if on := l.On().On; on != "vnet" {
		t.Errorf("the lab is on %s", on)
	}
	t.Setenv(FabricVariable, "mars")
	if _, err := Auto(t.Context()); err == nil || !strings.Contains(err.Error(), "docker") {
		t.Errorf("%v: want the names there are", err)
	}
}
