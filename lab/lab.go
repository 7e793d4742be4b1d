// Package lab places two WebRTC peers behind declared NATs beside a TURN
// server, lets them echo, and proves with independent witnesses which path the
// echo took.
//
//	l, err := lab.Auto(ctx)
//	...
//	defer l.Close()
//	result := l.Run(ctx, scenario)
package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/lab/topology"
	"github.com/icelab-go/icelab/turnserver"
)

// Lab runs scenarios, one at a time; labs beside each other do not touch. It
// keeps the topologies that its scenarios needed up until it is closed.
type Lab struct {
	fabric fabric.Fabric
	chosen Chosen
	// The credentials and certificates of this lab's TURN servers.
	user, password string
	secret         string // of time-limited credentials
	certificates   certificates
	closing        func() error
	// UpTime is how long the standard topology took to come up.
	UpTime time.Duration

	mu     sync.Mutex
	stages map[shape]*stage
}

// Start brings the standard topology up on a fabric; others follow when a
// scenario needs them. When the fabric is not to be had here, the error is, or
// wraps, a *fabric.Unavailable.
func Start(ctx context.Context, on fabric.Fabric) (*Lab, error) {
	begin := time.Now()
	l := &Lab{fabric: on, closing: func() error { return nil }, stages: map[shape]*stage{}}
	l.user, l.password = turnserver.GenerateCredentials()
	_, l.secret = turnserver.GenerateCredentials()
	server, err := topology.Standard().Node(topology.Turn)
	if err != nil {
		return nil, err
	}
	if l.certificates, err = newCertificates(begin, server.Address()); err != nil {
		return nil, err
	}
	if _, err := l.stage(ctx, standard); err != nil {
		return nil, err
	}
	l.UpTime = time.Since(begin)
	return l, nil
}

// Close ends all nodes and removes what was made for the lab.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.strike(), l.closing())
}

// stage returns the topology of a shape, bringing it up when it is not, or
// anew when no scenario can run there any more.
func (l *Lab) stage(ctx context.Context, of shape) (*stage, error) {
	if s := l.stages[of]; s != nil {
		if !s.spent() {
			return s, nil
		}
		delete(l.stages, of)
		if err := s.nodes.Down(); err != nil {
			return nil, fmt.Errorf("take the spent lab down: %w", err)
		}
	}
	s := &stage{topology: of.topology()}
	var err error
	if s.nodes, err = l.fabric.Up(ctx, s.topology); err != nil && len(l.stages) > 0 && ctx.Err() == nil {
		// An engine has addresses for about thirty networks. What this lab keeps
		// for later scenarios must not be what this one lacks.
		if err := l.strike(); err != nil {
			return nil, err
		}
		s.nodes, err = l.fabric.Up(ctx, s.topology)
	}
	if err != nil {
		return nil, fmt.Errorf("bring the lab up: %w", err)
	}
	l.stages[of] = s
	return s, nil
}

// strike takes all topologies down.
func (l *Lab) strike() error {
	var errs []error
	for of, s := range l.stages {
		errs = append(errs, s.nodes.Down())
		delete(l.stages, of)
	}
	return errors.Join(errs...)
}
