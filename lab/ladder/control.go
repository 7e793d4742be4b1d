package ladder

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/stun/v3"
	"golang.org/x/net/dns/dnsmessage"
)

// controls are what is tried beside the URLs, once for each place.
type controls struct {
	Config
	ctx context.Context

	mu   sync.Mutex
	work sync.WaitGroup
	all  []Control
}

// start tries all at once that can be tried beside the climbs.
func (k *controls) start(servers []netip.AddrPort, climbed func(netip.AddrPort) bool) {
	hosts := map[netip.Addr]bool{}
	for _, server := range servers {
		if !climbed(server) {
			k.try(ControlBinding, server, k.binding)
		}
		k.try(ControlTCP, server, k.tcp)
		hosts[server.Addr()] = true
	}
	others := slices.Clone(k.Others)
	for host := range hosts {
		k.try(ControlTLS, netip.AddrPortFrom(host, 443), k.tcp)
		for i, port := range k.OtherPorts {
			at := netip.AddrPortFrom(host, port)
			if slices.Contains(servers, at) {
				continue
			}
			others = append(others, at)
			if i == 0 { // and no more: hosts send few ICMP errors a second
				k.try(ControlRandomUDP, at, k.noise)
			}
		}
	}
	slices.SortFunc(others, netip.AddrPort.Compare)
	for _, other := range slices.Compact(others) {
		k.try(ControlOtherPort, other, k.binding)
	}
	if k.NotSTUN.IsValid() {
		k.try(ControlRandomUDP, k.NotSTUN, k.dns)
	}
}

// finish tries what is left when nothing else is asked any more. A port that was silent
// is asked again then: hosts send few ICMP errors a second, and the one that tells it to
// be closed may have been one too many.
func (k *controls) finish(climbs []Climb) {
	k.work.Wait()
	for at, r := range bindings(climbs) {
		if r.Fault == Silent {
			k.note(ControlBinding, at, k.binding)
			continue
		}
		k.note(ControlBinding, at, func(netip.AddrPort) Control {
			if r.Fault == ErrorCode {
				return Control{Outcome: OK, Detail: "answered: " + r.Detail}
			}
			return Control{Outcome: r.Outcome, Fault: r.Fault, Detail: r.Detail}
		})
	}
	for _, c := range slices.Clone(k.all) {
		if c.Name == ControlBinding && c.Outcome == OK {
			k.try(ControlLarge, c.To, k.large)
		}
	}
	k.work.Wait()
}

// bindings are what climbs over plain UDP have seen of each place: an answer of any kind
// counts for more than silence.
func bindings(climbs []Climb) map[netip.AddrPort]Rung {
	seen := map[netip.AddrPort]Rung{}
	for _, c := range climbs {
		r := c.Rung(Binding)
		if c.Transport != "udp" || r.Outcome != OK && r.Outcome != Failed {
			continue
		}
		if known, ok := seen[c.Server]; !ok || known.Fault == Silent || r.Outcome == OK {
			seen[c.Server] = r
		}
	}
	return seen
}

func (k *controls) try(name string, to netip.AddrPort, f func(netip.AddrPort) Control) {
	k.work.Go(func() { k.note(name, to, f) })
}

func (k *controls) note(name string, to netip.AddrPort, f func(netip.AddrPort) Control) {
	began := time.Now()
	c := f(to)
	c.Name, c.To, c.MS = name, to, since(began)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, c)
}

// sorted returns them, in the order of the names' declaration, and one that was skipped
// for a name that there was nothing to try against.
func (k *controls) sorted() []Control {
	order := []string{ControlBinding, ControlTCP, ControlTLS, ControlOtherPort, ControlRandomUDP, ControlLarge}
	for _, name := range order {
		if !slices.ContainsFunc(k.all, func(c Control) bool { return c.Name == name }) {
			k.all = append(k.all, Control{Name: name, Outcome: Skipped, Detail: "there is nothing to try it against"})
		}
	}
	slices.SortFunc(k.all, func(a, b Control) int {
		if a.Name != b.Name {
			return slices.Index(order, a.Name) - slices.Index(order, b.Name)
		}
		return a.To.Compare(b.To)
	})
	return k.all
}

func (k *controls) binding(to netip.AddrPort) Control {
	return k.ask(to, newRequest(stun.MethodBinding, stun.ClassRequest))
}

func (k *controls) ask(to netip.AddrPort, request *stun.Message) Control {
	conn, err := k.Net.Dial("udp", to.String())
	if err != nil {
		return missed(err, true)
	}
	l := newLink(conn, false, k.Patience)
	defer l.close()
	answer, requests, err := l.ask(k.ctx, request)
	switch {
	case err != nil:
		c := missed(err, true)
		if c.Fault == Silent {
			c.Detail = fmt.Sprintf("no answer to %d Binding requests of %d bytes", requests, len(request.Raw))
		}
		return c
	case answer.Type.Class == stun.ClassErrorResponse:
		code, reason := errorOf(answer)
		return Control{Outcome: OK, Detail: "answered: " + codeWords(code, reason)}
	}
	return Control{Outcome: OK, Detail: fmt.Sprintf("answered: we are %s%s", mappedAddress(answer), again(requests))}
}

func missed(err error, overUDP bool) Control {
	r := unusable(err, overUDP)
	return Control{Outcome: r.Outcome, Fault: r.Fault, Detail: r.Detail}
}

func (k *controls) tcp(to netip.AddrPort) Control {
	conn, err := dialTCP(k.ctx, k.Config, to)
	if err != nil {
		return missed(err, false)
	}
	_ = conn.Close()
	return Control{Outcome: OK, Detail: "SYN answered"}
}

// padding is a comprehension-optional attribute that no server knows and all ignore
// (RFC 8489 §14). PADDING of RFC 5780 is one that servers must know.
const padding = stun.AttrType(0xC0DE)

// largeBytes is what media packets may be long.
const largeBytes = 1200

// large asks the same question in a large datagram.
func (k *controls) large(to netip.AddrPort) Control {
	const header = 20 + 4
	return k.ask(to, newRequest(stun.MethodBinding, stun.ClassRequest, stun.RawAttribute{Type: padding, Value: make([]byte, largeBytes-header)}))
}

// dns asks a DNS server for the root's name servers, which they all know.
func (k *controls) dns(to netip.AddrPort) Control {
	question := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeNS, Class: dnsmessage.ClassINET}},
	}
	packed, err := question.Pack()
	if err != nil {
		return Control{Outcome: Skipped, Detail: err.Error()}
	}
	return k.exchange(to, packed, "a DNS query", func(p []byte) bool {
		var reply dnsmessage.Message
		return reply.Unpack(p) == nil && reply.Response && reply.ID == question.ID
	})
}

// noise sends what is nothing. Who listens does not answer; a port where nobody does
// answers with ICMP, and that it gets there is what counts: it is OK and Refused.
func (k *controls) noise(to netip.AddrPort) Control {
	c := k.exchange(to, []byte("icelab: is this port closed? "+token()), "a datagram that is no STUN", func([]byte) bool { return true })
	switch c.Fault {
	case Refused:
		c.Outcome = OK
	case Silent:
		c.Outcome, c.Detail = Skipped, "not answered, which tells nothing: whoever listens there takes no notice of it"
	}
	return c
}

func (k *controls) exchange(to netip.AddrPort, datagram []byte, what string, accept func([]byte) bool) Control {
	conn, err := k.Net.Dial("udp", to.String())
	if err != nil {
		return missed(err, true)
	}
	defer conn.Close()
	if err := repeat(k.ctx, conn, datagram, k.Patience, accept); err != nil {
		c := missed(err, true)
		if c.Fault == Silent {
			c.Detail = "no answer to " + what
		} else {
			c.Detail += " in answer to " + what
		}
		return c
	}
	return Control{Outcome: OK, Detail: "answered " + what}
}
