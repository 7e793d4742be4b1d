package peers

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"time"
)

// An echo message, big endian: 4 bytes magic, 8 bytes run, 4 bytes sequence
// number, 4 bytes CRC-32 of everything else, then bytes that follow from run and
// sequence number.
const (
	// MinMessage and MaxMessage bound EchoPlan.Bytes. The maximum is what a
	// data channel carries when nothing else was agreed (RFC 8831 section 6.6,
	// RFC 8841 section 6.1).
	MinMessage = 20
	MaxMessage = 65536

	sumOffset = 16
)

var magic = []byte("ice?")

func appendMessage(buffer []byte, run uint64, sequence uint32, size int) []byte {
	m := slices.Grow(buffer[:0], size)[:size]
	copy(m, magic)
	binary.BigEndian.PutUint64(m[4:], run)
	binary.BigEndian.PutUint32(m[12:], sequence)
	fill(m[MinMessage:], run^uint64(sequence)<<32)
	binary.BigEndian.PutUint32(m[sumOffset:], messageSum(m))
	return m
}

func messageSum(m []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(m[:sumOffset]), crc32.IEEETable, m[MinMessage:])
}

// fill writes splitmix64's sequence: no two messages look alike, so an echo of
// the wrong one is seen.
func fill(b []byte, state uint64) {
	var word [8]byte
	for len(b) > 0 {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.BigEndian.PutUint64(word[:], z^z>>31)
		b = b[copy(b, word[:]):]
	}
}

// ledger keeps the account of one Echo call. It reads no clock.
type ledger struct {
	run      uint64
	firstRun uint64 // of this peer
	size     int
	messages int

	sentAt              []time.Time
	answered            []bool
	rtts                []time.Duration
	highest             int // sequence number of the newest echo in order, -1 before
	firstEcho, lastEcho time.Time

	echoed, corrupt, duplicated, reordered, late int
	scratch                                      []byte
}

func newLedger(run, firstRun uint64, messages, size int) *ledger {
	return &ledger{
		run: run, firstRun: firstRun, messages: messages, size: size,
		highest: -1,
	}
}

// next is the message to send now.
func (l *ledger) next() []byte {
	return appendMessage(nil, l.run, uint32(len(l.sentAt)), l.size)
}

func (l *ledger) sent(now time.Time) {
	l.sentAt = append(l.sentAt, now)
	l.answered = append(l.answered, false)
}

// received books one echo.
func (l *ledger) received(m []byte, text bool, now time.Time) {
	if len(m) < MinMessage || text || !bytes.Equal(m[:4], magic) ||
		binary.BigEndian.Uint32(m[sumOffset:]) != messageSum(m) {
		l.corrupt++
		return
	}
	run := binary.BigEndian.Uint64(m[4:])
	if run >= l.firstRun && run < l.run {
		l.late++
		return
	}
	sequence := int(binary.BigEndian.Uint32(m[12:]))
	if run != l.run || sequence >= len(l.sentAt) || len(m) != l.size {
		l.corrupt++
		return
	}
	l.scratch = appendMessage(l.scratch, l.run, uint32(sequence), l.size)
	if !bytes.Equal(l.scratch, m) {
		l.corrupt++
		return
	}
	if l.answered[sequence] {
		l.duplicated++
		return
	}
	l.answered[sequence] = true
	l.echoed++
	l.lastEcho = now
	if l.echoed == 1 {
		l.firstEcho = now
	}
	l.rtts = append(l.rtts, now.Sub(l.sentAt[sequence]))
	if sequence < l.highest {
		l.reordered++
	} else {
		l.highest = sequence
	}
}

// complete: every message came back intact. settled: as many echoes came back,
// but not all of them intact, so the missing ones are hardly still to come.
func (l *ledger) complete() bool { return l.echoed == l.messages }
func (l *ledger) settled() bool  { return l.echoed+l.corrupt >= l.messages }

// RTT are round-trip times in milliseconds, from handing a message to the
// channel until its echo: in a burst they include the waiting in the queue.
type RTT struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
	Max    float64 `json:"max"`
}

func (l *ledger) rtt() *RTT {
	if len(l.rtts) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(l.rtts))
	// Nearest rank.
	rank := func(q float64) float64 {
		i := int(math.Ceil(q*float64(len(sorted)))) - 1
		return milliseconds(sorted[max(i, 0)])
	}
	return &RTT{Min: rank(0), Median: rank(0.5), P99: rank(0.99), Max: rank(1)}
}

// milliseconds keeps microseconds and drops the rest.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond).Microseconds()) / 1000
}
