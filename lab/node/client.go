package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/probe"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/turnserver"
)

// Client gives orders to one node. Its errors begin with the node's name; when
// the node has died they say so, with its last words.
type Client struct {
	name string
	conn io.ReadWriteCloser
	rpc  *jrpc2.Client
	// unanswered says that an order got no answer.
	unanswered atomic.Bool

	mu       sync.Mutex
	gathered func(peers.CandidateLine)
	// told counts the candidates that were told of; those that came before one that
	// was sent before them wait in early.
	told  int
	early map[int]peers.CandidateLine
}

// NewClient speaks to the node called name over conn. If conn has a method
// LastWords() string, it is asked what the node said before it died.
func NewClient(name string, conn io.ReadWriteCloser) *Client {
	c := &Client{name: name, conn: conn, early: map[int]peers.CandidateLine{}}
	c.rpc = jrpc2.NewClient(channel.Line(conn, conn), &jrpc2.ClientOptions{
		OnNotify: c.notified,
		OnCancel: func(rpc *jrpc2.Client, r *jrpc2.Response) {
			// Without an answer to wait for, a lost cancellation costs nothing.
			_ = rpc.Notify(context.Background(), methodCancel, cancelled{ID: r.ID()})
		},
	})
	return c
}

// Name returns the node's name.
func (c *Client) Name() string { return c.name }

// Close ends the stream, and with it what the node does.
func (c *Client) Close() error {
	c.rpc.Close()
	// That has closed most kinds of streams already.
	if err := c.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// answerTime is how long a node may take to answer an order that waits for
// nothing.
const answerTime = 20 * time.Second

func (c *Client) call(ctx context.Context, method string, params, result any) error {
	limit := answerTime
	if w, ok := params.(interface{ limit() time.Duration }); ok {
		limit += w.limit()
	}
	caller := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	if result == nil {
		result = new(any)
	}
	err := c.rpc.CallResult(ctx, method, params, result)
	if err == nil {
		return nil
	}
	var answered *jrpc2.Error
	if ctx.Err() == nil && errors.As(err, &answered) && !c.rpc.IsStopped() {
		if answered.Code == codeUnsupported {
			return &Unsupported{Why: answered.Message}
		}
		return fmt.Errorf("%s: %s", c.name, answered.Message)
	}
	c.unanswered.Store(true)
	switch {
	case caller.Err() != nil:
		return fmt.Errorf("%s: %s: %w", c.name, method, context.Cause(ctx))
	case ctx.Err() != nil:
		return &Died{Node: c.name, Words: fmt.Sprintf("%s: %s", method, context.Cause(ctx))}
	}
	return c.died(err)
}

// ask is a call with a result.
func ask[T any](ctx context.Context, c *Client, method string, params any) (T, error) {
	var result T
	err := c.call(ctx, method, params, &result)
	return result, err
}

// died explains the end of the stream.
func (c *Client) died(err error) error {
	if w, ok := c.conn.(interface{ LastWords() string }); ok {
		if words := w.LastWords(); words != "" {
			return &Died{Node: c.name, Words: words}
		}
	}
	return &Died{Node: c.name, Words: err.Error()}
}

// Unanswered reports whether an order got no answer, as when its context ended
// before. The node may carry it out at any time, also after orders that it is given
// later: what is to be believed has to happen on another one.
func (c *Client) Unanswered() bool { return c.unanswered.Load() }

// Dead returns what the node died of, or nil while it lives.
func (c *Client) Dead() *Died {
	if !c.rpc.IsStopped() {
		return nil
	}
	var died *Died
	errors.As(c.died(errors.New("its control stream ended")), &died)
	return died
}

// Died says that a node ended while the lab still needed it.
type Died struct {
	Node  string
	Words string
}

func (d *Died) Error() string { return fmt.Sprintf("the node %s died: %s", d.Node, d.Words) }

func (c *Client) notified(r *jrpc2.Request) {
	if r.Method() != notifyCandidate {
		return
	}
	var g gathered
	if r.UnmarshalParams(&g) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.early[g.N] = g.Line
	for {
		line, ok := c.early[c.told]
		if !ok {
			return
		}
		delete(c.early, c.told)
		c.told++
		if c.gathered != nil {
			c.gathered(line)
		}
	}
}

// OnCandidate sets who receives the peer's candidates as they are gathered, in that
// order. It is called by one goroutine at a time and must not block.
func (c *Client) OnCandidate(f func(peers.CandidateLine)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gathered = f
}

// Describe asks for the node's addresses on the networks underneath.
func (c *Client) Describe(ctx context.Context) (Description, error) {
	return ask[Description](ctx, c, methodDescribe, nil)
}

// Configure gives the node its network. It is done once in a node's life.
func (c *Client) Configure(ctx context.Context, n Network) error {
	return c.call(ctx, methodConfigure, n, nil)
}

// Move takes the node from one of its links to another.
func (c *Client) Move(ctx context.Context, m Move) error { return c.call(ctx, methodMove, m, nil) }

// Program makes the node the gateway that s declares.
func (c *Client) Program(ctx context.Context, s gateway.Spec) error {
	return c.call(ctx, methodProgram, s, nil)
}

// ObserveGateway reads the gateway's counters.
func (c *Client) ObserveGateway(ctx context.Context) (gateway.Observation, error) {
	return ask[gateway.Observation](ctx, c, methodFlows, nil)
}

// Impair changes how good the gateway's line is.
func (c *Client) Impair(ctx context.Context, l nat.Link) error {
	return c.call(ctx, methodImpair, l, nil)
}

// Sever cuts the gateway's line, or mends it.
func (c *Client) Sever(ctx context.Context, cut gateway.Cut) error {
	return c.call(ctx, methodSever, severing{cut}, nil)
}

// Forget makes the gateway's NAT forget what it has mapped.
func (c *Client) Forget(ctx context.Context, newPorts bool) error {
	return c.call(ctx, methodForget, forgetting{newPorts}, nil)
}

// Filter drops what the filters name from now on, and nothing else of what Filter
// dropped before.
func (c *Client) Filter(ctx context.Context, filters []gateway.Filter) error {
	return c.call(ctx, methodFilter, filters, nil)
}

// BeginTrace forgets what the sockets of the node showed. It is for the TURN server
// and comes before StartTurn, which appends to what there is: a server may be
// killed and started amid a scenario. OpenPeer does it by itself.
func (c *Client) BeginTrace(ctx context.Context) error { return c.call(ctx, methodBegin, nil, nil) }

// Trace returns what the node saw of the packets: a gateway since it was programmed,
// a peer since it was opened, also when it is closed again, a TURN server since
// BeginTrace.
func (c *Client) Trace(ctx context.Context) (Trace, error) {
	return ask[Trace](ctx, c, methodTrace, tracing{})
}

// Probe measures the NAT in front of the node, at most as long as within.
func (c *Client) Probe(ctx context.Context, p probe.Config, within time.Duration) (probe.Card, error) {
	return ask[probe.Card](ctx, c, methodProbe, probing{p, within})
}

// Climb tries TURN URLs from the node, at most as long as within.
func (c *Client) Climb(ctx context.Context, config ladder.Config, within time.Duration) (ladder.Result, error) {
	return ask[ladder.Result](ctx, c, methodClimb, climbing{config, within})
}

// StartTurn starts the TURN server, in place of one that runs.
func (c *Client) StartTurn(ctx context.Context, s turnserver.Config) error {
	return c.call(ctx, methodTurnStart, s, nil)
}

// StopTurn ends the TURN server abruptly.
func (c *Client) StopTurn(ctx context.Context) error {
	return c.call(ctx, methodTurnStop, nil, nil)
}

// ObserveTurn reads the TURN server's counters and events; of a stopped server
// the last ones.
func (c *Client) ObserveTurn(ctx context.Context) (TurnObservation, error) {
	return ask[TurnObservation](ctx, c, methodTurn, nil)
}

// OpenPeer makes a peer, in place of one that is open.
func (c *Client) OpenPeer(ctx context.Context, p peers.Config) error {
	return c.call(ctx, methodPeerOpen, p, nil)
}

// Offer lets the peer open its data channel and returns the offer.
func (c *Client) Offer(ctx context.Context) (string, error) {
	d, err := ask[description](ctx, c, methodPeerOffer, nil)
	return d.SDP, err
}

// Answer gives the peer an offer and returns its answer.
func (c *Client) Answer(ctx context.Context, offer string) (string, error) {
	d, err := ask[description](ctx, c, methodPeerAnswer, description{offer})
	return d.SDP, err
}

// Restart lets a caller that has an answer make another offer, which restarts
// ICE.
func (c *Client) Restart(ctx context.Context) (string, error) {
	d, err := ask[description](ctx, c, methodPeerRestart, nil)
	return d.SDP, err
}

// Accept gives the peer the answer to its offer.
func (c *Client) Accept(ctx context.Context, answer string) error {
	return c.call(ctx, methodPeerAccept, description{answer}, nil)
}

// AddCandidate sends the peer a candidate of the other side and does not wait: on a
// busy machine answers take long, and candidates would come late. What the peer
// thinks of it is in its report. The node takes it before any order that comes after.
func (c *Client) AddCandidate(ctx context.Context, line peers.CandidateLine) error {
	return c.rpc.Notify(ctx, methodPeerCandidate, line)
}

// WaitOpen waits until the data channel is open, at most as long as within.
func (c *Client) WaitOpen(ctx context.Context, within time.Duration) (Opened, error) {
	return ask[Opened](ctx, c, methodPeerWait, waiting{within})
}

// WaitConnected waits until ICE is connected, after a restart again, at most as
// long as within.
func (c *Client) WaitConnected(ctx context.Context, within time.Duration) (Opened, error) {
	return ask[Opened](ctx, c, methodPeerConnected, waiting{within})
}

// Echo sends messages and takes the echoes back, at most as long as within.
func (c *Client) Echo(ctx context.Context, plan peers.EchoPlan, within time.Duration) (Echoed, error) {
	return ask[Echoed](ctx, c, methodPeerEcho, echoOrder{plan, within})
}

// Report tells what the peer has seen.
func (c *Client) Report(ctx context.Context) (peers.Report, error) {
	return ask[peers.Report](ctx, c, methodPeerReport, nil)
}

// ClosePeer ends the peer.
func (c *Client) ClosePeer(ctx context.Context) error {
	return c.call(ctx, methodPeerClose, nil, nil)
}
