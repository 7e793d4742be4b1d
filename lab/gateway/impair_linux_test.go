package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/probe"
)

// A busy machine makes packets late and never early, so what is asserted is those
// that it let be in time.
func TestDelayIsAsDeclaredAtAThousandPacketsASecond(t *testing.T) {
	const delay = 20 * time.Millisecond
	for _, c := range []struct {
		name string
		link nat.Link
		open func(*network, *testing.T, int) *stream
	}{
		{"up", nat.Link{Up: nat.Impairment{Delay: delay}}, (*network).up},
		{"down", nat.Link{Down: nat.Impairment{Delay: delay}}, (*network).down},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.open(over(t, c.link), t, 200)
			s.send(2000, time.Millisecond)
			got := s.settle()
			took := s.took(got)
			t.Logf("min %s, 5%% %s, median %s, 99%% %s, max %s", took[0], percentile(took, 5), percentile(took, 50), percentile(took, 99), percentile(took, 100))
			if len(got) != len(s.sent) || overtaken(got) {
				t.Errorf("%d of %d arrived, overtaken %t", len(got), len(s.sent), overtaken(got))
			}
			if took[0] < delay || percentile(took, 5) > delay+time.Millisecond {
				t.Errorf("the fastest took %s, one in twenty %s: want %s to 1 ms more", took[0], percentile(took, 5), delay)
			}
		})
	}
}

// TestSustained measures how many packets a second a gateway delays, and fails if
// one is lost that nobody counted. ICELAB_LONG goes on to where it gives in.
func TestSustained(t *testing.T) {
	rates := []int{5_000}
	if os.Getenv("ICELAB_LONG") != "" {
		rates = append(rates, 10_000, 20_000, 30_000, 40_000, 60_000, 80_000, 120_000)
	}
	for _, rate := range rates {
		t.Run(fmt.Sprintf("%d a second", rate), func(t *testing.T) {
			n := over(t, nat.Link{Up: nat.Impairment{Delay: 20 * time.Millisecond}})
			s := n.up(t, 200)
			s.send(2*rate, time.Second/time.Duration(rate))
			sending := s.sent[len(s.sent)-1].Sub(s.sent[0])
			got := s.settle()
			took := s.took(got)
			t.Logf("%6.0f a second sent, %d of %d lost; took min %s, median %s, 99%% %s, max %s", float64(len(s.sent)-1)/sending.Seconds(),
				len(s.sent)-len(got), len(s.sent), took[0], percentile(took, 50), percentile(took, 99), percentile(took, 100))
		})
	}
}

func TestLossIsAsDeclaredAndCounted(t *testing.T) {
	const declared, count, atOnce, bytes = 0.03, 10_000, 100, 500
	n := over(t, nat.Link{Up: nat.Impairment{Loss: declared}})
	s := n.up(t, bytes)
	for len(s.sent) < count {
		s.send(atOnce, 0)
		s.settle()
	}
	lost := len(s.sent) - len(s.arrivals())
	near(t, "share lost", float64(lost)/count, declared, 0.01)

	// The flow is counted where it enters the line, and the loss in bytes too.
	want := Flow{Direction: Outbound, Protocol: "udp", Inside: host, Remote: s.remote, Packets: count}
	if flows := n.flows(t); !slices.Contains(flows, want) {
		t.Errorf("flows %+v, want %+v", flows, want)
	}
	var o Observation
	n.in(t, n.gateway, func() (err error) { o, err = Observe(); return })
	if want := (Drop{LineLoss, uint64(lost), uint64(lost) * bytes}); !slices.Contains(o.Drops, want) {
		t.Errorf("drops %+v, want %+v", o.Drops, want)
	}
}

func TestJitterSpreadsAndReorders(t *testing.T) {
	const delay, jitter = 100 * time.Millisecond, 80 * time.Millisecond
	s := over(t, nat.Link{Up: nat.Impairment{Delay: delay, Jitter: jitter}}).up(t, 200)
	s.send(1000, time.Millisecond)
	got := s.settle()
	took := s.took(got)
	t.Logf("min %s, median %s, max %s", took[0], percentile(took, 50), percentile(took, 100))
	if took[0] < delay-jitter || took[0] > delay-jitter/2 || percentile(took, 100) < delay+jitter/2 || !overtaken(got) {
		t.Errorf("took %s to %s, overtaken %t", took[0], percentile(took, 100), overtaken(got))
	}
}

func TestReorderSendsAShareAhead(t *testing.T) {
	const delay = 300 * time.Millisecond
	s := over(t, nat.Link{Up: nat.Impairment{Delay: delay, Reorder: 0.2}}).up(t, 200)
	s.send(1500, time.Millisecond)
	got := s.settle()
	ahead := slices.DeleteFunc(s.took(got), func(d time.Duration) bool { return d >= delay })
	near(t, "share ahead", float64(len(ahead))/float64(len(s.sent)), 0.2, 0.06)
	if !overtaken(got) {
		t.Error("none was overtaken")
	}
}

func TestRateIsAsDeclared(t *testing.T) {
	// 1000 bytes take 4 ms, and 125 packets the line's whole queue.
	const rate, each, fits = 2_000_000, 4 * time.Millisecond, 125
	n := over(t, nat.Link{Down: nat.Impairment{Rate: rate}})
	s := n.down(t, 1000)
	s.send(fits, 0)
	got := s.settle()
	if len(got) != fits || overtaken(got) {
		t.Fatalf("%d of %d arrived, overtaken %t", len(got), fits, overtaken(got))
	}
	// No packet is early. How late the least late ones are does not change from
	// the first quarter to the last, three quarters of the line's queue later.
	late := make([]time.Duration, fits)
	for i, a := range got {
		if late[i] = a.at.Sub(s.sent[0]) - time.Duration(i+1)*each; late[i] < 0 {
			t.Errorf("packet %d is early by %s", i, -late[i])
		}
	}
	drift := slices.Min(late[fits*3/4:]) - slices.Min(late[:fits/4])
	t.Logf("%d packets in %s, drift %s", fits, got[fits-1].at.Sub(s.sent[0]), drift)
	if drift > fits*each/4 { // a busy machine's; TestADirection has it exact
		t.Errorf("the line fell behind by %s", drift)
	}

	// More than fits is lost, and counted. A busy machine may take a while to read
	// them all, in which some have left.
	s.send(3*fits, 0)
	if passed := len(s.settle()) - fits; passed < fits || passed > 2*fits {
		t.Errorf("%d of %d passed, want %d and what left meanwhile", passed, 3*fits, fits)
	}
}

func TestBothDirectionsAreIndependent(t *testing.T) {
	const delay = 150 * time.Millisecond
	n := over(t, nat.Link{Up: nat.Impairment{Delay: delay}})
	up, down := n.up(t, 200), n.down(t, 200)
	up.send(20, time.Millisecond)
	down.send(20, time.Millisecond)
	if slow, fast := up.took(up.settle())[0], down.took(down.settle())[0]; slow < delay || fast > delay/2 {
		t.Errorf("up took %s, want %s; down took %s, want nothing", slow, delay, fast)
	}
	n.impair(t, nat.Link{Up: nat.Impairment{Loss: 1}, Down: nat.Impairment{Delay: delay}})
	down.send(20, time.Millisecond)
	if got := down.settle(); len(got) != 40 || down.took(got)[20] < delay {
		t.Errorf("down: %d of 40 arrived, the fastest of the last in %s", len(got), down.took(got)[20])
	}
	up.send(20, time.Millisecond)
	if got := up.settle(); len(got) != 20 {
		t.Errorf("up: %d arrived, want the first 20", len(got))
	}
}

func TestAHairpinnedPacketGoesUpAndDown(t *testing.T) {
	n := over(t, nat.Link{Up: nat.Impairment{Delay: 60 * time.Millisecond}, Down: nat.Impairment{Delay: 90 * time.Millisecond, Loss: 0.5}})
	a, b := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.inside, "10.1.0.11:5001")
	b.send("open", n.listen(t, n.outside, "198.18.0.10:4000").local())
	s := n.stream(t, a, b, to(5001), 200)
	s.send(100, time.Millisecond)
	got := s.settle()
	if took := s.took(got); len(got) == 100 || took[0] < 150*time.Millisecond {
		t.Errorf("%d of 100 arrived, the fastest in %s", len(got), took[0])
	}
}

func TestAChangeLetsArriveWhatIsOnItsWay(t *testing.T) {
	const delay = time.Second
	for name, better := range map[string]nat.Link{"to less": {Up: nat.Impairment{Delay: time.Millisecond}}, "to nothing": {}} {
		t.Run(name, func(t *testing.T) {
			n := over(t, nat.Link{Up: nat.Impairment{Delay: delay}})
			s := n.up(t, 200)
			s.send(10, 0)
			s.enter()
			n.impair(t, better)
			s.send(1, 0)
			got := s.settle()
			late := slices.DeleteFunc(slices.Clone(got), func(a arrival) bool { return a.number == 10 })
			if len(got) != 11 || got[0].number != 10 || s.took(late)[0] < delay {
				t.Errorf("%d arrived, number %d first, those on their way in %s", len(got), got[0].number, s.took(late))
			}
			// And back: what was lost before is still counted.
			n.impair(t, nat.Link{Up: nat.Impairment{Loss: 1}})
			s.send(5, 0)
			s.settle()
			n.impair(t, nat.Link{})
			n.ended(t)
			n.impair(t, nat.Link{Up: nat.Impairment{Loss: 1}})
			s.send(5, 0)
			s.settle()
			if lost := n.drops(t)[LineLoss]; lost != 10 {
				t.Errorf("%d counted as lost, want 10", lost)
			}
		})
	}
}

// ended waits until the line's queue has ended.
func (n *network) ended(t *testing.T) {
	t.Helper()
	var q *lineQueue
	n.in(t, n.gateway, func() error {
		namespace, err := networkNamespace()
		q = lineIn(namespace)
		return err
	})
	select {
	case <-q.ended:
	case <-time.After(patience):
		t.Fatal("the line's queue goes on")
	}
}

func TestTCPPassesAnImpairedLine(t *testing.T) {
	direction := nat.Impairment{Delay: 5 * time.Millisecond, Jitter: 2 * time.Millisecond, Loss: 0.01, Rate: 50_000_000}
	n := over(t, nat.Link{Up: direction, Down: direction})
	sent := bytes.Repeat([]byte("icelab"), 100_000)
	var listener, client net.Conn
	var accept net.Listener
	n.in(t, n.outside, func() (err error) { accept, err = net.Listen("tcp4", "198.18.0.10:80"); return })
	defer accept.Close()
	n.in(t, n.inside, func() (err error) { client, err = net.Dial("tcp4", "198.18.0.10:80"); return })
	defer client.Close()
	listener, err := accept.Accept()
	must(t, err)
	defer listener.Close()
	must(t, errors.Join(client.SetDeadline(time.Now().Add(20*time.Second)), listener.SetDeadline(time.Now().Add(20*time.Second))))
	wrote := make(chan error, 1)
	go func() {
		_, err := client.Write(sent)
		wrote <- errors.Join(err, client.(*net.TCPConn).CloseWrite())
	}()
	began := time.Now()
	got, err := io.ReadAll(listener)
	must(t, errors.Join(err, <-wrote))
	if !bytes.Equal(got, sent) {
		t.Errorf("%d bytes arrived of %d, or others", len(got), len(sent))
	}
	t.Logf("%d bytes in %s", len(got), time.Since(began))
}

func TestNATsMeasureAsDeclaredBehindAnImpairedLine(t *testing.T) {
	line := nat.Impairment{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.02}
	t.Cleanup(func() { goleak.VerifyNone(t) })
	t.Run("NATs", func(t *testing.T) {
		for _, b := range []nat.Behavior{
			{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Preserving, Hairpin: true},
			{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving},
			{Mapping: nat.ADM, Filtering: nat.ADF, Ports: nat.Random},
			{Mapping: nat.APDM, Filtering: nat.APDF, Ports: nat.Random},
		} {
			t.Run(cellName(b), func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t)
				n.serve(t)
				n.programLink(t, b, nat.Link{Up: line, Down: line})
				t.Cleanup(func() { n.programLink(t, b, nat.Link{}) })
				card := n.probe(t, probe.Config{})
				report(t, card, card.Compare(nat.Condition{NAT: &b}))
			})
		}
	})
}

func TestALineThatCannotBeIsRefused(t *testing.T) {
	n := newNetwork(t)
	bad := nat.Link{Up: nat.Impairment{Loss: 2}}
	n.in(t, n.gateway, func() error {
		if err := Impair(nat.Link{}); err == nil {
			t.Error("a host that is no gateway was impaired")
		}
		spec := n.spec()
		spec.Link = bad
		if err := Program(spec); err == nil {
			t.Error("programmed a line that loses more than all")
		}
		spec.Link = nat.Link{}
		if err := Program(spec); err != nil {
			return err
		}
		if err := Impair(bad); err == nil {
			t.Error("impaired to lose more than all")
		}
		// Nothing to do is nothing done.
		if err := Impair(nat.Link{}); err != nil {
			return err
		}
		queues, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
		if len(queues) > 0 {
			t.Errorf("queues %s", queues)
		}
		return err
	})
}
