package report

import (
	"encoding/binary"
	"net/netip"

	"github.com/icelab-go/icelab/wire"
)

// Tags of Wireshark's exported PDUs (epan/exported_pdu.h).
const (
	tagDissector = 12
	tagIPv4From  = 20
	tagIPv4To    = 21
	tagIPv6From  = 22
	tagIPv6To    = 23
	tagPortType  = 24
	tagPortFrom  = 25
	tagPortTo    = 26
)

// Types of ports there.
const (
	portTCP = 2
	portUDP = 3
)

// upper is a payload from above the encryption, after tags that name its protocol
// and addresses. As TCP to port 443 Wireshark would take it for broken TLS.
func upper(p wire.Packet) []byte {
	var b []byte
	tag := func(kind uint16, value []byte) {
		b = binary.BigEndian.AppendUint16(b, kind)
		b = binary.BigEndian.AppendUint16(b, uint16(len(value)+-len(value)&3))
		b = append(b, value...)
		b = append(b, make([]byte, -len(value)&3)...)
	}
	number := func(kind uint16, value uint32) { tag(kind, binary.BigEndian.AppendUint32(nil, value)) }
	address := func(a netip.Addr, four, six uint16) {
		switch a = a.Unmap(); {
		case a.Is4():
			tag(four, a.AsSlice())
		case a.Is6():
			tag(six, a.AsSlice())
		}
	}
	dissector := "data"
	switch p.Kind {
	case wire.KindSTUN, wire.KindChannelData:
		dissector = "stun-udp" // one whole message, whatever carried it
	case wire.KindTLS, wire.KindTCP:
		dissector = "tls"
	case wire.KindDTLS:
		dissector = "dtls"
	}
	tag(tagDissector, []byte(dissector))
	address(p.From.Addr(), tagIPv4From, tagIPv6From)
	address(p.To.Addr(), tagIPv4To, tagIPv6To)
	ports := uint32(portTCP)
	if p.Protocol == "dtls" {
		ports = portUDP
	}
	number(tagPortType, ports)
	number(tagPortFrom, uint32(p.From.Port()))
	number(tagPortTo, uint32(p.To.Port()))
	b = append(b, 0, 0, 0, 0) // the end of the tags
	return append(b, p.Payload...)
}
