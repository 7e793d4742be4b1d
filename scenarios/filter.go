package scenarios

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Filter drops packets at one place. A packet has to meet all that is set; of stun,
// channel-data and dtls, one that is set.
type Filter struct {
	// At is where: at the gateway of the caller or the callee, at both, or at the
	// TURN server's own host (turn).
	At string `json:"at"`
	// Direction is out, in, or both (the default), as the peer behind the gateway
	// sees it; at the TURN server, in is what arrives there.
	Direction string `json:"direction,omitempty"`
	// Protocol is udp or tcp; by default both.
	Protocol string `json:"protocol,omitempty"`
	// Ports are those of the far end, at the TURN server its own: one port, or a
	// range such as 49152-65535.
	Ports Ports `json:"ports,omitzero"`
	// STUN are methods of STUN over UDP, answers included: binding, allocate, refresh,
	// create-permission, channel-bind, or any alone for all of STUN.
	STUN []string `json:"stun,omitempty"`
	// ChannelData is UDP that begins like TURN's channel data.
	ChannelData bool `json:"channel-data,omitempty"`
	// DTLS is UDP that begins like DTLS.
	DTLS bool `json:"dtls,omitempty"`
	// LargerThan is a size of the whole IP packet in bytes, 28 to 65534.
	LargerThan int `json:"larger-than,omitempty"`
	// Far is whose address the far end has: at a gateway the TURN server's (turn) or
	// the other peer's (peer), at the TURN server the caller's or the callee's; by
	// default any. A peer's are its own and those of the gateways before it.
	Far string `json:"far,omitempty"`
	// Every drops only each Nth packet, 2 to 1000.
	Every int `json:"every,omitempty"`
	// Reject answers with an ICMP error or a reset instead of silence.
	Reject bool `json:"reject,omitempty"`
}

// The values of Filter.Direction beside Both.
const (
	Out = "out"
	In  = "in"
)

// The values of Filter.Far beside the sides.
const (
	FarTurn = "turn"
	FarPeer = "peer"
)

// AnySTUN is the one value of Filter.STUN that stands for every STUN message.
const AnySTUN = "any"

func places() []string          { return append(sides(), Both, AtTurn) }
func directions() []string      { return []string{Out, In, Both} }
func filterProtocols() []string { return []string{UDP, TCP} }
func stunMethods() []string {
	return []string{"binding", "allocate", "refresh", "create-permission", "channel-bind", AnySTUN}
}
func farEnds() []string { return append([]string{FarTurn, FarPeer}, sides()...) }

// String tells what is dropped in a few words: "at caller udp stun allocate".
func (f Filter) String() string {
	words := []string{"at", f.At}
	for _, w := range []struct {
		set  bool
		text string
	}{
		{f.Direction != "" && f.Direction != Both, f.Direction},
		{f.Protocol != "", f.Protocol},
		{f.Ports != Ports{}, "ports " + f.Ports.String()},
		{f.STUN != nil, "stun " + strings.Join(f.STUN, ", ")},
		{f.ChannelData, "channel data"},
		{f.DTLS, "dtls"},
		{f.LargerThan != 0, fmt.Sprintf("larger than %d", f.LargerThan)},
		{f.Far != "", "far end " + f.Far},
		{f.Every != 0, fmt.Sprintf("every %d.", f.Every)},
		{f.Reject, "rejected"},
	} {
		if w.set {
			words = append(words, w.text)
		}
	}
	return strings.Join(words, " ")
}

// Ports is a range of ports, both ends included.
type Ports struct{ Min, Max uint16 }

const portsPattern = `^([0-9]+)(?:-([0-9]+))?$`

var portsRegexp = regexp.MustCompile(portsPattern)

func (*Ports) measures() (what, remedy string) {
	return "a range of ports", "write for example 49152-65535 or 3478"
}

// String formats p as a file has it: "3478" or "49152-65535".
func (p Ports) String() string {
	if p.Min == p.Max {
		return strconv.Itoa(int(p.Min))
	}
	return fmt.Sprintf("%d-%d", p.Min, p.Max)
}

// MarshalText implements encoding.TextMarshaler.
func (p Ports) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Ports) UnmarshalText(text []byte) error {
	match := portsRegexp.FindStringSubmatch(string(text))
	if match == nil {
		return errors.New("no ports")
	}
	if match[2] == "" {
		match[2] = match[1]
	}
	for i, port := range []*uint16{&p.Min, &p.Max} {
		n, err := strconv.ParseUint(match[i+1], 10, 16)
		if err != nil {
			return err
		}
		*port = uint16(n)
	}
	if p.Min == 0 || p.Min > p.Max {
		return errors.New("no range")
	}
	return nil
}
