package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/lab/doctor"
	"github.com/icelab-go/icelab/lab/ladder"
	"github.com/icelab-go/icelab/turnserver"
)

type doctorFlags struct {
	user, password, secret string
	ca, resolver           string
	patience               time.Duration
	format                 string
}

func newDoctorCommand() *cobra.Command {
	var flags doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor turn:HOST...",
		Short: "Examine TURN servers: which URL fails, at which step, and why",
		Long: `Climbs to each server the way a WebRTC client does, one step after the other: the
name, the transport, TLS and its certificate, STUN, the challenge, the allocation,
a permission, and data through the relay from a socket of its own. Beside that it
tries what tells causes of silence apart: other ports, other transports, UDP that
is no STUN. It says what is wrong in a sentence, what that rests on, and who has
to do what. It leaves nothing behind on the server.

A URL is one of RFC 7064 and RFC 7065, as iceServers have them. A host alone stands
for the usual ones:

  turn:HOST:3478?transport=udp     turns:HOST:5349?transport=tcp
  turn:HOST:3478?transport=tcp     turns:HOST:443?transport=tcp

and what it does not offer of them is no fault. stun: URLs need no credentials. One
of another server is the control that tells a network which blocks UDP from a server
which is down:

  icelab doctor turn:turn.example.org stun:stun.example.net --user ... --password ...

What is seen is the way from here. A fault that only others have is found where they
are. Nothing is sent but to the servers named and, where it is outside of this
network, the resolver.

Exit codes: 0 all is well, 1 a cause was found, 2 wrong flags.`,
		Example: `  icelab doctor turn.example.org --user alice --password secret
  icelab doctor 'turn:turn.example.org?transport=udp' 'turns:turn.example.org:443?transport=tcp' --user alice --password secret
  icelab doctor turn.example.org --secret "$STATIC_AUTH_SECRET"
  icelab doctor turns:turn.lan --user alice --password secret --ca lan-ca.pem
  icelab doctor turn.example.org --user alice --password secret --format json | jq .verdict.cause`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("which server? Give a TURN or STUN URL, or a host, such as turn:turn.example.org")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(flags.format); err != nil {
				return err
			}
			config, err := flags.config(args, time.Now())
			if err != nil {
				return exit{exitUsage, fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
			}
			progress := newProgress(cmd.ErrOrStderr())
			progress.say("climbing to " + args[0])
			report, err := doctor.Run(cmd.Context(), config)
			progress.clear()
			if cmd.Context().Err() != nil {
				return stopped(cmd.Context(), cmd.Context().Err())
			}
			if err != nil {
				return err
			}
			if flags.format == "json" {
				err = writeJSON(cmd.OutOrStdout(), report)
			} else {
				newPage(cmd.OutOrStdout(), 0).doctor(report)
			}
			if err == nil && report.Verdict.Cause != "" {
				return exit{exitFailed, errSilent}
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.user, "user", "", "`NAME` of the TURN user, or with --secret what stands behind the time in it")
	f.StringVar(&flags.password, "password", "", "the user's `PASSWORD`")
	f.StringVar(&flags.secret, "secret", "", "mint time-limited credentials with the `SECRET` that the server shares with its application")
	f.StringVar(&flags.ca, "ca", "", "`FILE` of certificates, in PEM, that vouch for the servers, in place of the system's")
	f.StringVar(&flags.resolver, "resolver", "", "the DNS server to ask, as `IP[:PORT]`; by default the system's")
	f.DurationVar(&flags.patience, "patience", ladder.DefaultPatience, "how long one question may stay without an answer")
	f.StringVar(&flags.format, "format", "text", "text or json")
	return cmd
}

func (f doctorFlags) config(targets []string, now time.Time) (doctor.Config, error) {
	c := doctor.Config{Targets: targets, Username: f.user, Credential: f.password, Patience: f.patience}
	switch {
	case f.patience <= 0:
		return c, fmt.Errorf("--patience %s: want more than nothing, such as 2s", f.patience)
	case f.secret != "" && f.password != "":
		return c, errors.New("--secret makes the password: leave --password out")
	case (f.user == "") != (f.password == "") && f.secret == "":
		return c, errors.New("--user and --password belong together")
	case f.secret != "":
		name := f.user
		if name == "" {
			name = "icelab"
		}
		c.Username, c.Credential = turnserver.TimeLimitedCredentials(f.secret, name, time.Hour, now)
	}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return c, fmt.Errorf("--ca: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return c, fmt.Errorf("--ca %s: no certificate in PEM in it", f.ca)
		}
		c.RootCAs = string(pem)
	}
	if f.resolver != "" {
		var err error
		if c.Resolver, err = netip.ParseAddrPort(f.resolver); err != nil {
			a, err := netip.ParseAddr(f.resolver)
			if err != nil {
				return c, fmt.Errorf("--resolver %s: write IP or IP:PORT, such as 9.9.9.9", f.resolver)
			}
			c.Resolver = netip.AddrPortFrom(a, 53)
		}
	}
	return c, c.Validate()
}
