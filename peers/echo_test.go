package peers

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

func TestEveryEchoComesBackByteForByte(t *testing.T) {
	ctx := within(t, 10*time.Second)
	caller, callee := connected(t, ctx, onLoopback(Config{}))

	result, err := caller.Echo(ctx, EchoPlan{Messages: 100, Bytes: 1200})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v %+v", result, *result.RTTMS)
	if result.Sent != 100 || result.Echoed != 100 || result.Lost != 0 || result.Ended != "complete" ||
		result.BytesEchoed != 120_000 || result.RTTMS == nil || result.RTTMS.Max < result.RTTMS.Min {
		t.Errorf("result %+v", result)
	}
	want := Traffic{MessagesSent: 100, BytesSent: 120_000, MessagesReceived: 100, BytesReceived: 120_000}
	for callee.Report().Traffic != want { // the last echo can be here before it is counted there
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the callee counted %+v, want %+v", callee.Report().Traffic, want)
		}
	}
	report := caller.Report()
	if report.Selected == nil || report.Selected.Local.Type != Host || report.Selected.Remote.Address != "127.0.0.1" {
		t.Errorf("selected pair %+v", report.Selected)
	}
	if len(report.Pairs) == 0 || !report.Pairs[0].Nominated || report.Pairs[0].BytesSent < 120_000 || report.Pairs[0].BytesReceived < 120_000 {
		t.Errorf("the pair's bytes are not in the report: %+v", report.Pairs)
	}
	if m := report.Milestones; m.ChannelOpenMS == nil || m.DTLSConnectedMS == nil || m.ICEConnectedMS == nil || m.GatheredMS == nil || m.FirstCandidateMS == nil || m.GatheringStartedMS == nil {
		t.Errorf("milestones %+v", m)
	}
}

func TestUnreliableChannelIsWhatTheCalleeSees(t *testing.T) {
	ctx := within(t, 10*time.Second)
	none := uint16(0)
	config := onLoopback(Config{Channel: Channel{Label: "lossy", Unordered: true, MaxRetransmits: &none}})
	caller, callee := connected(t, ctx, config)

	result, err := caller.Echo(ctx, EchoPlan{Messages: 50, Bytes: 600, QuietMS: 500})
	if err != nil || result.Sent != 50 || result.Echoed+result.Lost != 50 {
		t.Errorf("%v: %+v", err, result)
	}
	channel := callee.channel.Load()
	if r := channel.MaxRetransmits(); channel.Label() != "lossy" || channel.Ordered() || r == nil || *r != 0 {
		t.Errorf("the callee's channel: label %q, ordered %t, retransmits %v", channel.Label(), channel.Ordered(), r)
	}
}

func TestPaceSpreadsTheMessages(t *testing.T) {
	ctx := within(t, 10*time.Second)
	caller, _ := connected(t, ctx, onLoopback(Config{}))
	result, err := caller.Echo(ctx, EchoPlan{Messages: 11, Bytes: 20, PaceMS: 20})
	if err != nil {
		t.Fatal(err)
	}
	if result.Seconds < 0.19 {
		t.Errorf("11 messages 20 ms apart took %.3f s", result.Seconds)
	}
}

// More than the buffer of a channel holds: the sender has to wait for room, on
// both sides.
func TestLargeEchoWaitsForRoom(t *testing.T) {
	ctx := within(t, 30*time.Second)
	caller, _ := connected(t, ctx, onLoopback(Config{}))
	watching, cancel := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	var most uint64
	watcher.Go(func() {
		for tick := time.NewTicker(time.Millisecond); watching.Err() == nil; <-tick.C {
			most = max(most, caller.channel.Load().BufferedAmount())
		}
	})
	result, err := caller.Echo(ctx, EchoPlan{Messages: 60, Bytes: MaxMessage})
	cancel()
	watcher.Wait()
	if err != nil {
		t.Fatalf("%v: %+v", err, result)
	}
	if most > highBuffer+MaxMessage {
		t.Errorf("%d bytes waited in the channel at once", most)
	}
	t.Logf("%.1f MB in %.2f s", float64(result.BytesEchoed)/1e6, result.Seconds)
}

// A caller that sends and does not read may not fill the callee's memory.
func TestTheCalleeStopsReadingForACallerThatDoesNotRead(t *testing.T) {
	ctx := within(t, 30*time.Second)
	caller, callee := connected(t, ctx, onLoopback(Config{}))
	const messages = 100 // of 64 KiB, several times what buffers and windows hold
	goOn, all := make(chan struct{}), make(chan struct{})
	received := 0
	sink := func(webrtc.DataChannelMessage) {
		<-goOn
		if received++; received == messages {
			close(all)
		}
	}
	caller.sink.Store(&sink)
	readOn := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(readOn) // before the caller closes, which waits for the sink
	for range messages {
		if err := caller.channel.Load().Send(make([]byte, MaxMessage)); err != nil {
			t.Fatal(err)
		}
	}
	// The callee's buffer fills, and then it must not grow: a lost packet's
	// timer is 1 s, so that long nothing proves nothing.
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var watched <-chan time.Time
	for full := false; !full; {
		select {
		case <-tick.C:
		case <-watched:
			full = true
		case <-ctx.Done():
			t.Fatal("the callee's buffer does not fill")
		}
		waiting := callee.channel.Load().BufferedAmount()
		if waiting > highBuffer+MaxMessage {
			t.Fatalf("%d bytes wait in the callee", waiting)
		}
		if waiting > highBuffer && watched == nil {
			watched = time.After(1500 * time.Millisecond)
		}
	}
	if n := callee.traffic.messagesReceived.Load(); n == messages {
		t.Error("the callee read everything")
	}
	readOn()
	select {
	case <-all:
	case <-ctx.Done():
		t.Fatalf("after the caller reads again, %d of %d messages came back", callee.traffic.messagesSent.Load(), messages)
	}
}

func TestEchoNeedsAnOpenChannelOfItsOwn(t *testing.T) {
	ctx := within(t, 10*time.Second)
	fresh := newPeer(t, onLoopback(Config{}))
	if _, err := fresh.Echo(ctx, EchoPlan{Messages: 1, Bytes: 20}); err == nil {
		t.Error("echo before the offer")
	}
	if _, err := fresh.Offer(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.Echo(ctx, EchoPlan{Messages: 1, Bytes: 20}); err == nil {
		t.Error("echo on a channel that is not open")
	}
	caller, callee := connected(t, ctx, onLoopback(Config{}))
	if _, err := callee.Echo(ctx, EchoPlan{Messages: 1, Bytes: 20}); err == nil {
		t.Error("echo from the callee")
	}
	for _, plan := range []EchoPlan{{}, {Messages: 1}, {Messages: 1, Bytes: 19}, {Messages: 1, Bytes: 65537}, {Messages: 1, Bytes: 20, PaceMS: -1}} {
		if _, err := caller.Echo(ctx, plan); err == nil {
			t.Errorf("plan %+v was taken", plan)
		}
	}
}

func TestEchoEndsWithTheChannel(t *testing.T) {
	ctx := within(t, 10*time.Second)
	caller, callee := connected(t, ctx, onLoopback(Config{}))
	if _, err := caller.Echo(ctx, EchoPlan{Messages: 1, Bytes: 20}); err != nil {
		t.Fatal(err)
	}
	if err := callee.Close(); err != nil {
		t.Fatal(err)
	}
	result, err := caller.Echo(ctx, EchoPlan{Messages: 10, Bytes: 20})
	if err == nil || ctx.Err() != nil || (result.Ended != "closed" && result.Ended != "") {
		t.Errorf("%v: %+v", err, result)
	}
}
