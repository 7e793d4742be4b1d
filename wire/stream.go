package wire

import "encoding/binary"

// Stream finds the messages of one direction of a TCP or TLS connection to a TURN
// server (RFC 8656 §12.5), and nothing in one that carries something else. The zero
// value is at the beginning.
type Stream struct {
	rest []byte // the beginning of a message
	// broken is set when something else came: there is no finding the next message.
	broken bool
}

// Next takes the bytes that come next, and calls each for every message that they
// complete, without its padding. What each gets is only valid until it returns.
func (s *Stream) Next(bytes []byte, each func(message []byte)) {
	if s.broken {
		return
	}
	if len(s.rest) > 0 {
		s.rest = append(s.rest, bytes...)
		bytes = s.rest
	}
	for {
		size, padding, ok := framed(bytes)
		if !ok {
			s.broken, s.rest = true, nil
			return
		}
		if size == 0 || len(bytes) < size+padding {
			break
		}
		each(bytes[:size])
		bytes = bytes[size+padding:]
	}
	s.rest = append(s.rest[:0], bytes...)
}

// framed returns the length of the message that begins here, 0 while it is not
// known, and that of the padding after it.
func framed(bytes []byte) (size, padding int, ok bool) {
	if len(bytes) == 0 {
		return 0, 0, true
	}
	isSTUN := bytes[0] <= maxSTUN
	if !isSTUN && !isChannel(bytes[0]) {
		return 0, 0, false
	}
	if len(bytes) < channelHeader {
		return 0, 0, true
	}
	size = int(binary.BigEndian.Uint16(bytes[2:]))
	if isSTUN {
		return headerBytes + size, 0, true
	}
	size += channelHeader
	return size, -size & 3, true // RFC 8656 §12.5: not counted in the length
}
