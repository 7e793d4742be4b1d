package gateway

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/icelab-go/icelab/wire"
)

// witness keeps what the kernel shows of the packets at one gateway.
type witness struct {
	ended chan struct{}

	mu         sync.Mutex
	log        *nflog
	missing    error // why there is no log
	interfaces map[uint32]string
	recorder   *wire.Recorder
	flows      map[tcpFlow]*tcpBeginning
	overflowed uint64 // before the recorder began
	// last is what came last, which may leave at once.
	last struct {
		at      time.Time
		payload []byte
	}
}

// tcpFlow is one direction of a TCP connection in one place.
type tcpFlow struct {
	at        string
	direction wire.Direction
	from, to  netip.AddrPort
}

// witnesses are those of all gateways that this process has programmed, by their
// network namespaces.
var witnesses = struct {
	sync.Mutex
	in map[uint64]*witness
}{in: map[uint64]*witness{}}

func traceIn(namespace uint64) *witness {
	witnesses.Lock()
	defer witnesses.Unlock()
	return witnesses.in[namespace]
}

// renewTrace begins to watch those interfaces of the calling thread's network
// namespace, and forgets what was seen before. No gateway fails for want of a
// witness.
func renewTrace(sides ...Side) error {
	namespace, err := networkNamespace()
	if err != nil {
		return err
	}
	interfaces := map[uint32]string{}
	for _, s := range sides {
		i, err := net.InterfaceByName(s.Interface)
		if err != nil {
			return err
		}
		interfaces[uint32(i.Index)] = s.Interface
	}
	witnesses.Lock()
	defer witnesses.Unlock()
	w := witnesses.in[namespace]
	if w == nil {
		w = &witness{}
		witnesses.in[namespace] = w
	}
	w.begin(interfaces)
	return nil
}

func (w *witness) begin(interfaces map[uint32]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.missing = nil
	if w.log == nil && !shown().packets {
		w.missing = errNoNFLog
	} else if w.log == nil {
		if w.log, w.missing = openNFLog(); w.missing == nil {
			w.ended = make(chan struct{})
			go w.run(w.log, w.ended)
		}
	} else {
		w.take() // what is of before
	}
	w.interfaces, w.flows = interfaces, map[tcpFlow]*tcpBeginning{}
	w.recorder, w.overflowed = &wire.Recorder{}, w.overflow()
}

func (w *witness) run(l *nflog, ended chan<- struct{}) {
	defer close(ended)
	l.run(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.log != nil {
			w.take()
		}
	})
}

// take reads what has come.
func (w *witness) take() {
	if err := w.log.receive(w.see); err != nil && w.missing == nil {
		w.missing = errors.Join(errors.New("the kernel shows no packets any more"), err)
	}
}

func (w *witness) overflow() uint64 {
	if w.log == nil {
		return 0
	}
	lost, _ := w.log.overflowed() // a loss that cannot be counted is none to tell of
	return lost
}

// traced returns what was seen up to now: nothing by a nil witness, which is that
// of a host that is no gateway.
func (w *witness) traced() Traced {
	if w == nil {
		return Traced{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.log != nil {
		w.take()
	}
	t := Traced{Packets: w.recorder.Packets(), Lost: w.recorder.Lost() + int(w.overflow()-w.overflowed)}
	if w.missing != nil {
		t.Missing = w.missing.Error()
	}
	return t
}

// stopTrace ends the witness of a network namespace.
func stopTrace(namespace uint64) error {
	witnesses.Lock()
	w := witnesses.in[namespace]
	delete(witnesses.in, namespace)
	witnesses.Unlock()
	if w == nil || w.log == nil {
		return nil
	}
	err := w.log.close()
	<-w.ended
	return err
}

// see keeps a packet, or notes why one that was seen to come has ended.
func (w *witness) see(l logged) {
	p, payload, ok := decode(l, w.interfaces)
	if !ok {
		return
	}
	p.Time = w.when(l, p, payload)
	if p.Dropped != "" && w.recorder.Drop(p, payload) {
		return
	}
	switch {
	case p.Protocol == "tcp":
		w.segment(p, payload)
	case p.Protocol == "icmp":
		p.Payload = slices.Clone(payload)
		w.recorder.Record(p)
	default:
		w.recorder.Observe(p, payload)
	}
}

// when is when the kernel saw the packet. It does not tell of one that leaves; if
// it is the one that came last it left at once.
func (w *witness) when(l logged, p wire.Packet, payload []byte) time.Time {
	at := l.at
	if at.IsZero() {
		at = time.Now()
	}
	switch {
	case p.Direction == wire.In && p.Dropped == "":
		w.last.at, w.last.payload = at, append(w.last.payload[:0], payload...)
	case l.at.IsZero() && len(payload) > 0 && bytes.Equal(payload, w.last.payload):
		at = w.last.at.Add(time.Microsecond)
		w.last.payload = w.last.payload[:0]
	}
	return at
}

// How much of the beginning of a TCP flow is kept.
const (
	tcpSegments = 100
	tcpBytes    = 24 << 10
	traceMemory = time.Hour
)

type tcpBeginning struct {
	segments, bytes int
	tls             bool
	// amid is set once a segment did not end where a message does.
	amid bool
}

// segment keeps what begins or ends a connection, and the beginning of its flows.
func (w *witness) segment(p wire.Packet, payload []byte) {
	if len(payload) == 0 {
		if p.TCP != nil {
			w.recorder.Record(p)
		}
		return
	}
	key := tcpFlow{p.At, p.Direction, p.From, p.To}
	f := w.flows[key]
	if f == nil {
		f = &tcpBeginning{tls: startsTLS(payload)}
		w.flows[key] = f
	}
	f.segments++
	if f.segments > tcpSegments && p.TCP == nil {
		return
	}
	if f.tls {
		describeTLS(&p, payload)
	} else {
		f.describe(&p, payload)
	}
	if f.bytes += len(p.Payload); f.bytes > tcpBytes {
		p.Payload = nil
	}
	w.recorder.Record(p)
}

// describe tells what a segment of TURN without TLS begins with. What cannot be
// redacted of it is not kept.
func (f *tcpBeginning) describe(p *wire.Packet, payload []byte) {
	kind, bytes := p.Kind, p.Bytes
	p.Describe(payload)
	p.Bytes, p.Payload = bytes, nil
	if kind != "" {
		p.Kind = kind
	}
	if !f.amid {
		p.Payload = wire.RedactStream(payload)
		f.amid = len(p.Payload) < bytes
	}
}

// startsTLS tells a record of TLS (RFC 8446 §5.1).
func startsTLS(payload []byte) bool {
	const first, last, major = 20, 23, 3
	return len(payload) > 2 && payload[0] >= first && payload[0] <= last && payload[1] == major
}

func describeTLS(p *wire.Packet, payload []byte) {
	p.Payload = slices.Clone(payload[:min(len(payload), wire.SnapLength)])
	const alert, plain = 21, 7 // the type, and the length of a record that is not encrypted
	if startsTLS(payload) && payload[0] == alert && len(payload) == plain {
		if p.TCP == nil {
			p.TCP = &wire.TCP{ACK: true}
		}
		p.TCP.Alert = new(int(payload[plain-1]))
	}
	if p.Kind == "" {
		p.Kind = wire.KindTLS
	}
}
