package node

import (
	"context"

	"github.com/icelab-go/icelab/lab/names"
)

// StartNames starts the lab's DNS server on the node, in place of one that runs.
func (c *Client) StartNames(ctx context.Context, n names.Config) error {
	return c.call(ctx, methodNames, n, nil)
}

func (a *Agent) startNames(_ context.Context, c names.Config) error {
	if err := a.stopNames(); err != nil {
		return err
	}
	c.Net = a.Host.Net()
	s, err := names.Start(c)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names = s
	return nil
}

func (a *Agent) stopNames() error {
	a.mu.Lock()
	s := a.names
	a.names = nil
	a.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.Close()
}
