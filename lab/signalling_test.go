package lab

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/icelab-go/icelab/peers"
	"github.com/icelab-go/icelab/scenarios"
)

func line(kind string) peers.CandidateLine {
	return peers.CandidateLine{Candidate: "candidate:1 1 udp 1 10.1.0.10 5000 typ " + kind + " ufrag AbCd generation 0", Mid: "0"}
}

func TestSignallingLosesWhatItIsToldTo(t *testing.T) {
	sent := []string{"host", "srflx", "relay", "srflx", "relay"}
	for name, row := range map[string]struct {
		fault scenarios.SignallingFault
		lost  []int
	}{
		"one type":       {scenarios.SignallingFault{Drop: []string{scenarios.Srflx}}, []int{1, 3}},
		"every other":    {scenarios.SignallingFault{Drop: []string{scenarios.Srflx, scenarios.Relay}, Every: 2}, []int{2, 4}},
		"all":            {scenarios.SignallingFault{Drop: []string{scenarios.AnyType}}, []int{0, 1, 2, 3, 4}},
		"every third":    {scenarios.SignallingFault{Drop: []string{scenarios.AnyType}, Every: 3}, []int{2}},
		"nothing":        {scenarios.SignallingFault{Delay: 1}, nil},
		"what is unsent": {scenarios.SignallingFault{Drop: []string{"prflx"}}, nil},
	} {
		f := spoiling{SignallingFault: row.fault}
		var lost []int
		for i, kind := range sent {
			if f.drops(line(kind)) {
				lost = append(lost, i)
			}
		}
		if !slices.Equal(lost, row.lost) {
			t.Errorf("%s: lost %v, want %v", name, lost, row.lost)
		}
	}
}

func TestSignallingDelaysSomeTypesOnly(t *testing.T) {
	f := spoiling{SignallingFault: scenarios.SignallingFault{Delay: scenarios.Duration(time.Second), Delayed: []string{scenarios.Host}}}
	if !f.delays(line("host")) || f.delays(line("relay")) {
		t.Error("host alone is to be late")
	}
	f.Delayed = nil
	if !f.delays(line("relay")) {
		t.Error("without types all are to be late")
	}
}

func TestSignallingSpoilsDescriptionsAndCandidates(t *testing.T) {
	c := courier{faults: []*spoiling{
		{SignallingFault: scenarios.SignallingFault{Ufrag: "wrong"}},
		{SignallingFault: scenarios.SignallingFault{Password: "wrongpasswordwrongpassword"}},
	}}
	const sdp = "v=0\r\na=ice-ufrag:AbCd\r\na=ice-pwd:0123456789012345678901\r\na=ice-options:trickle\r\n"
	got, err := c.description(context.Background(), sdp)
	if err != nil {
		t.Fatal(err)
	}
	if want := "v=0\r\na=ice-ufrag:wrong\r\na=ice-pwd:wrongpasswordwrongpassword\r\na=ice-options:trickle\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	f := spoiling{SignallingFault: scenarios.SignallingFault{Ufrag: "wrong", Mid: "audio"}}
	want := peers.CandidateLine{Candidate: "candidate:1 1 udp 1 10.1.0.10 5000 typ host ufrag wrong generation 0", Mid: "audio"}
	if got := f.spoilt(line("host"), ""); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A peer's description after a restart is told to be of the session before.
func TestAStaleUfragIsThatOfTheFirstDescription(t *testing.T) {
	c := courier{faults: []*spoiling{{SignallingFault: scenarios.SignallingFault{Ufrag: scenarios.StaleUfrag}}}}
	for _, row := range []struct{ sent, want string }{
		{"a=ice-ufrag:first\r\n", "a=ice-ufrag:first\r\n"},
		{"a=ice-ufrag:second\r\n", "a=ice-ufrag:first\r\n"},
	} {
		if got, err := c.description(context.Background(), row.sent); err != nil || got != row.want {
			t.Errorf("of %q arrives %q, %v; want %q", row.sent, got, err, row.want)
		}
	}
}
