package cli

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/icelab-go/icelab/peers"
)

// newEchoCommand is `icelab echo`: the callee alone, with its own signalling.
func newEchoCommand() *cobra.Command {
	var (
		connection connectionFlags
		listen     string
		connect    string
		prefix     string
	)
	cmd := &cobra.Command{
		Use:   "echo",
		Short: "Answer WebRTC callers and echo their data-channel messages",
		Long: `Answer WebRTC callers and echo what they send on any data channel they open.
Text comes back as "Server echoes: <text>", binary as it was.

Signalling is one JSON object per line over TCP, as aiortc's TcpSocketSignaling
speaks it: {"type":"offer","sdp":...} in, {"type":"answer","sdp":...} out,
{"type":"candidate",...} either way, {"type":"bye"} or a bare bye to end. One
connection is one call; up to ` + fmt.Sprint(peers.DefaultMaxConnections) + ` run at once. An aiortc script that sends its
offer through TcpSocketSignaling listens itself: reach it with --connect.`,
		Example: `  icelab echo                                  # in one terminal
  icelab call 127.0.0.1:12345 --message hello  # in another

  icelab echo --listen 0.0.0.0:12345 --stun stun.example.org:3478
  icelab echo --connect 127.0.0.1:1234         # an aiortc caller listens there`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			servers, types, err := connection.parse()
			if err != nil {
				return exit{exitUsage, err}
			}
			var output sync.Mutex
			config := peers.ServeConfig{
				Servers: servers, Candidates: types, Prefix: prefix, Within: connection.within,
				Log: func(line string) {
					output.Lock()
					defer output.Unlock()
					fmt.Fprintln(cmd.ErrOrStderr(), line)
				},
			}
			ctx := cmd.Context()
			if connect != "" {
				conn, err := peers.Dial(ctx, connect)
				if err != nil {
					return withRemedy(err, "start the caller first")
				}
				return peers.Answer(ctx, conn, config)
			}
			l, err := peers.Listen(ctx, listen)
			if err != nil {
				return withRemedy(err, "choose another with --listen")
			}
			fmt.Fprintf(cmd.OutOrStdout(), "listening on %s\n", l.Addr())
			return peers.Serve(ctx, l, config)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", "127.0.0.1:12345", "TCP `address` to take callers on; port 0 picks one")
	flags.StringVar(&connect, "connect", "", "connect to this `address` instead, answer the one caller there and end")
	flags.StringVar(&prefix, "prefix", "Server echoes: ", "put before every text message; \"\" echoes verbatim")
	cmd.MarkFlagsMutuallyExclusive("listen", "connect")
	connection.add(flags)
	return cmd
}

// connectionFlags are what echo and call have in common.
type connectionFlags struct {
	stun, turn []string
	user       string
	password   string
	candidates string
	within     time.Duration
}

func (c *connectionFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&c.stun, "stun", nil, "STUN server `HOST:PORT`; may be given again")
	flags.StringArrayVar(&c.turn, "turn", nil, "TURN server `HOST:PORT`, with ?transport=tcp for TCP, or a whole turns: URL; may be given again")
	flags.StringVar(&c.user, "turn-user", "", "user `name` for the TURN servers")
	flags.StringVar(&c.password, "turn-password", "", "`password` for the TURN servers")
	flags.StringVar(&c.candidates, "candidates", "", "use only these candidate `types`: host, srflx, relay, separated by commas (default all)")
	flags.DurationVar(&c.within, "within", peers.DefaultWithin, "how long each stage of connecting may take")
}

func (c *connectionFlags) parse() ([]peers.Server, []peers.CandidateType, error) {
	types, err := peers.ParseCandidateTypes(c.candidates)
	if err != nil {
		return nil, nil, fmt.Errorf("--candidates: %w", err)
	}
	if c.within <= 0 {
		return nil, nil, fmt.Errorf("--within %s: choose a time above zero, such as 10s", c.within)
	}
	var servers []peers.Server
	for _, address := range c.stun {
		url, err := serverURL("stun", address)
		if err != nil {
			return nil, nil, err
		}
		servers = append(servers, peers.Server{URLs: []string{url}})
	}
	for _, address := range c.turn {
		url, err := serverURL("turn", address)
		if err != nil {
			return nil, nil, err
		}
		if c.user == "" || c.password == "" {
			return nil, nil, fmt.Errorf("--turn %s: a TURN server needs --turn-user and --turn-password", address)
		}
		servers = append(servers, peers.Server{URLs: []string{url}, Username: c.user, Credential: c.password})
	}
	if len(c.turn) == 0 && (c.user != "" || c.password != "") {
		return nil, nil, errors.New("--turn-user and --turn-password do nothing without --turn HOST:PORT")
	}
	return servers, types, nil
}

// serverURL makes a URL of HOST:PORT and leaves one that is there already.
func serverURL(scheme, address string) (string, error) {
	for _, known := range []string{scheme + ":", scheme + "s:"} {
		if strings.HasPrefix(address, known) {
			return address, nil
		}
	}
	hostPort, _, _ := strings.Cut(address, "?")
	if host, _, err := net.SplitHostPort(hostPort); err != nil || host == "" {
		return "", fmt.Errorf("--%s %s: write HOST:PORT, such as --%s 198.18.0.10:3478", scheme, address, scheme)
	}
	return scheme + ":" + address, nil
}

// withRemedy adds what to do to the errors that have an obvious cure.
func withRemedy(err error, remedy string) error {
	for _, curable := range []error{syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.EACCES, syscall.ECONNREFUSED} {
		if errors.Is(err, curable) {
			return fmt.Errorf("%w; %s", err, remedy)
		}
	}
	return err
}
