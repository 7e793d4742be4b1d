package netns

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/lab/node"
)

// The roles that this binary plays when it is started under these names.
const (
	trialRole  = "icelab-netns-trial"
	holderRole = "icelab-netns-holder"
	nodeRole   = "icelab-netns-node"
)

// streamFD is the file descriptor of a role's control stream. Standard output is
// not used: a stray print of some library would corrupt it.
const streamFD = 3

func init() {
	if len(os.Args) == 0 {
		return
	}
	var role func() error
	switch os.Args[0] {
	case trialRole:
		role = trial
	case holderRole:
		role = hold
	case nodeRole:
		role = serve
	default:
		return
	}
	if err := role(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// again prepares this binary to be started in a role.
func again(role string, args ...string) *exec.Cmd {
	c := exec.Command("/proc/self/exe")
	c.Args = append([]string{role}, args...)
	c.Dir = "/" // whatever the lab was started in may be unmounted
	return c
}

// isolate lets a command start in a network namespace and as the first process
// of a PID namespace: when it ends the kernel ends all that it has started. As
// an ordinary user it is root in a user namespace.
func (f *Fabric) isolate(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
		Setsid:     true, // Ctrl-C is for the lab, which then takes its nodes down
	}
	if f.asUser {
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
}

// start starts a command and closes ended when it has ended.
func start(c *exec.Cmd) (ended <-chan struct{}, err error) {
	started, end := make(chan error), make(chan struct{})
	go func() {
		// Pdeathsig comes when the thread ends that started the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.Start()
		started <- err
		if err == nil {
			_ = c.Wait() // the status stays in c.ProcessState
			close(end)
		}
	}()
	return end, <-started
}

// serve is the role of a node: the agent, as in a container. It gives up no
// capability: a binary with cgo cannot, and what a node holds is worth nothing
// outside the lab's own namespaces.
func serve() error {
	if err := unix.SetNonblock(streamFD, true); err != nil {
		return fmt.Errorf("open the control stream: %w", err)
	}
	stream := os.NewFile(streamFD, "control stream")
	return new(node.Agent).Serve(context.Background(), node.Stream(stream, stream))
}

// pair makes a control stream: the end to keep, and the one for the child.
func pair(name string) (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make the control stream of %s: %w", name, err)
	}
	// Only then does Close end a Read.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name), nil
}
