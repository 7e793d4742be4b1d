package peers

import (
	"errors"
	"net"
	"os"
	"time"
)

// streamPatience is how long a connection to a TURN server may take nothing. One
// whose packets are lost fills its buffer, and then pion's ICE agent would stand
// still in a write until TCP gives up, for up to a quarter of an hour.
const streamPatience = 10 * time.Second

// Write gives the connection up when it takes nothing for too long. A part of a
// message may have been sent, so nothing can follow.
func (c trackedTCP) Write(b []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(streamPatience))
	n, err := c.TCPConn.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = c.Close()
	}
	return n, err
}

// Close may come after cutStreams.
func (c trackedTCP) Close() error {
	if err := c.t.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// cutStreams closes every TCP connection, which frees an ICE agent that is
// waiting to write to one.
func (n *ownNet) cutStreams() {
	n.mu.Lock()
	var streams []*tracked
	for t := range n.open {
		if t.stream {
			streams = append(streams, t)
		}
	}
	n.mu.Unlock()
	for _, t := range streams {
		_ = t.sever()
	}
}
