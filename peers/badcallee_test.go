package peers

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// badCallee answers a caller with plain pion and handles each message as it is
// told to.
func badCallee(t *testing.T, ctx context.Context, caller *Peer, handle func(d *webrtc.DataChannel, m webrtc.DataChannelMessage)) {
	t.Helper()
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	pc.OnDataChannel(func(d *webrtc.DataChannel) {
		d.OnMessage(func(m webrtc.DataChannelMessage) { handle(d, m) })
	})
	offer, err := caller.Offer(ctx)
	if err == nil {
		offer, err = caller.FullDescription(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		t.Fatal(err)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	if err := caller.Accept(pc.LocalDescription().SDP); err != nil {
		t.Fatal(err)
	}
	if err := caller.WaitOpen(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestEchoSeesWhatABadCalleeDoes(t *testing.T) {
	tests := []struct {
		name   string
		handle func(n int64, d *webrtc.DataChannel, m webrtc.DataChannelMessage)
		check  func(r EchoResult) bool
		err    string
	}{
		{
			"one corrupted",
			func(n int64, d *webrtc.DataChannel, m webrtc.DataChannelMessage) {
				if n == 5 {
					m.Data[len(m.Data)/2] ^= 0x10
				}
				_ = d.Send(m.Data)
			},
			func(r EchoResult) bool { return r.Echoed == 9 && r.Corrupt == 1 && r.Lost == 1 && r.Ended == "quiet" },
			"1 of 10 messages did not come back, 1 corrupt: nothing more came",
		},
		{
			"one twice",
			func(n int64, d *webrtc.DataChannel, m webrtc.DataChannelMessage) {
				if n == 5 {
					_ = d.Send(m.Data)
				}
				_ = d.Send(m.Data)
			},
			func(r EchoResult) bool { return r.Echoed == 10 && r.Duplicated == 1 && r.Ended == "complete" },
			"10 of 10 messages came back, 1 duplicated",
		},
		{
			"one missing",
			func(n int64, d *webrtc.DataChannel, m webrtc.DataChannelMessage) {
				if n != 5 {
					_ = d.Send(m.Data)
				}
			},
			func(r EchoResult) bool { return r.Echoed == 9 && r.Lost == 1 && r.Corrupt == 0 && r.Ended == "time" },
			"1 of 10 messages did not come back: the time is up",
		},
		{
			"all as text",
			func(_ int64, d *webrtc.DataChannel, m webrtc.DataChannelMessage) { _ = d.SendText(string(m.Data)) },
			func(r EchoResult) bool { return r.Echoed == 0 && r.Corrupt == 10 && r.RTTMS == nil },
			"10 of 10 messages did not come back, 10 corrupt",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx := within(t, 10*time.Second)
			caller := newPeer(t, onLoopback(Config{}))
			var n atomic.Int64
			badCallee(t, ctx, caller, func(d *webrtc.DataChannel, m webrtc.DataChannelMessage) { test.handle(n.Add(1), d, m) })
			echo, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			result, err := caller.Echo(echo, EchoPlan{Messages: 10, Bytes: 200})
			if !test.check(result) {
				t.Errorf("result %+v", result)
			}
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v lacks %q", err, test.err)
			}
		})
	}
}

func TestLateEchoesCountForNoLaterCall(t *testing.T) {
	ctx := within(t, 10*time.Second)
	caller := newPeer(t, onLoopback(Config{}))
	// The first five are kept back until the sixth arrives, which belongs to the
	// second call.
	var kept [][]byte
	badCallee(t, ctx, caller, func(d *webrtc.DataChannel, m webrtc.DataChannelMessage) {
		if len(kept) < 5 {
			kept = append(kept, m.Data)
			return
		}
		for _, data := range append(kept[:5:5], m.Data) {
			_ = d.Send(data)
		}
	})
	first, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if result, err := caller.Echo(first, EchoPlan{Messages: 5, Bytes: 100}); err == nil || result.Echoed != 0 || result.Sent != 5 {
		t.Errorf("first call: %v: %+v", err, result)
	}
	result, err := caller.Echo(ctx, EchoPlan{Messages: 1, Bytes: 100})
	if err != nil || result.Echoed != 1 || result.Late != 5 || result.Corrupt != 0 {
		t.Errorf("second call: %v: %+v", err, result)
	}
}
