package peers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// script is the far side of a call: it gets the offer and does as it likes.
func callScript(t *testing.T, config CallConfig, script func(c *lineClient, offer string)) (CallResult, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		c := &lineClient{conn, bufio.NewReader(conn)}
		m := c.hear(t)
		if m.Type != "offer" {
			t.Errorf("the first line is %+v", m)
		}
		script(c, m.SDP)
	}()
	ctx := within(t, 15*time.Second)
	conn, err := Dial(ctx, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	config.Interfaces = loopbackInterfaces()
	result, err := Call(ctx, conn, config)
	<-done
	return result, err
}

func TestCallSaysWhatTheOtherSideDidWrong(t *testing.T) {
	tests := []struct {
		name   string
		script func(c *lineClient, offer string)
		want   string
	}{
		{"bye", func(c *lineClient, _ string) { c.say(t, "bye") }, "said bye instead of answering"},
		{"closed", func(c *lineClient, _ string) {}, "closed the signalling connection without an answer"},
		{"error", func(c *lineClient, _ string) { c.say(t, `{"type":"error","message":"busy"}`) }, "the other side gave up: busy"},
		{"not our protocol", func(c *lineClient, _ string) { c.say(t, "HTTP/1.1 400 Bad Request") }, `bad line "HTTP/1.1 400 Bad Request"`},
		{"an offer", func(c *lineClient, offer string) {
			line, _ := json.Marshal(signalMessage{Type: "offer", SDP: offer})
			c.say(t, string(line))
		}, ErrOffered.Error()},
		{"silence", func(c *lineClient, _ string) { _, _ = io.Copy(io.Discard, c.lines) }, "no answer to the offer within 500ms"},
		{"an answer without candidates", func(c *lineClient, offer string) {
			callee := newPeer(t, onLoopback(Config{Candidates: []CandidateType{Relay}}))
			answer, err := callee.Answer(context.Background(), strings.ReplaceAll(offer, "a=candidate:", "a=x-candidate:"))
			if err != nil {
				t.Error(err)
			}
			line, _ := json.Marshal(signalMessage{Type: "answer", SDP: answer})
			c.say(t, string(line))
			_, _ = io.Copy(io.Discard, c.lines)
		}, "no candidate of the other side arrived"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := callScript(t, CallConfig{Messages: []string{"hello"}, Within: 500 * time.Millisecond}, test.script)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v\nwant   %s", err, test.want)
			}
		})
	}
}

// answerWith answers with a callee whose channel does what handle does.
func answerWith(t *testing.T, c *lineClient, offer string, handle func(d *webrtc.DataChannel, m webrtc.DataChannelMessage)) *Peer {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	callee := newPeer(t, onLoopback(Config{}))
	_, err := callee.Answer(ctx, offer)
	if err != nil {
		t.Error(err)
		return callee
	}
	callee.pc.OnDataChannel(func(d *webrtc.DataChannel) {
		d.OnMessage(func(m webrtc.DataChannelMessage) { handle(d, m) })
	})
	full, err := callee.FullDescription(ctx)
	if err != nil {
		t.Error(err)
	}
	line, _ := json.Marshal(signalMessage{Type: "answer", SDP: full})
	c.say(t, string(line))
	return callee
}

func TestCallTellsAnOpenChannelWithoutEchoes(t *testing.T) {
	config := CallConfig{Messages: []string{"hello"}, Within: time.Second}
	result, err := callScript(t, config, func(c *lineClient, offer string) {
		answerWith(t, c, offer, func(*webrtc.DataChannel, webrtc.DataChannelMessage) {})
		_, _ = io.Copy(io.Discard, c.lines)
	})
	if err == nil || !strings.Contains(err.Error(), "the channel is open (host 127.0.0.1:") ||
		!strings.Contains(err.Error(), "no echo of message 1 of 1 came within 1s: nothing came; does the other side echo?") {
		t.Errorf("error %v", err)
	}
	if result.OpenMS == 0 || len(result.Echoes) != 0 {
		t.Errorf("result %+v", result)
	}

	result, err = callScript(t, config, func(c *lineClient, offer string) {
		answerWith(t, c, offer, func(d *webrtc.DataChannel, _ webrtc.DataChannelMessage) { _ = d.SendText("what?") })
		_, _ = io.Copy(io.Discard, c.lines)
	})
	if err == nil || !strings.Contains(err.Error(), `only other messages came, the last one "what?"`) || len(result.Other) != 1 {
		t.Errorf("error %v, result %+v", err, result)
	}
}

func TestCallNoticesABetweenMessagesBye(t *testing.T) {
	result, err := callScript(t, CallConfig{Messages: []string{"one", "two"}, Within: 5 * time.Second}, func(c *lineClient, offer string) {
		answerWith(t, c, offer, func(d *webrtc.DataChannel, m webrtc.DataChannelMessage) {
			if string(m.Data) == "one" {
				_ = d.SendText("one")
				return
			}
			c.say(t, `{"type":"bye"}`)
		})
		_, _ = io.Copy(io.Discard, c.lines)
	})
	if err == nil || !strings.Contains(err.Error(), "the other side said bye after 1 echo") || len(result.Echoes) != 1 {
		t.Errorf("error %v, result %+v", err, result)
	}
}

func TestTheChannelOutlivesTheSignallingConnection(t *testing.T) {
	result, err := callScript(t, CallConfig{Messages: []string{"hello"}, Within: 5 * time.Second}, func(c *lineClient, offer string) {
		answerWith(t, c, offer, func(d *webrtc.DataChannel, m webrtc.DataChannelMessage) { _ = d.SendText(string(m.Data)) })
	})
	if err != nil || len(result.Echoes) != 1 {
		t.Errorf("error %v, result %+v", err, result)
	}
}

func TestEitherSideMayListen(t *testing.T) {
	ctx := within(t, 10*time.Second)
	l, err := Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answered := make(chan error, 1)
	go func() {
		conn, err := Dial(ctx, l.Addr().String())
		if err == nil {
			err = Answer(ctx, conn, ServeConfig{Prefix: "+"})
		}
		answered <- err
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	result, err := Call(ctx, conn, CallConfig{Messages: []string{"hello"}})
	if err != nil || result.Echoes[0].Received != "+hello" {
		t.Errorf("error %v, result %+v", err, result)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	s := serve(t, ServeConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := Dial(ctx, s.address)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := Call(ctx, conn, CallConfig{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
