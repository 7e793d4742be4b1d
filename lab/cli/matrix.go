package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/lab"
	"github.com/icelab-go/icelab/lab/nat"
)

func newMatrixCommand() *cobra.Command {
	var (
		format, turn string
		conditions   []string
		place        fabricFlags
		report       reportFlag
	)
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "Predict and prove every condition against every other",
		Long: `Puts the caller and the callee behind every ordered pair of conditions, predicts
the path from the behaviours of the NATs, and proves it as icelab run does. A
cell whose proven path differs from its prediction is a failure.

In the table D is a direct path, R one through a relay, B one through two, and –
is no path; a small letter is the transport to the TURN server: u UDP, t TCP,
s TLS. The number is the time to the open data channel in milliseconds; a narrow
terminal has no room for it. Cells that differ from their prediction are marked
with ✗ and told below; a · is a cell that the fabric does not support, which is
no failure.

` + reportHelp + `
Of a matrix there are captures of the cells that fail, and of them alone.`,
		Example: `  icelab matrix
  icelab matrix --turn off --conditions port-restricted,symmetric,cgnat
  icelab matrix --on netns --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return exit{exitUsage, fmt.Errorf("--format %q: want table or json", format)}
			}
			if turn != "on" && turn != "off" {
				return exit{exitUsage, fmt.Errorf("--turn %q: want on or off", turn)}
			}
			if err := place.check(); err != nil {
				return err
			}
			for _, name := range conditions {
				if _, err := nat.Named(name); err != nil {
					return exit{exitUsage, fmt.Errorf("--conditions: %w", err)}
				}
			}
			if len(conditions) == 0 {
				conditions = nat.ConditionNames()
			}
			if err := report.check(); err != nil {
				return err
			}
			m := matrix{conditions: conditions}
			if err := m.play(cmd, place, format, turn == "on"); err != nil {
				return stopped(cmd.Context(), err)
			}
			if format == "json" {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				if err := encoder.Encode(m); err != nil {
					return err
				}
			} else {
				m.print(cmd.OutOrStdout())
			}
			return reported(m.verdict(), report.write(cmd.ErrOrStderr(), account{
				command: "matrix", on: m.Lab.On, began: m.began, took: m.took, cells: m.Cells,
			}))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&format, "format", "table", "table or json")
	flags.StringSliceVar(&conditions, "conditions", nil, "only these `conditions`, separated by commas (see icelab list)")
	flags.StringVar(&turn, "turn", "on", "on or off: whether the peers get TURN over UDP, TCP and TLS")
	place.add(flags)
	report.add(flags)
	return cmd
}

// matrix is all cells, row by row.
type matrix struct {
	Lab     labJSON    `json:"lab"`
	Cells   []lab.Cell `json:"cells"`
	Seconds float64    `json:"seconds"`

	conditions []string
	began      time.Time
	took       time.Duration
}

func (m *matrix) play(cmd *cobra.Command, place fabricFlags, format string, turn bool) (err error) {
	ctx, live := cmd.Context(), newProgress(cmd.ErrOrStderr())
	defer live.clear()
	on, chosen, err := place.open(ctx, live.say)
	if err != nil {
		return err
	}
	defer func() {
		if left := closeFabric(on); left != nil {
			err = errors.Join(err, left)
		}
	}()
	m.Lab.Chosen = chosen
	if format == "table" {
		live.clear()
		fmt.Fprintln(cmd.OutOrStdout(), wrapped(onLine(chosen), 0, widthOf(cmd.OutOrStdout())))
		live.say("bringing the labs up")
	} else {
		live.say("bringing the labs up " + onLine(chosen))
	}
	m.began = time.Now()
	m.Cells, err = lab.Matrix(ctx, on, lab.MatrixPlan{
		Conditions: m.conditions, Turn: turn, Parallel: place.parallel,
		Up: func(labs int, took time.Duration) {
			m.Lab.Parallel, m.Lab.UpMS = labs, float64(took.Microseconds())/1000
		},
		Progress: func(p lab.Progress) {
			if live.live {
				live.say(fmt.Sprintf("%d of %d cells", p.Done, p.Total))
			}
		},
	})
	if err != nil {
		return invalid(err)
	}
	m.took = time.Since(m.began)
	m.Seconds = m.took.Seconds()
	return nil
}

func (m *matrix) verdict() error {
	var verdicts []lab.Verdict
	for _, c := range m.Cells {
		verdicts = append(verdicts, c.Verdict)
	}
	return verdictOf(verdicts)
}

func (m *matrix) print(out io.Writer) {
	width := len("caller ↓ callee →")
	for _, name := range m.conditions {
		width = max(width, len("11 ")+len(name))
	}
	column, times := 8, true
	if terminal := widthOf(out); terminal > 0 && terminal < width+column*len(m.conditions) {
		column, times = 5, false
	}
	fmt.Fprintf(out, "%-*s", width, "caller ↓ callee →")
	for i := range m.conditions {
		fmt.Fprintf(out, "%*d", column, i+1)
	}
	fmt.Fprintln(out)
	for i, name := range m.conditions {
		fmt.Fprintf(out, "%-*s", width, fmt.Sprintf("%2d %s", i+1, name))
		for _, c := range m.Cells[i*len(m.conditions) : (i+1)*len(m.conditions)] {
			text := cellText(c, times)
			fmt.Fprint(out, strings.Repeat(" ", max(1, column-len([]rune(text)))), coloured(out, text, cellColour(c)))
		}
		fmt.Fprintln(out)
	}
	width = widthOf(out)
	told := false
	tell := func(mark, text string, hue colour) {
		if !told {
			fmt.Fprintln(out)
			told = true
		}
		fmt.Fprintln(out, coloured(out, mark, hue)+strings.TrimPrefix(wrapped(text, 2, width), " "))
	}
	for _, c := range m.Cells {
		if c.Verdict == lab.Failed || c.Verdict == lab.Invalid {
			tell("✗", fmt.Sprintf("%s → %s: %s", c.Caller, c.Callee, c.Reason), red)
		}
	}
	for _, u := range m.unsupported() {
		tell("·", fmt.Sprintf("%s: %s", number(u.cells, "cell"), u.reason), yellow)
	}
	fmt.Fprintf(out, "\n%s\n", m.summary())
}

// unsupported counts the cells that are not supported for the same reason.
func (m *matrix) unsupported() []unsupported {
	var all []unsupported
	for _, c := range m.Cells {
		if c.Verdict != lab.Unsupported {
			continue
		}
		// Which step and which node found it out differs from cell to cell.
		reason := c.Reason[max(0, strings.Index(c.Reason, "not supported")):]
		at := slices.IndexFunc(all, func(u unsupported) bool { return u.reason == reason })
		if at < 0 {
			at, all = len(all), append(all, unsupported{reason: reason})
		}
		all[at].cells++
	}
	return all
}

func number(n int, of string) string {
	if n != 1 {
		of += "s"
	}
	return fmt.Sprintf("%d %s", n, of)
}

type unsupported struct {
	reason string
	cells  int
}

func (m *matrix) summary() string {
	passed, cannot := 0, 0
	for _, c := range m.Cells {
		switch c.Verdict {
		case lab.Passed:
			passed++
		case lab.Unsupported:
			cannot++
		}
	}
	text := fmt.Sprintf("%d of %d cells proven as predicted", passed, len(m.Cells)-cannot)
	if cannot > 0 {
		text += fmt.Sprintf(", %d not supported on %s", cannot, m.Lab.On)
	}
	if m.Cells[0].Turn {
		return text + fmt.Sprintf(", with TURN over UDP, TCP and TLS, in %.1f s", m.Seconds)
	}
	return text + fmt.Sprintf(", without TURN, in %.1f s", m.Seconds)
}

// cellText is a letter for the path, one for the transport and, where there is
// room, the time to open.
func cellText(c lab.Cell, times bool) string {
	switch {
	case c.Verdict == lab.Unsupported:
		return "·"
	case c.Proven == nil:
		return "✗ ?"
	}
	text := map[string]string{"direct": "D", "relay": "R", "relay-both": "B", "none": "–"}[string(c.Proven.Path)]
	for _, transport := range strings.Split(c.Proven.Transport, "+") {
		text += map[string]string{"udp": "u", "tcp": "t", "tls": "s"}[transport]
	}
	if times && c.Times.Open > 0 {
		text += fmt.Sprintf(" %.0f", c.Times.Open)
	}
	if c.Verdict != lab.Passed {
		text = "✗" + text
	}
	return text
}

func cellColour(c lab.Cell) colour {
	switch {
	case c.Verdict == lab.Unsupported:
		return yellow
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
