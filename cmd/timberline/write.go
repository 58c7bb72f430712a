package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/timberlinedb/timberline/shell"
)

// newWrite returns the command timberline write.
func newWrite() *cobra.Command {
	f := &clientFlags{}
	var opt shell.FeedOptions
	cmd := &cobra.Command{
		Use:   "write [FILE]",
		Short: "Write a file of line protocol to a server",
		Long: "Write a file of line protocol to a server, packed with gzip or not. Without FILE, or with -, it comes from standard\n" +
			"input. Points go in batches, in their order; a batch is repeated while the server is busy or away. Points that the\n" +
			"server refuses are told with their lines, the others are written. The exit status is 0 when all points were taken.",
		Example: "  timberline write -d shop sales.txt\n  zcat old.gz | timberline write -d shop --precision s -",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			precision, err := f.check(cmd)
			if err != nil {
				return err
			}
			if f.database == "" {
				return errors.New("--database says where the points go")
			}
			file, err := input(cmd, args)
			if err != nil {
				return err
			}
			defer file.Close()
			return f.write(cmd, file, shell.Points{Database: f.database, Policy: f.policy, Precision: precision}, opt)
		},
	}
	f.add(cmd, "ns", "unit of the timestamps")
	flags := cmd.Flags()
	flags.BoolVar(&opt.Gzip, "gzip", true, "compress requests")
	flags.IntVar(&opt.BatchPoints, "batch", 5000, "points of one request")
	flags.IntVar(&opt.PointsPerSecond, "pps", 0, "most points per second; 0: as fast as the server takes them")
	flags.DurationVar(&opt.RetryFor, "retry-for", 2*time.Minute, "how long a request is repeated while the server is busy or away; below 0: not at all")
	return cmd
}

// input opens the file of the argument, or standard input.
func input(cmd *cobra.Command, args []string) (io.ReadCloser, error) {
	if len(args) == 0 || args[0] == "-" {
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	return os.Open(args[0])
}

func (f *clientFlags) write(cmd *cobra.Command, file io.Reader, to shell.Points, opt shell.FeedOptions) error {
	ctx, stop := endBySignal(cmd)
	defer stop()
	client, err := shell.NewClient(f.target)
	if err != nil {
		return err
	}
	defer client.Close()
	opt.Refused = func(r shell.Refusal) { fmt.Fprintln(cmd.ErrOrStderr(), "timberline:", oneLine(r)) }
	report, err := shell.WriteLines(ctx, client, file, to, opt)
	if err == nil && report.Lost > 0 {
		err = shell.ErrFailed
	}
	if err != nil {
		return fmt.Errorf("%d points written, %d refused: %w", report.Points, report.Lost, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d points written\n", report.Points)
	return nil
}
