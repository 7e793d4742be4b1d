package gateway

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab/nat"
)

// cross sends packets at an interval, and returns how long each takes; lost ones
// are left out.
func cross(i nat.Impairment, count, bytes int, interval time.Duration) []time.Duration {
	d := direction{Impairment: i, random: rand.New(rand.NewPCG(1, 2))}
	var took []time.Duration
	for now, n := time.Unix(0, 0), 0; n < count; now, n = now.Add(interval), n+1 {
		if at, ok := d.send(now, bytes); ok {
			took = append(took, at.Sub(now))
		}
	}
	return took
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within {
		t.Errorf("%s is %g, want %g ± %g", what, got, want, within)
	}
}

func TestADirectionDelaysLosesAndReordersAsDeclared(t *testing.T) {
	const count = 100_000
	ms := time.Millisecond
	share := func(took []time.Duration, which func(time.Duration) bool) float64 {
		return float64(len(took)-len(slices.DeleteFunc(slices.Clone(took), which))) / count
	}
	t.Run("delay alone is exact", func(t *testing.T) {
		took := cross(nat.Impairment{Delay: 20 * ms}, count, 100, ms)
		near(t, "share in time", share(took, func(d time.Duration) bool { return d == 20*ms }), 1, 0)
	})
	t.Run("jitter is even on both sides", func(t *testing.T) {
		took := cross(nat.Impairment{Delay: 20 * ms, Jitter: 8 * ms}, count, 100, ms)
		if first, last := slices.Min(took), slices.Max(took); first < 12*ms || last > 28*ms {
			t.Errorf("took %s to %s", first, last)
		}
		for edge := 12 * ms; edge < 28*ms; edge += 4 * ms {
			quarter := share(took, func(d time.Duration) bool { return d >= edge && d < edge+4*ms })
			near(t, "the quarter from "+edge.String(), quarter, 0.25, 0.01)
		}
	})
	t.Run("loss", func(t *testing.T) {
		took := cross(nat.Impairment{Loss: 0.03}, count, 100, ms)
		near(t, "share lost", 1-float64(len(took))/count, 0.03, 0.003)
	})
	t.Run("all and nothing", func(t *testing.T) {
		if took := cross(nat.Impairment{Loss: 1}, count, 100, ms); len(took) > 0 {
			t.Errorf("%d got through a line that loses all", len(took))
		}
		if took := cross(nat.Impairment{}, count, 100, ms); len(took) < count || slices.Max(took) > 0 {
			t.Error("a line that does nothing does something")
		}
	})
	t.Run("reorder", func(t *testing.T) {
		took := cross(nat.Impairment{Delay: 20 * ms, Reorder: 0.1}, count, 100, ms)
		near(t, "share ahead", share(took, func(d time.Duration) bool { return d == 0 }), 0.1, 0.01)
		near(t, "share delayed", share(took, func(d time.Duration) bool { return d == 20*ms }), 0.9, 0.01)
	})
	t.Run("rate", func(t *testing.T) {
		// 1250 bytes take 10 ms at 1 Mbit/s; every second packet finds no room.
		took := cross(nat.Impairment{Rate: 1_000_000, Delay: 20 * ms}, count, 1250, 5*ms)
		near(t, "share through", float64(len(took))/count, 0.5, 0.01)
		if first, last := took[0], slices.Max(took); first != 30*ms || last > nat.RateQueue+30*ms || last < nat.RateQueue+20*ms {
			t.Errorf("the first took %s, the slowest %s", first, last)
		}
		took = cross(nat.Impairment{Rate: 1_000_000}, count, 1250, 11*ms)
		near(t, "share that need not wait", share(took, func(d time.Duration) bool { return d == 10*ms }), 1, 0)
	})
}

func TestWhatLeavesAtOnceKeepsItsOrder(t *testing.T) {
	var c crossings
	for turn := range uint64(100) {
		heap.Push(&c, crossing{at: time.Unix(int64(turn%2), 0), turn: turn})
	}
	var turns []uint64
	for len(c) > 0 {
		turns = append(turns, heap.Pop(&c).(crossing).turn)
	}
	early, late := turns[:50], turns[50:]
	if !slices.IsSorted(early) || !slices.IsSorted(late) || early[0] != 0 || late[0] != 1 {
		t.Errorf("left in the order %d", turns)
	}
}
