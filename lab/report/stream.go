package report

import (
	"encoding/binary"
	"net/netip"

	"github.com/icelab-go/icelab/wire"
)

// frame is a packet as it is written, and how long it was.
type frame struct {
	data   []byte
	length int
}

// streams number the bytes of TCP connections at sockets, so that what was seen of
// them can be put together again.
type streams struct {
	// next is the sequence number that follows, by place and direction.
	next map[stream]uint32
	// first are the initial sequence numbers that gateways saw: with them the
	// segments at the sockets are those that the gateways saw too.
	first map[flow]uint32
}

type flow struct{ from, to netip.AddrPort }

type stream struct {
	place
	flow
}

func newStreams(packets []wire.Packet) *streams {
	s := &streams{next: map[stream]uint32{}, first: map[flow]uint32{}}
	for _, p := range packets {
		if p.TCP == nil || !p.TCP.SYN || len(p.Header) < ip4Bytes+tcpBytes {
			continue
		}
		if at := int(p.Header[0]&0xf) * 4; len(p.Header) >= at+tcpBytes {
			s.first[flow{p.From, p.To}] = binary.BigEndian.Uint32(p.Header[at+4:])
		}
	}
	return s
}

// frames are a packet as IP packets: one, or a few for a long chunk of a stream.
func (s *streams) frames(p wire.Packet) []frame {
	if len(p.Header) > 0 {
		data := seen(p)
		return []frame{{data, len(data) + max(0, p.Bytes-len(p.Payload))}}
	}
	switch {
	case p.Protocol == "icmp" && p.ICMP != nil:
		data := icmpError(p)
		return []frame{{data, len(data)}}
	case p.Protocol == "tls" || p.Protocol == "dtls":
		data := upper(p)
		return []frame{{data, len(data) + max(0, p.Bytes-len(p.Payload))}}
	case p.Protocol == "tcp":
		return s.segments(p)
	}
	data := datagram(p)
	return []frame{{data, len(data) + max(0, p.Bytes-len(p.Payload))}}
}

func (s *streams) segments(p wire.Packet) []frame {
	at := placeOf(p)
	out, back := stream{at, flow{p.From, p.To}}, stream{at, flow{p.To, p.From}}
	sequence, acknowledged := s.at(out), s.at(back)
	flags := byte(flagACK)
	if p.Bytes > 0 {
		flags |= flagPSH
	}
	if p.TCP != nil {
		flags = 0
		for _, f := range []struct {
			set  bool
			flag byte
		}{{p.TCP.SYN, flagSYN}, {p.TCP.ACK, flagACK}, {p.TCP.FIN, flagFIN}, {p.TCP.RST, flagRST}} {
			if f.set {
				flags |= f.flag
			}
		}
		if p.TCP.SYN {
			sequence-- // a SYN counts as the byte before the first one
		}
		if !p.TCP.ACK {
			acknowledged = 0
		}
	}
	var all []frame
	for sent := 0; sent < p.Bytes || len(all) == 0; sent += segmentBytes {
		length := min(segmentBytes, p.Bytes-sent)
		part := p.Payload[min(sent, len(p.Payload)):min(sent+length, len(p.Payload))]
		data := segment(p.From, p.To, sequence+uint32(sent), acknowledged, flags, part, length)
		all = append(all, frame{data, len(data) + length - len(part)})
	}
	if s.next[out] = s.at(out) + uint32(p.Bytes); p.TCP != nil && p.TCP.FIN {
		s.next[out]++
	}
	return all
}

// at is the sequence number of a stream's next byte.
func (s *streams) at(which stream) uint32 {
	if next, begun := s.next[which]; begun {
		return next
	}
	if first, known := s.first[which.flow]; known {
		return first + 1
	}
	return 1
}
