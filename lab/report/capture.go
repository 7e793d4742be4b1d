package report

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/icelab-go/icelab/lab/diagnose"
	"github.com/icelab-go/icelab/lab/report/pcapng"
	"github.com/icelab-go/icelab/wire"
)

// WriteCapture writes the packets of a case as pcapng: an interface for every
// place where a witness stood, a comment on every packet that the diagnosis rests
// on and on every one that was dropped, the names of the nodes, and the secrets
// that decrypt DTLS between the peers.
//
// At a peer's and the server's sockets there are no headers of IP, UDP and TCP;
// they are made up there, from the addresses that the socket knew. What went to or
// came from a TURN server over TLS or DTLS was seen above the encryption and has an
// interface of its own, on which there are no headers.
func WriteCapture(out io.Writer, version string, c Case) error {
	w := pcapng.NewWriter(out, strings.TrimSpace("icelab "+version), c.summary())
	if c.Evidence == nil {
		return w.Err()
	}
	packets := c.Evidence.Packets
	places := places(packets)
	for _, at := range places {
		w.Interface(at.name(), at.about(), at.link())
	}
	names := map[netip.Addr]string{}
	for a, name := range c.Evidence.Names {
		names[a.Unmap()] = name
	}
	w.Names(names)
	w.Secrets(c.Secrets)
	said := comments(c.Diagnosis)
	streams := newStreams(packets)
	for i, p := range packets {
		one := pcapng.Packet{
			Interface: slices.Index(places, placeOf(p)), Time: p.Time,
			Comments: slices.Clone(said[idOf(p, i)]),
		}
		switch p.Direction {
		case wire.In:
			one.Direction = pcapng.Inbound
		case wire.Out:
			one.Direction = pcapng.Outbound
		}
		if p.Dropped != "" {
			one.Comments = append(one.Comments, fmt.Sprintf("dropped by %s: %s", p.Node, p.Dropped))
		}
		for _, f := range streams.frames(p) {
			one.Data, one.Length = f.data, f.length
			w.Packet(one)
			one.Comments = nil
		}
	}
	return w.Err()
}

// summary is the case in a line.
func (c Case) summary() string {
	text := fmt.Sprintf("%s: %s", c.Name, c.Verdict)
	if c.Diagnosis != nil && c.Diagnosis.Sentence != "" {
		return text + ". " + c.Diagnosis.Sentence
	}
	if c.Reason != "" {
		return text + ": " + c.Reason
	}
	return text
}

// idOf is the ID of a packet at an index of the evidence.
func idOf(p wire.Packet, index int) int {
	if p.ID != 0 {
		return p.ID
	}
	return index + 1
}

// place is where a witness stood: an interface of the capture.
type place struct {
	node, at string
	// inside is "tls" or "dtls" where the witness sits above it.
	inside string
}

func placeOf(p wire.Packet) place {
	at := place{node: p.Node, at: p.At}
	if p.Protocol == "tls" || p.Protocol == "dtls" {
		at.inside = p.Protocol
	}
	return at
}

// places returns all there are, in the order in which they are first seen.
func places(packets []wire.Packet) []place {
	var all []place
	for _, p := range packets {
		if at := placeOf(p); !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

// name is that of the interface: "caller-nat:wan", "caller:socket inside tls".
func (p place) name() string {
	if p.inside != "" {
		return p.node + ":" + p.at + " inside " + p.inside
	}
	return p.node + ":" + p.at
}

func (p place) link() pcapng.Link {
	if p.inside != "" {
		return pcapng.LinkUpper
	}
	return pcapng.LinkRaw
}

func (p place) about() string {
	if p.inside != "" {
		return p.node + " above the encryption of " + strings.ToUpper(p.inside)
	}
	switch p.at {
	case wire.AtSocket:
		return "the sockets of " + p.node + "; IP, UDP and TCP headers are made up"
	case wire.AtListener:
		return "where clients reach " + p.node + "; IP, UDP and TCP headers are made up"
	case wire.AtRelay:
		return "the relayed transport addresses of " + p.node + "; IP and UDP headers are made up"
	}
	return p.node + " on the segment " + p.at
}

// benignPrefix begins what is said of a packet that looks bad and is not.
const benignPrefix = "benign: "

// comments are what a diagnosis says of packets, by their IDs.
func comments(v *diagnose.Verdict) map[int][]string {
	said := map[int][]string{}
	if v == nil {
		return said
	}
	say := func(about string, items []diagnose.Item) {
		for _, item := range items {
			for _, id := range item.Packets {
				said[id] = append(said[id], about+": "+item.Text)
			}
		}
	}
	say(cmp.Or(v.Cause, string(v.Outcome)), v.Evidence)
	say("against "+cmp.Or(v.Cause, string(v.Outcome)), v.Against)
	for _, also := range v.Also {
		say(also.Cause, also.Evidence)
		say("against "+also.Cause, also.Against)
	}
	say(strings.TrimSuffix(benignPrefix, ": "), v.Benign)
	return said
}
