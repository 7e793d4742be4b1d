package vnet

import (
	"time"

	"github.com/icelab-go/icelab/lab/gateway"
	"github.com/icelab-go/icelab/wire"
)

// Trace hands out what the kernel of a gateway would show: all but data, and of
// what ends there all. What the line loses is only counted.
func (h *host) Trace() gateway.Traced {
	var t gateway.Traced
	if h.gateway != nil {
		_ = h.do(func(g *gatewayNode) {
			t.Packets, t.Lost = g.recorder.Packets(), g.recorder.Lost()
		})
	}
	return t
}

// arrival is a packet as it came to a gateway.
type arrival struct {
	packet
	on string
}

// came keeps the packet in hand.
func (g *gatewayNode) came(on *segment, p packet) {
	g.inHand = arrival{p, on.Name}
	g.saw(wire.In, on, p)
}

func (g *gatewayNode) saw(way wire.Direction, on *segment, p packet) {
	if !wire.IsData(p.payload) {
		g.recorder.Observe(seen(way, on.Name, p), p.payload)
	}
}

// ended notes why the packet in hand goes no further.
func (g *gatewayNode) ended(why gateway.Reason) {
	if why == gateway.LineLoss {
		return
	}
	p := seen(wire.In, g.inHand.on, g.inHand.packet)
	if p.Dropped = string(why); !g.recorder.Drop(p, g.inHand.payload) {
		g.recorder.Observe(p, g.inHand.payload)
	}
}

func seen(way wire.Direction, on string, p packet) wire.Packet {
	return wire.Packet{Time: time.Now(), At: on, Direction: way, Protocol: "udp", From: p.from, To: p.to}
}
