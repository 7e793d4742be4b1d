package node

import (
	"os"
	"time"
)

// lastSecond is how long an agent may take to close what it has opened when its
// control stream has ended.
const lastSecond = time.Second

// Stream makes one connection of the files that a process gets its orders from
// and answers to; they may be the same. The end of the stream is the end of the
// process a second later, even if something inside it hangs: no node may outlive
// its lab.
func Stream(in, out *os.File) *FileStream { return &FileStream{in, out} }

// FileStream is the stream that Stream makes.
type FileStream struct{ in, out *os.File }

func (s *FileStream) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	if err != nil {
		time.AfterFunc(lastSecond, func() { os.Exit(1) })
	}
	return n, err
}

func (s *FileStream) Write(p []byte) (int, error) { return s.out.Write(p) }

// Close ends the reading, and with it the agent.
func (s *FileStream) Close() error { return s.in.Close() }
