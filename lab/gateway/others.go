//go:build !linux

package gateway

import "errors"

var errLinux = errors.New("a gateway needs Linux: run it in a container")

// Program needs Linux.
func Program(Spec) error { return errLinux }

// Observe needs Linux.
func Observe() (Observation, error) { return Observation{}, errLinux }

// Mappings needs Linux.
func Mappings() (State, error) { return State{}, errLinux }
