package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/icelab-go/icelab/wire"
)

// methods are STUN's methods as the standards write them.
var methods = map[string]string{
	"binding": "Binding", "allocate": "Allocate", "refresh": "Refresh", "send": "Send", "data": "Data",
	"create-permission": "CreatePermission", "channel-bind": "ChannelBind",
}

// words say what a packet is, in a few of them.
func words(p wire.Packet) string {
	text := content(p.Kind, p.Bytes, p.STUN, p.DTLS)
	switch {
	case p.Kind == wire.KindTCP && p.TCP != nil:
		text = tcpWords(*p.TCP)
	case p.Kind == wire.KindTLS:
		text = "TLS"
		if p.TCP != nil && p.TCP.Alert != nil {
			text = fmt.Sprintf("TLS alert %d", *p.TCP.Alert)
		}
	case p.Kind == wire.KindICMP && p.ICMP != nil:
		text = icmpWords(*p.ICMP)
	case p.Kind == wire.KindChannelData:
		text = "ChannelData"
	case p.Kind == wire.KindOther && p.Protocol != "":
		text = fmt.Sprintf("%s, %d bytes", strings.ToUpper(p.Protocol), p.Bytes)
	}
	if p.Inner != nil {
		text += " (" + content(p.Inner.Kind, p.Inner.Bytes, p.Inner.STUN, p.Inner.DTLS) + ")"
	}
	return text
}

func content(kind wire.Kind, bytes int, s *wire.STUN, d *wire.DTLS) string {
	switch {
	case kind == wire.KindSTUN && s != nil:
		return stunWords(*s)
	case kind == wire.KindDTLS && d != nil:
		return dtlsWords(*d)
	case kind == wire.KindDNS:
		return "DNS"
	}
	return fmt.Sprintf("%d bytes", bytes)
}

func stunWords(s wire.STUN) string {
	method := cmp.Or(methods[s.Method], s.Method)
	switch s.Class {
	case wire.Request:
		text := method + " request"
		switch {
		case s.Method == "binding" && s.UseCandidate:
			text += ", nominates"
		case s.Method == "refresh" && s.Lifetime != nil && *s.Lifetime == 0:
			text += " to end"
		case s.Method == "allocate" && s.Integrity:
			text += " with credentials"
		}
		if len(s.Peers) > 0 {
			text += " for " + peersOf(s)
		}
		return text
	case wire.Success:
		switch {
		case s.Relayed.IsValid():
			return method + " success, relay " + s.Relayed.String()
		case s.Method == "binding" && s.Mapped.IsValid():
			return method + " success, seen as " + s.Mapped.String()
		}
		return method + " success"
	case wire.Error:
		return strings.TrimSpace(fmt.Sprintf("%s error %d %s", method, s.Code, s.Reason))
	}
	if len(s.Peers) > 0 {
		return method + " " + peersOf(s)
	}
	return method + " indication"
}

func peersOf(s wire.STUN) string {
	var all []string
	for _, p := range s.Peers {
		if p.Port() == 0 {
			all = append(all, p.Addr().String())
			continue
		}
		all = append(all, p.String())
	}
	return strings.Join(all, ", ")
}

func dtlsWords(d wire.DTLS) string {
	switch {
	case d.Handshake != "":
		return "DTLS " + d.Handshake
	case d.Alert != nil:
		return fmt.Sprintf("DTLS alert %d", *d.Alert)
	}
	return "DTLS " + strings.ReplaceAll(d.Type, "-", " ")
}

func tcpWords(t wire.TCP) string {
	text := "TCP"
	for _, f := range []struct {
		set  bool
		name string
	}{{t.SYN, " SYN"}, {t.FIN, " FIN"}, {t.RST, " RST"}, {t.ACK, " ACK"}} {
		if f.set {
			text += f.name
		}
	}
	return text
}

// icmpWords names the errors of RFC 792 and RFC 1812 that a call can meet.
func icmpWords(i wire.ICMP) string {
	name := map[[2]int]string{
		{3, 0}: "network unreachable", {3, 1}: "host unreachable", {3, 2}: "protocol unreachable",
		{3, 3}: "port unreachable", {3, 4}: "fragmentation needed", {3, 9}: "network prohibited",
		{3, 10}: "host prohibited", {3, 13}: "prohibited by a filter", {11, 0}: "time to live exceeded",
	}[[2]int{i.Type, i.Code}]
	if name == "" {
		name = fmt.Sprintf("type %d code %d", i.Type, i.Code)
	}
	return "ICMP " + name
}

// over is the transport of a packet where it is not UDP, for a text that is about
// STUN.
func over(p wire.Packet) string {
	if p.Kind != wire.KindSTUN && p.Kind != wire.KindChannelData || p.Protocol == "udp" || p.Protocol == "" {
		return ""
	}
	return " over " + strings.ToUpper(p.Protocol)
}
