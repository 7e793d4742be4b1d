// Package cli is the icelab command: one file for each of its verbs.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/fabric"
)

// The exit codes.
const (
	exitPassed      = 0
	exitFailed      = 1   // a scenario failed, or the command did
	exitUsage       = 2   // wrong flags, arguments or scenario files
	exitUnavailable = 3   // this machine lacks what the lab needs
	exitInvalid     = 4   // the lab could not be set up as declared
	exitInterrupted = 130 // Ctrl-C, as shells report it
)

// exit is an error that knows its exit code.
type exit struct {
	code int
	error
}

func (e exit) Unwrap() error { return e.error }

// errSilent ends the command without another word: all has been said.
var errSilent = errors.New("")

// Main runs the command and returns its exit code.
func Main() int {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	// After the first signal the lab is taken down; a second one ends at once.
	context.AfterFunc(ctx, stop)
	return execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

func execute(ctx context.Context, args []string, out, errs io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitPassed
	}
	if message := err.Error(); message != "" {
		fmt.Fprintln(errs, "icelab: "+message)
	}
	return codeOf(err)
}

func codeOf(err error) int {
	var e exit
	if errors.As(err, &e) {
		return e.code
	}
	var missing *fabric.Unavailable
	if errors.As(err, &missing) {
		return exitUnavailable
	}
	return exitFailed
}

// stopped makes one word of what an interruption left of a command, unless
// something could not be taken down.
func stopped(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	var remains *lab.Remains
	if errors.As(err, &remains) {
		return exit{exitInterrupted, fmt.Errorf("interrupted, but could not %w", remains)}
	}
	return exit{exitInterrupted, errors.New("interrupted")}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "icelab",
		Short: "A connectivity lab for WebRTC",
		Long: `icelab places two real WebRTC peers on isolated networks behind NATs and
firewalls, beside an embedded TURN server, lets them echo over a data channel,
and proves with independent witnesses which path the echo took.`,
		Example: `  icelab run                       every bundled scenario
  icelab run relay-symmetric       one of them
  icelab run ./my-scenario.yaml    one of your own
  icelab fabrics                   where labs can live here: Docker, namespaces ...
  icelab echo                      an echo peer to test your own code against`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var value *pflag.InvalidValueError
		if errors.As(err, &value) {
			if want := wanted(value.GetFlag().Value.Type()); want != "" {
				err = fmt.Errorf("--%s: give %s, not %q", value.GetFlag().Name, want, value.GetValue())
			}
		}
		return exit{exitUsage, fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(
		newRunCommand(), newMatrixCommand(), newScoreCommand(), newFabricsCommand(), newProbeCommand(), newListCommand(), newExplainCommand(), newSchemaCommand(),
		newDoctorCommand(), newCleanCommand(), newEchoCommand(), newCallCommand(), newTurnCommand(), newAgentCommand(),
	)
	usageErrors(root)
	return root
}

// wanted says in words what a flag of a type takes; empty where its own error does.
func wanted(kind string) string {
	switch kind {
	case "int", "uint64":
		return "a whole number"
	case "uint16":
		return "a whole number from 0 to 65535"
	case "duration":
		return "a time such as 500ms or 10s"
	}
	return ""
}

// usageErrors gives what is wrong with the arguments its exit code and a way to
// the help.
func usageErrors(parent *cobra.Command) {
	for _, c := range append(parent.Commands(), parent) {
		check := c.Args
		if check == nil {
			continue
		}
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return exit{exitUsage, fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
			}
			return nil
		}
	}
}

// checkFormat refuses an output format that there is not.
func checkFormat(format string) error {
	if format != "text" && format != "json" {
		return exit{exitUsage, fmt.Errorf("--format %q: want text or json", format)}
	}
	return nil
}
