package peers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/icelab-go/icelab/internal/require"
)

// debianPython is the interpreter Debian's python3-aiortc belongs to; another
// one in PATH would not find it.
const debianPython = "/usr/bin/python3"

// The network of the tests: two namespaces and a wire, since aiortc gathers no
// loopback candidates. The addresses exist in the namespaces only.
const (
	goAddress     = "198.18.77.1"
	aiortcAddress = "198.18.77.2"
)

// cable is a pair of network namespaces.
type cable struct{ ours, theirs netns.NsHandle }

// layCable makes the namespaces. They have no name, so they end with the last
// handle and process in them, however the test ends.
func layCable(t *testing.T) cable {
	t.Helper()
	if out, err := exec.Command(debianPython, "-c", "import aiortc; print(aiortc.__version__)").Output(); err != nil {
		require.Missing(t, "aiortc", fmt.Sprintf("%s cannot import aiortc (apt-get install python3-aiortc): %v", debianPython, err))
	} else {
		t.Logf("aiortc %s", strings.TrimSpace(string(out)))
	}
	var w cable
	// A thread of its own: it ends with this goroutine and never serves another
	// one, whatever namespace it is in by then.
	made := make(chan error)
	go func() {
		runtime.LockOSThread()
		made <- w.make()
	}()
	if err := <-made; err != nil {
		w.close()
		require.Missing(t, "netns", fmt.Sprintf("no network namespaces here: %v", err))
	}
	t.Cleanup(w.close)
	return w
}

func (w *cable) make() error {
	var err error
	if w.theirs, err = netns.New(); err != nil {
		return fmt.Errorf("create namespace: %w", err)
	}
	if err := setUp("lo", ""); err != nil {
		return err
	}
	if w.ours, err = netns.New(); err != nil {
		return fmt.Errorf("create namespace: %w", err)
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = "go"
	veth := &netlink.Veth{LinkAttrs: attributes, PeerName: "aiortc", PeerNamespace: netlink.NsFd(w.theirs)}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("create veth: %w", err)
	}
	if err := setUp("lo", ""); err != nil {
		return err
	}
	if err := setUp("go", goAddress); err != nil {
		return err
	}
	if err := netns.Set(w.theirs); err != nil {
		return err
	}
	return setUp("aiortc", aiortcAddress)
}

func setUp(name, address string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	if address != "" {
		parsed, err := netlink.ParseAddr(address + "/24")
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, parsed); err != nil {
			return fmt.Errorf("address %s: %w", name, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	return nil
}

func (w *cable) close() {
	for _, ns := range []*netns.NsHandle{&w.ours, &w.theirs} {
		if *ns > 0 {
			_ = ns.Close()
		}
	}
}

// inNamespace says that this process was started by runInside.
const inNamespace = "ICELAB_PEERS_TEST_INSIDE"

// runInside runs the test again, in a process that lives in our end of the wire
// from its start: every thread of it, so that pion's sockets are there too. The
// other end's namespace is its file descriptor 3.
func runInside(t *testing.T) {
	t.Helper()
	w := layCable(t)
	ctx := within(t, 60*time.Second)
	command := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	command.Env = append(os.Environ(), inNamespace+"=1")
	theirs := os.NewFile(uintptr(w.theirs), "namespace")
	w.theirs = 0
	defer theirs.Close()
	command.ExtraFiles = []*os.File{theirs}
	// If this process dies, so does that one.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	if err := runIn(w.ours, command); err != nil {
		t.Errorf("%v\n%s", err, output.String())
	} else if !strings.Contains(output.String(), "--- PASS: "+t.Name()) {
		t.Errorf("the inner test did not run:\n%s", output.String())
	} else {
		t.Logf("inside:\n%s", output.String())
	}
}

// runIn runs a command in a network namespace, on a thread that is thrown away
// afterwards. The thread waits for the command, since Pdeathsig is sent when the
// thread that started it ends.
func runIn(ns netns.NsHandle, command *exec.Cmd) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := netns.Set(ns)
		if err == nil {
			err = command.Run()
		}
		done <- err
	}()
	return <-done
}

// python is a script at the other end of the wire.
type python struct {
	lines chan string
	ended chan struct{}
	err   error
	out   strings.Builder // after ended
}

func startPython(t *testing.T, ctx context.Context, script string, args ...string) *python {
	t.Helper()
	command := exec.CommandContext(ctx, debianPython, append([]string{"testdata/" + script}, args...)...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	p := &python{lines: make(chan string, 100), ended: make(chan struct{})}
	var work sync.WaitGroup
	work.Go(func() {
		p.err = runIn(netns.NsHandle(3), command)
		_ = writer.Close()
	})
	work.Go(func() {
		for scanner := bufio.NewScanner(reader); scanner.Scan(); {
			fmt.Fprintln(&p.out, scanner.Text())
			p.lines <- scanner.Text()
		}
	})
	go func() {
		work.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() { <-p.ended })
	return p
}

// expect waits until the script printed a line.
func (p *python) expect(t *testing.T, want string) {
	t.Helper()
	for {
		select {
		case line := <-p.lines:
			if line == want {
				return
			}
		case <-p.ended:
			t.Fatalf("the script did not print %q: %v\n%s", want, p.err, p.out.String())
		}
	}
}

// wait wants the script to end well, having printed every line.
func (p *python) wait(t *testing.T, want ...string) {
	t.Helper()
	<-p.ended
	if p.err != nil {
		t.Errorf("script: %v", p.err)
	}
	for _, line := range want {
		if !strings.Contains("\n"+p.out.String(), "\n"+line+"\n") {
			t.Errorf("the script did not print %q", line)
		}
	}
	if t.Failed() {
		t.Logf("it printed:\n%s", p.out.String())
	}
}

func dialUntilListening(ctx context.Context, address string) (net.Conn, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := Dial(ctx, address)
		if err == nil || !strings.Contains(err.Error(), "refused") {
			return conn, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

func TestAiortcCallsUs(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		runInside(t)
		return
	}
	want := []string{"echo: Server echoes: hello", "echo: Server echoes: grüß dich", "binary: verbatim", "last: bye"}

	t.Run("it connects to Serve", func(t *testing.T) {
		ctx, stop := context.WithCancel(within(t, 25*time.Second))
		defer stop()
		l, err := Listen(ctx, goAddress+":0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() {
			served <- Serve(ctx, l, ServeConfig{Prefix: "Server echoes: ", Log: func(line string) { t.Log(line) }})
		}()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		startPython(t, ctx, "caller.py", "connect", goAddress, port, "hello", "grüß dich").wait(t, want...)
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})

	t.Run("it listens, as the helper does by itself", func(t *testing.T) {
		ctx := within(t, 25*time.Second)
		script := startPython(t, ctx, "caller.py", "listen", aiortcAddress, "4001", "hello", "grüß dich")
		conn, err := dialUntilListening(ctx, aiortcAddress+":4001")
		if err != nil {
			t.Fatal(err)
		}
		if err := Answer(ctx, conn, ServeConfig{Prefix: "Server echoes: ", Log: func(line string) { t.Log(line) }}); err != nil {
			t.Error(err)
		}
		script.wait(t, want...)
	})
}

func TestWeCallAiortc(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		runInside(t)
		return
	}
	check := func(t *testing.T, result CallResult, err error) {
		t.Helper()
		if err != nil || len(result.Echoes) != 2 ||
			result.Echoes[0].Received != "aiortc echoes: hello" || result.Echoes[1].Received != "aiortc echoes: grüß dich" {
			t.Errorf("error %v, result %+v", err, result)
		}
		if result.Path.Local.Address != goAddress || result.Path.Remote.Address != aiortcAddress {
			t.Errorf("path %+v", result.Path)
		}
		t.Logf("%s to %s, rtt %.2f ms, open after %.0f ms", result.Path.Local, result.Path.Remote, result.Path.RTTMS, result.OpenMS)
	}
	config := CallConfig{Messages: []string{"hello", "grüß dich"}}

	t.Run("we connect", func(t *testing.T) {
		ctx := within(t, 25*time.Second)
		script := startPython(t, ctx, "callee.py", "listen", aiortcAddress, "4002")
		script.expect(t, "ready")
		conn, err := dialUntilListening(ctx, aiortcAddress+":4002")
		if err != nil {
			t.Fatal(err)
		}
		result, err := Call(ctx, conn, config)
		check(t, result, err)
		script.wait(t, "channel: chat", "last: bye")
	})

	t.Run("it connects, as the helper does by itself", func(t *testing.T) {
		ctx := within(t, 25*time.Second)
		l, err := Listen(ctx, goAddress+":0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		defer context.AfterFunc(ctx, func() { _ = l.Close() })()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		script := startPython(t, ctx, "callee.py", "connect", goAddress, port)
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		result, err := Call(ctx, conn, config)
		check(t, result, err)
		script.wait(t, "channel: chat", "last: bye")
	})
}
