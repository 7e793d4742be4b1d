package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// DefaultWithin is how long each stage of a handshake may take.
	DefaultWithin = 10 * time.Second

	// DefaultMaxConnections is how many callers Serve serves at once.
	DefaultMaxConnections = 256
)

// ServeConfig says how Serve and Answer echo. The zero value echoes verbatim.
type ServeConfig struct {
	// As in Config. Loopback addresses are among the candidates when the
	// signalling connection is a loopback one.
	Servers    []Server
	Candidates []CandidateType
	Timing     Timing
	Interfaces []string

	// Prefix is put before every text message echoed. Binary is always echoed
	// verbatim.
	Prefix string

	// Within is how long a connection may take to send an offer, and after that
	// until a data channel is open; zero means DefaultWithin.
	Within time.Duration

	// MaxConnections bounds the callers Serve serves at once; more are told so
	// and sent away. Zero means DefaultMaxConnections.
	MaxConnections int

	// Log, when set, gets one line per event. It is called from several
	// goroutines.
	Log func(line string)
}

func (c ServeConfig) within() time.Duration {
	if c.Within == 0 {
		return DefaultWithin
	}
	return c.Within
}

func (c ServeConfig) log(conn net.Conn, format string, args ...any) {
	if c.Log != nil {
		c.Log(conn.RemoteAddr().String() + ": " + fmt.Sprintf(format, args...))
	}
}

func (c ServeConfig) peer(loopback bool) Config {
	return Config{
		Servers: c.Servers, Candidates: c.Candidates, Timing: c.Timing, Interfaces: c.Interfaces,
		Loopback: loopback, textPrefix: c.Prefix,
	}
}

// Serve echoes for every caller that connects to l, each in a peer connection of
// its own, until ctx ends; then it says bye to all of them, waits until they are
// closed and returns nil. It closes l. An error says that the configuration is
// wrong or that l failed.
func Serve(ctx context.Context, l net.Listener, config ServeConfig) error {
	defer l.Close()
	// A wrong option is found now and not by the first caller.
	if probe, err := New(config.peer(false)); err != nil {
		return err
	} else if err := probe.Close(); err != nil {
		return err
	}
	limit := config.MaxConnections
	if limit <= 0 {
		limit = DefaultMaxConnections
	}
	slots := make(chan struct{}, limit)

	ctx, cancel := context.WithCancel(ctx)
	// Of the ctx that the loop looks at: its parent ends before it does.
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var callers sync.WaitGroup
	defer callers.Wait()
	defer cancel()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", cause(err))
		}
		select {
		case slots <- struct{}{}:
		default:
			config.log(conn, "sent away: %d callers are served already", limit)
			s := session{conn: conn}
			_ = s.send(complaint(fmt.Errorf("busy: %d callers are served already; try again later", limit)))
			_ = conn.Close()
			continue
		}
		callers.Go(func() {
			defer func() { <-slots }()
			if err := Answer(ctx, conn, config); err != nil {
				config.log(conn, "ended: %v", err)
			}
		})
	}
}

// errVanished: the TCP connection ended without a bye.
var errVanished = errors.New("the caller closed the signalling connection without a bye")

// Answer echoes for one caller over a signalling connection, whichever side made
// it, and closes it. The peer connection lives as long as the signalling
// connection: Answer returns nil when either side says bye, when the WebRTC
// connection ended or when ctx ends, and an error when the caller makes a
// mistake, keeps silent, does not get its channel open in time, or vanishes.
func Answer(ctx context.Context, conn net.Conn, config ServeConfig) error {
	s := newSession(conn)
	p, err := New(config.peer(onLoopbackConn(conn)))
	if err == nil {
		defer p.Close() // after the last line, so that the caller knows why
		err = answer(ctx, s, p, config)
	}
	switch {
	case err == nil:
		s.close(bye())
	case errors.Is(err, errVanished):
		s.close(signalMessage{})
	default:
		s.close(complaint(err))
	}
	return err
}

func answer(ctx context.Context, s *session, p *Peer, config ServeConfig) error {
	deadline := time.NewTimer(config.within())
	defer deadline.Stop()

	for offered := false; !offered; {
		select {
		case r := <-s.received:
			if r.err != nil {
				return lineFailure(r.err)
			}
			switch r.Type {
			case "bye":
				return nil
			case "candidate":
				if err := takeCandidate(p, r.signalMessage); err != nil {
					return err
				}
			case "offer":
				config.log(s.conn, "offer")
				if err := sendAnswer(ctx, s, p, r.SDP, config.within()); err != nil {
					return err
				}
				offered = true
			default:
				return refuse(r.signalMessage, "an offer")
			}
		case <-deadline.C:
			return fmt.Errorf("no offer came within %s", config.within())
		case <-ctx.Done():
			return nil
		}
	}

	opening, cancel := context.WithTimeout(ctx, config.within())
	defer cancel()
	opened := make(chan error, 1)
	var waiter sync.WaitGroup
	defer waiter.Wait()
	defer cancel()
	waiter.Go(func() { opened <- p.WaitOpen(opening) })

	for {
		select {
		case err := <-opened:
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			config.log(s.conn, "open, %s", p.Report().pathText())
		case r := <-s.received:
			if r.err != nil {
				return lineFailure(r.err)
			}
			switch r.Type {
			case "bye":
				config.log(s.conn, "bye after %s", count(int(p.Report().Traffic.MessagesReceived), "message"))
				return nil
			case "candidate":
				if err := takeCandidate(p, r.signalMessage); err != nil {
					return err
				}
			default:
				return refuse(r.signalMessage, "candidates or a bye")
			}
		case <-p.down.done():
			config.log(s.conn, "the connection ended after %s", count(int(p.Report().Traffic.MessagesReceived), "message"))
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func sendAnswer(ctx context.Context, s *session, p *Peer, offer string, within time.Duration) error {
	if _, err := p.Answer(ctx, offer); err != nil {
		return err
	}
	full, err := p.description(ctx, within/2)
	if err != nil {
		return err
	}
	if err := s.send(signalMessage{Type: "answer", SDP: full}); err != nil {
		return errVanished
	}
	return nil
}

func takeCandidate(p *Peer, m signalMessage) error {
	line, err := m.candidate()
	if err != nil {
		return fmt.Errorf("bad line: candidate: %w", err)
	}
	return p.AddCandidate(line)
}

func refuse(m signalMessage, wanted string) error {
	if m.Type == "error" {
		return fmt.Errorf("the other side gave up: %s", shorten(m.Message, 300))
	}
	return fmt.Errorf("%s came where %s was due", m.Type, wanted)
}

// lineFailure tells a mistake in a line from a connection that is gone.
func lineFailure(err error) error {
	var mistake *lineError
	if errors.As(err, &mistake) {
		return mistake
	}
	if errors.Is(err, io.EOF) {
		return errVanished
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		return errVanished
	}
	return fmt.Errorf("%w (%v)", errVanished, cause(err))
}
