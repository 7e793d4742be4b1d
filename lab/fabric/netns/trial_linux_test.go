package netns

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// starvedVariable makes the test binary a process that may make no namespaces.
const starvedVariable = "ICELAB_TEST_STARVED"

// starved sets the limit of its own user namespace to nought and tries.
func starved() error {
	if err := os.WriteFile("/proc/sys/user/max_net_namespaces", []byte("0"), 0); err != nil {
		return err
	}
	_, err := New(context.Background())
	return err
}

func TestARefusalSaysWhyAndWhatToDo(t *testing.T) {
	newFabric(t)
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), starvedVariable+"=1")
	(&Fabric{asUser: true}).isolate(c)
	c.SysProcAttr.Pdeathsig = 0 // of a thread that may end sooner
	out, err := c.CombinedOutput()
	if err != nil {
		t.Skipf("no user namespace: %v", err)
	}
	const want = "netns is not available: user.max_net_namespaces is 0; run sudo sysctl user.max_net_namespaces=10000\n"
	if string(out) != want {
		t.Errorf("%q, want %q", out, want)
	}
}

// TestRefusals are those that this machine cannot be made to utter.
func TestRefusals(t *testing.T) {
	denied := &fs.PathError{Op: "fork/exec", Path: "/proc/self/exe", Err: syscall.EPERM}
	const (
		appArmor = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
		clone    = "/proc/sys/kernel/unprivileged_userns_clone"
		seccomp  = "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1"
	)
	for name, test := range map[string]struct {
		err         error
		root        bool
		files       map[string]string
		why, remedy string // parts of them
	}{
		"Ubuntu 24.04":             {denied, false, map[string]string{appArmor: "1"}, "AppArmor", appArmor[len("/proc/sys/kernel/"):] + "=0"},
		"old Debian":               {denied, false, map[string]string{clone: "0"}, "ordinary users", "unprivileged_userns_clone=1"},
		"container, ordinary user": {denied, false, map[string]string{"/proc/self/status": seccomp}, "seccomp", "seccomp=unconfined"},
		"container, root":          {denied, true, map[string]string{"/proc/self/status": seccomp}, "SYS_ADMIN", "--cap-add SYS_ADMIN"},
		"no user namespaces left":  {syscall.ENOSPC, false, map[string]string{"/proc/sys/user/max_user_namespaces": "0"}, "user.max_user_namespaces is 0", "sysctl user.max_user_namespaces="},
		"too deep":                 {syscall.ENOSPC, false, nil, "limit", "max_user_namespaces"},
		"kernel without":           {syscall.EINVAL, false, nil, "CONFIG_USER_NS", "root"},
		"somehow forbidden":        {denied, false, nil, "SELinux", "root"},
		"no process left":          {syscall.EAGAIN, false, nil, "temporarily unavailable", "Docker"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &Fabric{asUser: true}
			why, remedy := f.refused(test.err, test.root, func(path string) string { return test.files[path] })
			if !strings.Contains(why, test.why) || !strings.Contains(remedy, test.remedy) {
				t.Errorf("%q, %q: want %q and %q in it", why, remedy, test.why, test.remedy)
			}
			if strings.Contains(why+remedy, "\n") {
				t.Error("more than a line")
			}
		})
	}
}

// In a user namespace of its own, as in a rootless container, root lacks nothing.
func TestInsideItsOwnUserNamespaceItNeedsNoOther(t *testing.T) {
	newFabric(t)
	if os.Getenv("ICELAB_TEST_INSIDE") != "" {
		if !privileged() {
			t.Error("root in a user namespace is told to make another")
		}
		return
	}
	c := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	c.Env = append(os.Environ(), "ICELAB_TEST_INSIDE=1")
	(&Fabric{asUser: true}).isolate(c)
	c.SysProcAttr.Pdeathsig = 0
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		t.Errorf("%s", out)
	case err != nil:
		t.Skipf("no user namespace: %v", err)
	}
}
