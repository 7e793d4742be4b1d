//go:build !linux

package node

import "errors"

// Configure needs Linux.
func Configure(Network) error {
	return errors.New("a node needs Linux: run it in a container")
}

func moveLink(Move) error { return errors.New("a node needs Linux: run it in a container") }
