package netns

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/lab/topology"
)

// victimVariable makes the test binary a process that holds labs, and marks it
// and all that it starts.
const victimVariable = "ICELAB_TEST_VICTIM"

// victim brings two labs up, says so, and waits for its end.
func victim() error {
	fmt.Println("begins")
	f, err := New(context.Background())
	if err != nil {
		return err
	}
	for range 2 {
		if _, err := f.Up(context.Background(), topology.Standard()); err != nil {
			return err
		}
	}
	fmt.Println("up")
	select {}
}

// TestNothingIsLeftOfAKilledLab kills a process that holds labs, at another
// moment each round: the first rounds while it brings them up.
func TestNothingIsLeftOfAKilledLab(t *testing.T) {
	newFabric(t)
	count := rounds(t)
	for i := range count {
		mark := victimVariable + "=" + rand.Text()
		c := exec.Command("/proc/self/exe")
		c.Env = append(os.Environ(), mark)
		c.Stderr = os.Stderr
		said, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		var line [16]byte
		n, err := said.Read(line[:])
		if err != nil || !strings.HasPrefix(string(line[:n]), "begins") {
			t.Fatalf("the victim said %q, %v", line[:n], err)
		}
		// Two labs are up after about 150 ms.
		time.Sleep(time.Duration(i) * 200 * time.Millisecond / time.Duration(count))
		seen := len(marked(t, mark))
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		t.Logf("round %d: %d processes when it was killed", i, seen)
		eventually(t, func() error {
			if left := marked(t, mark); len(left) > 0 {
				return fmt.Errorf("round %d: processes are left: %v", i, left)
			}
			return nil
		})
	}
	outside(t)
}

func TestNothingIsLeftOfALabThatIsTakenDown(t *testing.T) {
	f := newFabric(t)
	begin := children(t)
	nodes, err := f.Up(t.Context(), topology.Carriers())
	if err != nil {
		t.Fatal(err)
	}
	want := len(topology.Carriers().Nodes) + 1
	if got := len(children(t)) - len(begin); got != want {
		t.Errorf("%d processes are there, want %d: the holder and the nodes", got, want)
	}
	outside(t)
	started := time.Now()
	if err := nodes.Down(); err != nil {
		t.Error(err)
	}
	t.Logf("down after %s", time.Since(started))
	if diff := cmp.Diff(begin, children(t)); diff != "" {
		t.Errorf("the processes of this test are not those before:\n%s", diff)
	}
}

func TestNothingIsLeftOfAnInterruptedUp(t *testing.T) {
	f := newFabric(t)
	begin := children(t)
	for i := range rounds(t) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*2*time.Millisecond)
		nodes, err := f.Up(ctx, topology.Standard())
		switch {
		case err == nil:
			err = nodes.Down()
		case errors.Is(err, context.DeadlineExceeded):
			err = nil
		}
		cancel()
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(begin, children(t)); diff != "" {
			t.Fatalf("the processes of this test are not those before:\n%s", diff)
		}
	}
}

func TestADeadNodeIsNamedWithItsLastWords(t *testing.T) {
	f := newFabric(t)
	for name, test := range map[string]struct {
		signal syscall.Signal
		want   string
	}{
		"killed":   {syscall.SIGKILL, "it was killed"},
		"panicked": {syscall.SIGQUIT, "it ended with exit status 2; its last lines: SIGQUIT: quit"},
	} {
		t.Run(name, func(t *testing.T) {
			l := up(t, f, topology.Standard())
			if err := syscall.Kill(processOf(t, topology.CalleeNAT), test.signal); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() error {
				if l.Node(topology.CalleeNAT).Dead() == nil {
					return errors.New("it is not known to be dead")
				}
				return nil
			})
			_, err := l.Node(topology.CalleeNAT).Describe(t.Context())
			var died *node.Died
			if !errors.As(err, &died) || died.Node != topology.CalleeNAT || !strings.HasPrefix(died.Words, test.want) {
				t.Errorf("a call said %v, want that %s died because %s", err, topology.CalleeNAT, test.want)
			}
			if _, err := l.Node(topology.Caller).Describe(t.Context()); err != nil {
				t.Errorf("another node: %v", err)
			}
		})
	}
}

func TestADeadHolderIsNamedByEveryNode(t *testing.T) {
	l := up(t, newFabric(t), topology.Standard())
	if err := l.holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-l.ended
	for _, n := range topology.Standard().Nodes {
		_, err := l.Node(n.Name).Describe(t.Context())
		var died *node.Died
		if !errors.As(err, &died) || !strings.Contains(died.Words, "holds the network namespaces ended: it was killed") {
			t.Errorf("%s: %v, want that the holder was killed", n.Name, err)
		}
	}
}

// processOf finds the process of one node of this test's only lab.
func processOf(t *testing.T, name string) (pid int) {
	t.Helper()
	for pid, line := range children(t) {
		if line == nodeRole+" "+name {
			return pid
		}
	}
	t.Fatalf("no process of %s", name)
	return 0
}

// children are all processes below this one, with their command lines.
func children(t *testing.T) map[int]string {
	t.Helper()
	parents, lines := map[int]int{}, map[int]string{}
	for _, pid := range pids(t) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended
		}
		_, after, _ := bytes.Cut(stat, []byte(") "))
		parents[pid], _ = strconv.Atoi(strings.Fields(string(after))[1])
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		lines[pid] = strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
	}
	below := map[int]string{}
	for pid := range parents {
		for p := parents[pid]; p > 1; p = parents[p] {
			if p == os.Getpid() {
				below[pid] = lines[pid]
			}
		}
	}
	return below
}

// marked are the processes with a variable in their environment.
func marked(t *testing.T, variable string) []int {
	t.Helper()
	var found []int
	for _, pid := range pids(t) {
		environment, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if bytes.Contains(environment, []byte(variable)) {
			found = append(found, pid)
		}
	}
	return found
}

func pids(t *testing.T) []int {
	t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, f := range folders {
		pid, err := strconv.Atoi(filepath.Base(f))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pid)
	}
	return all
}

// outside fails the test if something of a lab is in the network namespace that
// the lab is started in.
func outside(t *testing.T) {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		_, segment := topology.Standard().Segment(i.Name)
		if segment || strings.HasPrefix(i.Name, bridgeName) || strings.HasPrefix(i.Name, portName) {
			t.Errorf("the interface %s is in the machine's own namespace", i.Name)
		}
	}
}

// eventually waits up to five seconds for what the kernel does on its own.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// rounds is ICELAB_ROUNDS, or a few.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ICELAB_ROUNDS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("ICELAB_ROUNDS: %v", err)
	}
	return n
}
