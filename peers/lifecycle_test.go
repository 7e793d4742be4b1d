package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

func TestCandidatesMayComeBeforeTheDescription(t *testing.T) {
	ctx := within(t, 10*time.Second)
	caller, callee := newPeer(t, onLoopback(Config{})), newPeer(t, onLoopback(Config{}))
	offer, err := caller.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	early := 0
	for c := range caller.Candidates(ctx) {
		if err := callee.AddCandidate(c); err != nil {
			t.Fatal(err)
		}
		early++
	}
	if early == 0 {
		t.Fatal("no candidate")
	}
	answer, err := callee.Answer(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	for c := range callee.Candidates(ctx) {
		if err := caller.AddCandidate(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := caller.Accept(answer); err != nil {
		t.Fatal(err)
	}
	if err := caller.WaitOpen(ctx); err != nil {
		t.Fatal(err)
	}
	r := callee.Report()
	if len(r.Remote) != early || r.Remote[0].AtMS >= 0 {
		t.Errorf("candidates before the answer have a negative time: %+v", r.Remote)
	}
	// Without the queue the callee would know the caller as prflx only.
	if r.Selected == nil || r.Selected.Remote.Type != Host {
		t.Errorf("selected %+v", r.Selected)
	}
}

func TestRelayWithoutAServerSaysWhyAtOnce(t *testing.T) {
	ctx := within(t, 10*time.Second)
	config := onLoopback(Config{Candidates: []CandidateType{Relay}})
	caller, callee := newPeer(t, config), newPeer(t, config)
	signal(t, ctx, caller, callee)
	err := caller.WaitOpen(ctx)
	if err == nil || ctx.Err() != nil {
		t.Fatalf("error %v", err)
	}
	t.Log(err)
	if !strings.Contains(err.Error(), "not one local candidate was gathered with relay allowed and no server given") {
		t.Errorf("error %q", err)
	}
}

func TestWrongTURNPasswordIsInTheError(t *testing.T) {
	ctx := within(t, 10*time.Second)
	server := startTURN(t).overUDP()
	server.Credential = "wrong"
	caller := newPeer(t, onLoopback(Config{Servers: []Server{server}, Candidates: []CandidateType{Relay}}))
	if _, err := caller.Offer(ctx); err != nil {
		t.Fatal(err)
	}
	err := caller.WaitOpen(ctx)
	if err == nil || !strings.Contains(err.Error(), "failed to allocate on TURN client") {
		t.Errorf("error %v", err)
	}
	t.Log(err)
}

func TestWaitOpenSaysHowFarItGot(t *testing.T) {
	// The callee's candidates never reach the caller, and the caller's lead
	// nowhere.
	ctx := within(t, 10*time.Second)
	caller, callee := newPeer(t, onLoopback(Config{})), newPeer(t, onLoopback(Config{}))
	offer, err := caller.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := callee.Answer(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Accept(answer); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(silentUDP(t), ":")
	dead := fmt.Sprintf("candidate:1 1 udp 2130706431 127.0.0.1 %s typ host", port)
	for _, p := range []*Peer{caller, callee} {
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		err := p.WaitOpen(short)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no candidate of the other side arrived") {
			t.Errorf("error %v", err)
		}
	}
	if err := caller.AddCandidate(CandidateLine{Candidate: dead}); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
	defer cancel()
	err = caller.WaitOpen(short)
	if err == nil || !strings.Contains(err.Error(), "no check was answered") || !strings.Contains(err.Error(), "pairs: 1 ") {
		t.Errorf("error %v", err)
	}
	t.Log(err)
}

func TestReportKeepsThePairsOfAFailedConnection(t *testing.T) {
	ctx := within(t, 10*time.Second)
	config := onLoopback(Config{iceTimeout: time.Second})
	caller, callee := newPeer(t, config), newPeer(t, config)
	offer, err := caller.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := callee.Answer(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Accept(answer); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(silentUDP(t), ":")
	line := fmt.Sprintf("candidate:1 1 udp 2130706431 %s %s typ host", host, port)
	if err := caller.AddCandidate(CandidateLine{Candidate: line}); err != nil {
		t.Fatal(err)
	}
	if err := caller.WaitOpen(ctx); !errors.Is(err, errICEFailed) {
		t.Fatalf("error %v", err)
	} else {
		t.Log(err)
	}
	for _, entry := range caller.pc.GetStats() {
		if _, ok := entry.(webrtc.ICECandidatePairStats); ok {
			t.Error("pion keeps the pairs of a failed agent now: the sampler may go")
		}
	}
	check := func(when string) {
		r := caller.Report()
		if len(r.Pairs) != 1 || r.PairsMS == nil || fmt.Sprint(r.Pairs[0].Remote.Port) != port || r.Pairs[0].RequestsSent == 0 || r.ICE == "connected" {
			t.Errorf("%s: ICE %s, pairs %+v", when, r.ICE, r.Pairs)
		}
	}
	check("after the failure")
	if err := caller.Close(); err != nil {
		t.Fatal(err)
	}
	check("after Close")
}

// A TURN server that grants no permission stops pion's ICE agent for seconds.
func TestReportDoesNotWaitForAStuckAgent(t *testing.T) {
	ctx := within(t, 20*time.Second)
	server := startTURN(t)
	server.ignore.Store(true)
	config := onLoopback(Config{Servers: []Server{server.overUDP()}, Candidates: []CandidateType{Relay}})
	caller, callee := newPeer(t, config), newPeer(t, config)
	signal(t, ctx, caller, callee)

	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	err := caller.WaitOpen(short)
	if !errors.Is(err, context.DeadlineExceeded) || server.permissions.Load() == 0 {
		t.Fatalf("error %v, %d permissions asked for", err, server.permissions.Load())
	}
	t.Log(err)
	stuck := make(chan struct{})
	go func() {
		defer close(stuck)
		caller.pc.GetStats()
	}()
	begin := time.Now()
	report := caller.Report()
	if took := time.Since(begin); took > time.Second {
		t.Errorf("the report took %v", took)
	}
	if len(report.Local) == 0 || len(report.Remote) == 0 || report.StalledMS == 0 || !strings.Contains(err.Error(), "CreatePermission") {
		t.Errorf("report %+v", report)
	}
	select {
	case <-stuck:
		t.Error("pion's GetStats does not block any more: the sampler's goroutine may go")
	default:
	}
	begin = time.Now()
	for _, p := range []*Peer{caller, callee} {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Logf("both closed in %v", time.Since(begin).Round(time.Millisecond))
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
	<-stuck
}

func TestReportIsJSONWithSnakeCaseNames(t *testing.T) {
	ctx := within(t, 10*time.Second)
	caller, _ := connected(t, ctx, onLoopback(Config{}))
	if _, err := caller.Echo(ctx, EchoPlan{Messages: 1, Bytes: 20}); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(caller.Report())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", text)
	var back Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if back.Selected == nil || back.Milestones.ChannelOpenMS == nil || len(back.Pairs) == 0 || back.Pairs[0].Local.Address == "" {
		t.Errorf("lost on the way: %+v", back)
	}
	for _, name := range []string{`"ice_connected_ms":`, `"messages_sent":`, `"requests_sent":`, `"at_ms":`, `"started":`} {
		if !strings.Contains(string(text), name) {
			t.Errorf("no %s", name)
		}
	}
}

func TestPeersCloseAtAnyTime(t *testing.T) {
	for _, stage := range []string{"new", "offered", "answered", "accepted", "ice", "open", "echoing"} {
		t.Run(stage, func(t *testing.T) {
			for range 5 {
				closeAt(t, stage)
			}
		})
	}
}

func closeAt(t *testing.T, stage string) {
	t.Helper()
	ctx := within(t, 10*time.Second)
	caller, callee := newPeer(t, onLoopback(Config{})), newPeer(t, onLoopback(Config{}))
	defer func() {
		begin := time.Now()
		if err := caller.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := callee.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("closing took %v", took)
		}
		if err := caller.WaitOpen(ctx); stage != "open" && stage != "echoing" && stage != "ice" && err == nil {
			t.Error("open after close")
		}
		for range caller.Candidates(ctx) {
		}
		caller.Report()
		if _, err := caller.Offer(ctx); err == nil {
			t.Error("offer after close")
		}
	}()
	if stage == "new" {
		return
	}
	offer, err := caller.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if stage == "offered" {
		return
	}
	answer, err := callee.Answer(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	if stage == "answered" {
		return
	}
	if err := caller.Accept(answer); err != nil {
		t.Fatal(err)
	}
	if stage == "accepted" {
		return
	}
	carry(t, caller, callee)
	carry(t, callee, caller)
	if stage == "ice" {
		for {
			state, changed := caller.watch.current()
			if state.ice == "connected" {
				return
			}
			<-changed
		}
	}
	if err := caller.WaitOpen(ctx); err != nil {
		t.Fatal(err)
	}
	if stage == "open" {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = caller.Echo(ctx, EchoPlan{Messages: 10_000, Bytes: 5000})
	}()
	for caller.Report().Traffic.MessagesReceived == 0 {
		select {
		case <-ctx.Done():
			t.Fatal("nothing echoed")
		case <-time.After(time.Millisecond):
		}
	}
	_ = caller.Close()
	<-done
}

// pion waits for TURN servers that keep silent for 7.8 s over UDP, and without a
// limit over TCP.
func TestClosingDoesNotWaitForASilentServer(t *testing.T) {
	for name, url := range map[string]string{
		"TURN over UDP": "turn:" + silentUDP(t) + "?transport=udp",
		"TURN over TCP": "turn:" + silentTCP(t) + "?transport=tcp",
		"TURN over TLS": "turns:" + silentTCP(t) + "?transport=tcp",
		// No answer to the SYN, where this address is not reachable at all an
		// error at once.
		"unreachable": "turn:198.18.255.254:3478?transport=tcp",
	} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t, 10*time.Second)
			p := newPeer(t, onLoopback(Config{Servers: []Server{{URLs: []string{url}, Username: "lab", Credential: "secret"}}}))
			if _, err := p.Offer(ctx); err != nil {
				t.Fatal(err)
			}
			for range p.Candidates(ctx) {
				break // gathering is under way
			}
			begin := time.Now()
			if err := p.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			took := time.Since(begin)
			t.Logf("closed in %v", took.Round(time.Millisecond))
			if took > 2500*time.Millisecond {
				t.Errorf("closing took %v", took)
			}
		})
	}
}

func TestRolesAreTakenOnce(t *testing.T) {
	ctx := within(t, 10*time.Second)
	p := newPeer(t, onLoopback(Config{}))
	if _, err := p.FullDescription(ctx); err == nil {
		t.Error("a description before the offer")
	}
	if err := p.Accept("v=0"); err == nil {
		t.Error("an answer before the offer")
	}
	offer, err := p.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Offer(ctx); err == nil {
		t.Error("two offers")
	}
	if _, err := p.Answer(ctx, offer); err == nil {
		t.Error("an answer from a caller")
	}
	if err := p.Accept("rubbish"); err == nil || !strings.Contains(err.Error(), "no data channel in it") {
		t.Errorf("error %v", err)
	}
}
