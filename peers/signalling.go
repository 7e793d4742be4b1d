package peers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// The signalling of [Serve], [Answer] and [Call] is one JSON object per line
// over TCP, as aiortc's TcpSocketSignaling speaks it:
//
//	{"type": "offer", "sdp": "..."}          from the caller
//	{"type": "answer", "sdp": "..."}         from the callee
//	{"type": "candidate", "candidate": "candidate:...", "id": "0", "label": 0}
//	{"type": "bye"}                          ends it, from either side
//	{"type": "error", "message": "..."}      why the sender closes now
//
// A bare "bye" is understood too. Descriptions sent hold every candidate, since
// aiortc reads none later.
//
// Who listens is not fixed. In aiortc's helper the side that sends first, so
// the caller, listens, and the side that receives first connects. A server of
// one's own usually does it the other way round. Therefore Answer and Call take
// a connection, whoever made it.

// MaxLine is the longest line accepted, in bytes.
const MaxLine = 256 << 10

const writePatience = 5 * time.Second

// signalMessage is one line.
type signalMessage struct {
	Type      string          `json:"type"`
	SDP       string          `json:"sdp,omitempty"`
	Candidate json.RawMessage `json:"candidate,omitempty"`
	Message   string          `json:"message,omitempty"`
}

// candidate takes aiortc's form, a text, and the one browsers' toJSON gives: an
// object with a text inside, or null at the end of candidates.
func (m signalMessage) candidate() (CandidateLine, error) {
	if len(m.Candidate) == 0 || string(m.Candidate) == "null" {
		return CandidateLine{}, nil
	}
	var line string
	if json.Unmarshal(m.Candidate, &line) == nil {
		return CandidateLine{Candidate: line}, nil
	}
	var object struct {
		Candidate *string `json:"candidate"`
	}
	if err := json.Unmarshal(m.Candidate, &object); err != nil || object.Candidate == nil {
		return CandidateLine{}, errNoCandidate
	}
	return CandidateLine{Candidate: *object.Candidate}, nil
}

// lineError is the other side's mistake, told to it before the connection closes.
type lineError struct{ text string }

func (e *lineError) Error() string { return e.text }

func parseSignal(line []byte) (signalMessage, error) {
	line = bytes.TrimSpace(line)
	if string(line) == "bye" {
		return signalMessage{Type: "bye"}, nil
	}
	var m signalMessage
	if err := json.Unmarshal(line, &m); err != nil {
		return m, &lineError{fmt.Sprintf(`bad line %q: not a JSON object such as {"type": "offer", "sdp": "..."}: %v`, shorten(string(line), 60), err)}
	}
	switch m.Type {
	case "offer", "answer":
		if m.SDP == "" {
			return m, &lineError{fmt.Sprintf("bad line: %s without sdp", m.Type)}
		}
	case "candidate", "bye", "error":
	default:
		return m, &lineError{fmt.Sprintf("bad line: type %q is unknown; use offer, answer, candidate, bye or error", shorten(m.Type, 60))}
	}
	return m, nil
}

// readLine reads up to the next newline and never holds more than limit bytes.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, &lineError{fmt.Sprintf("bad line: longer than %d KiB", limit>>10)}
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(bytes.TrimSpace(line)) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// session is one signalling connection. Lines arrive on received; the last
// thing on it is an error.
type session struct {
	conn     net.Conn
	received chan received

	closing   chan struct{}
	closeOnce sync.Once
	reader    sync.WaitGroup
	writing   sync.Mutex
}

type received struct {
	signalMessage
	err error
}

func newSession(conn net.Conn) *session {
	s := &session{conn: conn, received: make(chan received), closing: make(chan struct{})}
	s.reader.Go(s.read)
	return s
}

func (s *session) read() {
	buffered := bufio.NewReaderSize(s.conn, 16<<10)
	for {
		line, err := readLine(buffered, MaxLine)
		var r received
		if err != nil {
			r.err = err
		} else if len(bytes.TrimSpace(line)) == 0 {
			continue
		} else {
			r.signalMessage, r.err = parseSignal(line)
		}
		select {
		case s.received <- r:
		case <-s.closing:
			return
		}
		if r.err != nil {
			return
		}
	}
}

func (s *session) send(m signalMessage) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(writePatience))
	_, err = s.conn.Write(append(line, '\n'))
	return err
}

// drainPatience is how long close reads on so that its last line is not lost: a
// socket closed with data unread resets the connection (RFC 9293 section 3.10.4).
const drainPatience = 300 * time.Millisecond

// close says goodbye with a last line, closes and waits for the reader.
func (s *session) close(last signalMessage) {
	s.closeOnce.Do(func() {
		close(s.closing)
		_ = s.conn.SetReadDeadline(time.Now())
		s.reader.Wait()
		if last.Type != "" && s.send(last) == nil {
			if half, ok := s.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
				_ = s.conn.SetReadDeadline(time.Now().Add(drainPatience))
				_, _ = io.CopyN(io.Discard, s.conn, 4*MaxLine)
			}
		}
		_ = s.conn.Close()
	})
}

// bye is the last line of a session that went well.
func bye() signalMessage { return signalMessage{Type: "bye"} }

// complaint is the last line after an error; sessions whose connection is gone
// have none.
func complaint(err error) signalMessage {
	return signalMessage{Type: "error", Message: err.Error()}
}

// onLoopback says whether a signalling connection stays on this machine, so that
// loopback candidates make sense: another machine could not reach them.
func onLoopbackConn(conn net.Conn) bool {
	address, ok := conn.LocalAddr().(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}

// description waits for the candidates, but rather leaves some out than waits for
// a server that keeps silent until the other side has gone.
func (p *Peer) description(ctx context.Context, patience time.Duration) (string, error) {
	gathering, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.trickle.wait(gathering); err != nil && ctx.Err() != nil {
		return "", fmt.Errorf("gather candidates: %w", ctx.Err())
	}
	return p.fullDescription()
}

// Listen opens a TCP socket for Serve, or for a Call whose other side connects.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen %s: %w: another program has it", address, syscall.EADDRINUSE)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen %s: %w: ports below 1024 need a privilege", address, syscall.EACCES)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("listen %s: %w: no interface of this machine has the address", address, syscall.EADDRNOTAVAIL)
	}
	return nil, fmt.Errorf("listen %s: %w", address, cause(err))
}

// Dial opens a TCP connection for Call, or for an Answer whose caller listens.
func Dial(ctx context.Context, address string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("connect to %s: %w: nothing listens there", address, syscall.ECONNREFUSED)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("connect to %s: %w: no answer to the TCP handshake", address, context.DeadlineExceeded)
	}
	return nil, fmt.Errorf("connect to %s: %w", address, cause(err))
}

// cause strips what net.OpError repeats: operation and address.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
