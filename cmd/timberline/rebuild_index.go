package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/tsdb"
)

// newRebuildIndex returns the command timberline inspect rebuild-index.
func newRebuildIndex() *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild-index DIR",
		Short: "Make the series indexes of a data directory again",
		Long: "Make the series index of every database in a data directory again, from the series log and the block files.\n" +
			"The server must not run. The old checkpoint stays as checkpoint.bad.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			begin := clock.System.Now()
			rebuilt, err := tsdb.RebuildIndexes(cmd.Context(), args[0], tsdb.Options{})
			for _, r := range rebuilt {
				printRebuilt(cmd.OutOrStdout(), r)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d databases in %v\n", len(rebuilt), clock.System.Now().Sub(begin).Round(time.Millisecond))
			return err
		},
	}
}

func printRebuilt(w io.Writer, r tsdb.RebuiltIndex) {
	fmt.Fprintf(w, "database %d: %d series; %d files in %d shards; checkpoint of %d bytes\n", r.Database, r.Series, r.Files, r.Shards, r.CheckpointBytes)
	for _, err := range r.Damage {
		fmt.Fprintf(w, "  damaged: %v\n", err)
	}
	if r.CutBytes > 0 {
		fmt.Fprintf(w, "  the end of the series log was torn: %d bytes cut off\n", r.CutBytes)
	}
	for _, err := range r.Unreadable {
		fmt.Fprintf(w, "  cannot be read: %v\n", err)
	}
	if r.Nameless > 0 {
		fmt.Fprintf(w, "  %d series in the files have lost their names\n", r.Nameless)
	}
}
