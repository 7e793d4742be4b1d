package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/lab"
)

func newFabricsCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "fabrics",
		Short: "Show where labs can live on this machine",
		Long: `Tries every fabric out and says which work here, and what to do about those that
do not. The scenarios and their results are the same on all of them; what one
cannot play it calls not supported.

Without --on, icelab run and icelab matrix take the first that works. ` + lab.FabricVariable + `
in the environment names another default.

Exit codes: 0 one works, 3 none does.`,
		Example: `  icelab fabrics
  icelab run --on netns`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			quietTestcontainers()
			list := lab.Fabrics(cmd.Context())
			if err := cmd.Context().Err(); err != nil {
				return stopped(cmd.Context(), err)
			}
			if format == "json" {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				if err := encoder.Encode(struct {
					Fabrics []lab.Availability `json:"fabrics"`
				}{list}); err != nil {
					return err
				}
			} else {
				printFabrics(cmd.OutOrStdout(), list)
			}
			for _, a := range list {
				if a.Available {
					return nil
				}
			}
			return exit{exitUnavailable, errSilent}
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// printFabrics prints a table with what was found, and the remedies, beside each
// name.
func printFabrics(out io.Writer, list []lab.Availability) {
	const indent = len("docker  yes   ")
	for _, a := range list {
		answer, hue := "no ", red
		if a.Available {
			answer, hue = "yes", green
		}
		lines := []string{a.About}
		if a.Why != "" {
			lines = append(lines, a.Why)
		}
		if a.Remedy != "" {
			lines = append(lines, "→ "+a.Remedy)
		}
		for i, line := range lines {
			text := wrapped(line, indent, widthOf(out))
			if i == 0 {
				text = fmt.Sprintf("%-6s  %s   %s", a.Name, coloured(out, answer, hue), strings.TrimLeft(text, " "))
			}
			fmt.Fprintln(out, text)
		}
	}
}
