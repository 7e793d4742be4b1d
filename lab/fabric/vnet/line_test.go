package vnet

import (
	"math"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab/nat"
)

func TestALineDelaysAndLosesAsDeclared(t *testing.T) {
	const packets = 20_000
	l := line{Impairment: nat.Impairment{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.1, Reorder: 0.2}}
	lost, ahead := 0, 0
	for range packets {
		due, ok := l.pass(start, 100)
		switch late := due.Sub(start); {
		case !ok:
			lost++
		case late == 0:
			ahead++
		case late < 15*time.Millisecond || late > 25*time.Millisecond:
			t.Fatalf("a packet took %s", late)
		}
	}
	if got := float64(lost) / packets; math.Abs(got-0.1) > 0.01 {
		t.Errorf("lost %.3f, want 0.1", got)
	}
	if got := float64(ahead) / float64(packets-lost); math.Abs(got-0.2) > 0.015 {
		t.Errorf("overtook %.3f, want 0.2", got)
	}
}

func TestALineWithARateQueuesAndThenLoses(t *testing.T) {
	l := line{Impairment: nat.Impairment{Rate: 1_000_000}}
	const size = 1250 // 10 ms at 1 Mbit/s
	passed := 0
	for ; ; passed++ {
		due, ok := l.pass(start, size)
		if !ok {
			break
		}
		if want := start.Add(time.Duration(passed+1) * 10 * time.Millisecond); !due.Equal(want) {
			t.Fatalf("packet %d is due after %s, want %s", passed, due.Sub(start), want.Sub(start))
		}
	}
	if want := int(nat.RateQueue/(10*time.Millisecond)) + 1; passed != want {
		t.Errorf("%d packets passed, want %d", passed, want)
	}
	if _, ok := l.pass(start.Add(nat.RateQueue), size); !ok {
		t.Error("nothing passes when the queue has become shorter")
	}
}

func TestPacketsArriveInTheOrderTheyAreDue(t *testing.T) {
	var q queue
	for i, after := range []time.Duration{3, 1, 1, 2} {
		q.add(start.Add(after), departure{hops: i})
	}
	if _, ok := q.take(start); ok {
		t.Error("a packet arrived before it was due")
	}
	for _, want := range []int{1, 2, 3, 0} {
		if d, ok := q.take(start.Add(3)); !ok || d.hops != want {
			t.Errorf("packet %d arrived, want %d", d.hops, want)
		}
	}
}
