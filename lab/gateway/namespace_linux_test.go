package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/turnserver"
)

// The test network: an outside host with two addresses, a gateway, and two
// inside hosts, which are two addresses in one namespace.
var (
	server    = netip.MustParseAddrPort("198.18.0.10:3478")
	alternate = netip.MustParseAddrPort("198.18.0.11:3479")
	external  = netip.MustParseAddr("198.18.0.20")
	router    = netip.MustParseAddr("10.1.0.1")
	host      = netip.MustParseAddr("10.1.0.10")
	neighbour = netip.MustParseAddr("10.1.0.11")
)

func TestMain(m *testing.M) { os.Exit(require.RunInNamespace(m, nil)) }

// network is one test's own: tests run in parallel.
type network struct {
	outside, gateway, inside netns.NsHandle
	carrier                  netns.NsHandle // closed if there is none
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{carrier: netns.None()}
	n.namespaces(t, &n.outside, &n.gateway, &n.inside)
	n.wire(t, n.outside, "wan", "198.18.0.10/24 198.18.0.11/24", n.gateway, "wan", "198.18.0.20/24")
	n.host(t)
	n.route(t, n.outside, "10.1.0.0/24", "198.18.0.20")
	return n
}

// newCarrierNetwork has a second gateway beyond the first.
func newCarrierNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{}
	n.namespaces(t, &n.outside, &n.gateway, &n.inside, &n.carrier)
	n.wire(t, n.outside, "wan", "198.18.0.10/24 198.18.0.11/24", n.carrier, "wan", "198.18.0.20/24")
	n.wire(t, n.gateway, "cgn", "100.64.0.2/24", n.carrier, "lan", "100.64.0.1/24")
	n.host(t)
	n.route(t, n.gateway, "0.0.0.0/0", "100.64.0.1")
	n.route(t, n.carrier, "10.1.0.0/24", "100.64.0.2")
	n.in(t, n.carrier, forward)
	return n
}

func (n *network) namespaces(t *testing.T, all ...*netns.NsHandle) {
	t.Helper()
	require.Namespace(t)
	for _, ns := range all {
		must(t, onNamespace(netns.None(), func() (err error) { *ns, err = netns.New(); return }))
		t.Cleanup(func() { _ = ns.Close() })
		t.Cleanup(func() { n.stopTrace(t, *ns) })
	}
}

func (n *network) stopTrace(t *testing.T, at netns.NsHandle) {
	t.Helper()
	n.in(t, at, func() error {
		namespace, err := networkNamespace()
		if err != nil {
			return err
		}
		return stopTrace(namespace)
	})
}

// host puts the inside hosts behind the gateway.
func (n *network) host(t *testing.T) {
	t.Helper()
	n.wire(t, n.inside, "lan", "10.1.0.10/24 10.1.0.11/24", n.gateway, "lan", "10.1.0.1/24")
	n.route(t, n.inside, "0.0.0.0/0", router.String())
	n.in(t, n.gateway, forward)
	// The kernel drops what comes in from an address of its own, unless it is told
	// not to. A hairpinned packet with its inside source would do that here.
	n.in(t, n.inside, func() error { return os.WriteFile("/proc/sys/net/ipv4/conf/lan/accept_local", []byte("1"), 0) })
}

func forward() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) }

// wire connects two namespaces. Addresses are separated by spaces.
func (n *network) wire(t *testing.T, a netns.NsHandle, nameA, addressesA string, b netns.NsHandle, nameB, addressesB string) {
	t.Helper()
	n.in(t, a, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = nameA
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: nameB, PeerNamespace: netlink.NsFd(b)})
	})
	n.in(t, a, func() error { return configure(nameA, strings.Fields(addressesA)) })
	n.in(t, b, func() error { return configure(nameB, strings.Fields(addressesB)) })
}

func (n *network) route(t *testing.T, at netns.NsHandle, to, via string) {
	t.Helper()
	n.in(t, at, func() error {
		_, dst, err := net.ParseCIDR(to)
		if err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{Dst: dst, Gw: net.ParseIP(via)})
	})
}

func configure(name string, addresses []string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		addr, err := netlink.ParseAddr(a)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

// in runs f with a thread in the namespace; goroutines that f starts are not.
func (n *network) in(t *testing.T, ns netns.NsHandle, f func() error) {
	t.Helper()
	must(t, onNamespace(ns, f))
}

func onNamespace(ns netns.NsHandle, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		if ns.IsOpen() {
			if err := netns.Set(ns); err != nil {
				done <- fmt.Errorf("enter the namespace: %w", err)
				return
			}
		}
		done <- f()
	}()
	return <-done
}

func (n *network) spec() Spec {
	s := Spec{
		WAN: Side{Interface: "wan", Address: external, Prefix: netip.MustParsePrefix("198.18.0.0/24")},
		LAN: Side{Interface: "lan", Address: router, Prefix: netip.MustParsePrefix("10.1.0.0/24")},
	}
	if n.carrier.IsOpen() {
		s.WAN = Side{Interface: "cgn", Address: netip.MustParseAddr("100.64.0.2"), Prefix: netip.MustParsePrefix("100.64.0.0/24")}
	}
	return s
}

func (n *network) carrierSpec() Spec {
	return Spec{
		WAN: Side{Interface: "wan", Address: external, Prefix: netip.MustParsePrefix("198.18.0.0/24")},
		LAN: Side{Interface: "lan", Address: netip.MustParseAddr("100.64.0.1"), Prefix: netip.MustParsePrefix("100.64.0.0/24")},
	}
}

// serve runs the server on the outside host until the test ends.
func (n *network) serve(t *testing.T) {
	t.Helper()
	n.in(t, n.outside, func() error {
		s, err := turnserver.Start(turnserver.Config{
			Listen:       []turnserver.Listener{{Network: "udp", Address: server}},
			Alternate:    alternate,
			RelayAddress: server.Addr(),
		})
		if err == nil {
			t.Cleanup(func() { must(t, s.Close()) })
		}
		return err
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
