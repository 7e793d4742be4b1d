package lab

import (
	"fmt"
	"time"

	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/lab/node"
)

// lineHeld compares an echo with the lines it had to cross, each there and back. One
// that was faster than they let it be shows a line that is not what was declared.
func (r *run) lineHeld(echoed node.Echoed) error {
	least := r.leastRoundTrip()
	if echoed.RTTMS == nil || least == 0 || echoed.RTTMS.Min >= milliseconds(least) {
		return nil
	}
	return fmt.Errorf("the line is not what was declared: an echo was back after %.1f ms, which the lines' delays allow after %.1f ms at the earliest",
		echoed.RTTMS.Min, milliseconds(least))
}

// leastRoundTrip is the shortest that a message and its echo can take over the lines
// behind both peers' own gateways.
func (r *run) leastRoundTrip() time.Duration {
	if r.scenario.SameLAN() {
		return 0 // nothing has to cross the gateway
	}
	var least time.Duration
	for _, p := range []part{r.caller, r.callee} {
		line := r.lines[p.gateways[0].Name()]
		least += quickest(line.Up) + quickest(line.Down)
	}
	return least
}

func quickest(i nat.Impairment) time.Duration {
	if i.Reorder > 0 {
		return 0 // some packets skip the delay
	}
	return i.Delay - i.Jitter
}
