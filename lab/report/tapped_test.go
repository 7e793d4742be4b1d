package report

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"

	"github.com/icelab-go/icelab/wire"
)

// tapped is a network whose UDP sockets tell of their packets.
type tapped struct {
	*stdnet.Net
	node string
	tell func(wire.Packet)
}

type tappedConn struct {
	transport.UDPConn
	of tapped
}

func (n tapped) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := n.Net.ListenUDP(network, at)
	return &tappedConn{conn, n}, err
}

func (c *tappedConn) tell(way wire.Direction, far net.Addr, payload []byte) {
	own, peer := c.LocalAddr().(*net.UDPAddr).AddrPort(), far.(*net.UDPAddr).AddrPort()
	p := wire.Packet{Time: time.Now(), Node: c.of.node, At: wire.AtSocket, Direction: way, Protocol: "udp", From: own, To: peer}
	if way == wire.In {
		p.From, p.To = peer, own
	}
	p.Describe(payload)
	c.of.tell(p)
}

func (c *tappedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.UDPConn.ReadFrom(b)
	if err == nil {
		c.tell(wire.In, from, b[:n])
	}
	return n, from, err
}

func (c *tappedConn) WriteTo(b []byte, to net.Addr) (int, error) {
	c.tell(wire.Out, to, b)
	return c.UDPConn.WriteTo(b, to)
}

// overheard is a call between two peers on this machine that says hello.
func overheard(t *testing.T) (packets []wire.Packet, secrets string) {
	t.Helper()
	var mu sync.Mutex
	var keys bytes.Buffer
	tell := func(p wire.Packet) {
		mu.Lock()
		defer mu.Unlock()
		p.ID = len(packets) + 1
		packets = append(packets, p)
	}
	peer := func(node string) *webrtc.PeerConnection {
		own, err := stdnet.NewNet()
		if err != nil {
			t.Fatal(err)
		}
		var settings webrtc.SettingEngine
		settings.SetNet(tapped{own, node, tell})
		settings.SetIncludeLoopbackCandidate(true)
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
		settings.SetIPFilter(net.IP.IsLoopback)
		if node == "caller" {
			settings.SetDTLSKeyLogWriter(&keys)
		}
		pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			t.Fatal(err)
		}
		return pc
	}
	caller, callee := peer("caller"), peer("callee")
	arrived := make(chan struct{})
	callee.OnDataChannel(func(dc *webrtc.DataChannel) {
		dc.OnMessage(func(webrtc.DataChannelMessage) { close(arrived) })
	})
	channel, err := caller.CreateDataChannel("lab", nil)
	if err != nil {
		t.Fatal(err)
	}
	channel.OnOpen(func() { _ = channel.SendText(strings.Repeat("hello ", 10)) })
	negotiate(t, caller, callee)
	select {
	case <-arrived:
	case <-time.After(20 * time.Second):
		t.Fatal("no message arrived")
	}
	if err := caller.Close(); err != nil {
		t.Fatal(err)
	}
	if err := callee.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return packets, keys.String()
}

func negotiate(t *testing.T, caller, callee *webrtc.PeerConnection) {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	offer, err := caller.CreateOffer(nil)
	check(err)
	gathered := webrtc.GatheringCompletePromise(caller)
	check(caller.SetLocalDescription(offer))
	<-gathered
	check(callee.SetRemoteDescription(*caller.LocalDescription()))
	answer, err := callee.CreateAnswer(nil)
	check(err)
	gathered = webrtc.GatheringCompletePromise(callee)
	check(callee.SetLocalDescription(answer))
	<-gathered
	check(caller.SetRemoteDescription(*callee.LocalDescription()))
}
