package gateway

import (
	"math/rand/v2"
	"time"

	"github.com/icelab-go/icelab/lab/nat"
)

// direction is one direction of a line: a queue that is served at a rate, and
// behind it what loses and delays.
type direction struct {
	nat.Impairment
	random *rand.Rand
	free   time.Time // when all that was taken has been sent
}

// send takes a packet and returns when it leaves, or false if it is lost.
func (d *direction) send(now time.Time, bytes int) (time.Time, bool) {
	leaves := now
	if d.Rate > 0 {
		if d.free.After(now) {
			leaves = d.free
		}
		if leaves.Sub(now) > nat.RateQueue {
			return time.Time{}, false
		}
		leaves = leaves.Add(time.Duration(uint64(bytes) * 8 * uint64(time.Second) / d.Rate))
		d.free = leaves
	}
	if d.random.Float64() < d.Loss {
		return time.Time{}, false
	}
	if d.random.Float64() < d.Reorder {
		return leaves, true
	}
	spread := time.Duration((2*d.random.Float64() - 1) * float64(d.Jitter))
	return leaves.Add(d.Delay + spread), true
}
