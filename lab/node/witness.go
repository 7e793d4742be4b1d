package node

import (
	"io"
	"sync"

	"github.com/icelab-go/icelab/wire"
)

// witness holds what the sockets of a node showed since it began. What goes on at
// sockets that are older is not its business.
type witness struct {
	mu       sync.Mutex
	recorder *wire.Recorder
	secrets  *secrets
}

func (w *witness) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recorder, w.secrets = &wire.Recorder{}, &secrets{}
}

// now is where to tell of what happens.
func (w *witness) now() (*wire.Recorder, io.Writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.recorder == nil {
		w.recorder, w.secrets = &wire.Recorder{}, &secrets{}
	}
	return w.recorder, w.secrets
}

func (w *witness) trace() Trace {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.recorder == nil {
		return Trace{}
	}
	return Trace{Packets: w.recorder.Packets(), Lost: w.recorder.Lost(), Secrets: w.secrets.String()}
}

// secretsLimit is in bytes: more than a thousand connections.
const secretsLimit = 512 << 10

// secrets collects a key log.
type secrets struct {
	mu   sync.Mutex
	text []byte
}

func (s *secrets) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.text)+len(line) <= secretsLimit {
		s.text = append(s.text, line...)
	}
	return len(line), nil
}

func (s *secrets) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.text)
}
