package diagnose

import (
	"slices"

	"github.com/icelab-go/icelab/wire"
)

// benign is what looks bad and is not.
func (f *facts) benign() (list []Item) {
	var challenges, nonces []int
	for _, p := range f.peers {
		for _, l := range p.legs {
			for _, t := range l.of("allocate") {
				if a := t.answer(); a != nil && a.Code == 401 && !t.request().Integrity && l.relayed.IsValid() {
					challenges = append(challenges, t.packets()...)
				}
			}
			if n := l.withCode(438); len(n) > 0 && len(n) < nonceLimit && l.relayed.IsValid() {
				for _, t := range n {
					nonces = append(nonces, t.packets()...)
				}
			}
		}
	}
	if len(challenges) > 0 {
		list = append(list, item(OfSockets, challenges, "401 to the first Allocate: the challenge that begins every allocation (RFC 8489 section 9.2.4)"))
	}
	if len(nonces) > 0 {
		list = append(list, item(OfSockets, nonces, "438: a nonce expired, and the request was repeated with the new one (RFC 8489 section 9.2.5)"))
	}
	worked, _ := f.worked()
	for _, p := range f.peers {
		for _, x := range f.permissions(p) {
			if x.refused && isPrivate(x.address) && worked {
				list = append(list, item(OfSockets, x.packets, "403 for a permission of the %s for %s, a private address of the %s (D5)", p.role, x.address, p.other.role))
			}
		}
		if lookups := f.ipv6Lookups(p); len(lookups) > 0 && len(p.legs) > 0 {
			list = append(list, item(OfSockets, lookups, "the AAAA lookup of the %s found nothing, the A lookup did", p.role))
		}
		hosts := f.summarize(p, func(c *check) bool { return c.direct() && isPrivate(c.remote.Addr()) })
		if worked && hosts.sent > 0 && hosts.heard == 0 {
			list = append(list, item(OfSockets, hosts.packets, "%s of the %s to a private address of the %s, which leads nowhere from another network", many(hosts.sent, "check"), p.role, p.other.role))
		}
		if p.Report == nil || !worked {
			continue
		}
		failed := 0
		for _, pair := range p.Report.Pairs {
			if pair.State == "failed" {
				failed++
			}
		}
		if failed > 0 {
			list = append(list, item(OfReports, nil, "%s of the %s failed beside the one that works", many(failed, "pair"), p.role))
		}
	}
	return list
}

// nonceLimit is how many 438 on one leg are no longer nonces that expired.
const nonceLimit = nonces

// withCode are the transactions that were answered with a code.
func (l *leg) withCode(code int) (list []*transaction) {
	for _, t := range l.transactions {
		if a := t.answer(); a != nil && a.Code == code {
			list = append(list, t)
		}
	}
	return list
}

// ipv6Lookups are a peer's questions for AAAA records.
func (f *facts) ipv6Lookups(p *peer) (ids []int) {
	for i := range f.Packets {
		k := &f.Packets[i]
		if k.Kind == wire.KindDNS && f.from(p, k, k.From) && len(k.Payload) > 16 && k.Payload[2]&0x80 == 0 {
			// The question ends with its type and class (RFC 1035 §4.1.2).
			if end := slices.Index(k.Payload[12:], 0) + 12; end+2 < len(k.Payload) && k.Payload[end+2] == 28 {
				ids = append(ids, k.ID)
			}
		}
	}
	return ids
}
