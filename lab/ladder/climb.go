package ladder

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v3"
)

// climber tries one URL.
type climber struct {
	Config
	target
	climb Climb
	hold  hold

	conn net.Conn // until there is a link
	link *link
	// session is that of the allocation.
	session *session
	// peer is the address that this host has for a relay, and permitted says that the
	// relay may send there.
	peer      netip.Addr
	permitted bool
}

// run tries rung after rung until one fails.
func (c *climber) run(ctx context.Context, resolved func(host string) lookup) Climb {
	var stop string // why no further rung is tried
	step := func(stage Stage, try func() Rung) Rung {
		if stop != "" {
			r := Rung{Stage: stage, Outcome: Skipped, Detail: stop}
			c.climb.Rungs = append(c.climb.Rungs, r)
			return r
		}
		began := time.Now()
		r := try()
		r.Stage = stage
		if r.MS == 0 {
			r.MS = since(began)
		}
		c.climb.Rungs = append(c.climb.Rungs, r)
		if r.Outcome == Failed {
			stop = "not reached"
		}
		return r
	}
	defer func() {
		if c.link != nil {
			c.link.close()
		} else if c.conn != nil {
			_ = c.conn.Close()
		}
	}()

	step(Setup, c.setup)
	step(DNS, func() Rung {
		found := resolved(c.host)
		if found.address.IsValid() {
			c.climb.Server = netip.AddrPortFrom(found.address, c.port)
		}
		return found.rung
	})
	transport := step(Transport, func() Rung { return c.dial(ctx) })
	if transport.Outcome == Skipped && stop == "" {
		stop = "not reached" // this host has no such transport
	}
	step(TLS, func() Rung {
		if c.transport != "tls" && c.transport != "dtls" {
			return Rung{Outcome: Skipped, Detail: "not encrypted"}
		}
		return c.encrypt(ctx)
	})
	if stop == "" {
		c.link = newLink(c.conn, c.stream(), c.Patience)
	}
	binding := step(Binding, func() Rung { return c.binding(ctx) })
	if binding.Fault == Silent || binding.Fault == ErrorCode {
		// Servers may answer no Binding and still relay; one that is down is not asked
		// for long again.
		stop = ""
	}
	if stop == "" && !c.turn {
		stop = "a stun: URL asks for no relay"
	}
	step(Challenge, func() Rung { return c.challenge(ctx) })
	step(Allocate, func() Rung { return c.allocate(ctx) })
	defer c.release()
	step(Permission, func() Rung { return c.permission(ctx) })
	step(Relay, func() Rung { return c.relay(ctx) })
	return c.climb
}

// setup is the rung of what the application wrote.
func (c *climber) setup() Rung {
	t, err := parse(c.climb.URL)
	c.target = t
	c.climb.Transport = t.transport
	if err != nil {
		return Rung{Outcome: Failed, Fault: BadURL, Detail: err.Error()}
	}
	if t.turn && (c.Username == "" || c.Credential == "") {
		missing := "neither username nor credential"
		if c.Username != "" {
			missing = "no credential"
		} else if c.Credential != "" {
			missing = "no username"
		}
		return Rung{Outcome: Failed, Fault: NoCredentials, Detail: missing + ": clients send nothing to a TURN server without them"}
	}
	if t.turn {
		c.climb.Username = c.Username
	}
	return Rung{Outcome: OK, Detail: fmt.Sprintf("%s port %d over %s", t.host, t.port, t.transport)}
}

// binding asks who we are.
func (c *climber) binding(ctx context.Context) Rung {
	request := newRequest(stun.MethodBinding, stun.ClassRequest)
	answer, requests, err := c.link.ask(ctx, request)
	if err != nil {
		return c.unanswered("Binding", requests, err)
	}
	c.notice(answer)
	if answer.Type.Class == stun.ClassErrorResponse {
		return refused("Binding", answer)
	}
	mapped := mappedAddress(answer)
	if !mapped.IsValid() {
		return Rung{Outcome: Failed, Fault: NotSTUN, Detail: "a Binding success without an address in it"}
	}
	c.climb.Mapped = mapped
	c.climb.Alternate = plainAddress(answer, stun.AttrOtherAddress)
	local := localOf(c.link.conn)
	seen := fmt.Sprintf("%s sees us as %s", c.climb.Server, mapped)
	if mapped == local {
		seen += ", which we are: no NAT in between"
	}
	return Rung{Outcome: OK, Detail: seen + again(requests)}
}

// again says how often it was asked, where once did not do.
func again(requests int) string {
	if requests < 2 {
		return ""
	}
	return fmt.Sprintf(", asked %d times", requests)
}

// notice keeps what any message may tell.
func (c *climber) notice(m *stun.Message) {
	var software stun.Software
	if software.GetFrom(m) == nil && len(software) > 0 {
		c.climb.Software = software.String()
	}
	var realm stun.Realm
	if realm.GetFrom(m) == nil && len(realm) > 0 {
		c.climb.Realm = realm.String()
	}
}

// unanswered is the rung of a request that came to nothing.
func (c *climber) unanswered(what string, requests int, err error) Rung {
	fault := faultOf(err)
	switch {
	case fault == "":
		fault = Unreachable
	case c.link.stream && fault == Refused:
		fault = Closed
	}
	detail := fmt.Sprintf("%s in answer to %s", words(err, c.link.overUDP()), what)
	if fault == Silent {
		detail = fmt.Sprintf("no answer to %s", what)
		if requests > 1 {
			detail = fmt.Sprintf("no answer to %d %s requests", requests, what)
		}
		detail += fmt.Sprintf(" within %s", c.Patience)
	}
	return Rung{Outcome: Failed, Fault: fault, Detail: detail}
}

// refused is the rung of a STUN error. Code 0 is an error response without one.
func refused(what string, answer *stun.Message) Rung {
	code, reason := errorOf(answer)
	return Rung{Outcome: Failed, Fault: ErrorCode, Code: code, Detail: fmt.Sprintf("%s refused: %s", what, codeWords(code, reason))}
}

func errorOf(m *stun.Message) (code int, reason string) {
	var e stun.ErrorCodeAttribute
	if e.GetFrom(m) != nil {
		return 0, ""
	}
	return int(e.Code), string(e.Reason)
}

// codeWords are those of the code, with the server's own where there are any.
func codeWords(code int, reason string) string {
	switch {
	case code == 0:
		return "an error without a code"
	case reason == "":
		return fmt.Sprintf("%d, without a reason", code)
	}
	return fmt.Sprintf("%d %s", code, reason)
}

func mappedAddress(m *stun.Message) netip.AddrPort {
	if a := xorAddress(m, stun.AttrXORMappedAddress); a.IsValid() {
		return a
	}
	return plainAddress(m, stun.AttrMappedAddress)
}

func plainAddress(m *stun.Message, attribute stun.AttrType) netip.AddrPort {
	var a stun.MappedAddress
	if a.GetFromAs(m, attribute) != nil {
		return netip.AddrPort{}
	}
	return addrPortOf(a.IP, a.Port)
}
