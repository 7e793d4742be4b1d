package peers

import (
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
)

// Traffic counts application messages and their bytes on the data channels.
type Traffic struct {
	MessagesSent     uint64 `json:"messages_sent"`
	BytesSent        uint64 `json:"bytes_sent"`
	MessagesReceived uint64 `json:"messages_received"`
	BytesReceived    uint64 `json:"bytes_received"`
}

type traffic struct {
	messagesSent, bytesSent, messagesReceived, bytesReceived atomic.Uint64
}

func (t *traffic) sent(n int) {
	t.messagesSent.Add(1)
	t.bytesSent.Add(uint64(n))
}

func (t *traffic) received(n int) {
	t.messagesReceived.Add(1)
	t.bytesReceived.Add(uint64(n))
}

func (t *traffic) total() Traffic {
	return Traffic{
		MessagesSent: t.messagesSent.Load(), BytesSent: t.bytesSent.Load(),
		MessagesReceived: t.messagesReceived.Load(), BytesReceived: t.bytesReceived.Load(),
	}
}

// echoBack answers every message of a channel with itself, text as text and
// binary as binary, with Config's prefix before text.
func (p *Peer) echoBack(channel *webrtc.DataChannel) {
	first := p.channel.CompareAndSwap(nil, channel)
	low := make(chan struct{}, 1)
	channel.SetBufferedAmountLowThreshold(lowBuffer)
	channel.OnBufferedAmountLow(func() {
		select {
		case low <- struct{}{}:
		default:
		}
	})
	channel.OnMessage(func(m webrtc.DataChannelMessage) {
		if first {
			p.channelOpened()
		}
		p.traffic.received(len(m.Data))
		// A caller that sends and does not read would fill this side's memory.
		// While this handler waits, the channel is not read, so SCTP's receive
		// window closes and the caller has to wait too.
		for channel.BufferedAmount() > highBuffer {
			select {
			case <-low:
			case <-p.gone:
				return
			case <-p.ctx.Done():
				return
			}
		}
		var err error
		size := len(m.Data)
		if m.IsString {
			text := p.config.textPrefix + string(m.Data)
			size = len(text)
			err = channel.SendText(text)
		} else {
			err = channel.Send(m.Data)
		}
		if err != nil {
			p.journal.add("peers", "warn", "echo: "+err.Error(), time.Now())
			return
		}
		p.traffic.sent(size)
	})
	if first {
		p.watch.changed("channel", "connecting", time.Now())
		p.followChannel(channel)
	}
}
