package gateway

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/lab/nat"
)

// queue is the one of the gateway's line.
func (n *network) queue(t *testing.T) *lineQueue {
	t.Helper()
	var q *lineQueue
	n.in(t, n.gateway, func() error {
		namespace, err := networkNamespace()
		q = lineIn(namespace)
		return err
	})
	return q
}

func TestNothingIsLeftOfALine(t *testing.T) {
	n := newNetwork(t)
	count := func(directory string) int {
		entries, err := os.ReadDir(directory)
		must(t, err)
		return len(entries)
	}
	link := nat.Link{Up: nat.Impairment{Delay: time.Second}}
	n.programLink(t, cone, link) // what the runtime opens once is open then
	n.programLink(t, cone, nat.Link{})
	files, threads := count("/proc/self/fd"), count("/proc/self/task")
	const times = 30
	for range times {
		n.programLink(t, cone, link)
		n.listen(t, n.inside, "10.1.0.10:0").send("on its way", server)
		n.programLink(t, cone, link)
		n.impair(t, nat.Link{})
		n.programLink(t, cone, nat.Link{})
	}
	n.stopTrace(t, n.gateway)
	goleak.VerifyNone(t)
	if left := count("/proc/self/fd") - files - times; left > 0 { // each round has left its sender
		t.Errorf("%d files are left", left)
	}
	if left := count("/proc/self/task") - threads; left > times/2 {
		t.Errorf("%d threads are left", left)
	}
	n.in(t, n.gateway, func() error {
		queues, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
		if len(queues) > 0 {
			t.Errorf("queues %s", queues)
		}
		return err
	})
}

func TestWhatTheSocketCannotTakeIsCountedAsLost(t *testing.T) {
	n := over(t, nat.Link{Up: nat.Impairment{Delay: time.Millisecond}})
	q := n.queue(t)
	s := n.up(t, 200)
	q.mu.Lock() // nobody reads now
	must(t, unix.SetsockoptInt(q.socket.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 32<<10))
	s.send(250, 0)
	q.mu.Unlock()
	if got := s.settle(); len(got) == len(s.sent) {
		t.Error("none was lost")
	}
}

func TestWhatGoesWithItsInterfaceIsCountedAsLost(t *testing.T) {
	n := over(t, nat.Link{Up: nat.Impairment{Delay: time.Second}})
	s := n.up(t, 200)
	s.send(10, 0)
	s.enter()
	n.in(t, n.gateway, func() error {
		wan, err := netlink.LinkByName("wan")
		if err != nil {
			return err
		}
		return errors.Join(netlink.LinkSetDown(wan), netlink.LinkSetUp(wan))
	})
	if got := s.settle(); len(got) > 0 {
		t.Errorf("%d arrived", len(got))
	}
}

func TestADeadLineDropsAllAndSaysSo(t *testing.T) {
	n := over(t, nat.Link{Up: nat.Impairment{Delay: time.Millisecond}})
	s := n.up(t, 200)
	s.send(1, 0)
	s.settle()

	q := n.queue(t)
	null, err := os.Open(os.DevNull)
	must(t, err)
	defer null.Close()
	must(t, unix.Dup3(int(null.Fd()), q.socket.fd, unix.O_CLOEXEC))
	q.mu.Lock()
	q.rouse()
	q.mu.Unlock()
	<-q.ended
	s.send(10, time.Millisecond)
	n.in(t, n.gateway, func() error {
		if _, err := Observe(); err == nil || !strings.Contains(err.Error(), "the line is dead") {
			t.Errorf("observing a dead line: %v", err)
		}
		if err := Impair(nat.Link{Up: nat.Impairment{Delay: time.Second}}); err == nil {
			t.Error("a dead line was impaired")
		}
		return nil
	})
	if got := s.arrivals(); len(got) != 1 {
		t.Errorf("%d packets passed a dead line", len(got)-1)
	}
}
