package cli

import (
	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/scenarios"
)

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of scenario files",
		Long: `Print the JSON Schema (draft 2020-12) of scenario files, with which editors
complete and check them. For editors with the YAML language server, save it and
name it in the first line of a scenario:

  # yaml-language-server: $schema=schema.json`,
		Example: "  icelab schema > schema.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(scenarios.Schema())
			return err
		},
	}
}
