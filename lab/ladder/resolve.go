package ladder

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pion/transport/v4"
)

// lookup is what became of a name, or of an address in a name's place.
type lookup struct {
	address netip.Addr // to use; zero if there is none
	rung    Rung
}

// resolve finds the address of a host that this one has a route to, IPv4 first.
func (c Config) resolve(ctx context.Context, host string) lookup {
	began := time.Now()
	if a, err := netip.ParseAddr(host); err == nil {
		return lookup{a.Unmap(), Rung{Outcome: Skipped, Detail: "an address, no name"}}
	}
	addresses, err := c.addresses(ctx, host)
	l := c.choose(addresses, err)
	l.rung.MS = since(began)
	return l
}

func (c Config) choose(addresses []netip.Addr, err error) lookup {
	failed := func(fault Fault, detail string) lookup {
		return lookup{rung: Rung{Outcome: Failed, Fault: fault, Detail: detail}}
	}
	if err != nil {
		if failure, ok := errors.AsType[*dnsFailure](err); ok {
			return failed(failure.fault, failure.words)
		}
		return failed(NameFailed, err.Error())
	}
	slices.SortStableFunc(addresses, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	for _, a := range addresses {
		if !c.routed(a) {
			continue
		}
		detail := a.String()
		if more := len(addresses) - 1; more > 0 {
			detail = fmt.Sprintf("%s, the first that this host has a route to, of %s", a, list(addresses))
		}
		return lookup{a, Rung{Outcome: OK, Detail: detail}}
	}
	return failed(NameFamily, fmt.Sprintf("%s, and this host has no route to that", list(addresses)))
}

func list(addresses []netip.Addr) string {
	var all []string
	for _, a := range addresses {
		all = append(all, a.String())
	}
	return strings.Join(all, ", ")
}

// routed asks the system whether it would know where to send. Nothing is sent.
func (c Config) routed(a netip.Addr) bool {
	conn, err := c.Net.Dial("udp", netip.AddrPortFrom(a, 9).String())
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// dnsFailure is why there is no address.
type dnsFailure struct {
	fault Fault
	words string
}

func (d *dnsFailure) Error() string { return d.words }

// addresses looks up both kinds.
func (c Config) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	if !c.Resolver.IsValid() {
		addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		for i := range addresses {
			addresses[i] = addresses[i].Unmap()
		}
		return addresses, systemFailure(host, err)
	}
	var addresses []netip.Addr
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		found, err := query(ctx, c.Net, c.Resolver, host, kind, c.Patience)
		addresses = append(addresses, found...)
		if err != nil && len(addresses) == 0 {
			return nil, err
		}
		if slices.ContainsFunc(addresses, c.routed) {
			break
		}
	}
	if len(addresses) == 0 {
		return nil, &dnsFailure{NameUnknown, fmt.Sprintf("%s answered: %s exists, and has neither an A nor an AAAA record", c.Resolver, host)}
	}
	return addresses, nil
}

func systemFailure(host string, err error) error {
	failure, ok := errors.AsType[*net.DNSError](err)
	switch {
	case err == nil:
		return nil
	case ok && failure.IsNotFound:
		return &dnsFailure{NameUnknown, fmt.Sprintf("the system's resolver knows no %s", host)}
	case ok && failure.IsTimeout, errors.Is(err, context.DeadlineExceeded):
		return &dnsFailure{NameSilent, "the system's resolver got no answer in time"}
	}
	return &dnsFailure{NameFailed, "the system's resolver failed: " + err.Error()}
}

// query asks one DNS server over UDP (RFC 1035 §4.1) for one kind of record.
func query(ctx context.Context, host transport.Net, server netip.AddrPort, name string, kind dnsmessage.Type, patience time.Duration) ([]netip.Addr, error) {
	fqdn, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, &dnsFailure{NameUnknown, fmt.Sprintf("%q is no name that DNS has: %v", name, err)}
	}
	question := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: fqdn, Type: kind, Class: dnsmessage.ClassINET}},
	}
	packed, err := question.Pack()
	if err != nil {
		return nil, &dnsFailure{NameUnknown, fmt.Sprintf("%q is no name that DNS has: %v", name, err)}
	}
	conn, err := host.Dial("udp", server.String())
	if err != nil {
		return nil, &dnsFailure{NameSilent, fmt.Sprintf("the resolver %s: %s", server, words(err, true))}
	}
	defer conn.Close()
	var reply dnsmessage.Message
	err = repeat(ctx, conn, packed, patience, func(p []byte) bool {
		return reply.Unpack(p) == nil && reply.Response && reply.ID == question.ID
	})
	switch {
	case err != nil:
		return nil, &dnsFailure{NameSilent, fmt.Sprintf("the resolver %s: %s", server, words(err, true))}
	case reply.RCode == dnsmessage.RCodeNameError:
		return nil, &dnsFailure{NameUnknown, fmt.Sprintf("%s answered NXDOMAIN: there is no %s", server, name)}
	case reply.RCode != dnsmessage.RCodeSuccess:
		return nil, &dnsFailure{NameFailed, fmt.Sprintf("%s answered %s for %s", server, strings.ToUpper(strings.TrimPrefix(reply.RCode.String(), "RCode")), name)}
	}
	var addresses []netip.Addr
	for _, a := range reply.Answers {
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			addresses = append(addresses, netip.AddrFrom4(body.A))
		case *dnsmessage.AAAAResource:
			addresses = append(addresses, netip.AddrFrom16(body.AAAA))
		}
	}
	return addresses, nil
}

// repeat sends a datagram until one comes back that accept takes.
func repeat(ctx context.Context, conn net.Conn, datagram []byte, patience time.Duration, accept func([]byte) bool) error {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	deadline := time.Now().Add(patience)
	buf := make([]byte, 4096)
	for rto := firstRTO(patience); ; rto *= 2 {
		if _, err := conn.Write(datagram); err != nil {
			return err
		}
		until := time.Now().Add(rto)
		if until.After(deadline) {
			until = deadline
		}
		_ = conn.SetReadDeadline(until)
		for {
			n, err := conn.Read(buf)
			if err != nil && faultOf(err) == Silent {
				break
			}
			if err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return err
			}
			if accept(buf[:n]) {
				return nil
			}
		}
		if !until.Before(deadline) {
			return errSilent
		}
	}
}

func since(t time.Time) float64 { return float64(time.Since(t).Microseconds()) / 1000 }
