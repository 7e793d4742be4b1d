package nat

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestALineThatCannotBeIsRefusedWithTheReason(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name string
		line Impairment
		want string
	}{
		{"perfect", Impairment{}, ""},
		{"everything at its limit", Impairment{Delay: 10 * time.Second, Jitter: 10 * time.Second, Loss: 1, Reorder: 1, Rate: 8000}, ""},
		{"back in time", Impairment{Delay: -ms}, "delay -1ms: want 0 to 10s"},
		{"to the moon and back", Impairment{Delay: 11 * time.Second}, "delay 11s: want 0 to 10s"},
		{"jitter beyond the delay", Impairment{Delay: 5 * ms, Jitter: 6 * ms}, "jitter 6ms: want 0 to the delay, 5ms"},
		{"jitter below zero", Impairment{Delay: 5 * ms, Jitter: -ms}, "jitter -1ms: want 0 to the delay, 5ms"},
		{"more than all lost", Impairment{Loss: 1.5}, "loss 150%: want 0% to 100%"},
		{"less than none lost", Impairment{Loss: -0.5}, "loss -50%: want 0% to 100%"},
		{"loss that is no number", Impairment{Loss: math.NaN()}, "loss NaN%: want 0% to 100%"},
		{"more than all reordered", Impairment{Delay: ms, Reorder: 2}, "reorder 200%: want 0% to 100%"},
		{"reorder that is no number", Impairment{Delay: ms, Reorder: math.NaN()}, "reorder NaN%: want 0% to 100%"},
		{"nothing to overtake", Impairment{Reorder: 0.1}, "reorder needs a delay: a packet overtakes those that are delayed"},
		{"too slow for one packet", Impairment{Rate: 7999}, "rate 7999 bit/s: want at least 8000 bit/s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for direction, l := range map[string]Link{"up: ": {Up: c.line}, "down: ": {Down: c.line}} {
				want, got := "", ""
				if c.want != "" {
					want = direction + c.want
				}
				if err := l.Validate(); err != nil {
					got = err.Error()
				}
				if got != want {
					t.Errorf("error %q, want %q", got, want)
				}
			}
		})
	}
}

func TestALineSurvivesJSON(t *testing.T) {
	want := Link{Up: Impairment{Delay: 20 * time.Millisecond, Jitter: time.Millisecond, Loss: 0.01, Reorder: 0.02, Rate: 5_000_000}}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Link
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
