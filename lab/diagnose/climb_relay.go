package diagnose

import (
	"fmt"
	"time"

	"github.com/icelab-go/icelab/lab/ladder"
)

// answered are the causes behind the codes that mean the same from every server.
var answered = map[int]struct {
	cause string
	or    []Alternative
}{
	300: {"B21", nil},
	420: {"C9", nil},
	437: {"C4", []Alternative{{"F5", 0.2, "see whether the NAT gives a port out again at once"}}},
	440: {"C8", nil},
	441: {"A5", []Alternative{{"A1", 0.2, "compare the username with the server's list"}}},
	442: {"C7", nil},
	486: {"C1", []Alternative{{"G7", 0.2, "count the user's allocations on the server"}}},
	508: {"C2", []Alternative{{"C3", 0.25, "read the server's log: no port left, or an address it cannot bind"}}},
}

// refusedWith is for a code whose meaning does not depend on who asks.
func (c climbed) refusedWith(r ladder.Rung) []Finding {
	a, ok := answered[r.Code]
	if !ok {
		return nil
	}
	// coturn tries for a while to bind what it cannot.
	const slow = 1000
	if r.Code == 508 && r.MS > slow {
		return c.one("C3", 0.6, c.at(), r, Alternative{"C2", 0.4, "read the server's log: no port left, or an address it cannot bind"})
	}
	return c.one(a.cause, SureObserved, c.at(), r, a.or...)
}

func (c climbed) noChallenge(r ladder.Rung) []Finding {
	switch r.Fault {
	case ladder.NoRealm:
		return c.one("A5", SureObserved, "the server's configuration", r)
	case ladder.NotSTUN:
		return c.spokeOtherwise(r)
	case ladder.Closed:
		return c.closedMidway(r)
	case ladder.Refused:
		return c.refusedPort(r)
	case ladder.Silent:
		return c.silentAllocate(r)
	case ladder.ErrorCode:
		if list := c.refusedWith(r); list != nil {
			return list
		}
		if r.Code == 403 {
			return c.one("C11", SureControlled, c.at(), r, Alternative{"A13", 0.2, "ask the operator whether it relays at all"})
		}
		// It does not even ask for credentials.
		return c.one("A13", SureControlled, c.at(), r, Alternative{"C12", 0.2, "look for a proxy that rewrites packets"})
	}
	return nil
}

// silentAllocate is for a server that answers Binding, and no Allocate.
func (c climbed) silentAllocate(r ladder.Rung) []Finding {
	rate := Alternative{"B20", 0.4, "ask once more a minute later, and over TCP"}
	role := Alternative{"A13", 0.4, "ask the operator whether the server relays"}
	otherwise := func(o climbed) bool { return o.Server.Addr() == c.Server.Addr() && o.carrier() != c.carrier() }
	switch {
	case c.carrier() == "udp" && c.elsewhere(func(o climbed) bool { return otherwise(o) && o.Reached(ladder.Challenge) }):
		return c.one("B20", SureControlled, c.at(), r, Alternative{"B15", 0.2, "see whether a middlebox drops Allocate alone"})
	case c.elsewhere(func(o climbed) bool { return otherwise(o) && o.Rung(ladder.Challenge).Fault == ladder.Silent }):
		return c.one("A13", 0.6, c.at(), r, rate)
	}
	role.Confidence = 0.45
	return c.one("B20", SureSilent, c.at(), r, role)
}

func (c climbed) noAllocation(r ladder.Rung) []Finding {
	switch r.Fault {
	case ladder.NonceLoop:
		return c.one("C5", SureObserved, c.at(), r, Alternative{"C6", 0.4, "see whether several servers share the address"})
	case ladder.NotSTUN:
		return c.one("C12", SureObserved, c.at(), r)
	case ladder.Closed:
		return c.closedMidway(r)
	case ladder.Silent:
		return c.one("C12", 0.4, c.at(), r,
			Alternative{"C3", 0.35, "wait longer: a server that cannot bind its relay answers late"},
			Alternative{"C10", 0.3, "wait longer"})
	case ladder.ErrorCode:
		if list := c.refusedWith(r); list != nil {
			return list
		}
		switch r.Code {
		// 401 is the standard's and coturn's, 400 pion/turn's.
		case 400, 401:
			return c.badCredentials(r)
		case 403:
			return c.one("C11", SureControlled, c.at(), r)
		}
	}
	return nil
}

// badCredentials is for those that a server does not take. Which of the two is wrong it
// does not tell anybody.
func (c climbed) badCredentials(r ladder.Rung) []Finding {
	where := "credentials of " + c.URL
	refused := func(list []Finding) []Finding {
		a1, _ := Find("A1")
		return worded(list, "the server refuses these credentials: password, user, or the time in it",
			Remedy{a1.Remedy.Owner, a1.Remedy.Do + " The server's log tells which."})
	}
	unknown := Alternative{"A2", 0.3, "look the user up on the server, and see whether it takes fixed users or time-limited ones"}
	if end, ok := expires(c.Username); ok {
		r.Detail += fmt.Sprintf("; the time in the username is %s", end.UTC().Format(time.RFC3339))
		left := end.Sub(c.all.Began)
		switch {
		case left <= 0:
			r.Detail += fmt.Sprintf(", %s ago", (-left).Round(time.Second))
			return c.one("A3", SureObserved, where, r, Alternative{"A1", 0.1, "try a fresh pair"})
		// Clocks that far apart are seen now and then.
		case left < 2*time.Hour:
			r.Detail += fmt.Sprintf(", in %s", left.Round(time.Second))
			return refused(c.one("A1", 0.6, where, r, Alternative{"A4", 0.4, "compare the clocks of the server and of who issues the credentials"}, unknown))
		}
	}
	if r.Code == 400 {
		return refused(c.one("A1", 0.7, where, r, unknown,
			Alternative{"A13", 0.2, "ask the operator whether the server has any users: pion/turn answers the same without them"}))
	}
	return refused(c.one("A1", 0.8, where, r, unknown))
}

func (c climbed) noPermission(r ladder.Rung) []Finding {
	switch r.Fault {
	case ladder.NonceLoop:
		return c.one("C5", SureObserved, c.at(), r, Alternative{"C6", 0.4, "see whether several servers share the address"})
	case ladder.Silent:
		return worded(c.one("D9", SureSilent, c.at(), r, Alternative{"C12", 0.3, "see in a capture whether an answer arrives, and is malformed"}),
			"CreatePermission is never answered", Remedy{})
	case ladder.ErrorCode:
		switch r.Code {
		case 443:
			return c.one("D6", SureObserved, c.at(), r)
		case 437, 438:
			return c.one("C6", 0.6, c.at(), r, Alternative{"C5", 0.3, "see whether several servers share the address"})
		}
		// 403 is the standard's and coturn's; pion/turn's version 4 sends an error without
		// a code.
		list := c.one("D4", SureObserved, "relay of "+c.Server.String(), r)
		if mapped := c.Mapped.Addr(); mapped.IsPrivate() {
			list[0].Confidence = 0.7
			list[0].Alternatives = []Alternative{{"D5", 0.3, "try from outside: a server does well not to relay into private networks"}}
		}
		return list
	}
	return nil
}

func (c climbed) noEcho(r ladder.Rung) []Finding {
	where := fmt.Sprintf("relay %s", c.Relayed)
	var list []Finding
	switch r.Fault {
	case ladder.RelayElsewhere:
		confidence := SureControlled
		if e := c.Echo(ladder.EchoServer); e != nil && e.Outcome == ladder.OK {
			confidence = SureObserved
		}
		list = c.one("D1", confidence, where, r, Alternative{"D2", 0.15, "see on the server whether packets reach the relay's ports"})
	case ladder.RelayDeaf:
		switch e := c.Echo(ladder.EchoSocket); {
		case e != nil && e.Fault == ladder.Refused:
			list = c.one("D3", 0.6, where, r, Alternative{"D2", 0.4, "see whether the server runs in a container, and what that publishes"})
		case !sameAddress(c.Relayed.Addr(), c.Server.Addr()):
			list = c.one("D1", SureSilent, where, r, Alternative{"D2", 0.45, "see whether the relayed address is the server's"})
		default:
			list = c.one("D2", SureControlled, "inbound UDP to the relay ports of "+c.Server.Addr().String(), r,
				Alternative{"D3", 0.2, "see whether the server runs in a container, and what that publishes"},
				Alternative{"D12", 0.1, "see from which address packets reach the relay"})
		}
	case ladder.RelayMute:
		list = c.one("D12", SureSilent, where, r, Alternative{"D2", 0.4, "see whether the server's firewall lets the relay's own packets out"})
	}
	for i := range list {
		for _, e := range c.Echoes {
			if e.Way != ladder.EchoSocket && e.Outcome != ladder.Skipped {
				list[i].Evidence = append(list[i].Evidence, Item{Text: fmt.Sprintf("%s: %s", echoWords[e.Way], e.Detail), Of: OfLadders})
			}
		}
	}
	return list
}

var echoWords = map[string]string{
	ladder.EchoServer:  "the relay's port at the server's own address",
	ladder.EchoOutward: "from the relay to a plain socket",
	ladder.EchoRelay:   "from relay to relay",
}
