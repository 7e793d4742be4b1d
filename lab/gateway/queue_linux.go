package gateway

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/lab/nat"
)

// The kernel's queues, by the way that their packets take.
const (
	queueUp uint16 = iota
	queueDown
	// queueAround is for hairpinned packets: up the line, and down again.
	queueAround
)

const (
	// capacity is how many packets may be on their way at once; more are lost. The
	// kernel's own limit is above it and what the socket's buffer holds, so that
	// none is lost uncounted.
	capacity       = 1 << 16
	kernelCapacity = 2 * capacity
)

// quiet is how long a packet may take from its rule to the queue's socket.
const quiet = 100 * time.Millisecond

// lineQueue holds the packets that are on their way over an impaired line, and
// lets them go when their time has come. A nil lineQueue is that of a line that
// was never impaired.
type lineQueue struct {
	wake  int // an eventfd
	ended chan struct{}

	mu           sync.Mutex
	socket       *nfqueue // nil when it has ended
	up, down     direction
	onTheWay     crossings
	taken        uint64
	lost         losses
	stop         bool
	retired      bool
	retiredUntil time.Time
	err          error // what it died of
}

// losses are packets that were lost, and their bytes where these are known.
type losses struct{ packets, bytes uint64 }

func (l *losses) add(packets uint64, bytes int) {
	l.packets += packets
	l.bytes += uint64(bytes)
}

// successor starts a queue in the network namespace of the calling thread, after
// one that has ended; nil if there was none. It counts the losses on.
func (q *lineQueue) successor(l nat.Link) (*lineQueue, error) {
	lost, err := q.losses()
	if err != nil {
		return nil, fmt.Errorf("the line is dead, program the gateway again: %w", err)
	}
	socket, err := openNFQueue(kernelCapacity, queueUp, queueDown, queueAround)
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		socket.close()
		return nil, fmt.Errorf("open an eventfd: %w", err)
	}
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	next := &lineQueue{
		wake: wake, socket: socket, ended: make(chan struct{}), lost: lost,
		up: direction{random: random, Impairment: l.Up}, down: direction{random: random, Impairment: l.Down},
	}
	go next.run()
	return next, nil
}

// run is the queue's goroutine. Go's own timers are too coarse for it.
func (q *lineQueue) run() {
	defer close(q.ended)
	runtime.LockOSThread() // and never unlock: the thread's timer slack ends with it
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	for limit := time.Duration(0); ; {
		err := q.socket.wait(q.wake, limit)
		q.mu.Lock()
		if err == nil {
			limit, err = q.step()
		}
		if err != nil || q.stop {
			q.end(err)
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
	}
}

// step takes what has come, lets go what is due, and returns how long there is
// nothing more to do.
func (q *lineQueue) step() (time.Duration, error) {
	const atOnce = 256 // then those that are due have their turn
	q.take(atOnce)
	if q.err != nil {
		return 0, q.err
	}
	if err := q.release(); err != nil {
		return 0, fmt.Errorf("give packets back to the kernel: %w", err)
	}
	var woken [8]byte
	_, _ = unix.Read(q.wake, woken[:]) // there may be nothing to read
	if len(q.onTheWay) > 0 {
		return max(0, time.Until(q.onTheWay[0].at)), nil
	}
	if q.retired {
		left := time.Until(q.retiredUntil)
		q.stop = q.stop || left <= 0
		return max(0, left), nil
	}
	return -1, nil
}

// take reads what has come, and leaves the error of doing so in q.err.
func (q *lineQueue) take(limit int) {
	for range limit {
		p, err := q.socket.receive()
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOENT):
			// The kernel dropped a packet that was on its way: its interface is down.
			q.lost.add(1, 0)
			continue
		}
		if err == nil {
			err = q.enter(p)
		}
		if err != nil {
			q.err = fmt.Errorf("take packets from the kernel: %w", err)
			return
		}
	}
}

// enter puts a packet on its way.
func (q *lineQueue) enter(p queued) error {
	c := crossing{packet: p, by: &q.up}
	switch p.queue {
	case queueDown:
		c.by = &q.down
	case queueAround:
		c.then = &q.down
	}
	return q.send(c, time.Now())
}

// send lets a packet cross the next direction of the line.
func (q *lineQueue) send(c crossing, now time.Time) error {
	at, ok := c.by.send(now, c.packet.bytes)
	if !ok || len(q.onTheWay) >= capacity {
		q.lost.add(1, c.packet.bytes)
		return q.socket.decide(c.packet, nfDrop)
	}
	q.taken++
	c.at, c.turn = at, q.taken
	heap.Push(&q.onTheWay, c)
	return nil
}

func (q *lineQueue) release() error {
	for now := time.Now(); len(q.onTheWay) > 0 && !q.onTheWay[0].at.After(now); {
		c := heap.Pop(&q.onTheWay).(crossing)
		var err error
		if c.then != nil {
			c.by, c.then = c.then, nil
			err = q.send(c, c.at)
		} else {
			err = q.socket.decide(c.packet, nfAccept)
		}
		if err != nil {
			return err
		}
	}
	return q.socket.flush()
}

// set changes the impairment for packets yet to come. It returns false if the
// queue has ended.
func (q *lineQueue) set(l nat.Link) bool {
	if q == nil {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.socket == nil {
		return false
	}
	q.take(kernelCapacity) // what came before the change, if the reader is late
	q.up.Impairment, q.down.Impairment = l.Up, l.Down
	q.retired = false
	q.rouse()
	return true
}

// retire ends the queue when all that is on its way has arrived. No rule may
// lead to it any more.
func (q *lineQueue) retire() {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.retired, q.retiredUntil = true, time.Now().Add(quiet)
	q.rouse()
}

// close ends the queue. The kernel drops what is on its way.
func (q *lineQueue) close() {
	if q == nil {
		return
	}
	q.mu.Lock()
	q.stop = true
	q.rouse()
	q.mu.Unlock()
	<-q.ended
}

func (q *lineQueue) rouse() {
	if q.socket != nil {
		_, _ = unix.Write(q.wake, []byte{1, 0, 0, 0, 0, 0, 0, 1})
	}
}

// end closes the sockets. If a rule still leads to the queue the kernel drops
// all from now on.
func (q *lineQueue) end(err error) {
	overflow, unread := q.socket.overflowed()
	q.lost.add(overflow, 0)
	q.lost.add(uint64(len(q.onTheWay)), 0)
	q.onTheWay = nil
	q.err = errors.Join(err, unread)
	q.socket.close()
	q.socket = nil
	_ = unix.Close(q.wake)
}

// losses returns what was lost so far, and the error that the queue died of.
func (q *lineQueue) losses() (losses, error) {
	if q == nil {
		return losses{}, nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	lost := q.lost
	if q.socket == nil {
		return lost, q.err
	}
	overflow, err := q.socket.overflowed()
	lost.add(overflow, 0)
	return lost, err
}

// crossing is a packet on its way over the line.
type crossing struct {
	packet queued
	by     *direction
	then   *direction // for a packet that is hairpinned
	at     time.Time  // when it leaves
	turn   uint64     // those that leave at once keep their order
}

// crossings is a heap: what leaves first is at the top.
type crossings []crossing

func (c crossings) Len() int { return len(c) }
func (c crossings) Less(i, j int) bool {
	return c[i].at.Before(c[j].at) || c[i].at.Equal(c[j].at) && c[i].turn < c[j].turn
}
func (c crossings) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *crossings) Push(x any)   { *c = append(*c, x.(crossing)) }
func (c *crossings) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}
