package gateway

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"github.com/icelab-go/icelab/lab/nat"
)

func (n *network) sever(t *testing.T, c Cut) {
	t.Helper()
	n.in(t, n.gateway, func() error { return Sever(c) })
}

// connection is an open TCP connection between an inside and an outside host.
type connection struct {
	t               *testing.T
	inside, outside net.Conn
}

func (n *network) connect(t *testing.T) connection {
	t.Helper()
	var server net.Listener
	n.in(t, n.outside, func() (err error) { server, err = net.Listen("tcp4", "198.18.0.10:0"); return })
	defer server.Close()
	c := connection{t: t, inside: n.dial(t, "tcp4", server.Addr().String(), true)}
	var err error
	c.outside, err = server.Accept()
	must(t, err)
	t.Cleanup(func() { _ = errors.Join(c.inside.Close(), c.outside.Close()) })
	return c
}

// carries says whether a text sent by one end arrives at the other in time.
func (c connection) carries(from, to net.Conn, within time.Duration) bool {
	c.t.Helper()
	const text = "over TCP"
	_, err := from.Write([]byte(text))
	must(c.t, err)
	must(c.t, to.SetReadDeadline(time.Now().Add(within)))
	got := make([]byte, len(text))
	_, err = io.ReadFull(to, got)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatal(err)
	}
	return err == nil && string(got) == text
}

// lost is how long something is awaited that must not come.
const lost = 50 * time.Millisecond

// awaits is how long something is awaited: long where it is wanted.
func awaits(wanted bool, otherwise time.Duration) time.Duration {
	if wanted {
		return patience
	}
	return otherwise
}

// nothing fails if something comes in soon.
func (e testEndpoint) nothing() {
	e.t.Helper()
	must(e.t, e.SetReadDeadline(time.Now().Add(lost)))
	buf := make([]byte, 100)
	if n, from, err := e.ReadFromUDPAddrPort(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		e.t.Errorf("%s got %q from %s, %v", e.local(), buf[:n], from, err)
	}
}

func TestACutLineLetsNothingThroughAndForgetsNothing(t *testing.T) {
	for _, m := range []nat.Mapping{nat.EIM, nat.ADM, nat.APDM} {
		for _, cut := range []Cut{CutUDP, CutAll} {
			t.Run(string(m)+"-"+string(cut), func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t)
				n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: m, Filtering: nat.APDF, Ports: nat.Random}})
				inside, outside := n.listen(t, n.inside, "10.1.0.10:0"), n.listen(t, n.outside, "198.18.0.10:0")
				tcp := n.connect(t)
				inside.send("out", outside.local())
				mapped := outside.receive("out")
				outside.send("in", mapped)
				inside.receive("in")
				before, flows := n.state(t), n.udpFlows(t)

				n.sever(t, cut)
				for range 10 {
					inside.send("cut", outside.local())
					outside.send("cut", mapped)
				}
				inside.send("cut", netip.MustParseAddrPort("198.18.0.10:9"))
				outside.send("cut", to(6000)) // that nobody has the port comes later
				inside.nothing()
				outside.nothing()
				if drops := n.drops(t); drops[LineCut] != 22 || len(drops) != 1 {
					t.Errorf("dropped %v, want 22 packets for %s", drops, LineCut)
				}
				if got := n.udpFlows(t); !reflect.DeepEqual(got, flows) {
					t.Errorf("flows %v, were %v", got, flows)
				}
				after := n.state(t)
				for _, s := range []*State{&before, &after} {
					for i := range s.Mappings {
						s.Mappings[i].Expires = 0
					}
					for i := range s.Permissions {
						s.Permissions[i].Expires = 0
					}
				}
				if !reflect.DeepEqual(after, before) {
					t.Errorf("the NAT holds %+v, held %+v", after, before)
				}
				if want := cut == CutUDP; tcp.carries(tcp.inside, tcp.outside, awaits(want, lost)) != want {
					t.Errorf("TCP out goes through: %t, want %t", !want, want)
				}

				n.sever(t, Whole)
				outside.send("in again", mapped) // before anything refreshed the mapping
				inside.receive("in again")
				inside.send("out again", outside.local())
				if now := outside.receive("out again"); now != mapped {
					t.Errorf("moved from %s to %s", mapped, now)
				}
				if !tcp.carries(tcp.outside, tcp.inside, patience) {
					t.Error("the TCP connection is lost")
				}
			})
		}
	}
}

func (n *network) udpFlows(t *testing.T) (flows []Flow) {
	t.Helper()
	var o Observation
	n.in(t, n.gateway, func() (err error) { o, err = Observe(); return })
	for _, f := range o.Flows {
		if f.Protocol == "udp" {
			flows = append(flows, f)
		}
	}
	return flows
}

// A NAT that rejects answers packets itself, and its own end may not speak either.
func TestAPulledCableCarriesNothingOfTheGatewayItself(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving, Unsolicited: nat.Reject}})
	inside, outside := n.listen(t, n.inside, "10.1.0.10:0"), n.listen(t, n.outside, "198.18.0.10:0")
	own := n.listen(t, n.gateway, "0.0.0.0:0")
	n.sever(t, CutAll)
	for _, e := range []testEndpoint{inside, outside} {
		if _, err := own.WriteToUDPAddrPort([]byte("own"), e.local()); err == nil {
			t.Logf("the kernel tells no error for what it drops on the way out to %s", e.local())
		}
		e.nothing()
	}
	if n.refused(t, to(6000)) {
		t.Error("the gateway answered over a pulled cable")
	}
	n.sever(t, Whole)
	if !n.refused(t, to(6000)) {
		t.Error("the gateway does not answer any more")
	}
	own.send("own", outside.local())
	outside.receive("own")
}

// refused says whether UDP from outside is answered by an ICMP error.
func (n *network) refused(t *testing.T, at netip.AddrPort) bool {
	t.Helper()
	conn := n.dial(t, "udp4", at.String(), false)
	defer conn.Close()
	_, err := conn.Write([]byte("hello"))
	must(t, err)
	must(t, conn.SetReadDeadline(time.Now().Add(4*lost)))
	_, err = conn.Read(make([]byte, 10))
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// A network underneath carries the lab's own, so only WAN and LAN are cut.
func TestOtherInterfacesAreNotCut(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.wire(t, n.gateway, "underlay", "172.31.0.1/24", n.outside, "underlay", "172.31.0.2/24")
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Preserving}})
	a, b := n.listen(t, n.gateway, "172.31.0.1:0"), n.listen(t, n.outside, "172.31.0.2:0")
	n.sever(t, CutAll)
	a.send("ping", b.local())
	b.receive("ping")
	b.send("pong", a.local())
	a.receive("pong")
}

func TestProgrammingMendsTheLine(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	open := nat.Condition{}
	n.program(t, open)
	n.sever(t, CutAll)
	n.program(t, open)
	inside, outside := n.listen(t, n.inside, "10.1.0.10:0"), n.listen(t, n.outside, "198.18.0.10:0")
	inside.send("out", outside.local())
	outside.receive("out")
	if drops := n.drops(t); len(drops) > 0 {
		t.Errorf("dropped %v", drops)
	}
}

func TestChangingWhatIsNoGatewaySaysSo(t *testing.T) {
	t.Parallel()
	n := &network{}
	var ns netns.NsHandle
	n.namespaces(t, &ns)
	for name, change := range map[string]func() error{
		"sever":  func() error { return Sever(CutAll) },
		"mend":   func() error { return Sever(Whole) },
		"forget": func() error { return Forget(false) },
		"rebind": func() error { return Forget(true) },
	} {
		if err := onNamespace(ns, change); err == nil || !strings.Contains(err.Error(), "no gateway yet: program it first") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Sever("tcp"); err == nil || !strings.Contains(err.Error(), `cut "tcp" is unknown`) {
		t.Errorf("error %v", err)
	}
}
