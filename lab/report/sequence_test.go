package report

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/icelab-go/icelab/wire"
)

func TestAPacketThatCrossesNodesIsOneArrow(t *testing.T) {
	s := refusedCall().sequence(80)
	if got := fmt.Sprint(s.lifelines); got != "[caller caller-nat turn 198.18.0.30 callee]" {
		t.Errorf("lifelines %s", got)
	}
	var drawn []string
	for _, a := range s.arrows {
		drawn = append(drawn, fmt.Sprintf("%s → %s: %s", a.from, a.to, a.label()))
	}
	want := []string{
		"caller → turn: Allocate request",
		"turn → caller: Allocate error 401 Unauthorized",
		"198.18.0.30 → caller-nat: Binding request to 198.18.0.20:51000, dropped: filtered",
	}
	if strings.Join(drawn, "\n") != strings.Join(want, "\n") {
		t.Errorf("drawn:\n%s\nwant:\n%s", strings.Join(drawn, "\n"), strings.Join(want, "\n"))
	}
	if s.arrows[1].said == "" || s.arrows[0].said != "" {
		t.Error("the answer is evidence, the first request is not")
	}
}

// silentCall is a call whose TURN server does not answer, seen at the caller only.
func silentCall() Case {
	c := refusedCall()
	c.Evidence.Packets = nil
	request := message(allocate, 1)
	for i := range 7 {
		p := heard(time.Duration(i)*500*time.Millisecond, "caller", wire.AtSocket, wire.Out, "udp", caller, server, request)
		p.ID = i + 1
		c.Evidence.Packets = append(c.Evidence.Packets, p)
	}
	return c
}

func TestRetransmissionsAreOneArrow(t *testing.T) {
	c := silentCall()
	c.Diagnosis = nil
	s := c.sequence(80)
	if len(s.arrows) != 1 || s.arrows[0].label() != "Allocate request ×7, no answer" {
		t.Errorf("drawn: %+v", s.arrows)
	}
}

func TestAnArrowKnowsThatNothingArrived(t *testing.T) {
	c := refusedCall()
	for i := range c.Evidence.Packets {
		if p := &c.Evidence.Packets[i]; p.ID == 4 {
			p.STUN.Transaction = "other" // the server saw another one
		}
		if p := &c.Evidence.Packets[i]; p.ID > 3 {
			p.Time = p.Time.Add(time.Hour)
		}
	}
	a := c.sequence(80).arrows[0]
	if !a.lost || a.to != "turn" || a.count != 1 {
		t.Errorf("drawn: %+v", a)
	}
}

func TestWhatAGatewayTellsLateIsTheSameArrow(t *testing.T) {
	c := refusedCall()
	c.Diagnosis = nil
	request := message(allocate, 1)
	c.Evidence.Packets = []wire.Packet{
		heard(0, "caller-nat", "caller-lan", wire.In, "udp", caller, server, request),
		heard(1, "caller", wire.AtSocket, wire.Out, "udp", caller, server, request),
		heard(2, "turn", wire.AtListener, wire.In, "udp", server, server, request),
		heard(3, "caller-nat", "wan", wire.Out, "udp", caller, server, request),
		heard(time.Hour, "caller", wire.AtSocket, wire.Out, "udp", caller, server, message(binding, 8)),
	}
	a := c.sequence(80).arrows
	if len(a) != 2 || a[0].from != "caller" || a[0].to != "turn" || a[0].lost || len(a[0].packets) != 4 {
		t.Errorf("drawn: %+v", a)
	}
}

// What is said of a packet that did not arrive has to be certain.
func TestAnArrowDoesNotClaimALossThatNobodyCanKnow(t *testing.T) {
	icmp := wire.Packet{Kind: wire.KindICMP, ICMP: &wire.ICMP{Type: 3, Code: 3}, Protocol: "icmp", Node: "caller-nat", At: "caller-lan",
		Direction: wire.Out, From: netip.MustParseAddrPort("10.1.0.1:0"), To: netip.AddrPortFrom(caller.Addr(), 0), Time: began}
	check := heard(0, "caller-nat", "caller-lan", wire.Out, "udp", server, caller, message(binding, 7))
	late := heard(time.Hour, "caller", wire.AtSocket, wire.Out, "udp", caller, server, message(binding, 8))
	soon := late
	soon.Time = began.Add(time.Millisecond)
	for name, is := range map[string]struct {
		packets []wire.Packet
		dropped int // by the recorders
		want    bool
	}{
		"a check":                       {[]wire.Packet{check, late}, 0, true},
		"a check among too many":        {[]wire.Packet{check, late}, 3, false},
		"a check that was just sent":    {[]wire.Packet{check, soon}, 0, false},
		"ICMP, which sockets don't see": {[]wire.Packet{icmp, late}, 0, false},
	} {
		c := refusedCall()
		c.Evidence.Packets, c.Evidence.Lost = is.packets, is.dropped
		if got := c.sequence(80).arrows[0].lost; got != is.want {
			t.Errorf("%s: lost is %t", name, got)
		}
	}
}

func TestWhatMattersIsDrawnWhenThereIsTooMuch(t *testing.T) {
	c := refusedCall()
	for i := range 200 {
		p := heard(time.Duration(20+i)*time.Millisecond, "caller", wire.AtSocket, wire.Out, "udp", caller,
			netip.AddrPortFrom(server.Addr(), uint16(1000+i)), bytes.Repeat([]byte{0xff}, i+1))
		p.ID = len(c.Evidence.Packets) + 1
		c.Evidence.Packets = append(c.Evidence.Packets, p)
	}
	s := c.sequence(mermaidArrows)
	if len(s.arrows) != mermaidArrows || s.left != 203-mermaidArrows {
		t.Errorf("%d arrows and %d left", len(s.arrows), s.left)
	}
	for i, want := range []string{"Allocate request", "Allocate error 401 Unauthorized", "Binding request to 198.18.0.20:51000"} {
		if s.arrows[i].text != want {
			t.Errorf("arrow %d is %q, want %q", i, s.arrows[i].text, want)
		}
	}
}

func TestMermaidEscapesWhatItWouldRead(t *testing.T) {
	c := refusedCall()
	bad := heard(0, "caller", wire.AtSocket, wire.In, "udp", server, caller,
		message(allocateRefused, 9, stun.ErrorCodeAttribute{Code: 401, Reason: []byte("no; #x <b>`end`\n%%{init}%%")}))
	c.Evidence.Packets = append(c.Evidence.Packets, bad)
	text := c.sequence(mermaidArrows).mermaid()
	for line := range strings.Lines(text) {
		message := line[strings.Index(line, ": ")+1:]
		for _, entity := range []string{"#59;", "#35;", "#60;", "#62;", "#96;", "#37;", "#123;", "#125;"} {
			message = strings.ReplaceAll(message, entity, "")
		}
		if strings.ContainsAny(message, ";#<`%{}") && strings.Contains(line, ": ") {
			t.Errorf("not escaped: %q", line)
		}
	}
	if !strings.Contains(text, "n2-->>n0: Allocate error 401 no#59; #35;x #60;b#62;#96;end#96; #37;#37;#123;init") {
		t.Errorf("drawn:\n%s", text)
	}
}

func TestWordsNameTheRelayAndThePeer(t *testing.T) {
	relay := netip.MustParseAddrPort("198.18.0.10:49160")
	for want, p := range map[string]wire.Packet{
		"Allocate success, relay 198.18.0.10:49160": {Kind: wire.KindSTUN, STUN: &wire.STUN{Method: "allocate", Class: wire.Success, Relayed: relay}},
		"CreatePermission request for 10.2.0.10":    {Kind: wire.KindSTUN, STUN: &wire.STUN{Method: "create-permission", Class: wire.Request, Peers: []netip.AddrPort{netip.MustParseAddrPort("10.2.0.10:0")}}},
		"ChannelData (DTLS client_hello)":           {Kind: wire.KindChannelData, Inner: &wire.Inner{Kind: wire.KindDTLS, DTLS: &wire.DTLS{Type: "handshake", Handshake: "client_hello"}}},
		"TCP SYN ACK":                               {Kind: wire.KindTCP, TCP: &wire.TCP{SYN: true, ACK: true}},
		"ICMP port unreachable":                     {Kind: wire.KindICMP, ICMP: &wire.ICMP{Type: 3, Code: 3}},
		"UDP, 12 bytes":                             {Kind: wire.KindOther, Protocol: "udp", Bytes: 12},
	} {
		if got := words(p); got != want {
			t.Errorf("words %q, want %q", got, want)
		}
	}
}

// A text that runs past its arrow is read as another arrow's.
func TestATextIsNoLongerThanItsArrow(t *testing.T) {
	c := refusedCall()
	for i := range c.Evidence.Packets {
		if p := &c.Evidence.Packets[i]; p.Dropped != "" {
			p.Dropped = "private-destination"
		}
	}
	v := c.ladderView("case-1", nil)
	last := v.Arrows[len(v.Arrows)-1]
	if last.Note != "dropped: private-destination" || strings.Contains(last.Text, "dropped") || !strings.Contains(last.Title, last.Note) {
		t.Errorf("drawn: %+v", last)
	}
	narrow := arrowView{Text: "Binding request to 198.18.0.200:51000 and so on ×12"}
	narrow.fit(arrow{text: "Binding request to 198.18.0.200:51000 and so on"}, 200)
	if narrow.Text != "Binding request to 198.18.0.200:… ×12" {
		t.Errorf("shortened to %q", narrow.Text)
	}
}
