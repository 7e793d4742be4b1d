package report

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/icelab-go/icelab/internal/require"
	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/wire"
)

// tshark reads a capture, and returns the fields asked for of every packet that a
// filter lets through.
func tshark(t *testing.T, c Case, filter string, fields ...string) [][]string {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		require.Missing(t, "tshark", "there is no tshark here (apt-get install tshark)")
	}
	file := filepath.Join(t.TempDir(), "capture.pcapng")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteCapture(out, "1.0", c); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	args := []string{"-r", file, "-Y", filter, "-N", "n", "-T", "fields", "-E", "separator=|",
		// tshark does not check checksums unless it is told to.
		"-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	run := exec.Command("tshark", args...)
	run.Env = append(os.Environ(), "HOME="+t.TempDir())
	var said, warned bytes.Buffer
	run.Stdout, run.Stderr = &said, &warned
	if err := run.Run(); err != nil {
		t.Fatalf("tshark: %v\n%s", err, warned.String())
	}
	for line := range strings.Lines(warned.String()) {
		if !strings.Contains(line, "Running as user") && strings.TrimSpace(line) != "" {
			t.Errorf("tshark warns: %s", line)
		}
	}
	var rows [][]string
	for line := range strings.Lines(said.String()) {
		rows = append(rows, strings.Split(strings.TrimRight(line, "\n"), "|"))
	}
	return rows
}

var (
	began  = time.Date(2026, 5, 4, 10, 0, 0, 123456789, time.UTC)
	caller = netip.MustParseAddrPort("10.1.0.10:40000")
	mapped = netip.MustParseAddrPort("198.18.0.20:51000")
	server = netip.MustParseAddrPort("198.18.0.10:3478")
	turns  = netip.MustParseAddrPort("198.18.0.10:443")
)

// message is a STUN message with an ID that ends with a number.
func message(of stun.MessageType, number byte, more ...stun.Setter) []byte {
	id := [stun.TransactionIDSize]byte{stun.TransactionIDSize - 1: number}
	return stun.MustBuild(append([]stun.Setter{of, stun.NewTransactionIDSetter(id)}, more...)...).Raw
}

var (
	allocate        = stun.NewType(stun.MethodAllocate, stun.ClassRequest)
	allocateRefused = stun.NewType(stun.MethodAllocate, stun.ClassErrorResponse)
	binding         = stun.NewType(stun.MethodBinding, stun.ClassRequest)
)

// heard is a packet at a place, so long after the call began.
func heard(after time.Duration, node, at string, way wire.Direction, protocol string, from, to netip.AddrPort, payload []byte) wire.Packet {
	p := wire.Packet{Time: began.Add(after), Node: node, At: at, Direction: way, Protocol: protocol, From: from, To: to}
	p.Describe(payload)
	return p
}

// refusedCall is a call whose caller has a wrong password: what its own sockets,
// its NAT and the server saw.
func refusedCall() Case {
	first, answer := message(allocate, 1), message(allocateRefused, 1, stun.CodeUnauthorized)
	var packets []wire.Packet
	hop := func(ms int, node, at string, way wire.Direction, from, to netip.AddrPort, payload []byte) {
		packets = append(packets, heard(time.Duration(ms)*time.Millisecond, node, at, way, "udp", from, to, payload))
	}
	hop(0, "caller", wire.AtSocket, wire.Out, caller, server, first)
	hop(1, "caller-nat", "caller-lan", wire.In, caller, server, first)
	hop(1, "caller-nat", "wan", wire.Out, mapped, server, first)
	hop(2, "turn", wire.AtListener, wire.In, mapped, server, first)
	hop(3, "turn", wire.AtListener, wire.Out, server, mapped, answer)
	hop(4, "caller-nat", "wan", wire.In, server, mapped, answer)
	hop(4, "caller-nat", "caller-lan", wire.Out, server, caller, answer)
	hop(5, "caller", wire.AtSocket, wire.In, server, caller, answer)
	hop(9, "caller-nat", "wan", wire.In, netip.MustParseAddrPort("198.18.0.30:6000"), mapped, message(binding, 2, stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{0, 0, 1, 0}}))
	packets[len(packets)-1].Dropped = "filtered"
	for i := range packets {
		packets[i].ID = i + 1
	}
	return Case{
		Name: "auth-bad-password", Verdict: Failed, Reason: "no path",
		Evidence: &diagnose.Evidence{
			Packets:  packets,
			Gateways: []diagnose.Gateway{{Name: "caller-nat", Of: []string{"caller"}}},
			Names: map[netip.Addr]string{
				caller.Addr(): "caller", mapped.Addr(): "caller-nat", server.Addr(): "turn",
			},
		},
		Diagnosis: &diagnose.Verdict{
			Outcome: diagnose.RelayFailed, Cause: "A1", Name: "AUTH_BAD_PASSWORD",
			Sentence: "The password is wrong.",
			Evidence: []diagnose.Item{{Text: "Allocate with credentials is answered with 401", Of: diagnose.OfSockets, Packets: []int{8}}},
			Benign:   []diagnose.Item{{Text: "the first Allocate goes without credentials", Of: diagnose.OfSockets, Packets: []int{1}}},
		},
	}
}

func TestTsharkReadsEveryPacketOfACapture(t *testing.T) {
	rows := tshark(t, refusedCall(), "stun", "frame.interface_name", "frame.comment", "ip.src_host", "stun.type", "ip.checksum.status", "udp.checksum.status", "frame.time_epoch")
	if len(rows) != 9 {
		t.Fatalf("%d STUN packets, want 9: %v", len(rows), rows)
	}
	good := "1"
	for i, row := range rows {
		if row[4] != good || row[5] != good {
			t.Errorf("packet %d has checksums %v", i+1, row)
		}
	}
	for _, want := range []struct {
		packet int
		row    []string
	}{
		{1, []string{"caller:socket", "benign: the first Allocate goes without credentials", "caller", "0x0003"}},
		{3, []string{"caller-nat:wan", "", "caller-nat", "0x0003"}},
		{5, []string{"turn:listener", "", "turn", "0x0113"}},
		{8, []string{"caller:socket", "A1: Allocate with credentials is answered with 401", "turn", "0x0113"}},
		{9, []string{"caller-nat:wan", "dropped by caller-nat: filtered", "198.18.0.30", "0x0001"}},
	} {
		if got := rows[want.packet-1][:4]; !slices.Equal(got, want.row) {
			t.Errorf("packet %d reads %q, want %q", want.packet, got, want.row)
		}
	}
	if got := rows[0][6]; got != "1777888800.123456789" {
		t.Errorf("the first packet is of %s, want nanoseconds", got)
	}
}

func TestTsharkKnowsTheDirectionOfPackets(t *testing.T) {
	rows := tshark(t, refusedCall(), "frame.packet_flags_direction == 1", "frame.interface_name")
	if len(rows) != 5 {
		t.Errorf("%d inbound packets, want 5: %v", len(rows), rows)
	}
}

// TURN over TCP is a stream: a message may lie in two chunks, and two in one.
func TestTsharkPutsStreamsTogether(t *testing.T) {
	first, second := message(allocate, 1, stun.RawAttribute{Type: stun.AttrData, Value: make([]byte, 2000)}), message(allocate, 2)
	stream := append(slices.Clone(first), second...)
	c := refusedCall()
	c.Evidence.Packets = []wire.Packet{
		heard(0, "caller", wire.AtSocket, wire.Out, "tcp", caller, server, stream[:700]),
		heard(time.Millisecond, "caller", wire.AtSocket, wire.Out, "tcp", caller, server, stream[700:]),
		heard(2*time.Millisecond, "caller", wire.AtSocket, wire.In, "tcp", server, caller, message(allocateRefused, 1, stun.CodeUnauthorized)),
	}
	rows := tshark(t, c, "stun", "stun.type", "tcp.analysis.lost_segment", "tcp.checksum.status")
	var kinds []string
	for _, row := range rows {
		kinds = append(kinds, strings.Split(row[0], ",")...)
		if row[1] != "" || row[2] != "1" {
			t.Errorf("a segment is lost or has a wrong checksum: %v", row)
		}
	}
	if want := []string{"0x0003", "0x0003", "0x0113"}; !slices.Equal(kinds, want) {
		t.Errorf("messages %v, want %v", kinds, want)
	}
}

func TestTsharkReadsWhatWasInsideTLS(t *testing.T) {
	c := refusedCall()
	c.Evidence.Packets = []wire.Packet{
		heard(0, "caller", wire.AtSocket, wire.Out, "tls", caller, turns, message(allocate, 1)),
		heard(0, "caller", wire.AtSocket, wire.Out, "dtls", caller, turns, message(allocate, 1)),
	}
	rows := tshark(t, c, "stun", "frame.interface_name", "stun.type", "_ws.col.Source", "exported_pdu.dst_port")
	for i, want := range [][]string{
		{"caller:socket inside tls", "0x0003", "caller", "443"},
		{"caller:socket inside dtls", "0x0003", "caller", "443"},
	} {
		if len(rows) != 2 || !slices.Equal(rows[i], want) {
			t.Fatalf("it reads %q, want %q", rows, want)
		}
	}
}

func TestTsharkDecryptsTheCall(t *testing.T) {
	packets, secrets := overheard(t)
	c := Case{Name: "overheard", Evidence: &diagnose.Evidence{Packets: packets}, Secrets: secrets}
	rows := tshark(t, c, `data contains "hello hello"`, "frame.interface_name")
	if len(rows) != 2 { // at either peer's socket
		t.Errorf("%d packets say hello, want 2 of %d", len(rows), len(packets))
	}
	c.Secrets = ""
	if rows := tshark(t, c, `data contains "hello hello"`, "frame.number"); len(rows) != 0 {
		t.Errorf("%d packets were decrypted without secrets", len(rows))
	}
}

// At a gateway there are headers. The sockets' segments get its sequence numbers, so
// that the same bytes are the same to Wireshark wherever they were seen; checksums
// fit what is left after redaction.
func TestSegmentsAtSocketsAreThoseOfTheGateway(t *testing.T) {
	credentials := message(allocate, 3, stun.NewNonce("a nonce"), stun.NewRealm("lab"))
	lan := func(after time.Duration, from, to netip.AddrPort, sequence, acknowledged uint32, flags byte, payload []byte) wire.Packet {
		p := heard(after, "caller-nat", "caller-lan", wire.In, "tcp", from, to, payload)
		whole := segment(from, to, sequence, acknowledged, flags, payload, len(payload))
		p.Header = whole[:ip4Bytes+tcpBytes]
		if len(payload) == 0 {
			p.Kind, p.TCP = wire.KindTCP, &wire.TCP{SYN: flags&flagSYN != 0, ACK: flags&flagACK != 0}
		}
		return p
	}
	c := refusedCall()
	c.Evidence.Packets = []wire.Packet{
		lan(0, caller, server, 7000, 0, flagSYN, nil),
		lan(time.Millisecond, server, caller, 9000, 7001, flagSYN|flagACK, nil),
		heard(2*time.Millisecond, "caller", wire.AtSocket, wire.Out, "tcp", caller, server, credentials),
		lan(3*time.Millisecond, caller, server, 7001, 9001, flagPSH|flagACK, credentials),
	}
	rows := tshark(t, c, "tcp", "frame.interface_name", "tcp.seq_raw", "tcp.ack_raw", "tcp.checksum.status", "tcp.analysis.retransmission")
	want := [][]string{
		{"caller-nat:caller-lan", "7000", "0", "1", ""},
		{"caller-nat:caller-lan", "9000", "7001", "1", ""},
		{"caller:socket", "7001", "9001", "1", ""},
		{"caller-nat:caller-lan", "7001", "9001", "1", "1"},
	}
	for i := range want {
		if len(rows) != len(want) || !slices.Equal(rows[i], want[i]) {
			t.Fatalf("segments %q, want %q", rows, want)
		}
	}
}

func TestTsharkReadsHeadersThatAGatewaySaw(t *testing.T) {
	payload := message(allocate, 3, stun.NewNonce("a nonce"))
	whole := datagram(heard(0, "", "", wire.In, "udp", caller, server, payload))
	ipOnly := heard(0, "caller-nat", "caller-lan", wire.In, "udp", caller, server, payload)
	ipOnly.Header = whole[:ip4Bytes]
	both := ipOnly
	both.Header = whole[:ip4Bytes+udpBytes]
	refused := wire.Packet{
		Time: began, Node: "caller-nat", At: "caller-lan", Direction: wire.Out, Protocol: "icmp", Kind: wire.KindICMP,
		From: netip.AddrPortFrom(server.Addr(), 0), To: netip.AddrPortFrom(caller.Addr(), 0),
		ICMP: &wire.ICMP{Type: 3, Code: 3, Protocol: "udp", From: caller, To: server},
	}
	long := heard(0, "caller", wire.AtSocket, wire.Out, "udp", caller, server, bytes.Repeat([]byte{0xff}, 5000))
	c := refusedCall()
	c.Evidence.Packets = []wire.Packet{ipOnly, both, refused, long}
	rows := tshark(t, c, "ip", "stun.type", "udp.checksum.status", "icmp.code", "icmp.checksum.status", "frame.len", "frame.cap_len")
	size := fmt.Sprint(ip4Bytes + udpBytes + len(payload))
	want := [][]string{
		{"0x0003", "1", "", "", size, size},
		{"0x0003", "1", "", "", size, size},
		{"", "3", "3", "1", "56", "56"},
		{"", "3", "", "", "5028", "2076"}, // cut at the snap length: no checksum
	}
	for i := range want {
		if len(rows) != len(want) || !slices.Equal(rows[i], want[i]) {
			t.Fatalf("packets %q, want %q", rows, want)
		}
	}
}
