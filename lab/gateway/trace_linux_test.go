package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/wire"
)

func (n *network) traced(t *testing.T) []wire.Packet {
	t.Helper()
	var all Traced
	n.in(t, n.gateway, func() error { all = Trace(); return nil })
	if all.Missing != "" {
		t.Fatal(all.Missing)
	}
	if all.Lost != 0 {
		t.Errorf("%d packets were lost", all.Lost)
	}
	return all.Packets
}

// inALine puts what matters of a packet into a line.
func inALine(p wire.Packet) string {
	s := fmt.Sprintf("%s %s %s %s>%s", p.At, p.Direction, p.Kind, p.From, p.To)
	switch {
	case p.STUN != nil:
		s += " " + p.STUN.Method + " " + string(p.STUN.Class)
	case p.DTLS != nil:
		s += " " + p.DTLS.Handshake
	case p.ICMP != nil:
		s += fmt.Sprintf(" %d/%d about %s>%s", p.ICMP.Type, p.ICMP.Code, p.ICMP.From, p.ICMP.To)
	case p.TCP != nil:
		s += fmt.Sprintf(" %+v", *p.TCP)
	}
	if p.Dropped != "" {
		s += " " + p.Dropped
	}
	return s
}

func inLines(all []wire.Packet) (each []string) {
	for _, p := range all {
		each = append(each, inALine(p))
	}
	return each
}

func wantLines(t *testing.T, got []wire.Packet, want ...string) {
	t.Helper()
	if have := inLines(got); !slices.Equal(have, want) {
		t.Errorf("saw\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

func built(t *testing.T, setters ...stun.Setter) string {
	t.Helper()
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID}, setters...)...)
	must(t, err)
	return string(m.Raw)
}

func TestAPacketIsSeenOnBothSidesOfTheGateway(t *testing.T) {
	t.Parallel()
	n := behind(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving}})
	in := n.listen(t, n.inside, host.String()+":5000")
	began := time.Now()
	in.send(built(t, stun.BindingRequest), server)
	answer := make([]byte, 200)
	must(t, in.SetReadDeadline(time.Now().Add(patience)))
	if _, _, err := in.ReadFromUDP(answer); err != nil {
		t.Fatal(err)
	}
	all := n.traced(t)
	wantLines(t, all,
		"lan in stun 10.1.0.10:5000>198.18.0.10:3478 binding request",
		"wan out stun 198.18.0.20:5000>198.18.0.10:3478 binding request",
		"wan in stun 198.18.0.10:3478>198.18.0.20:5000 binding success",
		"lan out stun 198.18.0.10:3478>10.1.0.10:5000 binding success")
	for i, p := range all {
		if p.STUN.Transaction != all[0].STUN.Transaction || p.Bytes != len(p.Payload) || len(p.Header) != 28 {
			t.Errorf("%+v", p)
		}
		if p.Time.Before(began) || p.Time.After(time.Now()) || i > 0 && !p.Time.After(all[i-1].Time) {
			t.Errorf("seen at %s, the one before at %s", p.Time, all[max(0, i-1)].Time)
		}
	}
	if mapped := netip.AddrPortFrom(external, 5000); all[3].STUN.Mapped != mapped {
		t.Errorf("mapped %s", all[3].STUN.Mapped)
	}
}

func TestAPacketThatEndsInTheGatewayIsSeenWithItsReason(t *testing.T) {
	t.Parallel()
	n := behind(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving}})
	in := n.listen(t, n.inside, host.String()+":5000")
	out, stranger := n.listen(t, n.outside, "198.18.0.10:6000"), n.listen(t, n.outside, "198.18.0.11:6001")
	in.send("open", out.local())
	out.receive("open")
	check := built(t, stun.BindingRequest, stun.NewUsername("a:b"), stun.NewShortTermIntegrity("pwd"), stun.Fingerprint)
	stranger.send(check, to(5000))
	stranger.send(check, to(5001))
	stranger.send("data", to(5002)) // such as is not shown while it passes
	in.send(check, netip.AddrPortFrom(external, 7000))
	n.in(t, n.gateway, func() error { return SetFilters([]Filter{{Direction: Outbound, STUN: []string{AnySTUN}}}) })
	in.send(check, out.local())
	n.in(t, n.gateway, func() error { return Sever(CutUDP) })
	in.send(check, out.local())
	n.in(t, n.gateway, func() error { return Sever(Whole) })
	in.send("close", out.local())
	out.receive("close")
	all := n.traced(t)
	wantLines(t, all,
		"wan in stun 198.18.0.11:6001>198.18.0.20:5000 binding request filtered",
		"wan in stun 198.18.0.11:6001>198.18.0.20:5001 binding request no-mapping",
		"wan in other 198.18.0.11:6001>198.18.0.20:5002 no-mapping",
		"lan in stun 10.1.0.10:5000>198.18.0.20:7000 binding request hairpin-off",
		"lan in stun 10.1.0.10:5000>198.18.0.10:6000 binding request policy",
		"lan in stun 10.1.0.10:5000>198.18.0.10:6000 binding request cut")
	if strings.Contains(string(all[0].Payload), check[len(check)-28:len(check)-8]) {
		t.Error("MESSAGE-INTEGRITY is shown")
	}
}

func TestDataIsNotSeen(t *testing.T) {
	t.Parallel()
	n := behind(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving}})
	in, out := n.listen(t, n.inside, host.String()+":5000"), n.listen(t, n.outside, "198.18.0.10:6000")
	data := "\x17\xfe\xfd\x00\x01\x00\x00\x00\x00\x00\x01\x00\x05hello"
	hello := "\x16\xfe\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0c\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	relayed := func(payload string) string { return "\x40\x01\x00" + string(rune(len(payload))) + payload }
	for _, payload := range []string{data, hello, relayed(data), relayed(hello), relayed(built(t, stun.BindingRequest))} {
		in.send(payload, out.local())
		out.receive(payload)
	}
	sent := " 10.1.0.10:5000>198.18.0.10:6000"
	left := " 198.18.0.20:5000>198.18.0.10:6000"
	wantLines(t, n.traced(t),
		"lan in dtls"+sent+" client_hello", "wan out dtls"+left+" client_hello",
		"lan in channel-data"+sent, "wan out channel-data"+left,
		"lan in channel-data"+sent, "wan out channel-data"+left)
}

func TestARefusalIsSeen(t *testing.T) {
	t.Parallel()
	n := behind(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving, Unsolicited: nat.Reject}})
	out := n.listen(t, n.outside, "198.18.0.10:6000")
	check := built(t, stun.BindingRequest)
	out.send(check, to(5000))
	n.in(t, n.outside, func() error {
		if _, err := net.DialTimeout("tcp4", to(5000).String(), patience); err == nil {
			t.Error("connected")
		}
		return nil
	})
	all := n.traced(t)
	if len(all) != 4 {
		t.Fatalf("saw\n%s", strings.Join(inLines(all), "\n"))
	}
	client := all[2].From.String()
	wantLines(t, all,
		"wan in stun 198.18.0.10:6000>198.18.0.20:5000 binding request no-mapping",
		"wan out icmp 198.18.0.20:0>198.18.0.10:0 3/3 about 198.18.0.10:6000>198.18.0.20:5000",
		"wan in tcp "+client+">198.18.0.20:5000 {SYN:true ACK:false FIN:false RST:false Alert:<nil>} no-mapping",
		"wan out tcp 198.18.0.20:5000>"+client+" {SYN:false ACK:true FIN:false RST:true Alert:<nil>}")
}

func TestATraceBeginsWithItsProgram(t *testing.T) {
	t.Parallel()
	declared := nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving}}
	n := behind(t, declared)
	in, out := n.listen(t, n.inside, host.String()+":5000"), n.listen(t, n.outside, "198.18.0.10:6000")
	for range 2 {
		check := built(t, stun.BindingRequest)
		in.send(check, out.local())
		out.receive(check)
		if all := n.traced(t); len(all) != 2 {
			t.Errorf("saw %s", strings.Join(inLines(all), "\n"))
		}
		n.program(t, declared)
	}
	if all := n.traced(t); len(all) != 0 {
		t.Errorf("saw %s", strings.Join(inLines(all), "\n"))
	}
}

func TestTheBeginningOfATCPConnectionIsSeen(t *testing.T) {
	t.Parallel()
	n := behind(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving}})
	secret := stun.NewLongTermIntegrity("user", "realm", "password")
	request := func(nonce string) string {
		return built(t, stun.NewType(stun.MethodRefresh, stun.ClassRequest), stun.NewNonce(nonce), secret)
	}
	for name, row := range map[string]struct {
		at    netip.AddrPort
		sent  []string
		kinds []wire.Kind
		kept  []int // bytes
	}{
		"TURN, in whole messages, amid one, and never again": {server, []string{
			request("first") + request("second"), request("third")[:30], request("fourth"),
		}, []wire.Kind{wire.KindSTUN, wire.KindOther, wire.KindSTUN}, []int{len(request("first") + request("second")), 0, 0}},
		"TLS": {netip.AddrPortFrom(server.Addr(), 443), []string{
			"\x16\x03\x01\x00\x02hi", "\x17\x03\x03\x00\x04data", "the rest of a record", "\x15\x03\x03\x00\x02\x02\x2a",
		}, []wire.Kind{wire.KindTLS, wire.KindTLS, wire.KindTLS, wire.KindTLS}, []int{7, 9, 20, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			n.program(t, nat.Condition{NAT: &nat.Behavior{Mapping: nat.EIM, Filtering: nat.APDF, Ports: nat.Preserving}})
			n.converse(t, row.at, row.sent)
			var kinds []wire.Kind
			var kept []int
			opened, closed := 0, 0
			for _, p := range n.traced(t) {
				switch {
				case p.TCP != nil && p.TCP.SYN:
					opened++
				case p.TCP != nil && p.TCP.FIN:
					closed++
				case p.At == "wan" && p.Direction == wire.Out:
					kinds, kept = append(kinds, p.Kind), append(kept, len(p.Payload))
					if strings.Contains(string(p.Payload), "first") || strings.Contains(string(p.Payload), "second") {
						t.Errorf("a nonce is shown: %q", p.Payload)
					}
				}
			}
			// A SYN and its answer, and a FIN from either end, on both sides.
			if opened != 4 || closed != 4 || !slices.Equal(kinds, row.kinds) || !slices.Equal(kept, row.kept) {
				t.Errorf("opened %d, closed %d, saw %v with %v bytes\n%s", opened, closed, kinds, kept, strings.Join(inLines(n.traced(t)), "\n"))
			}
			if last := n.traced(t); name == "TLS" && !slices.ContainsFunc(last, func(p wire.Packet) bool {
				return p.TCP != nil && p.TCP.Alert != nil && *p.TCP.Alert == 42
			}) {
				t.Error("no alert")
			}
		})
	}
}

// converse sends each text in a segment of its own to a server that takes them all.
func (n *network) converse(t *testing.T, at netip.AddrPort, texts []string) {
	t.Helper()
	var l net.Listener
	n.in(t, n.outside, func() (err error) { l, err = net.Listen("tcp4", at.String()); return })
	defer l.Close()
	taken := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			defer conn.Close()
			buf := make([]byte, 2000)
			for range texts {
				var size int
				if size, err = conn.Read(buf); err == nil {
					// Its answer keeps the next text out of the same segment.
					_, err = conn.Write(buf[:size])
				}
			}
			_, _ = conn.Read(buf) // its end
		}
		taken <- err
	}()
	var conn net.Conn
	n.in(t, n.inside, func() (err error) { conn, err = net.Dial("tcp4", at.String()); return })
	buf := make([]byte, 2000)
	for _, text := range texts {
		_, err := conn.Write([]byte(text))
		must(t, err)
		_, err = conn.Read(buf)
		must(t, err)
	}
	must(t, conn.(*net.TCPConn).CloseWrite())
	must(t, <-taken)
	_, _ = conn.Read(buf) // the other end
	must(t, conn.Close())
}
