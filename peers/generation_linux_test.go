package peers

import (
	"net"
	"strings"
	"testing"
	"time"
)

func TestWhoMayRestartAndWhen(t *testing.T) {
	ctx := within(t, 20*time.Second)
	caller, callee := newPeer(t, onLoopback(Config{})), newPeer(t, onLoopback(Config{}))
	refused := func(p *Peer, want error) {
		t.Helper()
		if _, err := p.Restart(ctx); err == nil || !strings.HasPrefix(err.Error(), "restart ICE: ") || !strings.HasSuffix(err.Error(), want.Error()) {
			t.Errorf("error %v, want %v", err, want)
		}
	}
	refused(caller, errNoOfferYet)
	offer, err := caller.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	refused(caller, errUnanswered)
	answer, err := callee.Answer(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	refused(callee, errCalleeRestarts)
	if err := caller.Accept(answer); err != nil {
		t.Fatal(err)
	}
	if err := caller.Accept(answer); err == nil || !strings.Contains(err.Error(), errUnasked.Error()) {
		t.Errorf("a second answer: %v", err)
	}
	// An answer is enough: nothing was connected yet.
	again, err := caller.Restart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	refused(caller, errUnanswered)
	if err := caller.Accept(answer); err == nil || !strings.Contains(err.Error(), errNotRestarted.Error()) {
		t.Errorf("the answer of before: %v", err)
	}
	if _, err := callee.Answer(ctx, "m=application\r\na=ice-ufrag:bad\r\n"); err == nil {
		t.Error("rubbish is taken for a restart")
	}
	answer, err = callee.Answer(ctx, again)
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Accept(answer); err != nil {
		t.Fatal(err)
	}
	carry(t, caller, callee)
	carry(t, callee, caller)
	if err := caller.WaitOpen(ctx); err != nil {
		t.Fatal(err)
	}
	reconnected(t, ctx, 1, caller, callee)

	if err := callee.Close(); err != nil {
		t.Fatal(err)
	}
	if result, err := caller.Echo(ctx, EchoPlan{Bytes: 20, PaceMS: 20, UntilEcho: true}); err == nil || result.Ended == "time" {
		t.Errorf("echo over a closed channel: %v, %+v", err, result)
	}
	<-caller.gone
	refused(caller, errEnded)
	if err := caller.Close(); err != nil {
		t.Fatal(err)
	}
	refused(caller, ErrClosed)
	if err := caller.WaitConnected(ctx); err == nil {
		t.Error("connected after Close")
	}
}

// The first offer is answered a second time as it is: nothing restarts.
func TestALaterOfferThatRestartsNothing(t *testing.T) {
	ctx := within(t, 10*time.Second)
	caller, callee := connected(t, ctx, onLoopback(Config{}))
	if _, err := callee.Answer(ctx, caller.pc.LocalDescription().SDP); err != nil {
		t.Fatal(err)
	}
	if r := callee.Report(); len(r.Restarts) != 0 || r.Gathering != "complete" || r.Selected == nil {
		t.Errorf("restarts %+v, gathering %s", r.Restarts, r.Gathering)
	}
	if _, err := caller.Echo(ctx, EchoPlan{Messages: 10, Bytes: 100}); err != nil {
		t.Error(err)
	}
}

func TestCandidatesOfAnotherGeneration(t *testing.T) {
	ctx := within(t, 10*time.Second)
	caller, callee := connected(t, ctx, onLoopback(Config{}))
	var old []CandidateLine
	for c := range callee.Candidates(ctx) {
		old = append(old, c)
	}
	offer, err := caller.Restart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := callee.Answer(ctx, offer)
	if err != nil {
		t.Fatal(err)
	}
	early := 0
	for c := range callee.Candidates(ctx) {
		for _, o := range old {
			if c == o {
				t.Errorf("candidate %q again", c.Candidate)
			}
		}
		if err := caller.AddCandidate(c); err != nil { // before Accept
			t.Fatal(err)
		}
		early++
	}
	late := func() {
		t.Helper()
		for _, o := range old {
			if err := caller.AddCandidate(o); err != nil {
				t.Fatal(err)
			}
		}
	}
	late()
	if err := caller.Accept(answer); err != nil {
		t.Fatal(err)
	}
	late()
	reconnected(t, ctx, 1, caller, callee)
	ignored, used := 0, 0
	for _, c := range caller.Report().Remote {
		switch {
		case c.Generation == 0:
		case strings.HasPrefix(c.Ignored, "late"):
			ignored++
		case c.Ignored == "":
			used++
		}
	}
	if ignored != 2*len(old) || used != early || early == 0 {
		t.Errorf("%d of before ignored, want %d; %d used, want %d", ignored, 2*len(old), used, early)
	}
	if remote := caller.Report().Selected.Remote; remote.Type != Host {
		t.Errorf("selected %s: what came early was lost", remote)
	}
	for _, pair := range caller.Report().Pairs {
		for _, o := range old {
			if c, _ := parseCandidate(o.Candidate); transportAddress(c) == transportAddress(pair.Remote) {
				t.Errorf("pair %+v with a candidate of before", pair)
			}
		}
	}
}

func TestForcedTypesHoldAfterARestart(t *testing.T) {
	ctx := within(t, 30*time.Second)
	server := startTURN(t)
	for _, only := range []CandidateType{Host, Srflx, Relay} {
		caller, callee := connected(t, ctx, onLoopback(Config{
			Servers: []Server{server.stun(), server.overUDP()}, Candidates: []CandidateType{only},
		}))
		restartICE(t, ctx, caller, callee)
		reconnected(t, ctx, 1, caller, callee)
		for _, c := range caller.Report().Local {
			if c.Type != only {
				t.Errorf("gathered %s, want only %s", c.Candidate, only)
			}
		}
		for _, p := range []*Peer{caller, callee} {
			_ = p.Close()
		}
	}
}

// The first generation is still being gathered, from a server that keeps silent.
func TestCandidatesEndWithTheirGeneration(t *testing.T) {
	ctx := within(t, 20*time.Second)
	silent := Server{URLs: []string{"turn:" + silentUDP(t)}, Username: "lab", Credential: "secret"}
	caller, callee := newPeer(t, onLoopback(Config{Servers: []Server{silent}})), newPeer(t, onLoopback(Config{}))
	signal(t, ctx, caller, callee)
	if err := caller.WaitOpen(ctx); err != nil {
		t.Fatal(err)
	}
	under, before := make(chan struct{}), make(chan int, 1)
	go func() {
		n := 0
		for range caller.Candidates(ctx) {
			if n++; n == 1 {
				close(under)
			}
		}
		before <- n
	}()
	<-under
	began := time.Now()
	restartICE(t, ctx, caller, callee)
	reconnected(t, ctx, 1, caller, callee)
	select {
	case n := <-before:
		t.Logf("%d candidates, ended after %v", n, time.Since(began).Round(time.Millisecond))
	case <-time.After(time.Second):
		t.Error("Candidates goes over to the next generation")
	}
	if r := caller.Report(); r.Gathering != "gathering" {
		t.Errorf("gathering %s", r.Gathering)
	}
}

// pion's own Close waits for the gathering of now only.
func TestClosingEndsAnEarlierGathering(t *testing.T) {
	ctx := within(t, 20*time.Second)
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	silent := Server{URLs: []string{"turn:" + server.LocalAddr().String()}, Username: "lab", Credential: "secret"}
	caller, callee := newPeer(t, onLoopback(Config{Servers: []Server{silent}})), newPeer(t, onLoopback(Config{}))
	signal(t, ctx, caller, callee)
	for range 5 { // two at once, and then the next is 1.6 s away
		if _, _, err := server.ReadFrom(make([]byte, 1500)); err != nil {
			t.Fatal(err)
		}
	}
	restartICE(t, ctx, caller, callee)
	for _, p := range []*Peer{caller, callee} {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if !caller.net.released(100 * time.Millisecond) {
		t.Error("the first gathering goes on")
	}
}
