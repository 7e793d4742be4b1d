package peers

import (
	"net"
	"testing"
	"time"
)

// A write to a TURN server that takes nothing holds pion's ICE agent up.
func TestARestartFreesAWriteThatWaits(t *testing.T) {
	n, err := newOwnNet(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.cutAll()
	server, err := net.ResolveTCPAddr("tcp4", silentTCP(t))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := n.DialTCP("tcp4", nil, server)
	if err != nil {
		t.Fatal(err)
	}
	waits := make(chan error, 1)
	go func() {
		for {
			if _, err := conn.Write(make([]byte, 1<<20)); err != nil {
				waits <- err
				return
			}
		}
	}()
	select {
	case err := <-waits:
		t.Fatalf("the write does not wait: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	began := time.Now()
	n.cutStreams()
	if err := <-waits; err == nil || time.Since(began) > time.Second {
		t.Errorf("error %v after %v", err, time.Since(began))
	}
	if err := conn.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}
