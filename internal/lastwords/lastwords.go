// Package lastwords keeps what a node said before it died.
package lastwords

import (
	"bytes"
	"strings"
	"sync"
)

const (
	// keepBytes holds the stacks of a hundred goroutines: what a crash was of
	// stands before them.
	keepBytes = 1 << 17
	keepLines = 5
)

// Tail keeps the end of what is written to it. It may be used from several
// goroutines.
type Tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if extra := len(t.buf) - keepBytes; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

// String joins five lines into one: the last, or those that begin a crash.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(string(bytes.TrimSpace(t.buf)), "\n")
	for i, line := range lines {
		if crash(line) {
			return strings.Join(lines[i:min(len(lines), i+keepLines)], " | ")
		}
	}
	return strings.Join(lines[max(0, len(lines)-keepLines):], " | ")
}

// crash reports whether a line is the first that Go writes of one.
func crash(line string) bool {
	for _, begin := range []string{"panic: ", "fatal error: ", "SIGQUIT: "} {
		if strings.HasPrefix(line, begin) {
			return true
		}
	}
	return false
}

// Of puts how a process ended and its last lines into one sentence.
func Of(status string, t *Tail) string {
	lines := t.String()
	switch {
	case lines == "":
		return status
	case status == "":
		return "its last lines: " + lines
	default:
		return status + "; its last lines: " + lines
	}
}
