package gateway

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/icelab-go/icelab/lab/nat"
)

// With conntrack the reply to a packet that was let in left from the port it had
// come to, and what came to that port after the inside host had sent to its
// sender from another one was dropped.
func TestTheMappingDependsOnNothingButSenderAndReceiver(t *testing.T) {
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.ADM, Filtering: nat.EIF, Ports: nat.Random}})
	inside := n.listen(t, n.inside, "10.1.0.10:0")
	friend := n.listen(t, n.outside, "198.18.0.10:0")
	stranger := n.listen(t, n.outside, "198.18.0.11:0")

	inside.send("to friend", friend.local())
	atFriend := friend.receive("to friend")

	for range 2 { // before there is a mapping for the stranger, and after
		stranger.send("from stranger", atFriend)
		if from := inside.receive("from stranger"); from != stranger.local() {
			t.Errorf("the source is %s, want %s", from, stranger.local())
		}
		inside.send("to stranger", stranger.local())
		if atStranger := stranger.receive("to stranger"); atStranger == atFriend {
			t.Errorf("an ADM NAT shows %s to two addresses", atFriend)
		}
	}
}

// Two hosts behind an ADM or APDM NAT cannot know the ports that they have
// towards each other, so no probe can tell whether it hairpins. Told, they can.
func TestHairpinningBehindAFilterThatNoProbeOpens(t *testing.T) {
	for _, b := range []nat.Behavior{
		{Mapping: nat.ADM, Filtering: nat.ADF, Ports: nat.Random},
		{Mapping: nat.ADM, Filtering: nat.APDF, Ports: nat.Random},
		{Mapping: nat.APDM, Filtering: nat.ADF, Ports: nat.Random},
	} {
		b.Hairpin = true
		t.Run(cellName(b), func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.program(t, nat.Condition{NAT: &b})
			a, c := n.listen(t, n.inside, "10.1.0.10:0"), n.listen(t, n.inside, "10.1.0.11:0")
			towardsNAT := func(e testEndpoint) uint16 {
				e.send("dropped", to(1))
				for _, m := range n.state(t).Mappings {
					if m.Inside == e.local() {
						return m.External
					}
				}
				t.Fatal("no mapping")
				return 0
			}
			portA := towardsNAT(a)
			if b.Mapping == nat.ADM {
				portC := towardsNAT(c)
				a.send("dropped", to(portC)) // opens a's filter
			}
			c.send("round the pin", to(portA))
			if from := a.receive("round the pin"); from.Addr() != external {
				t.Errorf("it came from %s, want %s", from, external)
			}
		})
	}
}

func TestInboundPacketsKeepNothingAlive(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving, Lifetime: time.Second}})
	inside, outside := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.outside, "198.18.0.10:0")
	inside.send("out", outside.local())
	began := time.Now()
	mapped := outside.receive("out")

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for time.Since(began) < 1500*time.Millisecond {
		<-tick.C
		outside.send("in", mapped)
	}
	must(t, inside.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	arrived := 0
	for buf := make([]byte, 10); ; arrived++ {
		if _, err := inside.Read(buf); err != nil {
			break
		}
	}
	if arrived < 10 || arrived > 20 {
		t.Errorf("%d packets at 20 a second arrived, want those of one second", arrived)
	}
	if s := n.state(t); len(s.Mappings)+len(s.Permissions) > 0 {
		t.Errorf("still there: %+v", s)
	}
}

func TestOutboundPacketsKeepAMappingAlive(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.APDM, Filtering: nat.APDF, Ports: nat.Random, Lifetime: time.Second}})
	inside, outside := n.listen(t, n.inside, "10.1.0.10:0"), n.listen(t, n.outside, "198.18.0.10:0")
	inside.send("out", outside.local())
	mapped := outside.receive("out")
	tick := time.NewTicker(400 * time.Millisecond)
	defer tick.Stop()
	for range 5 {
		<-tick.C
		inside.send("out", outside.local())
		if now := outside.receive("out"); now != mapped {
			t.Fatalf("moved from %s to %s", mapped, now)
		}
		outside.send("in", mapped)
		inside.receive("in")
	}
}

func TestConntrackHoldsNoUDPOfANAT(t *testing.T) {
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.EIF, Ports: nat.Preserving}})
	inside, outside := n.listen(t, n.inside, "10.1.0.10:0"), n.listen(t, n.outside, "198.18.0.10:0")
	inside.send("out", outside.local())
	outside.send("in", outside.receive("out"))
	inside.receive("in")
	for _, f := range n.tracked(t) {
		if f.Forward.Protocol == syscall.IPPROTO_UDP {
			t.Errorf("tracked: %s", f)
		}
	}
}

// The kernel's own timeouts, 30 s and 120 s, would undercut RFC 4787 REQ-5.
func TestAStatefulFirewallRemembersAsLongAsANATDoes(t *testing.T) {
	n := newNetwork(t)
	n.program(t, nat.Condition{Firewall: nat.Firewall{Stateful: true}})
	inside, outside := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.outside, "198.18.0.10:4000")
	lives := func() {
		t.Helper()
		flows := n.tracked(t)
		if len(flows) != 1 {
			t.Fatalf("tracked: %v, want one flow", flows)
		}
		left := time.Duration(flows[0].TimeOut) * time.Second
		if left < nat.DefaultLifetime-10*time.Second || left > nat.DefaultLifetime {
			t.Errorf("%s expires in %s, want about %s", flows[0], left, nat.DefaultLifetime)
		}
	}
	inside.send("out", outside.local())
	outside.receive("out")
	lives()
	outside.send("in", inside.local())
	inside.receive("in")
	lives()
}

func (n *network) tracked(t *testing.T) (flows []*netlink.ConntrackFlow) {
	t.Helper()
	n.in(t, n.gateway, func() (err error) {
		flows, err = netlink.ConntrackTableList(netlink.ConntrackTable, netlink.FAMILY_V4)
		return
	})
	return flows
}

func TestTCPGetsThroughAndUnsolicitedTCPDoesNot(t *testing.T) {
	for _, unsolicited := range []nat.Unsolicited{nat.Drop, nat.Reject} {
		t.Run(string(unsolicited), func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving, Unsolicited: unsolicited}})
			var server net.Listener
			n.in(t, n.outside, func() (err error) { server, err = net.Listen("tcp4", "198.18.0.10:443"); return })
			defer server.Close()
			conn := n.dial(t, "tcp4", "198.18.0.10:443", true)
			accepted, err := server.Accept()
			must(t, err)
			if from := accepted.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(); from != external {
				t.Errorf("the source is %s, want %s", from, external)
			}
			must(t, errors.Join(conn.Close(), accepted.Close()))

			refused := n.dialError(t, "tcp4", "198.18.0.20:80")
			if got, want := errors.Is(refused, syscall.ECONNREFUSED), unsolicited == nat.Reject; got != want {
				t.Errorf("dialling in: %v, refused %t, want %t", refused, got, want)
			}
		})
	}
}

// dial connects from inside, or from outside.
func (n *network) dial(t *testing.T, network, address string, inside bool) net.Conn {
	t.Helper()
	ns := n.outside
	if inside {
		ns = n.inside
	}
	var conn net.Conn
	n.in(t, ns, func() (err error) {
		conn, err = (&net.Dialer{Timeout: patience}).Dial(network, address)
		return
	})
	return conn
}

func (n *network) dialError(t *testing.T, network, address string) (err error) {
	t.Helper()
	n.in(t, n.outside, func() error {
		var conn net.Conn
		if conn, err = (&net.Dialer{Timeout: 300 * time.Millisecond}).Dial(network, address); err == nil {
			_ = conn.Close()
		}
		return nil
	})
	return err
}

func TestUnsolicitedUDPIsRejectedIfDeclared(t *testing.T) {
	n := newNetwork(t)
	n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving, Unsolicited: nat.Reject}})
	inside, friend := n.listen(t, n.inside, "10.1.0.10:5000"), n.listen(t, n.outside, "198.18.0.10:0")
	inside.send("out", friend.local())
	mapped := friend.receive("out")
	friend.send("in", mapped)
	inside.receive("in")

	for _, at := range []netip.AddrPort{mapped, to(6000)} {
		conn := n.dial(t, "udp4", at.String(), false)
		_, err := conn.Write([]byte("hello"))
		must(t, err)
		must(t, conn.SetReadDeadline(time.Now().Add(patience)))
		if _, err = conn.Read(make([]byte, 10)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("to %s: %v, want refused", at, err)
		}
		must(t, conn.Close())
	}
	inside.empty()
}

// Both errors are about a port that is closed: outside, and inside after it was
// used.
func TestICMPErrorsAreTranslatedAsWhatTheyQuote(t *testing.T) {
	for _, m := range []nat.Mapping{nat.EIM, nat.ADM, nat.APDM} {
		t.Run(string(m), func(t *testing.T) {
			n := newNetwork(t)
			n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: m, Filtering: nat.APDF, Ports: nat.Random}})
			refused := func(conn net.Conn) {
				t.Helper()
				_, err := conn.Write([]byte("hello"))
				must(t, err)
				must(t, conn.SetReadDeadline(time.Now().Add(patience)))
				if _, err := conn.Read(make([]byte, 10)); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("%v, want refused", err)
				}
				must(t, conn.Close())
			}
			refused(n.dial(t, "udp4", "198.18.0.10:9", true))

			inside, outside := n.listen(t, n.inside, "10.1.0.10:0"), n.listen(t, n.outside, "198.18.0.10:4000")
			inside.send("out", outside.local())
			mapped := outside.receive("out")
			must(t, errors.Join(inside.Close(), outside.Close()))
			var conn net.Conn
			n.in(t, n.outside, func() (err error) {
				conn, err = net.DialUDP("udp4", net.UDPAddrFromAddrPort(outside.local()), net.UDPAddrFromAddrPort(mapped))
				return
			})
			refused(conn)
			if drops := n.drops(t); len(drops) > 0 {
				t.Errorf("dropped: %v", drops)
			}
		})
	}
}
