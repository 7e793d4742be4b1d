package lab_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/scenarios"
)

func TestTwoLabsAtOnceDoNotTouch(t *testing.T) {
	labs := []*lab.Lab{docker(t), docker(t)}
	direct, err := scenarios.Find("srflx-port-restricted")
	if err != nil {
		t.Fatal(err)
	}
	relay, err := scenarios.Find("relay-symmetric")
	if err != nil {
		t.Fatal(err)
	}
	var each errgroup.Group
	for i, l := range labs {
		each.Go(func() error {
			for _, s := range [][]scenarios.Scenario{{direct, relay}, {relay, direct}}[i] {
				if r := l.Run(t.Context(), s); r.Verdict != lab.Passed {
					t.Errorf("%s: %s\n%s", r.Scenario, r.Reason, witnesses(r))
				}
			}
			return nil
		})
	}
	_ = each.Wait()
}

func TestANodeThatDiesIsNamed(t *testing.T) {
	l := docker(t)
	s, err := scenarios.Parse("dies.yaml", []byte(`
name: dies
caller: symmetric
callee: symmetric
turn: off
steps: [connect: {within: 8s}]
expect: {path: none}
`))
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan lab.Result, 1)
	go func() { result <- l.Run(t.Context(), s) }()
	killNode(t, "callee-nat")
	select {
	case r := <-result:
		if r.Verdict != lab.Invalid || !strings.Contains(r.Reason, "callee-nat") || !strings.Contains(r.Reason, "killed") {
			t.Errorf("%s: %s: want invalid, naming callee-nat and that it was killed", r.Verdict, r.Reason)
		}
		s.Steps, s.Turn.Off, s.Expect = nil, false, scenarios.Expect{Path: scenarios.PathRelay}
		if r := l.Run(t.Context(), s); r.Verdict != lab.Passed {
			t.Errorf("the next scenario on the lab: %s: %s", r.Verdict, r.Reason)
		}
	case <-time.After(40 * time.Second):
		t.Fatal("the lab did not notice that a node died")
	}
}

// killNode kills the container of one node of the only lab that is up.
func killNode(t *testing.T, name string) {
	t.Helper()
	engine, err := testcontainers.NewDockerClientWithOpts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	found, err := engine.ContainerList(t.Context(), client.ContainerListOptions{
		// Of this process's labs: others may be up beside it.
		Filters: make(client.Filters).Add("label", "icelab.node="+name, "icelab.owner="+owner(t)),
	})
	if err != nil || len(found.Items) != 1 {
		t.Fatalf("%d containers of %s, %v: want one", len(found.Items), name, err)
	}
	if _, err := engine.ContainerKill(t.Context(), found.Items[0].ID, client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		t.Fatal(err)
	}
}

func owner(t *testing.T) string {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

func TestAnInterruptedLabLeavesNothing(t *testing.T) {
	docker(t) // skips where there is none
	ctx, cancel := context.WithCancel(t.Context())
	l, err := lab.Docker(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenarios.Find("symmetric-without-turn")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(500*time.Millisecond, cancel)
	if r := l.Run(ctx, s); r.Verdict != lab.Invalid || !strings.Contains(r.Reason, "interrupted") {
		t.Errorf("%s: %s: want invalid, interrupted", r.Verdict, r.Reason)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func witnesses(r lab.Result) string {
	var b strings.Builder
	for _, w := range r.Witnesses {
		b.WriteString(w.Witness + " says " + string(w.Path) + ": " + w.Saw + "\n")
	}
	return b.String()
}
