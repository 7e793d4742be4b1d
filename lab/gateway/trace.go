package gateway

import "github.com/icelab-go/icelab/wire"

// Traced is what a gateway saw of the packets that came to it, left it and ended in
// it, since it was programmed. One that passes is seen twice: as it came, and as it
// left.
type Traced struct {
	Packets []wire.Packet
	// Lost is how many more there were worth keeping.
	Lost int
	// Missing is why nothing was seen, empty if something could be.
	Missing string
}
