package scenarios

import (
	"cmp"
	"fmt"
	"reflect"
	"time"
)

// Step is one thing that happens; exactly one field is set. In a file it is a
// map with one key, or the bare word for a step with its defaults: "- echo".
type Step struct {
	// Connect lets the peers find each other.
	Connect *Connect `json:"connect,omitempty"`
	// Echo sends messages and takes their echoes back.
	Echo *Echo `json:"echo,omitempty"`
	// NoEcho sends messages and lets no echo come back.
	NoEcho *NoEcho `json:"no-echo,omitempty"`
	// Kill ends a node without a goodbye, as a crash would. The only one that
	// can be killed is turn.
	Kill string `json:"kill,omitempty"`
	// Wait lets nothing happen for a time of at most 60 s; the peers' own
	// keepalives go on.
	Wait Duration `json:"wait,omitempty"`
}

// Connect lets the peers gather, signal and check until the data channel is
// open.
type Connect struct {
	// Within is how long that may take; 10 s by default. Where path
	// none is expected it is how long none may be found.
	Within Duration `json:"within,omitempty"`
}

// Echo sends messages from the caller and takes every echo back.
type Echo struct {
	// Messages is how many are sent: 1 to 100000, by default 20.
	Messages int `json:"messages,omitempty"`
	// Bytes is the size of each: 20 to 65535, by default 1000.
	Bytes int `json:"bytes,omitempty"`
	// Within is how long all of them together may take; 10 s by default.
	Within Duration `json:"within,omitempty"`
}

// NoEcho sends messages from the caller while no echo may arrive.
type NoEcho struct {
	// For is how long the silence must last; 2 s by default.
	For Duration `json:"for,omitempty"`
}

// KillTurn is the value of Step.Kill that ends the TURN server. It takes the
// STUN service with it.
const KillTurn = "turn"

// What a step does when it is not told.
const (
	defaultWithin   = Duration(10 * time.Second)
	defaultSilence  = Duration(2 * time.Second)
	defaultMessages = 20
	defaultBytes    = 1000
)

const maxWait = Duration(time.Minute)

// The ranges of Echo.
const (
	minMessages, maxMessages = 1, 100_000
	// A message carries its sequence number and checksum, and pion takes none
	// that is longer than 65535 bytes.
	minBytes, maxBytes = 20, 65535
)

func stepKinds() []string { return fieldsOf(reflect.TypeFor[Step]()).keys }

func newConnect() *Connect { c := &Connect{}; c.preset(); return c }
func newEcho() *Echo       { e := &Echo{}; e.preset(); return e }
func newNoEcho() *NoEcho   { n := &NoEcho{}; n.preset(); return n }

// preset sets what is zero to its default.
func (c *Connect) preset() { c.Within = cmp.Or(c.Within, defaultWithin) }

func (e *Echo) preset() {
	e.Messages = cmp.Or(e.Messages, defaultMessages)
	e.Bytes = cmp.Or(e.Bytes, defaultBytes)
	e.Within = cmp.Or(e.Within, defaultWithin)
}

func (n *NoEcho) preset() { n.For = cmp.Or(n.For, defaultSilence) }

// Kind returns the word that the step has in a file.
func (s Step) Kind() string {
	switch {
	case s.Connect != nil:
		return "connect"
	case s.Echo != nil:
		return "echo"
	case s.NoEcho != nil:
		return "no-echo"
	case s.Kill != "":
		return "kill"
	case s.Wait != 0:
		return "wait"
	}
	return ""
}

// String tells the step in a few words: "echo 100 × 1200 bytes within 10s".
func (s Step) String() string {
	switch {
	case s.Connect != nil:
		return fmt.Sprintf("connect within %s", s.Connect.Within)
	case s.Echo != nil:
		return fmt.Sprintf("echo %d × %d bytes within %s", s.Echo.Messages, s.Echo.Bytes, s.Echo.Within)
	case s.NoEcho != nil:
		return fmt.Sprintf("no echo for %s", s.NoEcho.For)
	case s.Kill != "":
		return "kill " + s.Kill
	case s.Wait != 0:
		return fmt.Sprintf("wait %s", s.Wait)
	}
	return "nothing"
}

// actions counts the things that s does.
func (s Step) actions() int {
	n := 0
	for _, set := range []bool{s.Connect != nil, s.Echo != nil, s.NoEcho != nil, s.Kill != "", s.Wait != 0} {
		if set {
			n++
		}
	}
	return n
}

// complete returns a copy of s with its zero fields at their defaults.
func (s Step) complete() Step {
	if s.Connect != nil {
		s.Connect = new(*s.Connect)
		s.Connect.preset()
	}
	if s.Echo != nil {
		s.Echo = new(*s.Echo)
		s.Echo.preset()
	}
	if s.NoEcho != nil {
		s.NoEcho = new(*s.NoEcho)
		s.NoEcho.preset()
	}
	return s
}
