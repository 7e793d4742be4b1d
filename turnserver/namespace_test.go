package turnserver_test

import (
	"net"
	"os"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/icelab-go/icelab/internal/require"
)

// Addresses that are not loopback addresses, and exist only in the tests' network namespace.
const (
	serverIP = "198.18.0.1"
	clientIP = "198.18.0.2"
	peerIP   = "198.18.0.3"
	otherIP  = "198.18.0.4"
)

func TestMain(m *testing.M) { os.Exit(require.RunInNamespace(m, addAddresses)) }

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
