// Package pcapng writes captures that Wireshark opens, with what most writers
// leave out: an interface for every place a packet was seen at, comments on
// packets, names of addresses, and the secrets that decrypt TLS and DTLS.
//
// The format is draft-ietf-opsawg-pcapng.
package pcapng

import (
	"encoding/binary"
	"io"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Link is the type of what an interface carries.
type Link uint16

const (
	// LinkRaw: packets begin with their IP header (LINKTYPE_RAW).
	LinkRaw Link = 101
	// LinkUpper: packets are payloads of an upper protocol, which tags before them
	// name (LINKTYPE_WIRESHARK_UPPER_PDU).
	LinkUpper Link = 252
)

// Types of blocks (section 4).
const (
	blockSection    = 0x0A0D0D0A
	blockInterface  = 1
	blockNames      = 4
	blockPacket     = 6
	blockDecryption = 0x0A
)

// Codes of options. Those above 1 mean another thing in every block.
const (
	optEnd         = 0
	optComment     = 1
	sectionProgram = 4
	interfaceName  = 2
	interfaceAbout = 3
	interfaceTicks = 9
	packetFlags    = 2
)

// Direction is which way a packet went, as its interface sees it: the first two
// bits of epb_flags.
type Direction uint32

// The directions.
const (
	Unknown  Direction = 0
	Inbound  Direction = 1
	Outbound Direction = 2
)

// Packet is one packet of a capture.
type Packet struct {
	// Interface is the number that Writer.Interface returned.
	Interface int
	Time      time.Time
	Direction Direction
	// Data is as much as there is of the packet, and Length how long it was; at
	// least as long as Data.
	Data   []byte
	Length int
	// Comments are shown with the packet.
	Comments []string
}

// Writer writes one section. Its methods have to be called in the order in which
// readers need what they write: interfaces, names and secrets before the packets
// that they are about.
type Writer struct {
	out        io.Writer
	interfaces int
	err        error
}

// NewWriter begins a section; program is what wrote it.
func NewWriter(out io.Writer, program, comment string) *Writer {
	w := &Writer{out: out}
	var b body
	b.uint32(0x1A2B3C4D) // byte-order magic
	b.uint16(1)          // version 1.0
	b.uint16(0)
	b.uint64(1<<64 - 1) // the section's length is not said
	b.text(optComment, comment)
	b.text(sectionProgram, program)
	b.end()
	w.block(blockSection, b)
	return w
}

// Interface adds a place where packets are seen, and returns its number. Times on
// it are in nanoseconds.
func (w *Writer) Interface(name, about string, link Link) int {
	var b body
	b.uint16(uint16(link))
	b.uint16(0) // reserved
	b.uint32(0) // no limit to the length of packets
	b.text(interfaceName, name)
	b.text(interfaceAbout, about)
	b.option(interfaceTicks, []byte{9}) // if_tsresol: 10^-9 s
	b.end()
	w.block(blockInterface, b)
	w.interfaces++
	return w.interfaces - 1
}

// Names says which host has an address.
func (w *Writer) Names(names map[netip.Addr]string) {
	if len(names) == 0 {
		return
	}
	var b body
	for _, a := range slices.SortedFunc(maps.Keys(names), netip.Addr.Compare) {
		const ipv4, ipv6 = 1, 2
		kind := uint16(ipv4)
		if a.Is6() {
			kind = ipv6
		}
		b.option(kind, slices.Concat(a.AsSlice(), []byte(names[a]), []byte{0}))
	}
	b.end() // nrb_record_end
	w.block(blockNames, b)
}

// Secrets adds the secrets of TLS and DTLS sessions, in the format of
// SSLKEYLOGFILE. Who has the capture can then read them.
func (w *Writer) Secrets(keyLog string) {
	if keyLog == "" {
		return
	}
	var b body
	b.uint32(0x544c534b) // TLS Key Log
	b.uint32(uint32(len(keyLog)))
	b.padded([]byte(keyLog))
	w.block(blockDecryption, b)
}

// Packet adds a packet.
func (w *Writer) Packet(p Packet) {
	var b body
	nanoseconds := uint64(p.Time.UnixNano())
	b.uint32(uint32(p.Interface))
	b.uint32(uint32(nanoseconds >> 32))
	b.uint32(uint32(nanoseconds))
	b.uint32(uint32(len(p.Data)))
	b.uint32(uint32(max(p.Length, len(p.Data))))
	b.padded(p.Data)
	for _, c := range p.Comments {
		b.text(optComment, c)
	}
	if p.Direction != Unknown {
		b.option(packetFlags, binary.LittleEndian.AppendUint32(nil, uint32(p.Direction)))
	}
	b.end()
	w.block(blockPacket, b)
}

// Err returns the first error of the output.
func (w *Writer) Err() error { return w.err }

// block frames a body, which is a multiple of four bytes long.
func (w *Writer) block(kind uint32, b body) {
	if w.err != nil {
		return
	}
	length := uint32(len(b) + 12)
	framed := binary.LittleEndian.AppendUint32(nil, kind)
	framed = binary.LittleEndian.AppendUint32(framed, length)
	framed = append(framed, b...)
	framed = binary.LittleEndian.AppendUint32(framed, length)
	_, w.err = w.out.Write(framed)
}
