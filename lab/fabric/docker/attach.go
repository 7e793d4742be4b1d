package docker

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/icelab-go/icelab/internal/lastwords"
)

// stream is a container's stdin and stdout as one connection. Its stderr and
// its exit status are kept, for the day it dies.
type stream struct {
	client.HijackedResponse
	stdout *io.PipeReader
	stderr lastwords.Tail

	mu     sync.Mutex
	status string

	done chan struct{} // closed when the container's output has ended
}

// attach connects to a container that has not started yet, so that not a byte
// is lost. When this process goes away, however it does, the engine closes the
// container's stdin (StdinOnce), and with it the agent's life.
func attach(ctx context.Context, docker *testcontainers.DockerClient, id string) (*stream, error) {
	attached, err := docker.ContainerAttach(ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, fmt.Errorf("attach to the container: %w", err)
	}
	r, w := io.Pipe()
	s := &stream{HijackedResponse: attached.HijackedResponse, stdout: r, done: make(chan struct{})}
	// The context of Up ends when it returns; the exit status is awaited longer.
	exited := docker.ContainerWait(context.WithoutCancel(ctx), id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	go func() {
		defer close(s.done)
		_, err := stdcopy.StdCopy(w, &s.stderr, attached.Reader)
		select {
		case status := <-exited.Result:
			s.mu.Lock()
			s.status = exitStatus(status.StatusCode)
			s.mu.Unlock()
		case <-exited.Error:
		}
		if err == nil {
			err = io.EOF
		}
		w.CloseWithError(err)
	}()
	return s, nil
}

func exitStatus(code int64) string {
	switch code {
	case 137:
		return "it was killed (exit status 137)"
	default:
		return fmt.Sprintf("it ended with exit status %d", code)
	}
}

func (s *stream) Read(p []byte) (int, error)  { return s.stdout.Read(p) }
func (s *stream) Write(p []byte) (int, error) { return s.Conn.Write(p) }

// Close ends the container's stdin, and so the agent.
func (s *stream) Close() error {
	s.HijackedResponse.Close()
	s.stdout.CloseWithError(io.ErrClosedPipe)
	return nil
}

// LastWords tells how the container ended and the last lines it wrote.
func (s *stream) LastWords() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return lastwords.Of(s.status, &s.stderr)
}
