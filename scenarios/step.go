package scenarios

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
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
	// Link makes the line behind a peer's gateway better or worse.
	Link *LinkChange `json:"link,omitempty"`
	// Cut lets nothing, or no UDP, through a peer's gateway any more.
	Cut *Cut `json:"cut,omitempty"`
	// Restore ends what a cut began.
	Restore *Event `json:"restore,omitempty"`
	// Rebind makes every NAT of a side forget its mappings and draw new ports.
	Rebind *Event `json:"rebind,omitempty"`
	// Expire makes every NAT of a side forget its mappings, as if their lifetime
	// had passed.
	Expire *Event `json:"expire,omitempty"`
	// Reboot turns a peer's gateway off and on again.
	Reboot *Reboot `json:"reboot,omitempty"`
	// Move takes a peer to another LAN, where it gets a new address.
	Move *Move `json:"move,omitempty"`
	// RestartICE lets the peers find each other anew.
	RestartICE *RestartICE `json:"restart-ice,omitempty"`
	// Kill ends a node without a goodbye, as a crash would. The only one that
	// can be killed is turn.
	Kill string `json:"kill,omitempty"`
	// Start starts a node that was killed. It has no memory of what it was.
	Start string `json:"start,omitempty"`
	// Filter drops packets from now on, beside those that are dropped already.
	Filter *Filter `json:"filter,omitempty"`
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
	// Path is how this echo has to travel, where that is not Expect's.
	Path Path `json:"path,omitempty"`
	// Transport is that of the leg to the TURN server, as in Expect. It is by
	// default Expect's where the path is, else any.
	Transport string `json:"transport,omitempty"`
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

// presettable is a value whose zero fields have defaults.
type presettable interface{ preset() }

// what returns the one thing that s does, with the word it has in a file. It
// returns zeros if there is none.
func (s Step) what() (kind string, thing reflect.Value) {
	v := reflect.ValueOf(s)
	for i, kind := range stepKinds() {
		if field := v.Field(i); !field.IsZero() {
			return kind, field
		}
	}
	return "", reflect.Value{}
}

// Kind returns the word that the step has in a file.
func (s Step) Kind() string {
	kind, _ := s.what()
	return kind
}

// Side returns whose network the step happens to, caller or callee; "" if it
// happens to none or both.
func (s Step) Side() string {
	switch {
	case s.Link != nil:
		return s.Link.Side
	case s.Cut != nil:
		return s.Cut.Side
	case s.Reboot != nil:
		return s.Reboot.Side
	case s.Move != nil:
		return s.Move.Side
	case s.event() != nil:
		return s.event().Side
	}
	return ""
}

// Recovery returns how long after the step began the echo of a message that was
// sent since then has to be back; 0 if that is not demanded.
func (s Step) Recovery() Duration {
	switch {
	case s.Cut != nil:
		return s.Cut.Within
	case s.Reboot != nil:
		return s.Reboot.Within
	case s.Move != nil:
		return s.Move.Within
	case s.RestartICE != nil && s.RestartICE.Path != PathNone:
		return s.RestartICE.Within
	case s.event() != nil:
		return s.event().Within
	}
	return 0
}

// event returns the step's Event, if it is one of those that have no more to say.
func (s Step) event() *Event { return cmp.Or(s.Restore, s.Rebind, s.Expire) }

// String tells the step in a few words: "echo 100 × 1200 bytes within 10s".
func (s Step) String() string {
	kind, thing := s.what()
	switch {
	case kind == "":
		return "nothing"
	case s.NoEcho != nil:
		return "no echo " + s.NoEcho.String()
	case thing.Kind() == reflect.Pointer:
		thing = thing.Elem()
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s", kind, thing.Interface()))
}

// String tells the time: "within 10s".
func (c Connect) String() string { return strings.TrimSpace(within(c.Within)) }

// String tells the messages: "100 × 1200 bytes within 10s".
func (e Echo) String() string {
	return fmt.Sprintf("%d × %d bytes%s", e.Messages, e.Bytes, within(e.Within))
}

// String tells the time: "for 2s".
func (n NoEcho) String() string { return fmt.Sprintf("for %s", n.For) }

// actions counts the things that s does.
func (s Step) actions() int {
	n, v := 0, reflect.ValueOf(s)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			n++
		}
	}
	return n
}

// complete returns a copy of s, down to the last field, with what is zero at its
// default.
func (s Step) complete() Step {
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		field := v.Field(i)
		if field.Kind() != reflect.Pointer || field.IsNil() {
			continue
		}
		thing := reflect.New(field.Type().Elem())
		thing.Elem().Set(field.Elem())
		field.Set(thing)
		if p, ok := thing.Interface().(presettable); ok {
			p.preset()
		}
	}
	return s
}
