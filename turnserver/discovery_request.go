package turnserver

import (
	"encoding/binary"

	"github.com/pion/stun/v3"
)

// CHANGE-REQUEST's flags (RFC 5780 section 7.2).
const (
	changeIP   = 0x04
	changePort = 0x02
)

// discoveryRequest is what RFC 5780 adds to a Binding request.
type discoveryRequest struct {
	otherAddress, otherPort int // 1: answer from there
	responsePort            uint16
	padding                 padding
}

// padding is the length of a PADDING attribute, none when 0. An answer gets what the request
// had, and not the interface's MTU as RFC 5780 section 6.1 would have it: a small request must
// not cause a large answer.
type padding int

func (p padding) AddTo(m *stun.Message) error {
	if p > 0 {
		m.Add(stun.AttrPadding, make([]byte, p))
	}

	return nil
}

// parseDiscovery returns what the request asks for, or the attributes of the refusal.
func parseDiscovery(req *stun.Message) (ask discoveryRequest, refusal []stun.Setter) {
	badRequest := []stun.Setter{stun.CodeBadRequest}
	var unknown stun.UnknownAttributes
	for _, a := range req.Attributes {
		switch a.Type {
		case stun.AttrChangeRequest:
			if len(a.Value) != 4 {
				return ask, badRequest
			}
			ask.otherAddress = int(a.Value[3] & changeIP / changeIP)
			ask.otherPort = int(a.Value[3] & changePort / changePort)
		case stun.AttrResponsePort:
			// Two bytes and two of padding; some count the padding as value.
			if len(a.Value) != 2 && len(a.Value) != 4 {
				return ask, badRequest
			}
			if ask.responsePort = binary.BigEndian.Uint16(a.Value); ask.responsePort == 0 {
				return ask, badRequest
			}
		case stun.AttrPadding:
			ask.padding = padding(len(a.Value))
		default:
			if a.Type.Required() && !understood[a.Type] {
				unknown = append(unknown, a.Type)
			}
		}
	}
	if len(unknown) > 0 {
		return ask, []stun.Setter{stun.CodeUnknownAttribute, unknown}
	}
	if ask.responsePort != 0 && req.Contains(stun.AttrPadding) {
		return ask, badRequest // RFC 5780 section 6.1
	}

	return ask, nil
}

// understood are the comprehension-required attributes of RFC 8489 that a request may carry. A
// server that asks for no credentials takes requests that show some.
var understood = map[stun.AttrType]bool{
	stun.AttrUsername: true, stun.AttrUserhash: true, stun.AttrRealm: true, stun.AttrNonce: true,
	stun.AttrMessageIntegrity: true, stun.AttrMessageIntegritySHA256: true,
	stun.AttrPasswordAlgorithm: true,
}
