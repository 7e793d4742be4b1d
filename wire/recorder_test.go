package wire

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/pion/stun/v3"
)

var (
	near = netip.MustParseAddrPort("192.0.2.1:1000")
	far  = netip.MustParseAddrPort("192.0.2.2:3478")
)

func message(t testing.TB, setters ...stun.Setter) []byte {
	t.Helper()
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID}, setters...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// data is a record of DTLS application data.
func data(bytes int) []byte {
	return append([]byte{23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, byte(bytes >> 8), byte(bytes)}, make([]byte, bytes)...)
}

// clientHello is the beginning of one.
var clientHello = []byte{22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

func channelData(payload []byte) []byte {
	return append([]byte{0x40, 0x01, byte(len(payload) >> 8), byte(len(payload))}, payload...)
}

func check(t testing.TB) []byte {
	return message(t, stun.BindingRequest, stun.NewUsername("abcd:efgh"), stun.NewShortTermIntegrity("a password"), stun.Fingerprint)
}

func indication(t testing.TB, method stun.Method, payload []byte) []byte {
	return message(t, stun.NewType(method, stun.ClassIndication),
		xorPeer{net.IPv4(192, 0, 2, 9), 5000}, stun.RawAttribute{Type: stun.AttrData, Value: payload})
}

type xorPeer struct {
	ip   net.IP
	port int
}

func (p xorPeer) AddTo(m *stun.Message) error {
	return stun.XORMappedAddress{IP: p.ip, Port: p.port}.AddToAs(m, stun.AttrXORPeerAddress)
}

func TestARecorderKeepsTheBeginningOfDataAndAllElse(t *testing.T) {
	for _, row := range []struct {
		name    string
		payload []byte
		data    bool
	}{
		{"a check", check(t), false},
		{"a relayed check", channelData(check(t)), false},
		{"a check in an indication", indication(t, stun.MethodSend, check(t)), false},
		{"a ClientHello", clientHello, false},
		{"a relayed ClientHello", channelData(clientHello), false},
		{"a ClientHello in an indication", indication(t, stun.MethodData, clientHello), false},
		{"application data", data(100), true},
		{"relayed application data", channelData(data(100)), true},
		{"application data in an indication", indication(t, stun.MethodData, data(100)), true},
		{"something else", []byte("hello"), true},
		{"nothing", nil, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &Recorder{}
			const sent = 3 * DataPackets
			for range sent {
				r.Observe(Packet{At: AtSocket, Direction: Out, From: near, To: far}, row.payload)
			}
			want := sent
			if row.data {
				want = DataPackets
			}
			if got := len(r.Packets()); got != want || r.Lost() != 0 {
				t.Errorf("kept %d and lost %d, want %d and none", got, r.Lost(), want)
			}
			r.Observe(Packet{At: AtSocket, Direction: In, From: far, To: near}, row.payload)
			if got := len(r.Packets()); got != want+1 {
				t.Errorf("the other direction begins too: kept %d", got)
			}
		})
	}
}

func TestDNSIsToldByItsPort(t *testing.T) {
	dns := netip.MustParseAddrPort("192.0.2.3:53")
	for name, row := range map[string]struct {
		payload []byte
		want    Kind
	}{
		"a question": {[]byte("\x17\xfe\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04turn\x00\x00\x01\x00\x01"), KindDNS},
		"STUN":       {check(t), KindSTUN},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Recorder{}
			for range 2 * DataPackets {
				r.Observe(Packet{At: AtSocket, Direction: Out, Protocol: "udp", From: near, To: dns}, row.payload)
			}
			if all := r.Packets(); len(all) != 2*DataPackets || all[0].Kind != row.want {
				t.Errorf("kept %d, of the kind %s", len(all), all[0].Kind)
			}
		})
	}
}

func TestARecorderIsBounded(t *testing.T) {
	r, payload := &Recorder{}, check(t)
	for range RecorderPackets + 10 {
		r.Observe(Packet{At: AtSocket, Direction: Out, From: near, To: far}, payload)
	}
	r.Record(Packet{Kind: KindTCP})
	if len(r.Packets()) != RecorderPackets || r.Lost() != 11 {
		t.Errorf("kept %d, lost %d", len(r.Packets()), r.Lost())
	}
}

func TestNobodyIsARecorderToo(t *testing.T) {
	var r *Recorder
	r.Observe(Packet{}, clientHello)
	r.Record(Packet{})
	if r.Packets() != nil || r.Lost() != 0 {
		t.Error("it kept something")
	}
}

func BenchmarkObserveData(b *testing.B) {
	r, payload := &Recorder{}, channelData(data(1200))
	for b.Loop() {
		r.Observe(Packet{At: AtSocket, Direction: Out, Protocol: "udp", From: near, To: far}, payload)
	}
}

func TestAStreamIsCutIntoItsMessages(t *testing.T) {
	// A message whose length is no multiple of 4 is padded (RFC 8656 section 12.5).
	messages := [][]byte{check(t), channelData([]byte("12345")), channelData(nil), channelData(clientHello), check(t)}
	var stream []byte
	for _, m := range messages {
		stream = append(stream, m...)
		stream = append(stream, make([]byte, -len(m)&3)...)
	}
	for _, chunk := range []int{1, 2, 3, 7, 24, len(stream)} {
		var s Stream
		var got [][]byte
		for part := range slices.Chunk(stream, chunk) {
			s.Next(part, func(m []byte) { got = append(got, bytes.Clone(m)) })
		}
		if !slices.EqualFunc(got, messages, bytes.Equal) {
			t.Errorf("in chunks of %d: %x, want %x", chunk, got, messages)
		}
	}
}

func TestAStreamOfSomethingElseHasNoMessages(t *testing.T) {
	for name, stream := range map[string]string{
		"TLS":           "\x16\x03\x01\x00\x05\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"RFC 4571's":    "\x80\x14",
		"half a header": "\x00\x01",
	} {
		t.Run(name, func(t *testing.T) {
			var s Stream
			s.Next([]byte(stream), func(m []byte) { t.Errorf("%x", m) })
		})
	}
}
