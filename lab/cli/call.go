package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/peers"
)

// newCallCommand is `icelab call`: the caller alone, with its own signalling.
func newCallCommand() *cobra.Command {
	var (
		connection connectionFlags
		listen     string
		messages   []string
		format     string
	)
	cmd := &cobra.Command{
		Use:   "call HOST:PORT",
		Short: "Call an echo peer and show the echoes and the path they took",
		Long: `Call an echo peer: connect to it by TCP, offer a WebRTC connection, open the data
channel "chat", send each message after the echo of the one before, print the
echoes and the candidate pair they went over, and say bye.

The other side is icelab echo or anything that speaks the same signalling, such
as aiortc's TcpSocketSignaling. An aiortc script that receives its offer through
TcpSocketSignaling connects by itself: wait for it with --listen.`,
		Example: `  icelab call 127.0.0.1:12345
  icelab call 127.0.0.1:12345 --message hello --message "and again"
  icelab call 198.18.0.20:12345 --candidates relay \
      --turn 198.18.0.10:3478?transport=tcp --turn-user lab --turn-password secret
  icelab call --listen 127.0.0.1:1234          # an aiortc callee connects there`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) == (listen == "") {
				return errors.New("say whom to call: HOST:PORT, or --listen HOST:PORT to wait for the other side")
			}
			if format != "text" && format != "json" {
				return fmt.Errorf("--format %q: use text or json", format)
			}
			servers, types, err := connection.parse()
			if err != nil {
				return exit{exitUsage, err}
			}
			ctx := cmd.Context()
			var conn net.Conn
			if listen != "" {
				conn, err = acceptOne(ctx, listen, cmd.ErrOrStderr())
			} else if conn, err = dialWithin(ctx, args[0], connection); err != nil {
				err = withRemedy(err, "start the other side first, for example with icelab echo --listen "+args[0])
			}
			if err != nil {
				return err
			}
			result, err := peers.Call(ctx, conn, peers.CallConfig{
				Servers: servers, Candidates: types, Messages: messages, Within: connection.within,
			})
			if errors.Is(err, peers.ErrOffered) {
				remedy := "--listen " + listen
				if listen == "" {
					remedy = "--connect " + args[0]
				}
				err = fmt.Errorf("%w; run icelab echo %s instead", err, remedy)
			}
			if err == nil && format == "json" {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(result)
			}
			if format == "text" {
				printCall(cmd.OutOrStdout(), result)
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&messages, "message", []string{"Hello from icelab"}, "`text` to send; may be given again")
	flags.StringVar(&listen, "listen", "", "wait on this TCP `address` until the other side connects")
	flags.StringVar(&format, "format", "text", "text or json")
	connection.add(flags)
	return cmd
}

func dialWithin(ctx context.Context, address string, connection connectionFlags) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connection.within)
	defer cancel()
	return peers.Dial(ctx, address)
}

// acceptOne waits for the one connection of a call.
func acceptOne(ctx context.Context, address string, status io.Writer) (net.Conn, error) {
	l, err := peers.Listen(ctx, address)
	if err != nil {
		return nil, withRemedy(err, "choose another with --listen")
	}
	defer l.Close()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	fmt.Fprintf(status, "waiting on %s for the other side to connect\n", l.Addr())
	conn, err := l.Accept()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return conn, err
}

func printCall(w io.Writer, result peers.CallResult) {
	if result.OpenMS == 0 {
		return
	}
	fmt.Fprintf(w, "path  %s to %s", result.Path.Local, result.Path.Remote)
	if result.Path.RTTMS > 0 {
		fmt.Fprintf(w, ", rtt %.1f ms", result.Path.RTTMS)
	}
	fmt.Fprintf(w, "; open after %.0f ms\n", result.OpenMS)
	for _, echo := range result.Echoes {
		fmt.Fprintf(w, "sent  %s\n", echo.Sent)
		fmt.Fprintf(w, "echo  %s (%.1f ms)\n", echo.Received, echo.RTTMS)
	}
	for _, text := range result.Other {
		fmt.Fprintf(w, "other %s\n", text)
	}
}
