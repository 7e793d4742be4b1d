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
		Long: `Lists what icelab run runs, and the words for caller: and callee: in a scenario
file with the NAT behaviour each stands for (RFC 4787).`,
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
					Conditions []nat.Condition      `json:"conditions"`
				}{scenarios.Bundled(), nat.Conditions()})
			}
			fmt.Fprintln(out, "Scenarios (icelab run NAME ...):")
			for _, s := range scenarios.Bundled() {
				fmt.Fprintf(out, "  %-28s %s\n", s.Name, s.About)
			}
			fmt.Fprintln(out, "\nConditions (caller: NAME, callee: NAME in a scenario):")
			for _, c := range nat.Conditions() {
				fmt.Fprintf(out, "  %-28s %s\n", c.Name, c.About)
				if c.NAT != nil {
					fmt.Fprintf(out, "  %-28s %s\n", "", c.NAT)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}
