package lab

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab/fabric/vnet"
	"github.com/icelab-go/icelab/scenarios"
)

func TestALabTakesWhatFitsTheTopologiesItHas(t *testing.T) {
	shapes := []shape{carriers, standard, carriers, sharedCarrier, standard}
	var jobs []job
	for _, s := range shapes {
		jobs = append(jobs, job{shape: s})
	}
	for name, row := range map[string]struct {
		labs []int // the lab that asks, each time
		want []int // the job that it gets
	}{
		"one lab keeps the order":                  {[]int{0, 0, 0, 0, 0}, []int{0, 1, 2, 3, 4}},
		"another lab leaves a topology to the one": {[]int{0, 1, 1, 0, 0}, []int{0, 1, 3, 2, 4}},
		"nothing waits for a lab that is busy":     {[]int{0, 1, 1, 1, 1}, []int{0, 1, 3, 4, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			q := newQueue(jobs)
			up := []map[shape]bool{{standard: true}, {standard: true}}
			var got []int
			for _, l := range row.labs {
				n, any := q.take(up[l])
				if !any {
					t.Fatalf("nothing to play after %v", got)
				}
				got = append(got, n)
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("played %v, want %v", got, row.want)
			}
			if n, any := q.take(up[0]); any {
				t.Errorf("%d is played twice", n)
			}
		})
	}
}

func TestResultsAreFinalInTheirOrder(t *testing.T) {
	var final []string
	results := inOrder[string]{list: make([]*string, 3), final: func(s string) { final = append(final, s) }}
	for _, step := range []struct {
		put  int
		want []string
	}{
		{2, nil},
		{0, []string{"a"}},
		{1, []string{"a", "b", "c"}},
	} {
		results.put(step.put, []string{"a", "b", "c"}[step.put])
		if !slices.Equal(final, step.want) {
			t.Fatalf("with number %d known %v are final, want %v", step.put, final, step.want)
		}
	}
	if !slices.Equal(results.done, final) {
		t.Errorf("the list %v is not what was told", results.done)
	}
}

func TestAnInterruptedRunEndsWithWhatWasFinal(t *testing.T) {
	var list []scenarios.Scenario
	for _, name := range []string{"host-open", "symmetric-without-turn", "host-same-lan"} {
		s, err := scenarios.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	results, err := RunAll(ctx, vnet.New(), list, Plan{Parallel: 2, Final: func(Result) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if len(results) != 1 || results[0].Scenario != "host-open" {
		t.Errorf("%d results, want that of host-open", len(results))
	}
	var remains *Remains
	if errors.As(err, &remains) {
		t.Error(err)
	}
}

func TestNoMoreLabsThanScenarios(t *testing.T) {
	s, err := scenarios.Find("host-open")
	if err != nil {
		t.Fatal(err)
	}
	labs := 0
	var told []Progress
	_, err = RunAll(t.Context(), vnet.New(), []scenarios.Scenario{s, s}, Plan{
		Parallel: 5,
		Up:       func(n int, _ time.Duration) { labs = n },
		Progress: func(p Progress) { told = append(told, p) },
	})
	if err != nil || labs != 2 {
		t.Errorf("%d labs, %v; want 2", labs, err)
	}
	if last := told[len(told)-1]; last.Done != 2 || last.Total != 2 || len(last.Playing) != 0 {
		t.Errorf("at the end the progress is %+v", last)
	}
}
