package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// printer prints a file of one format with offsets and meanings.
type printer func(w io.Writer, fs vfs.FS, name string) error

// newInspect returns the command timberline inspect.
func newInspect() *cobra.Command {
	kinds := slices.Sorted(maps.Keys(printers))
	cmd := &cobra.Command{
		Use:   "inspect KIND FILE",
		Short: "Print what is in a file of the database",
		Long:  "Print what is in a file of the database, with offsets and meanings. Kinds: " + strings.Join(kinds, ", ") + ".",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			print, known := printers[args[0]]
			if !known {
				return fmt.Errorf("cannot inspect %q, want one of: %s", args[0], strings.Join(kinds, ", "))
			}
			return print(cmd.OutOrStdout(), vfs.OS(), args[1])
		},
	}
	cmd.AddCommand(newRebuildIndex())
	return cmd
}
