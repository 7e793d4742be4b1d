package wire

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/pion/stun/v3"
)

// Redact returns a copy of a payload in which no STUN message, relayed ones among
// them, shows a nonce or a MESSAGE-INTEGRITY, of which a password could be guessed
// offline: their bytes are zero, their lengths kept. FINGERPRINT is corrected.
// Passwords themselves are in no packet.
func Redact(payload []byte) []byte {
	kept := append([]byte(nil), payload...)
	redact(kept, true)
	return kept
}

func redact(payload []byte, outer bool) {
	switch kind := Peek(payload); {
	case kind == KindChannelData && outer:
		redact(payload[channelHeader:], false)
	case kind == KindSTUN:
		attributes(payload, func(kind stun.AttrType, at, length int) {
			value := payload[at : at+length]
			switch kind {
			case stun.AttrNonce, stun.AttrMessageIntegrity, stun.AttrMessageIntegritySHA256:
				clear(value)
			case stun.AttrData:
				if outer {
					redact(value, false)
				}
			case stun.AttrFingerprint:
				if length == 4 {
					const attributeHeader, xor = 4, 0x5354554e // RFC 8489 §14.7
					binary.BigEndian.PutUint32(value, crc32.ChecksumIEEE(payload[:at-attributeHeader])^xor)
				}
			}
		})
	}
}

// RedactStream is Redact for a piece of a TCP connection to a TURN server that
// begins where a message does. It returns the messages that are whole.
func RedactStream(piece []byte) []byte {
	var kept []byte
	for len(piece) > 0 {
		size, padding, ok := framed(piece)
		size += padding
		if !ok || size == 0 || size > len(piece) || piece[0] <= maxSTUN && !IsSTUN(piece) {
			break
		}
		kept, piece = append(kept, Redact(piece[:size])...), piece[size:]
	}
	return kept
}
