package require

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

const insideNamespace = "ICELAB_TEST_NAMESPACE"

// RunInNamespace is for TestMain: it runs the package's tests again in a network
// namespace of their own, and for an ordinary user in a user namespace too, so
// that they may set addresses, make further namespaces and leave nothing. There
// setUp, which may be nil, is called first. A thread moved into a namespace would
// not do for code that opens sockets on goroutines of its own.
func RunInNamespace(m *testing.M, setUp func() error) int {
	if os.Getenv(insideNamespace) != "" {
		if setUp != nil {
			if err := setUp(); err != nil {
				fmt.Fprintln(os.Stderr, "set up the tests' network namespace:", err)
				return 1
			}
		}
		return m.Run()
	}
	runtime.LockOSThread() // Pdeathsig fires when the thread ends
	again := exec.Command("/proc/self/exe", os.Args[1:]...)
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	again.Env = append(os.Environ(), insideNamespace+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid := os.Getuid(); uid != 0 {
		again.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	err := again.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1)
	}
	if err != nil {
		noNamespace = "no network namespace: " + err.Error()
		return m.Run()
	}
	return 0
}
