package ladder_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/turnserver"
)

func TestARunThatIsInterruptedEndsAtOnceAndGivesItsAllocationsBack(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	n := newInternet(t)
	at := netip.AddrPortFrom(serverAddress, 3478)
	s, err := turnserver.Start(turnserver.Config{
		Listen:       []turnserver.Listener{{Network: "udp", Address: at}, {Network: "tcp", Address: at}},
		RelayAddress: serverAddress, Net: hostIn(t, n.server), Users: map[string]string{"alice": "secret"},
		Faults: turnserver.Faults{RelayDeaf: true}, // or the echo would be over
	})
	must(t, err)
	defer s.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error)
	const patience = time.Minute
	go func() {
		_, err := ladder.Run(ctx, ladder.Config{
			URLs:     []string{"turn:203.0.113.10?transport=udp", "turn:203.0.113.10?transport=tcp"},
			Username: "alice", Credential: "secret", Net: hostIn(t, n.inside), Patience: patience,
		})
		ended <- err
	}()
	for seen := uint64(0); len(s.Allocations()) < 4; { // two of each URL
		events, err := s.WaitEvents(t.Context(), seen)
		must(t, err)
		seen = events[len(events)-1].Seq
	}
	interrupt()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	case <-time.After(patience / 2):
		t.Fatal("it waits for its patience to end")
	}
	for _, a := range s.Allocations() {
		if a.Ended.IsZero() {
			t.Errorf("left behind: %+v", a)
		}
	}
}

func TestAWebServerIsNoTURNServer(t *testing.T) {
	w := newWorld(t)
	shown := w.ca.issue(t, nextMonth, name)
	certificate, err := tls.X509KeyPair([]byte(shown.certificate), []byte(shown.key))
	must(t, err)
	web, err := hostIn(t, w.server).ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(serverAddress, 443)))
	must(t, err)
	defer web.Close()
	go func() {
		for {
			plain, err := web.Accept()
			if err != nil {
				return
			}
			go func() {
				conn := tls.Server(plain, &tls.Config{Certificates: []tls.Certificate{certificate}})
				defer conn.Close()
				if _, err := bufio.NewReader(conn).ReadByte(); err == nil {
					_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
				}
			}()
		}
	}()
	w.client.URLs = []string{onWeb}
	r, err := ladder.Run(t.Context(), w.client)
	must(t, err)
	if v := diagnose.ExplainLadder(r); v.Cause != "B11" || r.Climbs[0].Rung(ladder.Binding).Fault != ladder.NotSTUN {
		t.Errorf("%s %s\n%+v", v.Cause, v.Sentence, r.Climbs[0].Rungs)
	}
}
