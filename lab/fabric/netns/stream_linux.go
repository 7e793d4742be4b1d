package netns

import (
	"os"
	"sync"
)

// stream is the control stream of a node, which knows how the node ended.
type stream struct {
	*os.File
	end    sync.Once
	ended  chan struct{} // closed when words are known
	words  string
	close  sync.Once
	closed chan struct{}
}

func newStream(f *os.File) *stream {
	return &stream{File: f, ended: make(chan struct{}), closed: make(chan struct{})}
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.File.Read(p)
	return n, s.explained(err)
}

func (s *stream) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	return n, s.explained(err)
}

// explained keeps an error back until it is known how the node ended.
func (s *stream) explained(err error) error {
	if err != nil {
		select {
		case <-s.ended:
		case <-s.closed:
		}
	}
	return err
}

// Close may be called more than once: the client's two halves both do.
func (s *stream) Close() error {
	var err error
	s.close.Do(func() {
		close(s.closed)
		err = s.File.Close()
	})
	return err
}

func (s *stream) died(words string) {
	s.end.Do(func() {
		s.words = words
		close(s.ended)
	})
}

// LastWords tells how the node ended and the last lines it wrote.
func (s *stream) LastWords() string {
	select {
	case <-s.ended:
		return s.words
	default:
		return ""
	}
}
