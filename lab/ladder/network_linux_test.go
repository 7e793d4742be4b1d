package ladder_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/icelab-go/icelab/internal/require"
)

func TestMain(m *testing.M) { os.Exit(require.RunInNamespace(m, nil)) }

// The hosts of a test: a client behind a NAT, and a server with two addresses.
var (
	natInside     = netip.MustParseAddr("10.1.0.1")
	natOutside    = netip.MustParseAddr("203.0.113.1")
	serverAddress = netip.MustParseAddr("203.0.113.10")
	otherAddress  = netip.MustParseAddr("203.0.113.11")
)

// internet is one test's own: tests run in parallel.
type internet struct{ inside, nat, server netns.NsHandle }

func newInternet(t *testing.T) *internet {
	t.Helper()
	require.Namespace(t)
	n := new(internet)
	for _, ns := range []*netns.NsHandle{&n.inside, &n.nat, &n.server} {
		must(t, inNamespace(netns.None(), func() (err error) { *ns, err = netns.New(); return }))
		t.Cleanup(func() { _ = ns.Close() })
		must(t, inNamespace(*ns, func() error { return linkUp("lo") }))
	}
	n.wire(t, n.inside, "lan", []string{"10.1.0.10/24"}, n.nat, "lan", []string{"10.1.0.1/24"})
	n.wire(t, n.server, "wan", []string{"203.0.113.10/24", "203.0.113.11/24"}, n.nat, "wan", []string{"203.0.113.1/24"})
	must(t, inNamespace(n.inside, func() error { return netlink.RouteAdd(&netlink.Route{Gw: natInside.AsSlice()}) }))
	must(t, inNamespace(n.server, func() error { return netlink.RouteAdd(&netlink.Route{Gw: natOutside.AsSlice()}) }))
	must(t, inNamespace(n.nat, func() error {
		return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
	}))
	n.translate(t)
	return n
}

func (n *internet) wire(t *testing.T, a netns.NsHandle, nameA string, addressesA []string, b netns.NsHandle, nameB string, addressesB []string) {
	t.Helper()
	must(t, inNamespace(a, func() error {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = nameA
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: nameB, PeerNamespace: netlink.NsFd(b)})
	}))
	must(t, inNamespace(a, func() error { return linkUp(nameA, addressesA...) }))
	must(t, inNamespace(b, func() error { return linkUp(nameB, addressesB...) }))
	must(t, inNamespace(a, func() error { return carries(t.Context(), nameA) }))
	must(t, inNamespace(b, func() error { return carries(t.Context(), nameB) }))
}

// carries waits until the kernel has noticed that a link's other end is up. Before, it
// loses what is sent, and asks for a neighbour again only after a second.
func carries(ctx context.Context, name string) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		link, err := netlink.LinkByName(name)
		if err != nil || link.Attrs().OperState == netlink.OperUp {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func linkUp(name string, addresses ...string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		address, err := netlink.ParseAddr(a)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, address); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

// inNamespace runs f with a thread in the namespace, that is thrown away.
func inNamespace(ns netns.NsHandle, f func() error) error {
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

// start runs a command in a namespace. The thread stays until it ends, for the
// sake of Pdeathsig.
func start(ns netns.NsHandle, command *exec.Cmd) (ended <-chan error, err error) {
	started, done := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := netns.Set(ns)
		if err == nil {
			err = command.Start()
		}
		started <- err
		if err == nil {
			done <- command.Wait()
		}
	}()
	return done, <-started
}

// host is the network stack of a namespace: a socket stays where it was opened.
type host struct {
	*stdnet.Net
	ns netns.NsHandle
}

func hostIn(t *testing.T, ns netns.NsHandle) host {
	t.Helper()
	h := host{ns: ns}
	must(t, inNamespace(ns, func() (err error) { h.Net, err = stdnet.NewNet(); return }))
	return h
}

func opened[T any](h host, open func() (T, error)) (conn T, err error) {
	entering := inNamespace(h.ns, func() error {
		conn, err = open()
		return nil
	})
	if entering != nil {
		return conn, entering
	}
	return conn, err
}

func (h host) Dial(network, address string) (net.Conn, error) {
	return opened(h, func() (net.Conn, error) { return h.Net.Dial(network, address) })
}

func (h host) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	return opened(h, func() (transport.UDPConn, error) { return h.Net.ListenUDP(network, local) })
}

func (h host) ListenTCP(network string, local *net.TCPAddr) (transport.TCPListener, error) {
	return opened(h, func() (transport.TCPListener, error) { return h.Net.ListenTCP(network, local) })
}

func (h host) CreateDialer(d *net.Dialer) transport.Dialer { return dialer{h, d} }

type dialer struct {
	host
	*net.Dialer
}

func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return opened(d.host, func() (net.Conn, error) { return d.Dialer.DialContext(ctx, network, address) })
}

// translate makes the NAT one: it maps all of the client's sockets to one address.
func (n *internet) translate(t *testing.T) {
	t.Helper()
	must(t, withNftables(n.nat, func(c *nftables.Conn, table *nftables.Table) {
		chain := c.AddChain(&nftables.Chain{
			Name: "out", Table: table, Type: nftables.ChainTypeNAT,
			Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
		})
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(leaves("wan"), &expr.Masq{})})
	}))
}

// drop has a namespace lose what meets all of the expressions.
func drop(t *testing.T, ns netns.NsHandle, hook *nftables.ChainHook, name string, matches ...[]expr.Any) {
	t.Helper()
	must(t, withNftables(ns, func(c *nftables.Conn, table *nftables.Table) {
		chain := c.AddChain(&nftables.Chain{
			Name: name, Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter,
		})
		var all []expr.Any
		for _, m := range matches {
			all = append(all, m...)
		}
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(all, &expr.Verdict{Kind: expr.VerdictDrop})})
	}))
}

func withNftables(ns netns.NsHandle, f func(*nftables.Conn, *nftables.Table)) error {
	c, err := nftables.New(nftables.WithNetNSFd(int(ns)))
	if err != nil {
		return err
	}
	f(c, c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "test"}))
	return c.Flush()
}

func leaves(name string) []expr.Any { return crosses(expr.MetaKeyOIFNAME, name) }

func arrives(name string) []expr.Any { return crosses(expr.MetaKeyIIFNAME, name) }

func crosses(which expr.MetaKey, name string) []expr.Any {
	padded := make([]byte, 16)
	copy(padded, name)
	return []expr.Any{
		&expr.Meta{Key: which, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: padded},
	}
}

func protocol(number byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{number}},
	}
}

var (
	udp = protocol(unix.IPPROTO_UDP)
	tcp = protocol(unix.IPPROTO_TCP)
)

func to(a netip.Addr) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: a.AsSlice()},
	}
}

func destined(first, last uint16) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: binaryutil.BigEndian.PutUint16(first), ToData: binaryutil.BigEndian.PutUint16(last)},
	}
}

func notDestined(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
	}
}

// unasked meets what belongs to no flow that this host began.
func unasked() []expr.Any {
	none := binaryutil.NativeEndian.PutUint32(0)
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitESTABLISHED), Xor: none},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: none},
	}
}

// beginsAsSTUN meets UDP with the magic cookie of STUN.
func beginsAsSTUN() []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 12, Len: 4},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint32(nil, 0x2112a442)},
	}
}

// beginsAs meets UDP that begins with two bytes: the type of a STUN message.
func beginsAs(kind uint16) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 8, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(kind)},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
