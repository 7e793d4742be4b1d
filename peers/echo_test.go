package peers

import (
	"testing"
	"time"
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
	back := callee.Report().Traffic
	want := Traffic{MessagesSent: 100, BytesSent: 120_000, MessagesReceived: 100, BytesReceived: 120_000}
	if back != want {
		t.Errorf("the callee counted %+v, want %+v", back, want)
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
	result, err := caller.Echo(ctx, EchoPlan{Messages: 100, Bytes: MaxMessage})
	if err != nil {
		t.Fatalf("%v: %+v", err, result)
	}
	t.Logf("%.1f MB in %.2f s", float64(result.BytesEchoed)/1e6, result.Seconds)
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
