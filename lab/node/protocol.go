package node

import (
	"net/netip"
	"time"

	"github.com/creachadair/jrpc2"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/probe"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/turnserver"
	"github.com/icelab-go/icelab/wire"
)

// The methods of the protocol, and the one notification that goes the other way.
const (
	methodDescribe  = "node.describe"
	methodConfigure = "node.configure"
	methodMove      = "node.move"

	methodProgram = "gateway.program"
	methodFlows   = "gateway.observe"
	methodImpair  = "gateway.impair"
	methodSever   = "gateway.sever"
	methodForget  = "gateway.forget"

	methodFilter = "node.filter"
	methodTrace  = "node.trace"
	methodBegin  = "node.begin"
	methodClimb  = "node.climb"

	methodProbe = "probe.run"

	methodTurnStart = "turn.start"
	methodTurnStop  = "turn.stop"
	methodTurn      = "turn.observe"

	methodNames = "names.start"

	methodPeerOpen      = "peer.open"
	methodPeerOffer     = "peer.offer"
	methodPeerAnswer    = "peer.answer"
	methodPeerRestart   = "peer.restart"
	methodPeerAccept    = "peer.accept"
	methodPeerCandidate = "peer.candidate"
	methodPeerWait      = "peer.wait"
	methodPeerConnected = "peer.connected"
	methodPeerEcho      = "peer.echo"
	methodPeerReport    = "peer.report"
	methodPeerClose     = "peer.close"

	methodCancel = "cancel"

	notifyCandidate = "peer.gathered"
)

// codeUnsupported is the JSON-RPC error code of an *Unsupported.
const codeUnsupported = jrpc2.Code(-31001)

// Description is what a node tells of itself before it is configured.
type Description struct {
	// Underlay are the IPv4 addresses of its interfaces, without loopback.
	Underlay []netip.Prefix `json:"underlay"`
}

// TurnObservation is what the TURN server has done since it was started.
type TurnObservation struct {
	Running     bool                    `json:"running"`
	Allocations []turnserver.Allocation `json:"allocations"`
	Events      []turnserver.Event      `json:"events"`
}

// Trace is what a node saw of the packets of a scenario, at its sockets or, on a
// gateway, at its interfaces.
type Trace struct {
	Packets []wire.Packet `json:"packets"`
	// Lost is how many more there were worth keeping than there was room for. Data
	// beyond the beginning of each flow is not worth it, see wire.Recorder.
	Lost int `json:"lost,omitempty"`
	// Missing is why a gateway could see nothing, empty if it could.
	Missing string `json:"missing,omitempty"`
	// Secrets are those of its TLS and DTLS, in the format of SSLKEYLOGFILE.
	Secrets string `json:"secrets,omitempty"`
}

// Opened says whether the data channel opened in time, and if not how far the
// peer got.
type Opened struct {
	Open bool   `json:"open"`
	Why  string `json:"why,omitempty"`
}

func (w waiting) limit() time.Duration { return w.Within }

// Echoed is the account of an echo, and what was wrong with it.
type Echoed struct {
	peers.EchoResult
	Problem string `json:"problem,omitempty"`
}

// probing is what to measure against, and how long that may take.
type probing struct {
	probe.Config
	Within time.Duration `json:"within"`
}

func (p probing) limit() time.Duration { return p.Within }

// climbing is where to climb, and how long that may take.
type climbing struct {
	ladder.Config
	Within time.Duration `json:"within"`
}

func (c climbing) limit() time.Duration { return c.Within }

type description struct {
	SDP string `json:"sdp"`
}

// tracing is the order for a trace, an answer of up to a megabyte.
type tracing struct{}

func (tracing) limit() time.Duration { return 40 * time.Second }

type waiting struct {
	Within time.Duration `json:"within"`
}

// echoOrder is a plan and the time it may take.
type echoOrder struct {
	Plan   peers.EchoPlan `json:"plan"`
	Within time.Duration  `json:"within"`
}

func (e echoOrder) limit() time.Duration { return e.Within }

// gathered is a candidate that the peer tells of. The stream keeps notifications in
// order, but the client's JSON-RPC hands each to a goroutine: N, which counts those of
// the stream from 0, has the order.
type gathered struct {
	N    int                 `json:"n"`
	Line peers.CandidateLine `json:"line"`
}

type cancelled struct {
	ID string `json:"id"`
}

type severing struct {
	Cut gateway.Cut `json:"cut"`
}

type forgetting struct {
	NewPorts bool `json:"new_ports,omitempty"`
}
