//go:build !linux

package gateway

import (
	"errors"

	"github.com/icelab-go/icelab/lab/nat"
)

var errLinux = errors.New("a gateway needs Linux: run it in a container")

// Program needs Linux.
func Program(Spec) error { return errLinux }

// Observe needs Linux.
func Observe() (Observation, error) { return Observation{}, errLinux }

// Mappings needs Linux.
func Mappings() (State, error) { return State{}, errLinux }

// Sever needs Linux.
func Sever(Cut) error { return errLinux }

// Forget needs Linux.
func Forget(bool) error { return errLinux }

// Impair needs Linux.
func Impair(nat.Link) error { return errLinux }

// SetFilters needs Linux.
func SetFilters([]Filter) error { return errLinux }

// Trace needs Linux.
func Trace() Traced { return Traced{Missing: errLinux.Error()} }
