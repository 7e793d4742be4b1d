package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/sctp"
	"github.com/pion/transport/v4"
	"github.com/pion/webrtc/v4"

	"github.com/icelab-go/icelab/wire"
)

// Server is a STUN or TURN server. The URLs are RFC 7064 and RFC 7065 ones:
// "stun:HOST:PORT", "turn:HOST:PORT?transport=udp|tcp", "turns:HOST:PORT". The
// certificate of a turns: server must be for HOST, and verify against the
// system's pool or, over TCP, against Config.RootCAs.
type Server struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Config says how a Peer connects. The zero value uses every interface, no
// server and tuned timing.
//
// Peers use IPv4 over UDP (towards a TURN server also TCP, TLS and DTLS) and no
// mDNS.
type Config struct {
	Servers []Server `json:"servers,omitempty"`

	// Candidates are the only types gathered, sent and accepted; empty means
	// all. The other side's peer-reflexive addresses are still learnt from its
	// checks, as RFC 8445 section 7.3.1.3 demands, so two peers forced to
	// "relay" stay on relays while one forced to "host" may be reached by a
	// relay-only peer whose checks arrive.
	Candidates []CandidateType `json:"candidates,omitempty"`

	Timing Timing `json:"timing,omitempty"`

	// AcceptRelayAtOnce takes away the wait of 1 s before a relay pair is
	// nominated, in the tuned profile. Only sensible where no direct path is
	// wanted: without the wait a relay can win against a direct path.
	AcceptRelayAtOnce bool `json:"accept_relay_at_once,omitempty"`

	// Interfaces are the names of the only network interfaces used; empty means
	// all. TURN over TCP, TLS and DTLS follows the routing table instead, since
	// pion binds no address there.
	Interfaces []string `json:"interfaces,omitempty"`

	// Loopback adds loopback addresses to the host candidates.
	Loopback bool `json:"loopback,omitempty"`

	// Port is the UDP port that host candidates are gathered from, on every
	// interface used: New fails when it is taken on one. Where Candidates leaves
	// host out, server-reflexive ones are gathered from it, one for each
	// address however many STUN servers there are. Zero means any.
	Port uint16 `json:"port,omitempty"`

	// RootCAs are the certificates, in PEM, that vouch for the servers of turns:
	// URLs over TCP, and no others do; empty means the system's.
	RootCAs string `json:"root_cas,omitempty"`

	// Channel is the data channel a caller opens.
	Channel Channel `json:"channel,omitzero"`

	// Resolver is the only DNS server that names are asked from, over UDP; zero means
	// the system's.
	Resolver netip.AddrPort `json:"resolver,omitzero"`

	// Faults are what the application does wrong on purpose.
	Faults Faults `json:"faults,omitzero"`

	// Net replaces the machine's network stack, for example by a pion vnet.
	Net transport.Net `json:"-"`

	// Recorder keeps the packets at the peer's sockets, redacted; those to a TURN
	// server over TLS above the encryption. Nil is nobody.
	Recorder *wire.Recorder `json:"-"`
	// KeyLog gets the secrets of TLS and DTLS, in the format of SSLKEYLOGFILE, that
	// decrypt a capture; those of TURN over DTLS pion keeps. Several goroutines
	// may write at once.
	KeyLog io.Writer `json:"-"`

	// textPrefix is put before every text message echoed.
	textPrefix string

	// iceTimeout replaces pion's 5 s to "disconnected" and 25 s more to "failed",
	// for tests.
	iceTimeout time.Duration
}

// Peer is one end of a data channel: a caller once Offer was called, a callee
// once Answer was. Its methods may be called from several goroutines.
type Peer struct {
	config  Config
	forcing forcing

	pc      *webrtc.PeerConnection
	net     *ownNet
	hosts   *portMux // nil without Config.Port
	journal journal

	// Ends with Close; work are the goroutines that end with it.
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	closed sync.Once

	negotiating sync.Mutex // one offer or answer at a time

	watch   watch
	sampler sampler
	trickle trickle
	remote  remoteCandidates
	traffic traffic

	// The channel: the caller's own, or the first one a callee was offered.
	channel   atomic.Pointer[webrtc.DataChannel]
	openOnce  sync.Once
	ended     latch         // that channel, or the connection, is no more
	down      latch         // the connection is no more, or ICE has failed until a restart
	gone      chan struct{} // the connection is no more
	goneOnce  sync.Once
	lowBuffer chan struct{}
	sink      atomic.Pointer[func(webrtc.DataChannelMessage)]

	echo echoState
}

// ErrClosed is what methods return once Close was called.
var ErrClosed = errors.New("the peer is closed")

var (
	errHasRole  = errors.New("this peer has made its offer or answer already")
	errNoOffer  = errors.New("no offer was made: an answer belongs to a caller")
	errNoChosen = errors.New("no offer or answer was made yet")
)

// New makes a peer that has not gathered anything yet. The error names the
// option that is wrong. Close must be called in the end.
func New(config Config) (*Peer, error) {
	forcing, err := force(config.Candidates, config.Servers, config.Faults.NoCredentials)
	if err != nil {
		return nil, err
	}
	if err := config.Channel.check(); err != nil {
		return nil, err
	}
	p := &Peer{
		config:    config,
		forcing:   forcing,
		gone:      make(chan struct{}),
		lowBuffer: make(chan struct{}, 1),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.ended.init()
	p.down.init()
	p.watch.init()
	p.trickle.init()
	p.sampler.init()

	settings := webrtc.SettingEngine{LoggerFactory: &p.journal}
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	// TURN over TCP still works: pion's relay gathering looks at the URL's
	// transport, and at this list only for whether relays speak UDP.
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIncludeLoopbackCandidate(config.Loopback)
	relayWait := tunedRelayWait
	if forcing.types.onlyRelay() || config.AcceptRelayAtOnce {
		relayWait = 0
	}
	if err := config.Timing.apply(&settings, relayWait); err != nil {
		return nil, err
	}
	if t := config.iceTimeout; t > 0 {
		settings.SetICETimeouts(t, t, t/4)
	}
	if len(config.Interfaces) > 0 {
		settings.SetInterfaceFilter(p.usesInterface)
	}
	if err := settings.SetICEAddressRewriteRules(forcing.rewrite...); err != nil {
		return nil, fmt.Errorf("force candidates %s: %w", forcing.types, err)
	}
	if p.net, err = newOwnNet(config.Net); err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	settings.SetNet(p.net)
	if config.Resolver.IsValid() {
		p.net.names = p.resolver()
	}
	if config.Faults.StaleAllocation {
		p.net.relaySocket = p.reuseStalePort()
	}
	p.net.recorder = config.Recorder
	if err := p.useDialer(&settings); err != nil {
		return nil, err
	}
	if err := p.usePort(&settings); err != nil {
		return nil, fmt.Errorf("port %d: %w", config.Port, err)
	}

	// No interceptors: they serve audio and video.
	api := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	p.pc, err = api.NewPeerConnection(webrtc.Configuration{
		ICEServers:         forcing.servers,
		ICETransportPolicy: forcing.policy,
	})
	if err != nil {
		p.closePort()
		return nil, fmt.Errorf("create peer connection: %w", err)
	}
	p.observe()
	p.work.Go(p.sample)
	return p, nil
}

// closeGrace is how long Close lets pion say goodbye (SCTP ABORT, DTLS
// close_notify) before it cuts the sockets of a gathering that hangs.
const closeGrace = 300 * time.Millisecond

// Close ends the connection and returns when every goroutine of the peer has
// ended: within half a second as a rule, within 2 s when a TURN server keeps
// silent. Report still answers afterwards. Closing twice is fine.
func (p *Peer) Close() error {
	var err error
	p.closed.Do(func() {
		p.journal.seal()
		p.cancel()
		p.trickle.close()
		p.net.cutDials()
		defer time.AfterFunc(closeGrace, p.net.cutAll).Stop()
		err = p.pc.GracefulClose()
		p.closePort()
		p.noteConnection()
		p.work.Wait()
		p.net.cutAll()
		// pion waits for the gathering of now, not for one that a restart ended.
		_ = p.net.released(2 * time.Second)
	})
	// Both sides closing at once: the other's end came before our channel's reset.
	if err != nil && !errors.Is(err, sctp.ErrResetPacketInStateNotExist) {
		return fmt.Errorf("close peer connection: %w", err)
	}
	return nil
}
