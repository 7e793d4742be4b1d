package report

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/icelab-go/icelab/wire"
)

// segments puts together what was seen of each segment of TCP that is told by its
// flags or its TLS record: peers that connect at the same moment send the same.
// Sequence numbers tell them apart, and NATs do not change those. Sockets do not see
// them, but have the ports that the gateway next to them sees.
type segments struct {
	numbered map[string]*flight
	ends     map[string]*flight
}

// segmented reports whether p is such a segment.
func segmented(p wire.Packet) bool {
	return p.Protocol == "tcp" && (p.Kind == wire.KindTCP || p.Kind == wire.KindTLS)
}

// find returns the flight that p belongs to, nil where it is a new one or that is
// not sure.
func (s *segments) find(p wire.Packet) *flight {
	number := numberOf(p)
	if f := s.numbered[number]; number != "" && f != nil && !f.passed(p) {
		return f
	}
	f := s.ends[endsOf(p)]
	if f == nil || f.passed(p) || p.Time.Sub(f.first().Time) > underway {
		return nil
	}
	if number != "" && f.number != "" {
		return nil // another one of the same connection
	}
	return f
}

// add remembers that p is of f, and so what a socket told of it before its gateway.
func (s *segments) add(f *flight, p wire.Packet) {
	if g := s.ends[endsOf(p)]; g != nil && g != f && g.number == "" && p.Time.Sub(g.first().Time) <= underway &&
		!slices.ContainsFunc(g.seen, f.passed) {
		f.seen, g.seen = append(f.seen, g.seen...), nil
	}
	if number := numberOf(p); number != "" {
		f.number = number
		s.numbered[number] = f
	}
	s.ends[endsOf(p)] = f
}

// endsOf is a segment by its addresses.
func endsOf(p wire.Packet) string {
	return fmt.Sprintf("%s %s %s", same(p), p.From, p.To)
}

// numberOf is a segment by its sequence and acknowledgment numbers; empty where its
// witness saw no header.
func numberOf(p wire.Packet) string {
	head := p.Header
	if len(head) < ip4Bytes || head[0]>>4 != 4 {
		return ""
	}
	ipBytes := int(head[0]&0xf) * 4
	if ipBytes < ip4Bytes || len(head) < ipBytes+tcpBytes || head[9] != protoTCP {
		return ""
	}
	return fmt.Sprintf("%s %x", same(p), binary.BigEndian.Uint64(head[ipBytes+4:]))
}
