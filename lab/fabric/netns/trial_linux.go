package netns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"

	"github.com/icelab-go/icelab/internal/lastwords"
	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/nat"
)

// trial is the role that New starts: in namespaces like the holder's it makes
// what a lab is made of, and a NAT.
func trial() error {
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "segment0", TxQLen: -1}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add a bridge: %w", err)
	}
	for name, peer := range map[string]string{"wan": "port0", "lan": "port1"} {
		pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, TxQLen: -1}, PeerName: peer}
		if err := netlink.LinkAdd(pair); err != nil {
			return fmt.Errorf("add a veth pair: %w", err)
		}
	}
	err := gateway.Program(gateway.Spec{
		WAN: side("wan", "198.18.0.20/24"), LAN: side("lan", "10.1.0.1/24"),
		NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving},
	})
	if err != nil {
		return fmt.Errorf("program a NAT: %w", err)
	}
	return nil
}

func side(name, address string) gateway.Side {
	p := netip.MustParsePrefix(address)
	return gateway.Side{Interface: name, Address: p.Addr(), Prefix: p.Masked()}
}

// try starts the trial and explains what it fails of.
func (f *Fabric) try(ctx context.Context) error {
	c := again(trialRole)
	f.isolate(c)
	var stderr lastwords.Tail
	c.Stderr = &stderr
	ended, err := start(c)
	if err != nil {
		why, remedy := f.refused(err, os.Geteuid() == 0, read)
		return unavailable(why, remedy)
	}
	select {
	case <-ended:
	case <-ctx.Done():
		_ = c.Process.Kill()
		<-ended
		return context.Cause(ctx)
	}
	if c.ProcessState.Success() {
		return nil
	}
	return unavailable("in a new network namespace this failed: "+lastwords.Of(status(c), &stderr),
		"use a kernel with bridges, veth and nftables (modprobe bridge veth nf_tables nft_nat nft_ct), or use Docker")
}

// read returns a file of /proc in one line, empty where there is none.
func read(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}

// The ways out of a refusal.
const (
	becomeRoot = "run as root"
	letIn      = "start the container with --network none --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add NET_BIND_SERVICE"
)

// refused says in a line each why the kernel refuses the namespaces and what to
// do about it. The files that tell are read with read.
func (f *Fabric) refused(err error, root bool, read func(path string) string) (why, remedy string) {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return noneLeft(read)
	case errors.Is(err, os.ErrNotExist):
		return "there is no /proc here", "mount it"
	case errors.Is(err, syscall.EINVAL) && f.asUser:
		return "the kernel has no user namespaces (CONFIG_USER_NS)", becomeRoot
	case !errors.Is(err, os.ErrPermission):
		return "no new network namespace: " + err.Error(), becomeRoot + ", or use Docker"
	case root:
		return "root lacks the capabilities SYS_ADMIN, NET_ADMIN and NET_BIND_SERVICE, as in a container", letIn
	case read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
		return "AppArmor keeps ordinary users from user namespaces, as on Ubuntu since 23.10",
			"run sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or " + becomeRoot
	case read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
		return "the kernel keeps ordinary users from user namespaces",
			"run sudo sysctl kernel.unprivileged_userns_clone=1, or " + becomeRoot
	case filtered(read):
		return "a seccomp filter forbids user namespaces, as a container's does",
			letIn + ", or with --security-opt seccomp=unconfined"
	default:
		return "user namespaces are forbidden here, perhaps by SELinux or a chroot", becomeRoot
	}
}

// noneLeft finds the limit that has been reached.
func noneLeft(read func(path string) string) (why, remedy string) {
	for _, kind := range []string{"user", "net", "pid"} {
		limit := "user.max_" + kind + "_namespaces"
		if read("/proc/sys/"+strings.Replace(limit, ".", "/", 1)) == "0" {
			return limit + " is 0", "run sudo sysctl " + limit + "=10000"
		}
	}
	return "the limit of namespaces is reached", "raise user.max_user_namespaces and user.max_net_namespaces with sysctl"
}

// filtered reports whether a seccomp filter is at work.
func filtered(read func(path string) string) bool {
	return strings.Contains(read("/proc/self/status"), "\nSeccomp:\t2")
}
