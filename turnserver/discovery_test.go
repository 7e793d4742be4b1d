package turnserver_test

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/icelab-go/icelab/turnserver"
)

// corners are the four sockets of RFC 5780 table 1, by address and by port.
type corners [2][2]netip.AddrPort

func startDiscovery(t *testing.T) (*turnserver.Server, corners) {
	t.Helper()
	cfg := config("127.0.0.1")
	cfg.Alternate = netip.MustParseAddrPort("127.0.0.2:0")
	s := start(t, cfg)
	primary := address(t, s, "udp")
	answer, _ := ask(t, listen(t, "127.0.0.1"), primary)
	other := attrAddress(t, answer, stun.AttrOtherAddress)

	return s, corners{
		{primary, netip.AddrPortFrom(primary.Addr(), other.Port())},
		{netip.AddrPortFrom(other.Addr(), primary.Port()), other},
	}
}

func ask(t *testing.T, conn net.PacketConn, to netip.AddrPort, attrs ...stun.Setter) (*stun.Message, netip.AddrPort) {
	t.Helper()
	req := bindingRequest(t, conn, to, attrs...)

	return readAnswer(t, conn, req)
}

func bindingRequest(t *testing.T, conn net.PacketConn, to netip.AddrPort, attrs ...stun.Setter) *stun.Message {
	t.Helper()
	req := stun.MustBuild(append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, attrs...)...)
	write(t, conn, req.Raw, net.UDPAddrFromAddrPort(to))

	return req
}

func readAnswer(t *testing.T, conn net.PacketConn, req *stun.Message) (*stun.Message, netip.AddrPort) {
	t.Helper()
	buf := make([]byte, 2000)
	n, from, err := conn.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	answer := new(stun.Message)
	if err := stun.Decode(buf[:n], answer); err != nil {
		t.Fatal(err)
	}
	if answer.TransactionID != req.TransactionID {
		t.Fatalf("the answer is to another request: %v", answer)
	}
	if err := stun.Fingerprint.Check(answer); err != nil {
		t.Errorf("fingerprint: %v", err)
	}

	return answer, from.(*net.UDPAddr).AddrPort()
}

func attrAddress(t *testing.T, m *stun.Message, attr stun.AttrType) netip.AddrPort {
	t.Helper()
	var a stun.MappedAddress
	if err := a.GetFromAs(m, attr); err != nil {
		t.Fatalf("%v: %v", attr, err)
	}
	ip, _ := netip.AddrFromSlice(a.IP)

	return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port))
}

func change(flags byte) stun.Setter {
	return stun.RawAttribute{Type: stun.AttrChangeRequest, Value: []byte{0, 0, 0, flags}}
}

func responsePort(port uint16) stun.Setter {
	return stun.RawAttribute{Type: stun.AttrResponsePort, Value: []byte{byte(port >> 8), byte(port)}}
}

func TestChangeRequestIsAnsweredFromTheOtherSocket(t *testing.T) {
	_, at := startDiscovery(t)
	client := listen(t, "127.0.0.1")
	local := client.LocalAddr().(*net.UDPAddr).AddrPort()

	for _, c := range []struct {
		name  string
		flags byte
		ip    int // 1: from the other address
		port  int
	}{
		{"nothing", 0, 0, 0},
		{"the port", 2, 0, 1},
		{"the address", 4, 1, 0},
		{"both", 6, 1, 1},
	} {
		t.Run("change "+c.name, func(t *testing.T) {
			for i := range at {
				for j, to := range at[i] {
					want := at[i^c.ip][j^c.port]
					answer, from := ask(t, client, to, change(c.flags))
					var mapped stun.XORMappedAddress
					if err := mapped.GetFrom(answer); err != nil {
						t.Fatal(err)
					}
					if mapped.String() != local.String() {
						t.Errorf("XOR-MAPPED-ADDRESS %s, want %s", mapped, local)
					}
					for _, check := range []struct {
						what      string
						got, want netip.AddrPort
					}{
						{"source", from, want},
						{"RESPONSE-ORIGIN", attrAddress(t, answer, stun.AttrResponseOrigin), want},
						{"OTHER-ADDRESS", attrAddress(t, answer, stun.AttrOtherAddress), at[i^1][j^1]},
						{"MAPPED-ADDRESS", attrAddress(t, answer, stun.AttrMappedAddress), local},
					} {
						if check.got != check.want {
							t.Errorf("to %s: %s is %s, want %s", to, check.what, check.got, check.want)
						}
					}
				}
			}
		})
	}
}

func TestResponsePortReachesAnotherPortOfTheSenderOnly(t *testing.T) {
	_, at := startDiscovery(t)
	sender, receiver := listen(t, "127.0.0.1"), listen(t, "127.0.0.1")
	stranger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3), Port: receiver.LocalAddr().(*net.UDPAddr).Port})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()

	port := uint16(receiver.LocalAddr().(*net.UDPAddr).Port)
	req := bindingRequest(t, sender, at[0][0], responsePort(port))
	answer, _ := readAnswer(t, receiver, req)
	if got, want := attrAddress(t, answer, stun.AttrMappedAddress).String(), sender.LocalAddr().String(); got != want {
		t.Errorf("the answer is about %s, want %s", got, want)
	}
	// With CHANGE-REQUEST, it comes from the other socket.
	req = bindingRequest(t, sender, at[0][0], responsePort(port), change(6))
	if _, from := readAnswer(t, receiver, req); from != at[1][1] {
		t.Errorf("answered from %s, want %s", from, at[1][1])
	}

	// Whatever was sent to the stranger is there before the answer to a later request.
	_, _ = ask(t, sender, at[0][0])
	_ = stranger.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if n, from, err := stranger.ReadFrom(make([]byte, 100)); err == nil {
		t.Errorf("a stranger got %d bytes from %s", n, from)
	}
}

func TestARequestThatCannotBeAnsweredIsRefused(t *testing.T) {
	_, at := startDiscovery(t)
	client := listen(t, "127.0.0.1")
	pad := stun.RawAttribute{Type: stun.AttrPadding, Value: make([]byte, 64)}

	for _, c := range []struct {
		name    string
		attrs   []stun.Setter
		code    int
		unknown []stun.AttrType
	}{
		{"RESPONSE-PORT with PADDING", []stun.Setter{responsePort(4000), pad}, 400, nil},
		{"RESPONSE-PORT 0", []stun.Setter{responsePort(0)}, 400, nil},
		{"RESPONSE-PORT of one byte", []stun.Setter{stun.RawAttribute{Type: stun.AttrResponsePort, Value: []byte{1}}}, 400, nil},
		{"CHANGE-REQUEST of two bytes", []stun.Setter{stun.RawAttribute{Type: stun.AttrChangeRequest, Value: []byte{0, 6}}}, 400, nil},
		{"RESPONSE-ADDRESS of RFC 3489", []stun.Setter{stun.RawAttribute{Type: 0x0002, Value: make([]byte, 8)}}, 420, []stun.AttrType{0x0002}},
		{"two unknown attributes", []stun.Setter{stun.RawAttribute{Type: 0x7000}, stun.RawAttribute{Type: 0x7001}}, 420, []stun.AttrType{0x7000, 0x7001}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, to := range []netip.AddrPort{at[0][0], at[1][1]} {
				answer, from := ask(t, client, to, c.attrs...)
				if answer.Type != stun.BindingError || codeOf(answer) != c.code || from != to {
					t.Errorf("got %v from %s, want %d from %s", answer, from, c.code, to)
				}
				var unknown stun.UnknownAttributes
				_ = unknown.GetFrom(answer)
				if !slices.Equal(unknown, c.unknown) {
					t.Errorf("unknown attributes %v, want %v", unknown, c.unknown)
				}
			}
		})
	}
}

func TestOptionalAttributesAndCredentialsAreNoReasonToRefuse(t *testing.T) {
	_, at := startDiscovery(t)
	answer, _ := ask(t, listen(t, "127.0.0.1"), at[0][0], stun.NewSoftware("a client"),
		stun.NewUsername("anyone"), stun.NewShortTermIntegrity("secret"), stun.Fingerprint)
	if answer.Type != stun.BindingSuccess {
		t.Errorf("got %v", answer)
	}
}

func TestAnAnswerIsPaddedAsItsRequestWas(t *testing.T) {
	_, at := startDiscovery(t)
	client := listen(t, "127.0.0.1")
	for _, size := range []int{4, 400} {
		answer, _ := ask(t, client, at[0][0], stun.RawAttribute{Type: stun.AttrPadding, Value: make([]byte, size)})
		if pad, err := answer.Get(stun.AttrPadding); err != nil || len(pad) != size {
			t.Errorf("padding of %d bytes, %v: want %d", len(pad), err, size)
		}
	}
}

func TestDiscoveryIsDeafToEverythingElse(t *testing.T) {
	_, at := startDiscovery(t)
	client := listen(t, "127.0.0.1")
	forged := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	forged.Raw[len(forged.Raw)-1] ^= 1
	for _, raw := range [][]byte{
		{}, {0}, []byte("hello, is anybody there?"), forged.Raw,
		stun.MustBuild(stun.TransactionID, stun.BindingSuccess).Raw,
		stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodBinding, stun.ClassIndication)).Raw,
	} {
		write(t, client, raw, net.UDPAddrFromAddrPort(at[1][1]))
	}
	// ask fails if the next datagram is not the answer to its own request.
	_, _ = ask(t, client, at[1][1])
}

func TestTURNIsServedBesideDiscovery(t *testing.T) {
	s, at := startDiscovery(t)
	for _, network := range []string{"udp", "tcp"} {
		if _, relay := allocate(t, s, network); relay.LocalAddr() == nil {
			t.Errorf("no relay over %s", network)
		}
	}
	before := len(s.Events(0))
	_, _ = ask(t, listen(t, "127.0.0.1"), at[0][0], change(6))
	if events := s.Events(0); len(events) != before {
		t.Errorf("discovery left events: %+v", events[before:])
	}
	if n := len(s.Allocations()); n != 2 {
		t.Errorf("%d allocations, want 2", n)
	}
}

func TestAlternateIsRefusedWhereItCannotWork(t *testing.T) {
	tcpOnly := config("127.0.0.1")
	tcpOnly.Listen = tcpOnly.Listen[1:]
	wildcard := config("127.0.0.1")
	wildcard.Listen[0].Address = netip.MustParseAddrPort("0.0.0.0:0")
	fixed := config("127.0.0.1")
	fixed.Listen[0].Address = netip.MustParseAddrPort("127.0.0.1:3478")

	for _, c := range []struct {
		name      string
		cfg       turnserver.Config
		alternate string
		want      string
	}{
		{"no UDP", tcpOnly, "127.0.0.2:0", "listen on a UDP address too"},
		{"every address", wildcard, "127.0.0.2:0", "listens on every address"},
		{"unspecified", config("127.0.0.1"), "0.0.0.0:3479", "second address of this host"},
		{"same address", config("127.0.0.1"), "127.0.0.1:3479", "the address is the primary one"},
		{"same port", fixed, "127.0.0.2:3478", "the port is the primary one"},
		{"other IP version", config("127.0.0.1"), "[::1]:3479", "not of the same IP version"},
		{"not this host's", config("127.0.0.1"), "198.51.100.1:3479", "give an address of this host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Alternate = netip.MustParseAddrPort(c.alternate)
			s, err := turnserver.Start(c.cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want %q in one line", err, c.want)
			}
		})
	}
}
