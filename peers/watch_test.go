package peers

import (
	"testing"
	"time"
)

// pion tells of the channel on one goroutine for each event and of the pair on
// another, in any order.
func TestAnOpenChannelInEveryOrder(t *testing.T) {
	now := time.Now()
	opens := func(w *watch) { w.changed("channel", "open", now) }
	closes := func(w *watch) { w.changed("channel", "closed", now) }
	selects := func(w *watch) { w.selected(Candidate{}, Candidate{}, true, now) }
	tests := []struct {
		name  string
		tells []func(*watch)
		open  bool
		state string
	}{
		{"nothing", nil, false, "none"},
		{"no pair yet", []func(*watch){opens}, false, "open"},
		{"no channel yet", []func(*watch){selects}, false, "none"},
		{"the pair first", []func(*watch){selects, opens}, true, "open"},
		{"the channel first", []func(*watch){opens, selects}, true, "open"},
		{"the end before the beginning", []func(*watch){selects, closes, opens}, true, "closed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var w watch
			w.init()
			for _, tell := range test.tells {
				tell(&w)
			}
			if w.open() != test.open || w.state.channel != test.state {
				t.Errorf("open %t, channel %q; want %t, %q", w.open(), w.state.channel, test.open, test.state)
			}
		})
	}
}
