package turnserver_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
)

const insideNamespace = "TURNSERVER_TEST_NAMESPACE"

// TestMain runs the tests again in a network namespace of their own, which has the addresses of
// RFC 2544's benchmarking range on its loopback interface. A thread moved into a namespace would
// not do: turn/v4 opens relay sockets on goroutines of its own.
func TestMain(m *testing.M) {
	if os.Getenv(insideNamespace) != "" {
		if err := addAddresses(); err != nil {
			fmt.Fprintln(os.Stderr, "set up the test's network namespace:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}

	runtime.LockOSThread() // Pdeathsig fires when the thread ends
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(max(exit.ExitCode(), 1))
	}
	if err != nil {
		noNamespace = "no network namespace: " + err.Error()
		os.Exit(m.Run())
	}
}

func addAddresses() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	for _, ip := range []string{serverIP, clientIP, peerIP, otherIP} {
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(ip), Mask: net.CIDRMask(24, 32)}}
		if err := netlink.AddrAdd(lo, addr); err != nil {
			return err
		}
	}

	return nil
}
