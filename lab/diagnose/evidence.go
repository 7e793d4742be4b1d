package diagnose

import (
	"net/netip"
	"time"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/probe"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/turnserver"
	"github.com/icelab-go/icelab/wire"
)

// Evidence is what the witnesses of one run hold, gathered before a diagnosis and
// never changed by it. What was injected, and what the scenario expects, is not
// among it.
//
// Every part may be missing: a diagnosis says less then, not something else.
type Evidence struct {
	Caller Side `json:"caller"`
	Callee Side `json:"callee"`

	// Server is the TURN server's own account; nil where it cannot be asked.
	Server *Server `json:"server,omitempty"`
	// Gateways are those between the peers, the caller's first, each chain nearest
	// to its peer first.
	Gateways []Gateway `json:"gateways,omitempty"`

	// Packets are what all witnesses saw, in order of time; Packet.ID is the index
	// plus one. Lost is how many more there were.
	Packets []wire.Packet `json:"packets,omitempty"`
	Lost    int           `json:"lost,omitempty"`

	// Attempts are what the application tried, in order.
	Attempts []Attempt `json:"attempts,omitempty"`

	// Predicted is the best path between NATs such as those measured, with a
	// faultless TURN server over every transport; nil where they were not measured.
	Predicted *nat.Prediction `json:"predicted,omitempty"`
	// Proven is the path that the witnesses agreed on for the last attempt: "direct",
	// "relay", "relay-both", "none"; empty where they did not.
	Proven string `json:"proven,omitempty"`
	// Transport is that of the leg to the TURN server: "udp", "tcp", "tls".
	Transport string `json:"transport,omitempty"`

	// Names say which node has an address: "caller", "callee-nat", "turn".
	Names map[netip.Addr]string `json:"names,omitempty"`
}

// Side is one peer.
type Side struct {
	// Node is its name, and Address the one it has on its LAN.
	Node    string     `json:"node"`
	Address netip.Addr `json:"address,omitzero"`

	Config Config `json:"config"`
	// Report is the peer's own account at the end; nil if there is none.
	Report *peers.Report `json:"report,omitempty"`
	// NAT is the card of the NATs in front of it; nil where they were not measured.
	NAT *probe.Card `json:"nat,omitempty"`
	// Ladder is what probing from this peer's place found, after the call; nil
	// where nothing called for it.
	Ladder *ladder.Result `json:"ladder,omitempty"`
}

// Config is what the application gave a peer, redacted.
type Config struct {
	URLs []string `json:"urls"`
	// Username is that of the TURN URLs. Credential says whether there is one.
	Username   string `json:"username,omitempty"`
	Credential bool   `json:"credential,omitempty"`
	// Candidates are the types that may be used: "host", "srflx", "relay".
	Candidates []string `json:"candidates"`
	// RelayAtOnce says that a relay is accepted without waiting for a direct pair.
	RelayAtOnce bool `json:"relay_at_once,omitempty"`
}

// Server is the TURN server's account.
type Server struct {
	Running     bool                    `json:"running"`
	Events      []turnserver.Event      `json:"events,omitempty"`
	Allocations []turnserver.Allocation `json:"allocations,omitempty"`
}

// Gateway is one between the peers.
type Gateway struct {
	Name string `json:"name"`
	// Of are the peers that it stands in front of. Left says that they were behind it
	// once, and have moved to another network.
	Of       []string       `json:"of"`
	Left     bool           `json:"left,omitempty"`
	External netip.Addr     `json:"external,omitzero"`
	Flows    []gateway.Flow `json:"flows,omitempty"`
	// Drops are since the peers are there.
	Drops []gateway.Drop `json:"drops,omitempty"`
	// Missing says why the gateway shows no packets, if it does not: what is not
	// among Packets may have crossed it then.
	Missing string `json:"missing,omitempty"`
}

// The words of Attempt.What.
const (
	AttemptedConnect = "connect"
	// AttemptedEcho is also one that was repeated until an echo came back.
	AttemptedEcho    = "echo"
	AttemptedRestart = "restart-ice"
)

// Attempt is something the application tried.
type Attempt struct {
	// What is one of the constants above.
	What  string    `json:"what"`
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	OK    bool      `json:"ok"`
	// Problem says in a line what went wrong.
	Problem string `json:"problem,omitempty"`
}

// Kind is a kind of evidence that a diagnosis may have to do without.
type Kind string

// The kinds of evidence.
const (
	OfSockets    Kind = "sockets"    // packets at the peers' sockets
	OfGateways   Kind = "gateways"   // packets, flows and drops at the gateways
	OfServer     Kind = "server"     // the TURN server's events, allocations and packets
	OfReports    Kind = "reports"    // what both peers say of themselves
	OfSignalling Kind = "signalling" // which candidates were sent and received
	OfLadders    Kind = "ladders"    // probes
	OfNATs       Kind = "nats"       // NAT cards and the prediction made from them
	OfConfig     Kind = "config"     // what the application gave ICE
	OfAttempts   Kind = "attempts"
)

// Kinds returns all of them.
func Kinds() []Kind {
	return []Kind{OfSockets, OfGateways, OfServer, OfReports, OfSignalling, OfLadders, OfNATs, OfConfig, OfAttempts}
}
