package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/lab/node"
)

func newAgentCommand() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:    "agent",
		Short:  "Take a node's orders (what runs in every container of a lab)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if listen == "" {
				return new(node.Agent).Serve(cmd.Context(), node.Stream(os.Stdin, os.Stdout))
			}
			return serveSocket(cmd.Context(), listen)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "take orders on this unix socket instead of stdin and stdout")
	return cmd
}

// serveSocket takes orders from one lab after the other.
func serveSocket(ctx context.Context, path string) error {
	// What a container before left in the shared volume is no listener.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	agent := new(node.Agent)
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := agent.Serve(ctx, conn); err != nil {
			fmt.Fprintln(os.Stderr, "icelab agent:", err)
		}
	}
}
