package gateway

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/icelab-go/icelab/lab/nat"
)

// stunMessage is a STUN message of 20 bytes without attributes; classes are 0x000,
// 0x010, 0x100 and 0x110.
func stunMessage(method string, class uint16) string {
	m := binary.BigEndian.AppendUint16(nil, STUNMethods[method]|class)
	m = append(m, 0, 0, 0x21, 0x12, 0xa4, 0x42)
	return string(append(m, "transaction."...))
}

func channelData(payload string) string {
	m := binary.BigEndian.AppendUint16([]byte{0x40, 0x01}, uint16(len(payload)))
	return string(m) + payload
}

const (
	dtlsHello = "\x16\xfe\xfd\x00\x00"
	rtp       = "\x80\x60\x00\x01"
	// a message of RFC 3489 has no magic cookie
	oldSTUN = "\x00\x01\x00\x00transaction.1234"
)

// What UDP may carry here, so that each test sees all neighbours of what it drops.
var payloads = map[string]string{
	"binding request": stunMessage("binding", 0), "binding success": stunMessage("binding", 0x100),
	"binding error": stunMessage("binding", 0x110), "binding indication": stunMessage("binding", 0x010),
	"allocate request": stunMessage("allocate", 0), "allocate error": stunMessage("allocate", 0x110),
	"refresh request":           stunMessage("refresh", 0),
	"create-permission success": stunMessage("create-permission", 0x100),
	"channel-bind request":      stunMessage("channel-bind", 0),
	"old STUN":                  oldSTUN,
	"DTLS":                      dtlsHello, "RTP": rtp, "a single byte": "x", "nothing": "",
	"channel data": channelData("data"), "STUN in channel data": channelData(stunMessage("binding", 0)),
	"a channel of RFC 5766": "\x50\x00\x00\x00",
}

// traffic is an inside and an outside host that can tell what arrives.
type traffic struct {
	inside, outside testEndpoint
	mapped          netip.AddrPort // whom the outside host answers
}

func (n *network) traffic(t *testing.T) traffic {
	t.Helper()
	x := traffic{inside: n.listen(t, n.inside, "10.1.0.10:5000"), outside: n.listen(t, n.outside, "198.18.0.10:3478")}
	x.inside.send("open", x.outside.local())
	x.mapped = x.outside.receive("open")
	return x
}

// last ends what is sent one way: what was sent before it has arrived before.
const last = "\xffthe last one"

// passed sends payloads from one host to the other and returns the names of those
// that arrive.
func passed(from testEndpoint, dst netip.AddrPort, receiver testEndpoint) (names map[string]bool) {
	from.t.Helper()
	names = map[string]bool{}
	for name, p := range payloads {
		from.send(p, dst)
		names[name] = false
	}
	from.send(last, dst)
	must(from.t, receiver.SetReadDeadline(time.Now().Add(patience)))
	buf := make([]byte, 2000)
	for {
		size, _, err := receiver.ReadFromUDPAddrPort(buf)
		must(from.t, err)
		if string(buf[:size]) == last {
			return names
		}
		for name, p := range payloads {
			if bytes.Equal(buf[:size], []byte(p)) {
				names[name] = true
			}
		}
	}
}

// wantDropped fails unless just those payloads were dropped whose names begin so.
func wantDropped(t *testing.T, way string, passed map[string]bool, prefixes ...string) {
	t.Helper()
	for name, arrived := range passed {
		dropped := false
		for _, p := range prefixes {
			dropped = dropped || strings.HasPrefix(name, p)
		}
		if arrived == dropped {
			t.Errorf("%s: %s arrived: %t, want %t", way, name, arrived, !dropped)
		}
	}
}

func TestAFilterDropsWhatUDPCarriesAndNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		filter  Filter
		dropped []string
	}{
		"binding":         {Filter{STUN: []string{"binding"}}, []string{"binding"}},
		"allocate":        {Filter{STUN: []string{"allocate"}}, []string{"allocate"}},
		"refresh":         {Filter{STUN: []string{"refresh"}}, []string{"refresh"}},
		"channel binding": {Filter{STUN: []string{"channel-bind"}}, []string{"channel-bind"}},
		"two methods": {
			Filter{STUN: []string{"create-permission", "refresh"}}, []string{"create-permission", "refresh"},
		},
		"all STUN": {
			Filter{STUN: []string{AnySTUN}}, []string{"binding", "allocate", "refresh", "create-permission", "channel-bind"},
		},
		"channel data":            {Filter{ChannelData: true}, []string{"channel data", "STUN in channel data"}},
		"DTLS":                    {Filter{DTLS: true}, []string{"DTLS"}},
		"one of several payloads": {Filter{DTLS: true, STUN: []string{"binding"}}, []string{"DTLS", "binding"}},
		"TCP":                     {Filter{Protocol: "tcp"}, nil},
		"payloads of other ports": {Filter{STUN: []string{AnySTUN}, Ports: [2]uint16{3479, 65535}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.APDM, Filtering: nat.APDF, Ports: nat.Random}})
			x := n.traffic(t)
			n.filter(t, n.gateway, c.filter)
			wantDropped(t, "out", passed(x.inside, x.outside.local(), x.outside), c.dropped...)
			wantDropped(t, "in", passed(x.outside, x.mapped, x.inside), c.dropped...)

			out, in := c.filter, c.filter
			out.Direction, in.Direction = Outbound, Inbound
			n.filter(t, n.gateway, out)
			wantDropped(t, "out, of out", passed(x.inside, x.outside.local(), x.outside), c.dropped...)
			wantDropped(t, "in, of out", passed(x.outside, x.mapped, x.inside))
			n.filter(t, n.gateway, in)
			wantDropped(t, "out, of in", passed(x.inside, x.outside.local(), x.outside))
			wantDropped(t, "in, of in", passed(x.outside, x.mapped, x.inside), c.dropped...)
		})
	}
}
