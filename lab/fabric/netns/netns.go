// Package netns is the fabric of Linux network namespaces: every node is a
// process of this same binary in a namespace of its own, every segment a bridge
// in one more. It works as root and, where user namespaces are allowed, as an
// ordinary user, and needs no other program.
//
// A program that imports this package is started again for the nodes. The
// package's init then plays the node and never returns, so that nothing of the
// program's own main runs twice.
package netns

import "github.com/icelab-go/icelab/lab/fabric"

// fabricName is what errors and flags call this fabric.
const fabricName = "netns"

func unavailable(why, remedy string) error {
	return &fabric.Unavailable{Fabric: fabricName, Why: why, Remedy: remedy}
}
