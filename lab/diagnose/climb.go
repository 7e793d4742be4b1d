package diagnose

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/icelab-go/icelab/lab/ladder"
)

// FromLadder returns the causes that a client's own probing speaks for, the surest
// first and one finding each. There is none where every relay works, and none for what
// no cause of the catalogue explains.
//
// An answer is taken at its word, and silence only beside an experiment that was
// answered: alone it leaves a finding that is as good as its alternatives.
func FromLadder(r ladder.Result) []Finding {
	var found []Finding
	for _, c := range r.Climbs {
		found = append(found, climbed{r, c}.findings()...)
	}
	return surestFirst(found)
}

// surestFirst has one finding for each cause.
func surestFirst(list []Finding) (found []Finding) {
	for _, f := range list {
		found = merged(found, f)
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(b.Confidence, a.Confidence) })
	return found
}

// merged adds a finding to those of other URLs. What two of them show is one thing.
func merged(list []Finding, f Finding) []Finding {
	for i := range list {
		known := &list[i]
		if known.Cause != f.Cause {
			continue
		}
		known.Evidence = append(known.Evidence, f.Evidence...)
		known.Against = append(known.Against, f.Against...)
		if f.Confidence > known.Confidence {
			known.Confidence, known.Alternatives = f.Confidence, f.Alternatives
			known.says, known.does, known.port = f.says, f.does, f.port
		}
		if !slices.Contains(strings.Split(known.Where, ", "), f.Where) {
			known.Where += ", " + f.Where
		}
		return list
	}
	return append(list, f)
}

// climbed is one URL's climb, among all that was tried.
type climbed struct {
	all ladder.Result
	ladder.Climb
}

func (c climbed) findings() []Finding {
	failed := c.Failed()
	if failed == nil {
		return c.besideSuccess()
	}
	if failed.Fault == ladder.Forbidden {
		return c.forbidden(*failed)
	}
	switch failed.Stage {
	case ladder.Setup:
		return c.badSetup(*failed)
	case ladder.DNS:
		return c.badName(*failed)
	case ladder.Transport:
		return c.noTransport(*failed)
	case ladder.TLS:
		return c.noTLS(*failed)
	case ladder.Binding:
		return c.noBinding(*failed)
	case ladder.Challenge:
		return c.noChallenge(*failed)
	case ladder.Allocate:
		return c.noAllocation(*failed)
	case ladder.Permission:
		return c.noPermission(*failed)
	case ladder.Relay:
		return c.noEcho(*failed)
	}
	return nil
}

// one is a finding on what a rung saw.
func (c climbed) one(cause string, confidence float64, where string, r ladder.Rung, alternatives ...Alternative) []Finding {
	return []Finding{{
		Cause: cause, Confidence: confidence, Where: where,
		Evidence:     []Item{{Text: fmt.Sprintf("%s: %s", c.URL, r.Detail), Of: OfLadders}},
		Alternatives: alternatives,
		port:         c.Server.Port(),
	}}
}

// worded gives findings words and a remedy that fit better than the catalogue's, which
// stay where these are empty.
func worded(list []Finding, says string, does Remedy) []Finding {
	for i := range list {
		list[i].says = says
		if does.Do != "" {
			list[i].does = &does
		}
	}
	return list
}

// saw adds what a control showed.
func saw(list []Finding, controls ...*ladder.Control) []Finding {
	for i := range list {
		for _, k := range controls {
			if k == nil || k.Outcome == ladder.Skipped {
				continue
			}
			item := Item{Text: fmt.Sprintf("%s at %s: %s", controlWords[k.Name], k.To, k.Detail), Of: OfLadders}
			if !slices.ContainsFunc(list[i].Evidence, func(known Item) bool { return known.Text == item.Text }) {
				list[i].Evidence = append(list[i].Evidence, item)
			}
		}
	}
	return list
}

var controlWords = map[string]string{
	ladder.ControlBinding:   "STUN over UDP",
	ladder.ControlTCP:       "TCP",
	ladder.ControlTLS:       "TCP",
	ladder.ControlOtherPort: "STUN over UDP",
	ladder.ControlRandomUDP: "UDP that is no STUN",
	ladder.ControlLarge:     "a large datagram",
}

func (c climbed) badSetup(r ladder.Rung) []Finding {
	if r.Fault == ladder.NoCredentials {
		return c.one("A6", SureObserved, "credentials of "+c.URL, r)
	}
	return c.one("A7", SureObserved, c.URL, r)
}

func (c climbed) badName(r ladder.Rung) []Finding {
	if r.Fault == ladder.NameFamily {
		return c.one("B2", SureObserved, "DNS records of the server", r,
			Alternative{"B19", 0.2, "see whether the client has IPv6 alone"})
	}
	return c.one("B1", SureObserved, "DNS", r)
}

func (c climbed) at() string {
	return fmt.Sprintf("%s over %s", c.Server, strings.ToUpper(c.carrier()))
}

// carrier is what the transport rides on.
func (c climbed) carrier() string {
	if c.Transport == "tcp" || c.Transport == "tls" {
		return "tcp"
	}
	return "udp"
}

func (c climbed) noTLS(r ladder.Rung) []Finding {
	where := "certificate of " + c.URL
	middlebox := Alternative{"B13", 0.1, "compare the certificate's issuer with the one seen from another network"}
	switch r.Fault {
	case ladder.CertificateUnknown:
		list := c.one("B8", SureObserved, where, r, middlebox)
		if k := c.Certificate; k != nil && c.all.Began.After(k.NotAfter) {
			list = append(list, c.one("B10", SureControlled, where, r)...)
		}
		return list
	case ladder.CertificateNotValid:
		return c.one("B8", SureObserved, where, r, Alternative{"A4", 0.3, "compare this host's clock with another one's"})
	case ladder.CertificateName:
		return c.one("B9", SureObserved, where, r, Alternative{"B11", 0.2, "see whose certificate it is: a web server's on the same port?"})
	case ladder.CertificateExpired:
		return c.one("B10", SureObserved, where, r, Alternative{"A4", 0.1, "compare this host's clock with another one's"})
	case ladder.TLSVersion:
		return c.one("B12", SureObserved, c.at(), r)
	case ladder.Refused:
		return c.refusedPort(r)
	case ladder.Silent, ladder.Unreachable:
		if c.carrier() == "udp" {
			return c.silentUDP(r)
		}
		return c.one("B16", SureSilent, c.at(), r,
			Alternative{"B11", 0.4, "read the server's log for a connection without a handshake"},
			Alternative{"B13", 0.3, "try from another network"})
	}
	const unrecognizedName, handshakeFailure = 112, 40
	switch {
	case r.Alert == unrecognizedName:
		return c.one("B11", SureObserved, c.at(), r)
	case r.Alert == handshakeFailure:
		return c.one("B12", 0.7, c.at(), r, Alternative{"B11", 0.3, "ask with openssl s_client -servername"})
	}
	return c.one("B11", SureSilent, c.at(), r,
		Alternative{"B16", 0.4, "try from another network"},
		Alternative{"B12", 0.3, "ask with openssl s_client for each version"})
}

func (c climbed) noBinding(r ladder.Rung) []Finding {
	switch r.Fault {
	case ladder.ErrorCode:
		if r.Code == 401 {
			return append(c.one("A14", SureObserved, "the server's configuration", r), c.above(ladder.Binding)...)
		}
		return c.above(ladder.Binding)
	case ladder.NotSTUN:
		return c.spokeOtherwise(r)
	case ladder.Closed:
		return c.closedMidway(r)
	case ladder.Refused:
		return c.refusedPort(r)
	}
	if c.Rung(ladder.Challenge).Outcome == ladder.OK {
		return c.above(ladder.Binding) // it answers Allocate, which is what counts
	}
	if c.carrier() == "tcp" {
		return c.closedMidway(r)
	}
	return c.silentUDP(r)
}

// above are the findings of what failed after a rung that need not have ended it.
func (c climbed) above(s ladder.Stage) []Finding {
	rest := c
	rest.Rungs = slices.DeleteFunc(slices.Clone(c.Rungs), func(r ladder.Rung) bool { return r.Stage == s })
	if rest.Failed() == nil {
		return nil
	}
	return rest.findings()
}

// spokeOtherwise is for a server that answers, and not with STUN.
func (c climbed) spokeOtherwise(r ladder.Rung) []Finding {
	if c.carrier() == "udp" {
		return c.one("C12", SureObserved, c.at(), r)
	}
	return c.one("B11", SureControlled, c.at(), r,
		Alternative{"B13", 0.3, "try from another network"})
}

// closedMidway is for a connection that ends, or falls silent, at the first STUN.
func (c climbed) closedMidway(r ladder.Rung) []Finding {
	confidence := SureSilent
	if c.elsewhere(func(o climbed) bool { return o.Server.Addr() == c.Server.Addr() && o.Reached(ladder.Challenge) }) {
		confidence = 0.6 // the server itself speaks TURN
	}
	return c.one("B16", confidence, c.at(), r,
		Alternative{"B11", 0.4, "look on the server for who has that port"},
		Alternative{"B13", 0.3, "try from another network"})
}

// elsewhere reports whether another URL's climb is so.
func (c climbed) elsewhere(is func(climbed) bool) bool {
	return slices.ContainsFunc(c.all.Climbs, func(o ladder.Climb) bool {
		return (o.URL != c.URL || o.Server != c.Server) && is(climbed{c.all, o})
	})
}

// expires is the time in a time-limited username: "1700000000:alice", or that alone.
func expires(username string) (time.Time, bool) {
	digits, _, _ := strings.Cut(username, ":")
	seconds, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || len(digits) < 9 || len(digits) > 11 {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}

// besideSuccess is what is wrong though the climb got to the top.
func (c climbed) besideSuccess() []Finding {
	between := c.Echo(ladder.EchoRelay)
	socket := c.Echo(ladder.EchoSocket)
	if between == nil || socket == nil || socket.Outcome != ladder.OK {
		return nil
	}
	if between.Outcome == ladder.Failed {
		return c.one("D7", 0.8, "relay to relay of "+c.Server.Addr().String(), ladder.Rung{Detail: between.Detail + ", while from outside the relay is reached"})
	}
	return nil
}

func sameAddress(a, b netip.Addr) bool { return a.IsValid() && a == b }
