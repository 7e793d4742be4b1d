// Package doctor examines TURN servers from where it runs, without a call and without
// a lab, and says what is wrong with them or with the way there.
package doctor

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/pion/transport/v4"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/lab/probe"
)

// Config says whom to examine.
type Config struct {
	// Targets are URLs of TURN and STUN servers, or names and addresses of hosts, for
	// which all usual URLs are tried: see Usual.
	Targets []string
	// Username and Credential are those of the TURN URLs.
	Username, Credential string
	// RootCAs, in PEM, take the place of the system's.
	RootCAs string
	// Resolver is the DNS server to ask, over UDP; zero is the system's.
	Resolver netip.AddrPort
	// Patience is how long one question may stay without an answer: 2 s by default.
	Patience time.Duration
	// Net replaces the machine's network stack.
	Net transport.Net
}

// Version is that of the Report's JSON. It counts up when a field changes its meaning
// or goes away.
const Version = 1

// Report is what was found.
type Report struct {
	Version int              `json:"version"`
	Verdict diagnose.Verdict `json:"verdict"`
	// The climbs and the controls that it rests on.
	ladder.Result
	// NotOffered are usual URLs of a host that has others, and not these. They count
	// for nothing.
	NotOffered []ladder.Climb `json:"not_offered,omitempty"`
	// NAT is the card of what stands between this host and the server, where that speaks
	// RFC 5780.
	NAT *probe.Card `json:"nat,omitempty"`
}

// Validate says what is missing for an examination.
func (c Config) Validate() error {
	urls, _, err := expand(c.Targets)
	switch {
	case err != nil:
		return err
	case needs(urls) && (c.Username == "" || c.Credential == ""):
		return errNoCredentials
	}
	return nil
}

// Run examines. The error is about config, or the context's.
func Run(ctx context.Context, c Config) (Report, error) {
	report := Report{Version: Version}
	if err := c.Validate(); err != nil {
		return report, err
	}
	urls, usual, err := expand(c.Targets)
	if err != nil {
		return report, err
	}
	climbing := ladder.Config{
		URLs: urls, Username: c.Username, Credential: c.Credential, RootCAs: c.RootCAs, Resolver: c.Resolver,
		OtherPorts: otherPorts, NotSTUN: beyond(c.Resolver), Patience: c.Patience, Net: c.Net,
	}
	if report.Result, err = ladder.Run(ctx, climbing); err != nil {
		return report, err
	}
	report.Climbs, report.NotOffered = offered(report.Climbs, usual)
	report.Verdict = diagnose.ExplainLadder(report.Result)
	report.Verdict.Ladders = nil // they are the climbs
	report.NAT = c.measure(ctx, report.Climbs)
	return report, ctx.Err()
}

var errNoCredentials = errors.New("a TURN server is examined with credentials: give --user and --password, or --secret")

// otherPorts are where UDP passes or is refused when the usual port is silent: the
// alternate port of STUN, those of the web and of TLS.
var otherPorts = []uint16{3479, 443, 5349}

func needs(urls []string) bool {
	for _, url := range urls {
		if strings.HasPrefix(url, "turn:") || strings.HasPrefix(url, "turns:") {
			return true
		}
	}
	return false
}

// measure takes the NAT card, if a server has what that takes.
func (c Config) measure(ctx context.Context, climbs []ladder.Climb) *probe.Card {
	patience := c.Patience
	if patience == 0 {
		patience = ladder.DefaultPatience
	}
	for _, climb := range climbs {
		if climb.Transport != "udp" || !climb.Alternate.IsValid() || !climb.Reached(ladder.Binding) {
			continue
		}
		const requests = 5
		ctx, cancel := context.WithTimeout(ctx, 10*patience)
		defer cancel()
		card, err := probe.Run(ctx, probe.Config{Server: climb.Server, RTO: patience / requests, Retransmits: requests - 1, Net: c.Net})
		if err != nil && !card.UDP {
			return nil
		}
		return &card
	}
	return nil
}
