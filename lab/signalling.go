package lab

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/node"
	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
)

// signal carries the caller's offer to the callee and the answer back.
func (r *run) signal(ctx context.Context, offer string) error {
	offer, err := r.fromCaller.description(ctx, offer)
	if err != nil {
		return err
	}
	answer, err := r.callee.Answer(ctx, offer)
	if err != nil {
		return r.refused(ctx, err)
	}
	if answer, err = r.fromCallee.description(ctx, answer); err != nil {
		return err
	}
	return r.refused(ctx, r.caller.Accept(ctx, answer))
}

// refused takes it for a part of the story that a peer refuses a description which
// was spoilt on its way: the peers go on without it.
func (r *run) refused(ctx context.Context, err error) error {
	var died *node.Died
	if err == nil || ctx.Err() != nil || errors.As(err, &died) || !(r.fromCaller.spoils() || r.fromCallee.spoils()) {
		return err
	}
	r.refusal = err.Error()
	return nil
}

// withRefusal adds to a problem that a description was refused before it.
func (r *run) withRefusal(problem string) string {
	if r.refusal == "" {
		return problem
	}
	return problem + "; " + r.refusal
}

// spoils reports whether descriptions do not arrive as they were sent.
func (c *courier) spoils() bool {
	return slices.ContainsFunc(c.faults, func(f *spoiling) bool { return f.Ufrag != "" || f.Password != "" })
}

// trickle carries candidates both ways, in order, until the returned function
// is called.
func (r *run) trickle(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var each errgroup.Group
	carry := func(from, to part, side string) *courier {
		c := &courier{from: from.Client, to: to.Client, handled: make(chan struct{}, 1)}
		for _, fault := range r.scenario.Faults.Signalling {
			if fault.From == side || fault.From == scenarios.Both {
				c.faults = append(c.faults, &spoiling{SignallingFault: fault})
			}
		}
		// A peer has a handful of candidates: the buffers never fill.
		lines, late := make(chan gathered, 256), make(chan gathered, 256)
		from.OnCandidate(func(line peers.CandidateLine) {
			select {
			case lines <- gathered{line, time.Now()}:
			case <-ctx.Done():
			}
		})
		each.Go(func() error {
			for {
				select {
				case line := <-lines:
					c.carry(ctx, line, late)
				case <-ctx.Done():
					return nil
				}
			}
		})
		each.Go(func() error {
			for {
				select {
				case line := <-late:
					if pause(ctx, time.Until(line.at)) == nil {
						c.deliver(ctx, line.CandidateLine)
					}
				case <-ctx.Done():
					return nil
				}
			}
		})
		return c
	}
	r.fromCaller = carry(r.caller, r.callee, scenarios.SideCaller)
	r.fromCallee = carry(r.callee, r.caller, scenarios.SideCallee)
	return func() {
		cancel()
		_ = each.Wait()
	}
}

// courier carries descriptions and candidates from one peer to the other, with the
// faults of the scenario.
type courier struct {
	from, to *node.Client
	faults   []*spoiling

	mu sync.Mutex
	// first is the username fragment of the first description.
	first string
	// taken counts the candidates that were delivered, or lost.
	taken   int
	handled chan struct{} // has a token after each
}

// spoiling is a fault while it acts.
type spoiling struct {
	scenarios.SignallingFault
	met int
}

// gathered is a candidate, and when it came or is due.
type gathered struct {
	peers.CandidateLine
	at time.Time
}

// carry delivers a candidate, unless a fault loses it, or hands it on to be late.
func (c *courier) carry(ctx context.Context, g gathered, late chan<- gathered) {
	lost, due := false, g.at
	for _, f := range c.faults {
		lost = lost || f.drops(g.CandidateLine)
		if f.delays(g.CandidateLine) {
			due = due.Add(time.Duration(f.Delay))
		}
	}
	c.mu.Lock()
	first := c.first
	c.mu.Unlock()
	for _, f := range c.faults {
		g.CandidateLine = f.spoilt(g.CandidateLine, first)
	}
	switch {
	case lost:
		c.count()
	case due.After(g.at):
		late <- gathered{g.CandidateLine, due}
	default:
		c.deliver(ctx, g.CandidateLine)
	}
}

func (c *courier) deliver(ctx context.Context, line peers.CandidateLine) {
	// The peer itself reports what it thinks of a candidate.
	_ = c.to.AddCandidate(ctx, line)
	c.count()
}

func (c *courier) count() {
	c.mu.Lock()
	c.taken++
	c.mu.Unlock()
	select {
	case c.handled <- struct{}{}:
	default:
	}
}

// drops counts a candidate and decides whether it is lost.
func (f *spoiling) drops(line peers.CandidateLine) bool {
	if f.Drop == nil || !slices.Contains(f.Drop, scenarios.AnyType) && !slices.Contains(f.Drop, typeOf(line)) {
		return false
	}
	f.met++
	return f.met%max(1, f.Every) == 0
}

func (f *spoiling) delays(line peers.CandidateLine) bool {
	return f.Delay > 0 && (f.Delayed == nil || slices.Contains(f.Delayed, typeOf(line)))
}

// typeOf is the word after "typ" (RFC 8839 section 5.1).
func typeOf(line peers.CandidateLine) string {
	fields := strings.Fields(line.Candidate)
	if i := slices.Index(fields, "typ"); i >= 0 && i+1 < len(fields) {
		return fields[i+1]
	}
	return ""
}

// ufrag is what is put in place of a username fragment, "" for nothing.
func (f *spoiling) ufrag(first string) string {
	if f.Ufrag == scenarios.StaleUfrag {
		return first
	}
	return f.Ufrag
}

func (f *spoiling) spoilt(line peers.CandidateLine, first string) peers.CandidateLine {
	if f.Mid != "" {
		line.Mid = f.Mid
	}
	if ufrag := f.ufrag(first); ufrag != "" {
		line.Candidate = candidateUfrag.ReplaceAllString(line.Candidate, "${1}"+ufrag)
	}
	return line
}

// Where a username fragment and a password are (RFC 8839 sections 5.1 and 5.4).
var (
	candidateUfrag      = regexp.MustCompile(`( ufrag )[^ ]+`)
	descriptionUfrag    = regexp.MustCompile(`(?m)^(a=ice-ufrag:)([^\r\n]+)`)
	descriptionPassword = regexp.MustCompile(`(?m)^(a=ice-pwd:)[^\r\n]+`)
)

// description returns what arrives of an offer or an answer, once it may arrive.
func (c *courier) description(ctx context.Context, sdp string) (string, error) {
	c.mu.Lock()
	if own := descriptionUfrag.FindStringSubmatch(sdp); c.first == "" && own != nil {
		c.first = own[2]
	}
	first := c.first
	c.mu.Unlock()
	for _, f := range c.faults {
		if ufrag := f.ufrag(first); ufrag != "" {
			sdp = descriptionUfrag.ReplaceAllString(sdp, "${1}"+ufrag)
		}
		if f.Password != "" {
			sdp = descriptionPassword.ReplaceAllString(sdp, "${1}"+f.Password)
		}
		if f.BeforeDescription {
			if err := c.allTaken(ctx); err != nil {
				return "", err
			}
		}
	}
	return sdp, nil
}

// gatherPatience is longer than pion gathers from a server that keeps silent.
const gatherPatience = 12 * time.Second

// allTaken waits until the peer has gathered all its candidates, and they have been
// delivered.
func (c *courier) allTaken(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, gatherPatience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		report, err := c.from.Report(ctx)
		if err != nil {
			return err
		}
		sent := 0
		for _, l := range report.Local {
			if l.Sent {
				sent++
			}
		}
		c.mu.Lock()
		taken := c.taken
		c.mu.Unlock()
		if report.Gathering == "complete" && taken >= sent {
			return nil
		}
		select {
		case <-c.handled:
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
