package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/creachadair/jrpc2/handler"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/names"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/probe"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/turnserver"
)

// Agent takes a node's orders. Its network, once configured, stays; peers and
// TURN server live as long as the stream they were ordered over.
type Agent struct {
	// Host is the machine the agent works on; nil is the one it runs on.
	Host Host

	mu      sync.Mutex
	network *Network
	turn    *turnserver.Server
	// lastTurn keeps what a stopped server had seen.
	lastTurn TurnObservation
	names    *names.Server
	peer     *peers.Peer
	server   *jrpc2.Server

	// telling keeps the candidates that are told of in order; told counts them.
	telling sync.Mutex
	told    int

	// witness is at the sockets of the peer and the TURN server.
	witness witness
}

// Serve takes orders from one stream until it ends or the context does, and
// then closes what was opened over it.
func (a *Agent) Serve(ctx context.Context, conn io.ReadWriteCloser) error {
	if a.Host == nil {
		a.Host = kernel{}
	}
	methods := handler.Map{
		methodDescribe:  handler.New(a.describe),
		methodConfigure: handler.New(a.configure),

		methodMove: handler.New(func(_ context.Context, m Move) error { return told(a.Host.Move(m)) }),

		methodProgram: handler.New(func(_ context.Context, s gateway.Spec) error { return told(a.Host.Program(s)) }),
		methodFlows: handler.New(func(context.Context) (gateway.Observation, error) {
			o, err := a.Host.Observe()
			return o, told(err)
		}),
		methodImpair: handler.New(func(_ context.Context, l nat.Link) error { return told(a.Host.Impair(l)) }),
		methodSever:  handler.New(func(_ context.Context, o severing) error { return told(a.Host.Sever(o.Cut)) }),
		methodForget: handler.New(func(_ context.Context, o forgetting) error { return told(a.Host.Forget(o.NewPorts)) }),

		methodFilter: handler.New(func(_ context.Context, f []gateway.Filter) error { return told(a.Host.Filter(f)) }),
		methodTrace:  handler.New(func(ctx context.Context, _ tracing) (Trace, error) { return a.trace(ctx) }),
		methodBegin:  handler.New(a.beginTrace),

		methodProbe: handler.New(a.measure),
		methodClimb: handler.New(a.climb),

		methodTurnStart: handler.New(a.startTurn),
		methodTurnStop:  handler.New(a.stopTurn),
		methodTurn:      handler.New(a.observeTurn),

		methodNames: handler.New(a.startNames),

		methodPeerOpen:      handler.New(a.openPeer),
		methodPeerOffer:     handler.New(a.offer),
		methodPeerAnswer:    handler.New(a.answer),
		methodPeerRestart:   handler.New(a.restart),
		methodPeerAccept:    handler.New(a.accept),
		methodPeerCandidate: handler.New(a.addCandidate),
		methodPeerWait:      handler.New(a.waitFor((*peers.Peer).WaitOpen)),
		methodPeerConnected: handler.New(a.waitFor((*peers.Peer).WaitConnected)),
		methodPeerEcho:      handler.New(a.echo),
		methodPeerReport:    handler.New(a.report),
		methodPeerClose:     handler.New(a.closePeer),

		methodCancel: handler.New(a.cancel),
	}
	server := jrpc2.NewServer(methods, &jrpc2.ServerOptions{
		AllowPush: true,
		// Waiting for a channel or an echo must not keep a report waiting.
		Concurrency: 32,
		NewContext:  func() context.Context { return ctx },
	})
	a.mu.Lock()
	a.server = server
	a.mu.Unlock()
	a.telling.Lock()
	a.told = 0
	a.telling.Unlock()
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	err := server.Start(channel.Line(conn, conn)).Wait()
	closed := errors.Join(a.closePeer(ctx), a.stopTurn(ctx), a.stopNames())
	if err != nil && ctx.Err() == nil && !errors.Is(err, io.EOF) {
		return err
	}
	return closed
}

func (a *Agent) cancel(_ context.Context, c cancelled) error {
	a.server.CancelRequest(c.ID)
	return nil
}

// told gives an error that a host's limits caused a code that tells so.
func told(err error) error {
	if u, ok := errors.AsType[*Unsupported](err); ok {
		return jrpc2.Errorf(codeUnsupported, "%s", u.Why)
	}
	return err
}

// describe tells the addresses on the networks underneath, without those that
// configure has added: a node may serve one lab after the other.
func (a *Agent) describe(context.Context) (Description, error) {
	all, err := a.Host.Underlay()
	if err != nil {
		return Description{}, told(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return Description{Underlay: slices.DeleteFunc(all, a.overlaid)}, nil
}

// overlaid reports whether configure has laid a link with that address.
func (a *Agent) overlaid(address netip.Prefix) bool {
	return a.network != nil && slices.ContainsFunc(a.network.Links, func(l Link) bool {
		return l.VXLAN != nil && slices.Contains(l.Addresses, address)
	})
}

// configure is done once: afterwards peers lack the capability for it. The
// same order again changes nothing.
func (a *Agent) configure(_ context.Context, n Network) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.network != nil {
		if reflect.DeepEqual(*a.network, n) {
			return nil
		}
		return errors.New("this node has another network already: restart it")
	}
	if err := a.Host.Configure(n); err != nil {
		return told(err)
	}
	a.network = &n
	return nil
}

func (a *Agent) measure(ctx context.Context, p probing) (probe.Card, error) {
	p.Config.Net = a.Host.Net()
	ctx, cancel := context.WithTimeout(ctx, p.Within)
	defer cancel()
	return probe.Run(ctx, p.Config)
}

func (a *Agent) climb(ctx context.Context, c climbing) (ladder.Result, error) {
	c.Config.Net = a.Host.Net()
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	return ladder.Run(ctx, c.Config)
}

func (a *Agent) startTurn(ctx context.Context, c turnserver.Config) error {
	if err := a.stopTurn(ctx); err != nil {
		return err
	}
	c.Net = a.Host.Net()
	c.Recorder, c.KeyLog = a.witness.now()
	s, err := turnserver.Start(c)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn = s
	return nil
}

func (a *Agent) stopTurn(ctx context.Context) error {
	last, _ := a.observeTurn(ctx)
	last.Running = false
	a.mu.Lock()
	s := a.turn
	a.turn, a.lastTurn = nil, last
	a.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.Close()
}

func (a *Agent) observeTurn(context.Context) (TurnObservation, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.turn == nil {
		return a.lastTurn, nil
	}
	return TurnObservation{Running: true, Allocations: a.turn.Allocations(), Events: a.turn.Events(0)}, nil
}

func (a *Agent) openPeer(ctx context.Context, c peers.Config) error {
	if err := a.closePeer(ctx); err != nil {
		return err
	}
	c.Net = a.Host.Net()
	a.witness.begin()
	c.Recorder, c.KeyLog = a.witness.now()
	p, err := peers.New(c)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.peer = p
	return nil
}

func (a *Agent) closePeer(context.Context) error {
	a.mu.Lock()
	p := a.peer
	a.peer = nil
	a.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.Close()
}

// trace hands out what this node saw, as a gateway and at its sockets.
func (a *Agent) trace(context.Context) (Trace, error) {
	t := a.witness.trace()
	crossed := a.Host.Trace()
	t.Packets, t.Lost, t.Missing = append(t.Packets, crossed.Packets...), t.Lost+crossed.Lost, crossed.Missing
	return t, nil
}

// beginTrace forgets what the sockets showed.
func (a *Agent) beginTrace(context.Context) error {
	a.witness.begin()
	return nil
}

var errNoPeer = errors.New("no peer is open")

func (a *Agent) current() (*peers.Peer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.peer == nil {
		return nil, errNoPeer
	}
	return a.peer, nil
}

func (a *Agent) offer(ctx context.Context) (description, error) {
	p, err := a.current()
	if err != nil {
		return description{}, err
	}
	sdp, err := p.Offer(ctx)
	a.trickle(p)
	return description{sdp}, err
}

func (a *Agent) answer(ctx context.Context, d description) (description, error) {
	p, err := a.current()
	if err != nil {
		return description{}, err
	}
	sdp, err := p.Answer(ctx, d.SDP)
	a.trickle(p)
	return description{sdp}, err
}

// trickle sends candidates to the lab as they are gathered. It ends with the
// gathering, or with the peer.
func (a *Agent) trickle(p *peers.Peer) {
	go func() {
		for c := range p.Candidates(context.Background()) {
			if a.tell(c) != nil {
				return
			}
		}
	}()
}

func (a *Agent) tell(c peers.CandidateLine) error {
	a.telling.Lock()
	defer a.telling.Unlock()
	a.told++
	return a.server.Notify(context.Background(), notifyCandidate, gathered{a.told - 1, c})
}

// restart makes an offer that restarts ICE (RFC 8445 §9).
func (a *Agent) restart(ctx context.Context) (description, error) {
	p, err := a.current()
	if err != nil {
		return description{}, err
	}
	sdp, err := p.Restart(ctx)
	a.trickle(p)
	return description{sdp}, err
}

func (a *Agent) accept(_ context.Context, d description) error {
	p, err := a.current()
	if err != nil {
		return err
	}
	return p.Accept(d.SDP)
}

func (a *Agent) addCandidate(_ context.Context, c peers.CandidateLine) error {
	p, err := a.current()
	if err != nil {
		return err
	}
	return p.AddCandidate(c)
}

// waitFor makes a method of a wait of the peer.
func (a *Agent) waitFor(wait func(*peers.Peer, context.Context) error) func(context.Context, waiting) (Opened, error) {
	return func(ctx context.Context, w waiting) (Opened, error) {
		p, err := a.current()
		if err != nil {
			return Opened{}, err
		}
		ctx, cancel := context.WithTimeoutCause(ctx, w.Within, fmt.Errorf("not within %s", w.Within.Round(time.Millisecond)))
		defer cancel()
		if err := wait(p, ctx); err != nil {
			return Opened{Why: err.Error()}, nil
		}
		return Opened{Open: true}, nil
	}
}

func (a *Agent) echo(ctx context.Context, e echoOrder) (Echoed, error) {
	p, err := a.current()
	if err != nil {
		return Echoed{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, e.Within)
	defer cancel()
	result, err := p.Echo(ctx, e.Plan)
	if err != nil {
		return Echoed{EchoResult: result, Problem: err.Error()}, nil
	}
	return Echoed{EchoResult: result}, nil
}

func (a *Agent) report(context.Context) (peers.Report, error) {
	p, err := a.current()
	if err != nil {
		return peers.Report{}, err
	}
	return p.Report(), nil
}
