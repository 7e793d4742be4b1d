package lab

import (
	"slices"
	"testing"
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
