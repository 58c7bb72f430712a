package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// newRoot returns the command timberline with everything below it.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "timberline",
		Short:         "A time-series database that speaks the language of InfluxDB 1.x",
		SilenceErrors: true, // main prints them
		SilenceUsage:  true,
	}
	root.AddCommand(newServe(), newShell(), newQuery(), newWrite(), newBench(), newConfig(), newInspect(), newVersion())
	return root
}

// oneLine returns the text of an error in one line.
func oneLine(err error) string {
	return strings.Join(strings.Split(strings.TrimSpace(err.Error()), "\n"), "; ")
}
