package turnserver

import (
	"net/netip"
	"testing"
)

func TestTheOldestEventsAreForgottenFirst(t *testing.T) {
	l := newEventLog()
	const total = EventCapacity + 10
	for range total {
		l.add(Event{})
	}
	for _, test := range []struct{ after, first, n uint64 }{
		{0, 11, EventCapacity},
		{10, 11, EventCapacity},
		{11, 12, EventCapacity - 1},
		{total - 1, total, 1},
		{total, 0, 0},
		{total + 5, 0, 0},
	} {
		events, _, _ := l.since(test.after)
		if uint64(len(events)) != test.n {
			t.Errorf("after %d: %d events, want %d", test.after, len(events), test.n)

			continue
		}
		for i, e := range events {
			if e.Seq != test.first+uint64(i) {
				t.Fatalf("after %d: event %d has Seq %d", test.after, i, e.Seq)
			}
		}
	}
}

func TestTheOldestEndedAllocationsAreForgottenFirst(t *testing.T) {
	r := newRegister()
	for i := range EndedCapacity + 3 {
		r.end(nil, Allocation{Dropped: uint64(i)})
	}
	all := r.list()
	if len(all) != EndedCapacity || all[0].Dropped != 3 {
		t.Errorf("%d allocations from the %dth on", len(all), all[0].Dropped)
	}
}

func TestAFloodOfDropsIsLoggedOnceEach(t *testing.T) {
	var o onceLog
	logged := 0
	for i := range 3 * maxSeen {
		peer := netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(i%5))
		o.once(netip.AddrPort{}, peer, "flood", func() { logged++ })
	}
	if logged != 5 || len(o.seen) != 5 {
		t.Errorf("logged %d, remembered %d", logged, len(o.seen))
	}
	for i := range 3 * maxSeen {
		o.once(netip.AddrPort{}, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(i)), "scan", func() {})
	}
	if len(o.seen) > maxSeen {
		t.Errorf("remembered %d", len(o.seen))
	}
}
