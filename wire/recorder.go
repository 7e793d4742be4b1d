package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun/v3"
)

// Recorder keeps packets for a diagnosis: all that say how a connection came about
// or ended, and of the data that it carries only the beginning. Its methods may be
// called from several goroutines, and never block. A nil Recorder keeps nothing.
//
// Data is what is neither STUN, DNS nor a DTLS handshake or alert, itself or relayed:
// the first DataPackets of a flow are kept. The rest are no loss, so Lost does not
// count them.
type Recorder struct {
	mu      sync.Mutex
	packets []Packet
	payload int // bytes kept of data
	lost    int
	data    map[flow]int
}

// What a Recorder keeps at most.
const (
	// RecorderPackets are packets of all kinds, some 2 MB.
	RecorderPackets = 4096
	// DataPackets are packets of data from one address to another in one place.
	DataPackets = 40
	// dataBytes are those of all data together; of more only the facts are kept.
	dataBytes = 128 << 10
	// flows are those that data is counted of; there is no more of others.
	flows = 1024
)

// flow is what the beginning of data is the beginning of.
type flow struct {
	at        string
	direction Direction
	protocol  string
	from, to  netip.AddrPort
	dropped   string
}

// Observe describes a packet by its payload, and keeps it. Of p it takes what says
// where the packet was seen; a zero Time is now. The payload stays the caller's.
func (r *Recorder) Observe(p Packet, payload []byte) {
	if r == nil {
		return
	}
	data := !p.isDNS(payload) && IsData(payload)
	r.mu.Lock()
	defer r.mu.Unlock()
	if data && !r.begins(p) || !r.room() {
		return
	}
	if p.Time.IsZero() {
		p.Time = time.Now()
	}
	p.Describe(payload)
	if data {
		if r.payload += len(p.Payload); r.payload > dataBytes {
			r.payload -= len(p.Payload)
			p.Payload = nil
		}
	}
	r.packets = append(r.packets, p)
}

// Record keeps a packet that is described already.
func (r *Recorder) Record(p Packet) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.room() {
		r.packets = append(r.packets, p)
	}
}

// Drop notes that a packet which was recorded lately as it came has ended, for the
// reason in p. It returns false if there is none such: then it is still to be
// recorded. The packet may have been given another destination meanwhile.
func (r *Recorder) Drop(p Packet, payload []byte) bool {
	const lately = 256
	kept := Redact(payload)
	kept = kept[:min(len(kept), SnapLength)]
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.packets) - 1; i >= max(0, len(r.packets)-lately); i-- {
		if came := &r.packets[i]; came.Dropped == "" && came.At == p.At && came.Direction == p.Direction &&
			came.Protocol == p.Protocol && came.From == p.From && bytes.Equal(came.Payload, kept) && came.sequence() == p.sequence() {
			came.Dropped = p.Dropped
			return true
		}
	}
	return false
}

// sequence is the number in a TCP header, which tells segments without payload
// apart.
func (p *Packet) sequence() uint32 {
	const offset, length = 4, 8
	if p.Protocol != "tcp" || len(p.Header) == 0 {
		return 0
	}
	ip := int(p.Header[0]&0x0f) * 4
	if len(p.Header) < ip+length {
		return 0
	}
	return binary.BigEndian.Uint32(p.Header[ip+offset:])
}

func (r *Recorder) room() bool {
	if len(r.packets) < RecorderPackets {
		return true
	}
	r.lost++
	return false
}

// begins counts a packet of data, and says whether it is among the first.
func (r *Recorder) begins(p Packet) bool {
	key := flow{p.At, p.Direction, p.Protocol, p.From, p.To, p.Dropped}
	n, known := r.data[key]
	if n >= DataPackets || !known && len(r.data) >= flows {
		return false
	}
	if r.data == nil {
		r.data = map[flow]int{}
	}
	r.data[key] = n + 1
	return true
}

// Packets returns what was kept, in the order in which it was recorded.
func (r *Recorder) Packets() []Packet {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Packet(nil), r.packets...)
}

// Lost is how many packets there was no room for.
func (r *Recorder) Lost() int {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// IsData tells data from what sets connections up and ends them.
func IsData(payload []byte) bool { return isData(payload, true) }

func isData(payload []byte, outer bool) bool {
	switch Peek(payload) {
	case KindSTUN:
		data, relayed := relayedBy(payload)
		return outer && relayed && isData(data, false)
	case KindChannelData:
		return !outer || isData(payload[channelHeader:], false)
	case KindDTLS:
		const applicationData = 23
		return payload[0] == applicationData
	}
	return true
}

// relayedBy finds the DATA attribute of a Send or Data indication.
func relayedBy(message []byte) (data []byte, ok bool) {
	const send, dataIndication = 0x0016, 0x0017 // RFC 8656 §17
	if kind := binary.BigEndian.Uint16(message); kind != send && kind != dataIndication {
		return nil, false
	}
	attributes(message, func(kind stun.AttrType, at, length int) {
		if kind == stun.AttrData {
			data, ok = message[at:at+length], true
		}
	})
	return data, ok
}

// channelHeader is the length of a ChannelData header (RFC 8656 §12.4).
const channelHeader = 4

// attributes walks over a STUN message: each has a type, and a value that begins
// at an offset.
func attributes(message []byte, each func(kind stun.AttrType, at, length int)) {
	end := min(len(message), headerBytes+int(binary.BigEndian.Uint16(message[2:])))
	for at := headerBytes; at+4 <= end; {
		kind, length := stun.AttrType(binary.BigEndian.Uint16(message[at:])), int(binary.BigEndian.Uint16(message[at+2:]))
		at += 4
		if at+length > end {
			return
		}
		each(kind, at, length)
		at += (length + 3) &^ 3
	}
}
