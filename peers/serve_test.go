package peers

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// echoServer runs Serve until the test ends and checks that it ends well.
type echoServer struct {
	address string
	logged  chan string
}

func serve(t testing.TB, config ServeConfig) *echoServer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l, err := Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &echoServer{address: l.Addr().String(), logged: make(chan string, 1000)}
	config.Interfaces = loopbackInterfaces()
	config.Log = func(line string) { s.logged <- line }
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, config) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Serve does not end with its context")
		}
	})
	return s
}

// expect waits for a line of the server's log.
func (s *echoServer) expect(t testing.TB, ctx context.Context, want string) {
	t.Helper()
	var seen []string
	for {
		select {
		case line := <-s.logged:
			if strings.Contains(line, want) {
				return
			}
			seen = append(seen, line)
		case <-ctx.Done():
			t.Fatalf("no %q in the log:\n%s", want, strings.Join(seen, "\n"))
		}
	}
}

func (s *echoServer) call(t testing.TB, ctx context.Context, config CallConfig) (CallResult, error) {
	t.Helper()
	conn, err := Dial(ctx, s.address)
	if err != nil {
		t.Fatal(err)
	}
	config.Interfaces = loopbackInterfaces()
	return Call(ctx, conn, config)
}

func TestTextComesBackWithThePrefix(t *testing.T) {
	for _, prefix := range []string{"Server echoes: ", ""} {
		ctx := within(t, 10*time.Second)
		s := serve(t, ServeConfig{Prefix: prefix})
		result, err := s.call(t, ctx, CallConfig{Messages: []string{"hello", "grüß dich", ""}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, echo := range result.Echoes {
			got = append(got, echo.Received)
		}
		if want := []string{prefix + "hello", prefix + "grüß dich", prefix}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("echoes %q, want %q", got, want)
		}
		if result.Path.Local.Type != Host || result.Path.Remote.Port == 0 || result.OpenMS <= 0 || result.Path.RTTMS <= 0 {
			t.Errorf("result %+v", result)
		}
		s.expect(t, ctx, "bye after 3 messages")
	}
}

// lineClient is a caller made of a Peer and hand-written lines.
type lineClient struct {
	net.Conn
	lines *bufio.Reader
}

func (s *echoServer) dial(t testing.TB) *lineClient {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return &lineClient{conn, bufio.NewReader(conn)}
}

func (c *lineClient) say(t testing.TB, line string) {
	t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

func (c *lineClient) hear(t testing.TB) signalMessage {
	t.Helper()
	line, err := c.lines.ReadBytes('\n')
	if err != nil {
		t.Fatalf("read line: %v", err)
	}
	var m signalMessage
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func (c *lineClient) expectEnd(t testing.TB) {
	t.Helper()
	if rest, err := io.ReadAll(c.lines); err != nil || len(rest) > 0 {
		t.Errorf("after the last line: %q, %v", rest, err)
	}
}

// offer opens a channel by hand, candidates on lines of their own.
func (c *lineClient) offer(t testing.TB, ctx context.Context) *Peer {
	t.Helper()
	caller := newPeer(t, onLoopback(Config{}))
	offer, err := caller.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	line, _ := json.Marshal(signalMessage{Type: "offer", SDP: offer})
	c.say(t, string(line))
	for candidate := range caller.Candidates(ctx) {
		line, _ := json.Marshal(map[string]any{"type": "candidate", "candidate": candidate.Candidate, "id": "0", "label": 0})
		c.say(t, string(line))
		line, _ = json.Marshal(map[string]any{"type": "candidate", "candidate": map[string]any{"candidate": candidate.Candidate, "sdpMid": "0"}})
		c.say(t, string(line))
	}
	c.say(t, `{"type":"candidate","candidate":null}`)
	answer := c.hear(t)
	if answer.Type != "answer" || !strings.Contains(answer.SDP, "a=candidate:") {
		t.Fatalf("answer %+v", answer)
	}
	if err := caller.Accept(answer.SDP); err != nil {
		t.Fatal(err)
	}
	if err := caller.WaitOpen(ctx); err != nil {
		t.Fatal(err)
	}
	return caller
}

func TestBinaryComesBackVerbatimAndCandidateLinesAreTaken(t *testing.T) {
	ctx := within(t, 10*time.Second)
	s := serve(t, ServeConfig{Prefix: "Server echoes: "})
	c := s.dial(t)
	caller := c.offer(t, ctx)
	if result, err := caller.Echo(ctx, EchoPlan{Messages: 20, Bytes: 1200}); err != nil {
		t.Errorf("%v: %+v", err, result)
	}
	c.say(t, "bye") // bare
	if last := c.hear(t); last.Type != "bye" {
		t.Errorf("last line %+v", last)
	}
	c.expectEnd(t)
	s.expect(t, ctx, "bye after 20 messages")
}

func TestManyCallersAtOnce(t *testing.T) {
	ctx := within(t, 30*time.Second)
	s := serve(t, ServeConfig{Prefix: "> ", Within: 20 * time.Second})
	var callers sync.WaitGroup
	for i := range 20 {
		callers.Go(func() {
			text := fmt.Sprintf("caller %d", i)
			result, err := s.call(t, ctx, CallConfig{Messages: []string{text, text}, Within: 20 * time.Second})
			if err != nil || len(result.Echoes) != 2 || result.Echoes[1].Received != "> "+text {
				t.Errorf("caller %d: %v: %+v", i, err, result)
			}
		})
	}
	callers.Wait()
}

func TestBadLinesAreAnsweredAndEndTheConnection(t *testing.T) {
	s := serve(t, ServeConfig{})
	tests := []struct{ name, line, want string }{
		{"no JSON", "hello?", `bad line "hello?": not a JSON object`},
		{"JSON, but no object", `["offer"]`, "not a JSON object"},
		{"no type", `{"sdp":"v=0"}`, `type "" is unknown`},
		{"unknown type", `{"type":"hangup"}`, `type "hangup" is unknown; use offer`},
		{"offer without sdp", `{"type":"offer"}`, "offer without sdp"},
		{"offer that is no SDP", `{"type":"offer","sdp":"v=0"}`, "no data channel in it"},
		{"offer that is broken", `{"type":"offer","sdp":"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"}`, "answer:"},
		{"answer first", `{"type":"answer","sdp":"v=0"}`, "answer came where an offer was due"},
		{"bad candidate", `{"type":"candidate","candidate":"candidate:1 2"}`, `candidate "candidate:1 2"`},
		{"candidate that is a number", `{"type":"candidate","candidate":7}`, "no candidate in it"},
		{"too long", `{"type":"offer","sdp":"` + strings.Repeat("x", MaxLine) + `"}`, "longer than 256 KiB"},
		{"much too long", strings.Repeat("y", 4*MaxLine-10), "longer than 256 KiB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := s.dial(t)
			c.say(t, test.line)
			last := c.hear(t)
			if last.Type != "error" || !strings.Contains(last.Message, test.want) || strings.Contains(last.Message, "\n") {
				t.Errorf("answered %+v, want an error with %q", last, test.want)
			}
			c.expectEnd(t)
		})
	}
}

func TestSilentAndVanishingCallersAreCleanedUp(t *testing.T) {
	ctx := within(t, 20*time.Second)
	s := serve(t, ServeConfig{Within: 400 * time.Millisecond})

	silent := s.dial(t)
	if last := silent.hear(t); last.Type != "error" || !strings.Contains(last.Message, "no offer came within 400ms") {
		t.Errorf("to a silent caller: %+v", last)
	}

	halfway := s.dial(t)
	peer := newPeer(t, onLoopback(Config{}))
	offer, err := peer.Offer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	line, _ := json.Marshal(signalMessage{Type: "offer", SDP: offer}) // and no candidate ever
	halfway.say(t, string(line))
	if m := halfway.hear(t); m.Type != "answer" {
		t.Errorf("answer %+v", m)
	}
	if last := halfway.hear(t); last.Type != "error" || !strings.Contains(last.Message, "no candidate of the other side arrived") {
		t.Errorf("to a caller without candidates: %+v", last)
	}

	s = serve(t, ServeConfig{})
	open := s.dial(t)
	caller := open.offer(t, ctx)
	_ = open.Close()
	s.expect(t, ctx, "closed the signalling connection without a bye")
	select {
	case <-caller.down.done(): // the server let go of the peer connection too
	case <-ctx.Done():
		t.Error("the peer connection of a vanished caller lives on")
	}
}

func TestTheServerNoticesACallerThatHangsUp(t *testing.T) {
	ctx := within(t, 10*time.Second)
	s := serve(t, ServeConfig{})
	c := s.dial(t)
	if err := c.offer(t, ctx).Close(); err != nil {
		t.Fatal(err)
	}
	if last := c.hear(t); last.Type != "bye" {
		t.Errorf("last line %+v", last)
	}
	s.expect(t, ctx, "the connection ended after 0 messages")
}

func TestTooManyCallersAreSentAway(t *testing.T) {
	ctx := within(t, 10*time.Second)
	s := serve(t, ServeConfig{MaxConnections: 1})
	first := s.dial(t)
	first.offer(t, ctx)
	if last := s.dial(t).hear(t); last.Type != "error" || !strings.Contains(last.Message, "busy: 1 callers") {
		t.Errorf("told %+v", last)
	}
	first.say(t, `{"type":"bye"}`)
	first.hear(t)
	first.expectEnd(t)
	s.expect(t, ctx, "bye")
	// The slot is free again, if not at this instant then soon.
	for {
		_, err := s.call(t, ctx, CallConfig{Messages: []string{"again"}})
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "busy") {
			t.Fatal(err)
		}
	}
}

func TestServersSayByeWhenTheyStop(t *testing.T) {
	ctx := within(t, 10*time.Second)
	stopping, stop := context.WithCancel(ctx)
	defer stop()
	l, err := Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- Serve(stopping, l, ServeConfig{}) }()
	s := &echoServer{address: l.Addr().String()}
	c := s.dial(t)
	c.offer(t, ctx)
	stop()
	if last := c.hear(t); last.Type != "bye" {
		t.Errorf("last line %+v", last)
	}
	c.expectEnd(t)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServeRefusesWrongOptionsBeforeTheFirstCaller(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), l, ServeConfig{Candidates: []CandidateType{"local"}}); err == nil {
		t.Error("served")
	}
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Listen(t.Context(), l.Addr().String())
	want := fmt.Sprintf("listen %s: address already in use: another program has it", l.Addr())
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	_ = l.Close()
	_, err = Dial(t.Context(), l.Addr().String())
	want = fmt.Sprintf("connect to %s: connection refused: nothing listens there", l.Addr())
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
