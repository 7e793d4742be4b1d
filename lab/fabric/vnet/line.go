package vnet

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"github.com/icelab-go/icelab/lab/nat"
)

// line is one direction of what lies behind a gateway.
type line struct {
	nat.Impairment
	// busy is until when the packets before are being sent, with a Rate.
	busy time.Time
}

// pass says when a packet of so many bytes reaches the other end, if it does.
func (l *line) pass(now time.Time, size uint64) (due time.Time, ok bool) {
	if l.Loss > 0 && rand.Float64() < l.Loss {
		return now, false
	}
	due = now
	if l.Rate > 0 {
		if l.busy.After(now) {
			due = l.busy
		}
		if due.Sub(now) > nat.RateQueue {
			return now, false
		}
		due = due.Add(time.Duration(size * 8 * uint64(time.Second) / l.Rate))
		l.busy = due
	}
	if l.Delay == 0 || l.Reorder > 0 && rand.Float64() < l.Reorder {
		return due, true
	}
	spread := (2*rand.Float64() - 1) * float64(l.Jitter)
	return due.Add(l.Delay + time.Duration(spread)), true
}

// queue holds the packets that are on their way over a line, the first to arrive
// first, and those that arrive at once in the order they were sent in.
type queue struct {
	waiting waiting
	added   uint64
}

type delayed struct {
	departure
	due   time.Time
	order uint64
}

func (q *queue) add(due time.Time, d departure) {
	q.added++
	heap.Push(&q.waiting, delayed{d, due, q.added})
}

// next is when the first packet arrives.
func (q *queue) next() (time.Time, bool) {
	if len(q.waiting) == 0 {
		return time.Time{}, false
	}
	return q.waiting[0].due, true
}

// take takes the first packet if it has arrived.
func (q *queue) take(now time.Time) (departure, bool) {
	if due, ok := q.next(); !ok || due.After(now) {
		return departure{}, false
	}
	return heap.Pop(&q.waiting).(delayed).departure, true
}

type waiting []delayed

func (w waiting) Len() int      { return len(w) }
func (w waiting) Swap(i, j int) { w[i], w[j] = w[j], w[i] }
func (w waiting) Less(i, j int) bool {
	if !w[i].due.Equal(w[j].due) {
		return w[i].due.Before(w[j].due)
	}
	return w[i].order < w[j].order
}
func (w *waiting) Push(x any) { *w = append(*w, x.(delayed)) }
func (w *waiting) Pop() any {
	last := len(*w) - 1
	x := (*w)[last]
	*w = (*w)[:last]
	return x
}
