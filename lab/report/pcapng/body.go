package pcapng

import (
	"encoding/binary"
	"strings"
)

// body is what stands in a block. The section header says little endian.
type body []byte

func (b *body) uint16(v uint16) { *b = binary.LittleEndian.AppendUint16(*b, v) }
func (b *body) uint32(v uint32) { *b = binary.LittleEndian.AppendUint32(*b, v) }

func (b *body) uint64(v uint64) { *b = binary.LittleEndian.AppendUint64(*b, v) }

// padded appends data and zeroes up to a multiple of four bytes.
func (b *body) padded(data []byte) {
	*b = append(*b, data...)
	*b = append(*b, make([]byte, -len(data)&3)...)
}

// longestOption is what the length field of an option can say.
const longestOption = 1<<16 - 1

func (b *body) option(code uint16, value []byte) {
	value = value[:min(len(value), longestOption)]
	b.uint16(code)
	b.uint16(uint16(len(value)))
	b.padded(value)
}

// text is an option of UTF-8 text; without a text there is none.
func (b *body) text(code uint16, value string) {
	if value != "" {
		b.option(code, []byte(strings.ToValidUTF8(value[:min(len(value), longestOption)], "")))
	}
}

// end ends a list of options.
func (b *body) end() { b.option(optEnd, nil) }
