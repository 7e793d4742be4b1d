package peers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLedgerBooksEveryKindOfEcho(t *testing.T) {
	const run, first = 100, 90
	start := time.Unix(1000, 0)
	message := func(sequence uint32) []byte { return appendMessage(nil, run, sequence, 64) }
	flipped := func(m []byte, at int) []byte { m[at] ^= 1; return m }
	type counts struct{ Echoed, Corrupt, Duplicated, Reordered, Late int }

	tests := []struct {
		name   string
		echoes [][]byte
		text   bool
		want   counts
	}{
		{"intact and in order", [][]byte{message(0), message(1), message(2)}, false, counts{Echoed: 3}},
		{"one missing", [][]byte{message(0), message(2)}, false, counts{Echoed: 2}},
		{"one overtaken", [][]byte{message(1), message(0), message(2)}, false, counts{Echoed: 3, Reordered: 1}},
		{"one twice", [][]byte{message(0), message(0)}, false, counts{Echoed: 1, Duplicated: 1}},
		{"a bit flipped in the body", [][]byte{flipped(message(0), 63)}, false, counts{Corrupt: 1}},
		{"a bit flipped in the header", [][]byte{flipped(message(0), 12)}, false, counts{Corrupt: 1}},
		{"a bit flipped in the sum", [][]byte{flipped(message(0), sumOffset)}, false, counts{Corrupt: 1}},
		{"cut short", [][]byte{message(0)[:40], message(1)[:5], {}}, false, counts{Corrupt: 3}},
		{"another size with a right sum", [][]byte{appendMessage(nil, run, 0, 65)}, false, counts{Corrupt: 1}},
		{"never sent", [][]byte{message(3)}, false, counts{Corrupt: 1}},
		{"of an earlier echo", [][]byte{appendMessage(nil, run-1, 0, 64)}, false, counts{Late: 1}},
		{"of another peer", [][]byte{appendMessage(nil, first-1, 0, 64), appendMessage(nil, run+1, 0, 64)}, false, counts{Corrupt: 2}},
		{"sent back as text", [][]byte{message(0)}, true, counts{Corrupt: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLedger(run, first, 5, 64)
			for range 3 {
				l.next()
				l.sent(start)
			}
			for _, echo := range test.echoes {
				l.received(echo, test.text, start.Add(2*time.Millisecond))
			}
			got := counts{l.echoed, l.corrupt, l.duplicated, l.reordered, l.late}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if l.complete() {
				t.Error("complete although two messages are still to be sent")
			}
		})
	}
}

// A right sum is no proof: the body is compared as well.
func TestLedgerSeesAForgedBody(t *testing.T) {
	l := newLedger(7, 7, 1, 32)
	forged := l.next()
	l.sent(time.Unix(0, 0))
	forged[31] ^= 1
	sum := messageSum(forged)
	forged[16], forged[17], forged[18], forged[19] = byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum)
	l.received(forged, false, time.Unix(0, 0))
	if l.corrupt != 1 || l.echoed != 0 {
		t.Errorf("corrupt %d, echoed %d", l.corrupt, l.echoed)
	}
}

func TestRoundTripTimesAreNearestRanks(t *testing.T) {
	l := newLedger(1, 1, 200, MinMessage)
	start := time.Unix(0, 0)
	for i := range uint32(200) {
		l.sent(start)
		l.received(appendMessage(nil, 1, i, MinMessage), false, start.Add(time.Duration(i+1)*time.Millisecond))
	}
	want := RTT{Min: 1, Median: 100, P99: 198, Max: 200}
	if diff := cmp.Diff(&want, l.rtt()); diff != "" {
		t.Errorf("round-trip times (-want +got):\n%s", diff)
	}
	if !l.complete() {
		t.Error("not complete")
	}
}

func TestMessagesDifferEverywhere(t *testing.T) {
	a, b := appendMessage(nil, 1, 1, 1200), appendMessage(nil, 1, 2, 1200)
	same := 0
	for i := MinMessage; i < len(a); i++ {
		if a[i] == b[i] {
			same++
		}
	}
	if same > 40 { // 1 in 256 by chance
		t.Errorf("%d of %d bytes are the same", same, len(a))
	}
}
