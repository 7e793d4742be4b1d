package nat

import (
	"errors"
	"fmt"
	"time"
)

// Link is what a gateway does to the packets it forwards, besides translating
// and filtering them: how good the line behind it is. A packet that hairpins goes
// up the line and down again. The zero value does nothing.
type Link struct {
	// Up is for packets from inside, Down for those from outside.
	Up   Impairment `json:"up,omitzero"`
	Down Impairment `json:"down,omitzero"`
}

// Impairment is one direction of a line: a queue that is served at a rate, and
// behind it what loses, delays and reorders. The zero value lets packets pass as
// they come.
type Impairment struct {
	// Delay is added to every packet: 0 to 10 s.
	Delay time.Duration `json:"delay,omitempty"`
	// Jitter spreads the delay evenly between Delay-Jitter and Delay+Jitter, for
	// each packet on its own, so that packets overtake each other. At most Delay.
	Jitter time.Duration `json:"jitter,omitempty"`
	// Loss is the share of packets that are lost, 0 to 1, each drawn on its own.
	Loss float64 `json:"loss,omitempty"`
	// Reorder is the share of packets that are sent at once, ahead of those that
	// are being delayed, 0 to 1. It needs a Delay.
	Reorder float64 `json:"reorder,omitempty"`
	// Rate is how many bits a second pass, counted in whole IP packets; packets
	// queue for up to RateQueue, and are lost beyond that. 0 is without a limit,
	// else at least 8000.
	Rate uint64 `json:"rate,omitempty"`
}

// RateQueue is how long a packet may wait for its turn on a line with a rate.
const RateQueue = 500 * time.Millisecond

const (
	maxDelay = 10 * time.Second
	minRate  = 8000
)

// Validate reports the first thing about l that no line can be.
func (l Link) Validate() error {
	if err := l.Up.validate(); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	if err := l.Down.validate(); err != nil {
		return fmt.Errorf("down: %w", err)
	}
	return nil
}

func (i Impairment) validate() error {
	switch {
	case i.Delay < 0 || i.Delay > maxDelay:
		return fmt.Errorf("delay %s: want 0 to %s", i.Delay, maxDelay)
	case i.Jitter < 0 || i.Jitter > i.Delay:
		return fmt.Errorf("jitter %s: want 0 to the delay, %s", i.Jitter, i.Delay)
	case !(i.Loss >= 0 && i.Loss <= 1): // nor NaN
		return fmt.Errorf("loss %g%%: want 0%% to 100%%", 100*i.Loss)
	case !(i.Reorder >= 0 && i.Reorder <= 1):
		return fmt.Errorf("reorder %g%%: want 0%% to 100%%", 100*i.Reorder)
	case i.Reorder > 0 && i.Delay == 0:
		return errors.New("reorder needs a delay: a packet overtakes those that are delayed")
	case i.Rate > 0 && i.Rate < minRate:
		return fmt.Errorf("rate %d bit/s: want at least %d bit/s", i.Rate, minRate)
	}
	return nil
}
