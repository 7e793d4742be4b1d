package wire

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"

	"github.com/pion/stun/v3"
)

// Describe fills in what p's payload is, and keeps a redacted copy of it.
func (p *Packet) Describe(payload []byte) {
	p.Bytes = len(payload)
	if p.isDNS(payload) {
		p.Kind = KindDNS
	} else {
		p.Kind, p.STUN, p.DTLS, p.Inner = read(payload, true)
	}
	kept := Redact(payload)
	p.Payload = kept[:min(len(kept), SnapLength)]
}

// isDNS goes by the port, unless it is STUN that a server takes there too.
func (p *Packet) isDNS(payload []byte) bool {
	const port = 53
	return p.Protocol == "udp" && (p.From.Port() == port || p.To.Port() == port) && !IsSTUN(payload)
}

// Peek tells the kind of a payload without reading it.
func Peek(payload []byte) Kind {
	switch {
	case IsSTUN(payload):
		return KindSTUN
	case len(payload) >= channelHeader && isChannel(payload[0]):
		return KindChannelData
	case len(payload) >= 13 && payload[0] >= 20 && payload[0] <= 63:
		return KindDTLS
	}
	return KindOther
}

// magicCookie marks every STUN message (RFC 8489 §5).
const magicCookie = 0x2112A442

const (
	headerBytes = 20
	maxSTUN     = 3 // of the first byte (RFC 7983 §7)
)

// IsSTUN reports whether a payload begins with a STUN message.
func IsSTUN(payload []byte) bool {
	return len(payload) >= headerBytes && payload[0] <= maxSTUN && binary.BigEndian.Uint32(payload[4:]) == magicCookie
}

// isChannel tells the first byte of a channel number (RFC 8656 §12).
func isChannel(first byte) bool { return first>>4 == 4 }

func read(payload []byte, outer bool) (Kind, *STUN, *DTLS, *Inner) {
	kind := Peek(payload)
	switch kind {
	case KindSTUN:
		m := &stun.Message{Raw: payload}
		if m.Decode() != nil {
			return KindOther, nil, nil, nil
		}
		s := describe(m)
		if data, err := m.Get(stun.AttrData); err == nil && outer {
			return kind, s, nil, inner(data)
		}
		return kind, s, nil, nil
	case KindChannelData:
		if !outer {
			return KindOther, nil, nil, nil
		}
		length := int(binary.BigEndian.Uint16(payload[2:]))
		return kind, nil, nil, inner(payload[channelHeader:min(len(payload), channelHeader+length)])
	case KindDTLS:
		return kind, nil, record(payload), nil
	}
	return kind, nil, nil, nil
}

func inner(data []byte) *Inner {
	kind, s, d, _ := read(data, false)
	return &Inner{Kind: kind, Bytes: len(data), STUN: s, DTLS: d}
}

var methods = map[stun.Method]string{
	stun.MethodBinding:          "binding",
	stun.MethodAllocate:         "allocate",
	stun.MethodRefresh:          "refresh",
	stun.MethodSend:             "send",
	stun.MethodData:             "data",
	stun.MethodCreatePermission: "create-permission",
	stun.MethodChannelBind:      "channel-bind",
}

var classes = map[stun.MessageClass]Class{
	stun.ClassRequest: Request, stun.ClassIndication: Indication,
	stun.ClassSuccessResponse: Success, stun.ClassErrorResponse: Error,
}

func describe(m *stun.Message) *STUN {
	s := &STUN{
		Method: methods[m.Type.Method], Class: classes[m.Type.Class],
		Transaction: hex.EncodeToString(m.TransactionID[:]),
	}
	if s.Method == "" {
		s.Method = m.Type.Method.String()
	}
	for _, a := range m.Attributes {
		s.attribute(m, a)
	}
	return s
}

func (s *STUN) attribute(m *stun.Message, a stun.RawAttribute) {
	word := func() uint32 {
		if len(a.Value) < 4 {
			return 0
		}
		return binary.BigEndian.Uint32(a.Value)
	}
	switch a.Type {
	case stun.AttrErrorCode:
		var code stun.ErrorCodeAttribute
		if code.GetFrom(m) == nil {
			s.Code, s.Reason = int(code.Code), string(code.Reason)
		}
	case stun.AttrUsername:
		s.Username = string(a.Value)
	case stun.AttrRealm:
		s.Realm = string(a.Value)
	case stun.AttrNonce:
		s.Nonce = true
	case stun.AttrMessageIntegrity, stun.AttrMessageIntegritySHA256:
		s.Integrity = true
	case stun.AttrSoftware:
		s.Software = string(a.Value)
	case stun.AttrXORMappedAddress:
		s.Mapped = xored(m, a.Value)
	case stun.AttrMappedAddress:
		var plain stun.MappedAddress
		if !s.Mapped.IsValid() && plain.GetFrom(m) == nil {
			s.Mapped = address(plain.IP, plain.Port)
		}
	case stun.AttrXORRelayedAddress:
		s.Relayed = xored(m, a.Value)
	case stun.AttrXORPeerAddress:
		s.Peers = append(s.Peers, xored(m, a.Value))
	case stun.AttrChannelNumber:
		s.Channel = uint16(word() >> 16)
	case stun.AttrLifetime:
		s.Lifetime = new(word())
	case stun.AttrRequestedTransport:
		s.RequestedTransport = int(word() >> 24)
	case stun.AttrPriority:
		s.Priority = word()
	case stun.AttrUseCandidate:
		s.UseCandidate = true
	case stun.AttrICEControlling:
		s.Role = "controlling"
	case stun.AttrICEControlled:
		s.Role = "controlled"
	}
}

// xored reads one of the XOR addresses, of which a message may hold several.
func xored(m *stun.Message, value []byte) netip.AddrPort {
	one := &stun.Message{TransactionID: m.TransactionID}
	one.WriteHeader()
	one.Add(stun.AttrXORMappedAddress, value)
	var a stun.XORMappedAddress
	if a.GetFrom(one) != nil {
		return netip.AddrPort{}
	}
	return address(a.IP, a.Port)
}

func address(ip net.IP, port int) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), uint16(port))
}

var recordTypes = map[byte]string{
	20: "change-cipher-spec", 21: "alert", 22: "handshake", 23: "application-data", 25: "cid", 26: "ack",
}

var handshakes = map[byte]string{
	0: "hello_request", 1: "client_hello", 2: "server_hello", 3: "hello_verify_request", 4: "new_session_ticket",
	8: "encrypted_extensions", 11: "certificate", 12: "server_key_exchange", 13: "certificate_request",
	14: "server_hello_done", 15: "certificate_verify", 16: "client_key_exchange", 20: "finished",
}

// record reads the first record of a DTLS 1.2 datagram (RFC 6347 §4.1).
func record(payload []byte) *DTLS {
	d := &DTLS{Type: recordTypes[payload[0]]}
	if d.Type == "" {
		d.Type = "cid"
	}
	epoch, body := binary.BigEndian.Uint16(payload[3:]), payload[13:]
	if epoch != 0 {
		return d // encrypted
	}
	switch {
	case d.Type == "handshake" && len(body) > 0:
		d.Handshake = handshakes[body[0]]
	case d.Type == "alert" && len(body) > 1:
		d.Alert = new(int(body[1]))
	}
	return d
}
