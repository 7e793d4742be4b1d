// Package node is the agent that runs in every node of a lab, and the client
// that gives it orders. They speak JSON-RPC 2.0, one message a line, over one
// byte stream; what the stream is depends on the fabric.
package node
