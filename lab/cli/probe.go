package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/pion/stun/v3"
	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/lab/probe"
)

func newProbeCommand() *cobra.Command {
	var (
		format   string
		rto      time.Duration
		lifetime time.Duration
		port     uint16
	)
	cmd := &cobra.Command{
		Use:   "probe stun:HOST[:PORT]",
		Short: "Measure the NAT in front of this machine",
		Long: `Measures the NAT between this machine and a STUN server that speaks RFC 5780 (two
addresses, two ports): mapping, filtering, port assignment and hairpinning, in
the words of RFC 4787. It is the same measurement that every scenario of the lab
is gated on.

A server with one address only tells the external address; then the command says
so. The lifetime of a mapping takes as long as it lives, so it is measured when
asked for with --lifetime, up to one and a half times the time given.`,
		Example: `  icelab probe stun:stun.example.org
  icelab probe stun:198.18.0.10:3478 --lifetime 2m`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			server, err := stunServer(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			card, err := probe.Run(cmd.Context(), probe.Config{
				Server: server, LocalPort: port, RTO: rto, Retransmits: 5, DeclaredLifetime: lifetime,
			})
			if err != nil && !card.UDP {
				return err
			}
			if format == "json" {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				if encoding := encoder.Encode(card); encoding != nil {
					return encoding
				}
			} else {
				fmt.Fprint(cmd.OutOrStdout(), card)
			}
			if !card.UDP {
				return exit{exitFailed, errSilent}
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&format, "format", "text", "text or json")
	flags.DurationVar(&rto, "rto", 500*time.Millisecond, "how long to wait for an answer before asking again")
	flags.DurationVar(&lifetime, "lifetime", 0, "measure the lifetime of a mapping too, expected to be about this `long`")
	flags.Uint16Var(&port, "port", 0, "the local UDP `port` to measure the mapping of; 0 draws one")
	return cmd
}

// stunServer finds the IPv4 address of a stun: URI (RFC 7064).
func stunServer(ctx context.Context, text string) (netip.AddrPort, error) {
	if !strings.HasPrefix(text, "stun:") {
		return netip.AddrPort{}, exit{exitUsage, fmt.Errorf("%q: want stun:HOST or stun:HOST:PORT", text)}
	}
	uri, err := stun.ParseURI(text)
	if err != nil {
		return netip.AddrPort{}, exit{exitUsage, fmt.Errorf("%q: %w: want stun:HOST or stun:HOST:PORT", text, err)}
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", uri.Host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("look %s up: %w: check the name and this machine's DNS", uri.Host, err)
	}
	return netip.AddrPortFrom(addresses[0].Unmap(), uint16(uri.Port)), nil
}
