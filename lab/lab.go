// Package lab places two WebRTC peers behind declared NATs beside a TURN
// server, lets them echo, and proves with independent witnesses which path the
// echo took.
//
//	l, err := lab.Docker(ctx)
//	...
//	defer l.Close()
//	result := l.Run(ctx, scenario)
package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/fabric/docker"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/turnserver"
)

// Lab is a topology that is up. It runs one scenario at a time; labs beside
// each other do not touch.
type Lab struct {
	topology topology.Topology
	nodes    fabric.Nodes
	// The credentials of this lab's TURN server.
	user, password string
	closing        func() error
	broken         bool
	// UpTime is how long the topology took to come up.
	UpTime time.Duration
}

// Start brings the standard topology up on a fabric. Close ends it.
func Start(ctx context.Context, on fabric.Fabric) (*Lab, error) {
	begin := time.Now()
	l := &Lab{topology: topology.Standard(), closing: func() error { return nil }}
	l.user, l.password = turnserver.GenerateCredentials()
	nodes, err := on.Up(ctx, l.topology)
	if err != nil {
		return nil, fmt.Errorf("bring the lab up: %w", err)
	}
	l.nodes, l.UpTime = nodes, time.Since(begin)
	return l, nil
}

// Docker brings a lab up on the Docker engine that the environment names. When
// there is none the error is, or wraps, a *fabric.Unavailable.
func Docker(ctx context.Context) (*Lab, error) {
	engine, err := docker.New(ctx, nil)
	if err != nil {
		return nil, err
	}
	l, err := Start(ctx, engine)
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	l.closing = engine.Close
	return l, nil
}

// Close ends the nodes and removes all that was made for the lab.
func (l *Lab) Close() error {
	return errors.Join(l.nodes.Down(), l.closing())
}
