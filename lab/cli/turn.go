package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/turnserver"
)

// newTurnCommand is `icelab turn`: the TURN server alone.
func newTurnCommand() *cobra.Command {
	var (
		flags  turnFlags
		format string
	)
	cmd := &cobra.Command{
		Use:   "turn",
		Short: "Run the STUN and TURN server alone and show what it does",
		Long: `Run the lab's STUN and TURN server by itself, on UDP and TCP, and print a line
for everything that happens to its clients: above all each refusal, with its
reason.

Addresses. Two matter. Clients reach the server on --listen. It relays from
--relay, the address that the peers of its clients reach it on, and that its
clients are told. Peers on loopback addresses are always refused, so a server
that relays from 127.0.0.1 grants allocations that reach nobody. Therefore,
when --listen is a loopback address, the server relays from this machine's own
address: programs on this machine then connect through it, and no other machine
can log in. Behind a 1:1 NAT, --advertise is the address outside: peers must
reach the ports of --relay-ports on it, or no relay candidate ever works.

Encryption. --tls and --dtls serve turns: URLs, on port 5349. Clients check the
certificate against the name or address in their URL, and browsers take none that
is made here: give yours with --cert and --key. The one made here is for clients
that can be told to trust it, and is part of the output with --format json.

Credentials. Without --user and --secret there is one user, made up for this run.
--secret takes what an application mints for its users with a time limit: the
username is UNIXTIME:NAME and the password the base64 of its HMAC-SHA1 under the
secret. One such pair is printed, valid for a day.

Faults. --fault sets one up on purpose, to see what becomes of it at the other end:
` + faultsHelp + `
Wrong settings do the rest: --advertise, --relay-ports, --quota, --deny,
--transports and the lifetimes.`,
		Example: `  icelab turn
  icelab turn --listen 192.168.1.5:3478 --user alice:secret
  icelab turn --quota 1 --deny 10.0.0.0/8 --relay-ports 50000-50099
  icelab turn --listen 10.0.0.5:3478 --advertise 203.0.113.5 --secret 'long and random'
  icelab turn --listen 10.0.0.5:3478 --tls --tls-port 443 --cert fullchain.pem --key privkey.pem
  icelab turn --tls --fault certificate=expired --fault drop-answers=allocate/2
  icelab turn --format json | jq 'select(.reason)'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			config, made, err := flags.config(time.Now())
			if err != nil {
				return exit{exitUsage, err}
			}
			server, err := turnserver.Start(config)
			if errors.Is(err, syscall.EADDRINUSE) && (flags.tls || flags.dtls) {
				return fmt.Errorf("%w with --listen or --tls-port", err)
			}
			if errors.Is(err, syscall.EADDRINUSE) {
				return fmt.Errorf("%w with --listen", err)
			}
			if err != nil {
				return err
			}
			defer server.Close()

			var out turnOutput = turnText{cmd.OutOrStdout()}
			if format == "json" {
				out = turnJSON{json.NewEncoder(cmd.OutOrStdout())}
			}
			out.start(newTurnReady(server, config, made))
			return followTurn(cmd.Context(), server, out)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&flags.listen, "listen", "127.0.0.1:"+strconv.Itoa(turnserver.DefaultPort), "serve UDP and TCP on this `ADDR:PORT`")
	f.StringSliceVar(&flags.transports, "transports", []string{"udp", "tcp"}, "serve these of udp and tcp on --listen, as `LIST`")
	f.StringVar(&flags.alternate, "alternate", "", "answer NAT behaviour discovery too (RFC 5780), from this second `IP:PORT`; both differ from those of --listen")
	f.StringVar(&flags.relay, "relay", "", "relay from this `IP`, one of this machine's (default: that of --listen, or this machine's own when that is loopback or 0.0.0.0)")
	f.StringVar(&flags.advertise, "advertise", "", "tell clients this `IP` in place of that of --relay: the outer address of a 1:1 NAT")
	f.StringVar(&flags.relayPorts, "relay-ports", "49152-65535", "relay from these ports, as `MIN-MAX`: one for each allocation at a time, and 508 when all are taken")
	f.BoolVar(&flags.tls, "tls", false, "serve TLS over TCP too, on the address of --listen and --tls-port")
	f.BoolVar(&flags.dtls, "dtls", false, "serve DTLS over UDP too (RFC 7350), there as well")
	f.Uint16Var(&flags.tlsPort, "tls-port", 5349, "`port` of --tls and --dtls; 0 is any free one")
	f.StringVar(&flags.cert, "cert", "", "show the certificate in this PEM `FILE`, with its chain (default: one made for this run)")
	f.StringVar(&flags.key, "key", "", "private key of --cert, in this PEM `FILE`")
	f.StringVar(&flags.realm, "realm", turnserver.DefaultRealm, "`realm` of the credentials")
	f.StringArrayVar(&flags.users, "user", nil, "let this `NAME:PASSWORD` allocate; may be given again (default: a fresh pair, printed)")
	f.StringVar(&flags.secret, "secret", "", "take time-limited credentials minted with this `SECRET`")
	f.IntVar(&flags.quota, "quota", 0, "allocations a user may hold at once, and 486 for the next; 0 is no limit")
	f.StringArrayVar(&flags.deny, "deny", nil, "refuse peers in this `PREFIX`, such as 10.0.0.0/8; may be given again")
	f.DurationVar(&flags.allocationLifetime, "allocation-lifetime", 0, "end allocations that were not refreshed for so long, in whole seconds (default 10m)")
	f.DurationVar(&flags.permissionLifetime, "permission-lifetime", 0, "end permissions that were not (default 5m)")
	f.DurationVar(&flags.channelLifetime, "channel-lifetime", 0, "end channels that were not (default 10m)")
	f.StringArrayVar(&flags.faults, "fault", nil, "set up this `FAULT` of those above; may be given again")
	f.StringVar(&format, "format", "text", "text, or json: one object per line")
	return cmd
}

// followTurn prints events until ctx ends, and then those of the end itself.
func followTurn(ctx context.Context, server *turnserver.Server, out turnOutput) error {
	var last uint64
	print := func(events []turnserver.Event) {
		for _, e := range events {
			out.event(e, e.Seq-last-1)
			last = e.Seq
		}
	}
	for {
		events, err := server.WaitEvents(ctx, last)
		if err != nil {
			break
		}
		print(events)
	}
	err := server.Close()
	print(server.Events(last))
	out.end(server.Allocations())
	return err
}
