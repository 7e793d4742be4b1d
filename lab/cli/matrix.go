package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/nat"
)

func newMatrixCommand() *cobra.Command {
	var (
		format, on, turn string
		conditions       []string
		parallel         int
	)
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "Predict and prove every condition against every other",
		Long: `Puts the caller and the callee behind every ordered pair of conditions, predicts
the path from the behaviours of the NATs, and proves it as icelab run does. A
cell whose proven path differs from its prediction is a failure.

In the table D is a direct path, R one through a relay, B one through two, and –
is no path; a small letter is the transport to the TURN server: u UDP, t TCP,
s TLS. The number is the time to the open data channel in milliseconds. Cells
that differ from their prediction are marked with ✗ and told below.`,
		Example: `  icelab matrix
  icelab matrix --turn off --conditions port-restricted,symmetric,cgnat
  icelab matrix --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return exit{exitUsage, fmt.Errorf("--format %q: want table or json", format)}
			}
			if turn != "on" && turn != "off" {
				return exit{exitUsage, fmt.Errorf("--turn %q: want on or off", turn)}
			}
			if parallel < 1 {
				return exit{exitUsage, fmt.Errorf("--parallel %d: want at least 1", parallel)}
			}
			for _, name := range conditions {
				if _, err := nat.Named(name); err != nil {
					return exit{exitUsage, fmt.Errorf("--conditions: %w", err)}
				}
			}
			if len(conditions) == 0 {
				conditions = nat.ConditionNames()
			}
			progress := newProgress(cmd.ErrOrStderr())
			place, err := openFabric(cmd.Context(), on, "", progress.say)
			if err != nil {
				return err
			}
			if c, ok := place.(io.Closer); ok {
				defer c.Close()
			}
			progress.say("bringing the labs up")
			begin, played := time.Now(), 0
			cells, err := lab.Matrix(cmd.Context(), place, lab.MatrixPlan{
				Conditions: conditions, Turn: turn == "on", Parallel: parallel,
				Played: func(lab.Cell) {
					played++
					if progress.live {
						progress.say(fmt.Sprintf("%d of %d cells", played, len(conditions)*len(conditions)))
					}
				},
			})
			progress.clear()
			if err != nil {
				return invalid(err)
			}
			m := matrix{Cells: cells, Seconds: time.Since(begin).Seconds(), conditions: conditions}
			m.Lab.On, m.Lab.Parallel = on, parallel
			if format == "json" {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				err = encoder.Encode(m)
			} else {
				m.print(cmd.OutOrStdout())
			}
			if err != nil {
				return err
			}
			return m.verdict()
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&format, "format", "table", "table or json")
	flags.StringVar(&on, "on", "docker", "where the labs live: docker")
	flags.StringSliceVar(&conditions, "conditions", nil, "only these `conditions`, separated by commas (see icelab list)")
	flags.StringVar(&turn, "turn", "on", "on or off: whether the peers get TURN over UDP, TCP and TLS")
	flags.IntVar(&parallel, "parallel", 3, "how many labs play at once")
	return cmd
}

// matrix is all cells, row by row.
type matrix struct {
	Lab struct {
		On       string `json:"on"`
		Parallel int    `json:"parallel"`
	} `json:"lab"`
	Cells   []lab.Cell `json:"cells"`
	Seconds float64    `json:"seconds"`

	conditions []string
}

func (m matrix) verdict() error {
	code := exitPassed
	for _, c := range m.Cells {
		switch c.Verdict {
		case lab.Failed:
			code = max(code, exitFailed)
		case lab.Invalid, lab.Unsupported:
			code = exitInvalid
		}
	}
	if code == exitPassed {
		return nil
	}
	return exit{code, errSilent}
}

func (m matrix) print(out io.Writer) {
	const column = 8
	width := len("caller ↓ callee →")
	for _, name := range m.conditions {
		width = max(width, len("11 ")+len(name))
	}
	fmt.Fprintf(out, "%-*s", width, "caller ↓ callee →")
	for i := range m.conditions {
		fmt.Fprintf(out, "%*d", column, i+1)
	}
	fmt.Fprintln(out)
	for i, name := range m.conditions {
		fmt.Fprintf(out, "%-*s", width, fmt.Sprintf("%2d %s", i+1, name))
		for _, c := range m.Cells[i*len(m.conditions) : (i+1)*len(m.conditions)] {
			text := cellText(c)
			fmt.Fprint(out, strings.Repeat(" ", max(1, column-len([]rune(text)))), coloured(out, text, cellColour(c)))
		}
		fmt.Fprintln(out)
	}
	differing := 0
	for _, c := range m.Cells {
		if c.Verdict == lab.Passed {
			continue
		}
		if differing++; differing == 1 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s %s → %s: %s\n", coloured(out, "✗", red), c.Caller, c.Callee, c.Reason)
	}
	turn := "with TURN over UDP, TCP and TLS"
	if !m.Cells[0].Turn {
		turn = "without TURN"
	}
	fmt.Fprintf(out, "\n%d of %d cells proven as predicted, %s, in %.1f s\n", len(m.Cells)-differing, len(m.Cells), turn, m.Seconds)
}

// cellText is a letter for the path, one for the transport, and the time to open.
func cellText(c lab.Cell) string {
	if c.Proven == nil {
		return "✗ ?"
	}
	text := map[string]string{"direct": "D", "relay": "R", "relay-both": "B", "none": "–"}[string(c.Proven.Path)]
	for _, transport := range strings.Split(c.Proven.Transport, "+") {
		text += map[string]string{"udp": "u", "tcp": "t", "tls": "s"}[transport]
	}
	if c.Times.Open > 0 {
		text += fmt.Sprintf(" %.0f", c.Times.Open)
	}
	if c.Verdict != lab.Passed {
		text = "✗" + text
	}
	return text
}

func cellColour(c lab.Cell) colour {
	switch {
	case c.Verdict != lab.Passed:
		return red
	case c.Proven.Path == "direct":
		return green
	case c.Proven.Path == "none":
		return grey
	default:
		return yellow
	}
}
