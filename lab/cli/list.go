package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/lab/nat"
	"github.com/icelab-go/icelab/scenarios"
)

func newListCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the bundled scenarios and the conditions a peer can be behind",
		Long: `Lists what icelab run runs, the scenarios in which something is wrong on purpose
with the verdict and the cause that have to be found, and the words for caller:
and callee: in a scenario file with the NAT behaviour each stands for (RFC 4787).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if format == "json" {
				encoder := json.NewEncoder(out)
				encoder.SetIndent("", "  ")
				return encoder.Encode(struct {
					Scenarios  []scenarios.Scenario `json:"scenarios"`
					Faulty     []scenarios.Scenario `json:"faulty"`
					Conditions []nat.Condition      `json:"conditions"`
				}{scenarios.Bundled(), scenarios.Faulty(), nat.Conditions()})
			}
			listed := append(scenarios.Bundled(), scenarios.Faulty()...)
			width := 28
			for _, s := range listed {
				width = max(width, len(s.Name))
			}
			fmt.Fprintln(out, "Scenarios (icelab run, or icelab run NAME ...):")
			for _, s := range scenarios.Bundled() {
				fmt.Fprintf(out, "  %-*s %s\n", width, s.Name, s.About)
			}
			fmt.Fprintln(out, "\nFaults (icelab run NAME ...; all of them: icelab score):")
			for _, s := range scenarios.Faulty() {
				fmt.Fprintf(out, "  %-*s %s\n  %-*s → %s %s\n", width, s.Name, s.About, width, "", s.Expect.Verdict, s.Expect.Cause)
			}
			fmt.Fprintln(out, "\nConditions (caller: NAME, callee: NAME in a scenario):")
			for _, c := range nat.Conditions() {
				fmt.Fprintf(out, "  %-*s %s\n", width, c.Name, c.About)
				if c.NAT != nil {
					fmt.Fprintf(out, "  %-*s %s\n", width, "", c.NAT)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}
