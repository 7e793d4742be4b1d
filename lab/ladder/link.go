package ladder

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v3"

	"github.com/icelab-go/icelab/wire"
)

// link is a way to a server: STUN messages go out, answers and Data indications come
// back. It owns its conn and one goroutine that reads it.
type link struct {
	conn net.Conn
	// stream is a conn that repeats what is lost by itself and has no datagrams.
	stream   bool
	patience time.Duration
	done     chan struct{} // the reader has ended

	mu      sync.Mutex
	waiting map[transactionID]*waiter
	// data is told what peers sent to the allocation. It must not block.
	data  func(from netip.AddrPort, payload []byte)
	ended error // of the reader
}

type transactionID = [stun.TransactionIDSize]byte

// waiter is who waits for the answer to a transaction.
type waiter struct {
	answer  chan *stun.Message
	trouble chan error // what the system says in place of an answer
}

func newLink(conn net.Conn, stream bool, patience time.Duration) *link {
	l := &link{
		conn: conn, stream: stream, patience: patience,
		done: make(chan struct{}), waiting: map[transactionID]*waiter{},
	}
	go l.read()
	return l
}

func (l *link) close() {
	_ = l.conn.Close()
	<-l.done
}

func (l *link) onData(f func(from netip.AddrPort, payload []byte)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.data = f
}

// overUDP reports whether an ICMP error is what a refusal is.
func (l *link) overUDP() bool { return !l.stream }

func (l *link) read() {
	defer close(l.done)
	err := l.readDatagrams
	if l.stream {
		err = l.readStream
	}
	ended := err()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = ended
	for _, w := range l.waiting {
		w.told(ended)
	}
}

func (w *waiter) told(err error) {
	select {
	case w.trouble <- err:
	default: // it has one to think about
	}
}

// readDatagrams ends when the conn is closed. An ICMP error concerns whoever waits,
// and no later datagram.
func (l *link) readDatagrams() error {
	buf := make([]byte, 4096)
	for failures := 0; failures < 100; {
		n, err := l.conn.Read(buf)
		if err == nil {
			failures = 0
			l.received(buf[:n])
			continue
		}
		if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
			return err
		}
		failures++
		l.mu.Lock()
		for _, w := range l.waiting {
			w.told(err)
		}
		l.mu.Unlock()
	}
	return net.ErrClosed
}

// readStream reads messages one after the other (RFC 8489 §6.2.2). What is no STUN
// ends it, since nothing tells where the next message begins.
func (l *link) readStream() error {
	in := bufio.NewReaderSize(l.conn, 1<<16)
	for {
		header, err := in.Peek(20)
		if err != nil && len(header) == 0 {
			return err
		}
		if !wire.IsSTUN(header) {
			if len(header) < 20 {
				return err
			}
			return notSTUN{append([]byte(nil), header...)}
		}
		message := make([]byte, 20+int(binary.BigEndian.Uint16(header[2:])))
		if _, err := io.ReadFull(in, message); err != nil {
			return err
		}
		l.received(message)
	}
}

func (l *link) received(payload []byte) {
	m := &stun.Message{Raw: append([]byte(nil), payload...)}
	if m.Decode() != nil {
		return
	}
	l.mu.Lock()
	w, data := l.waiting[m.TransactionID], l.data
	l.mu.Unlock()
	switch {
	case m.Type == stun.NewType(stun.MethodData, stun.ClassIndication):
		content, err := m.Get(stun.AttrData)
		if err == nil && data != nil {
			data(xorAddress(m, stun.AttrXORPeerAddress), content)
		}
	case w != nil && (m.Type.Class == stun.ClassSuccessResponse || m.Type.Class == stun.ClassErrorResponse):
		select {
		case w.answer <- m:
		default: // to another copy of the request
		}
	}
}

// send sends a message that nobody answers.
func (l *link) send(m *stun.Message) error {
	_, err := l.conn.Write(m.Raw)
	return err
}

// ask sends a request until it is answered (RFC 8489 §6.2.1), at most for as long as
// the patience, and returns how often it did. The error tells what came instead.
func (l *link) ask(ctx context.Context, request *stun.Message) (answer *stun.Message, requests int, err error) {
	w := &waiter{answer: make(chan *stun.Message, 1), trouble: make(chan error, 1)}
	l.mu.Lock()
	if l.ended != nil {
		defer l.mu.Unlock()
		return nil, 0, l.ended
	}
	l.waiting[request.TransactionID] = w
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.waiting, request.TransactionID)
	}()

	deadline := time.NewTimer(l.patience)
	defer deadline.Stop()
	again := time.NewTimer(0) // the first time too
	defer again.Stop()
	rto := firstRTO(l.patience)
	for {
		select {
		case <-again.C:
			requests++
			if err := l.send(request); err != nil {
				w.told(err)
			}
			if !l.stream {
				again.Reset(rto)
				rto *= 2
			}
		case answer := <-w.answer:
			return answer, requests, nil
		case trouble := <-w.trouble:
			// One is enough: hosts send few ICMP errors a second (RFC 1812 section 4.3.2.8).
			return nil, requests, trouble
		case <-deadline.C:
			return nil, requests, errSilent
		case <-ctx.Done():
			return nil, requests, ctx.Err()
		}
	}
}

// firstRTO makes four requests of a patience of 2 s: at 0, 0.25, 0.75 and 1.75 s. RFC
// 8489 §6.2.1 has 0.5 s and more of them, which takes 39.5 s to be sure.
func firstRTO(patience time.Duration) time.Duration {
	return min(max(patience/8, 20*time.Millisecond), 500*time.Millisecond)
}

// newRequest makes a message with a fresh transaction ID.
func newRequest(method stun.Method, class stun.MessageClass, attributes ...stun.Setter) *stun.Message {
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.NewType(method, class)}, attributes...)...)
	if err != nil {
		// Only of attributes that are too long, and those come from Setup.
		m = stun.MustBuild(stun.TransactionID, stun.NewType(method, class))
	}
	return m
}

func xorAddress(m *stun.Message, attribute stun.AttrType) netip.AddrPort {
	var a stun.XORMappedAddress
	if a.GetFromAs(m, attribute) != nil {
		return netip.AddrPort{}
	}
	return addrPortOf(a.IP, a.Port)
}

func addrPortOf(ip net.IP, port int) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), uint16(port))
}

func localOf(conn net.Conn) netip.AddrPort { return endpoint(conn.LocalAddr()) }

func endpoint(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return addrPortOf(a.IP, a.Port)
	case *net.TCPAddr:
		return addrPortOf(a.IP, a.Port)
	}
	return netip.AddrPort{}
}
