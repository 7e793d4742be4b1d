package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/icelab-go/icelab/lab/fabric/docker"
)

func newCleanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove every container and network of every lab",
		Long: `Removes the containers and networks of all labs on this Docker engine, also of
those that are running now, and the images of earlier builds. The image
icelab:dev stays.

A lab cleans up after itself; only one on Docker that was killed leaves its
networks, and the next run there removes them too. On netns and vnet there is
nothing that could stay.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			quietTestcontainers()
			engine, err := docker.New(cmd.Context(), nil)
			if err != nil {
				return err
			}
			defer engine.Close()
			cleaned, err := engine.Clean(cmd.Context())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "removed %d containers, %d networks and %d images\n", cleaned.Containers, cleaned.Networks, cleaned.Images)
			return nil
		},
	}
}
