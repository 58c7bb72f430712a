package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/timberlinedb/timberline/shell"
)

// maxStatementBytes bounds statements that come from standard input.
const maxStatementBytes = 64 << 20

// newQuery returns the command timberline query.
func newQuery() *cobra.Command {
	f := &clientFlags{}
	var format string
	var pretty bool
	var chunk int
	cmd := &cobra.Command{
		Use:   "query [STATEMENTS]",
		Short: "Ask a server and print the answer",
		Long: "Ask a server and print the answer while it arrives. Without STATEMENTS, or with -, they come from standard input.\n" +
			"The exit status is 0 when every statement went well; errors go to standard error.",
		Example: "  timberline query -d shop 'SELECT mean(amount) FROM sales GROUP BY city'\n  timberline query -d shop --format csv --precision ns 'SELECT * FROM sales' > sales.csv",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			precision, err := f.check(cmd)
			if err != nil {
				return err
			}
			view := shell.View{Pretty: pretty}
			if view.Format, err = shell.ParseFormat(format); err != nil {
				return err
			}
			text, err := statements(cmd, args)
			if err != nil {
				return err
			}
			return f.ask(cmd, shell.Question{Statements: text, Database: f.database, Policy: f.policy, Precision: precision, ChunkRows: chunk}, view)
		},
	}
	f.add(cmd, "rfc3339", "form of timestamps in the answer")
	cmd.Flags().StringVarP(&format, "format", "f", "column", "form of the answer: column, csv, json or vertical")
	cmd.Flags().BoolVar(&pretty, "pretty", false, "JSON with line ends and indents")
	cmd.Flags().IntVar(&chunk, "chunk-size", 0, "rows of one piece of the answer; 0: as the server likes, below 0: the answer in one piece")
	return cmd
}

// statements returns what is asked: the argument, or standard input.
func statements(cmd *cobra.Command, args []string) (string, error) {
	if len(args) == 1 && args[0] != "-" {
		return args[0], nil
	}
	text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxStatementBytes+1))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	if len(text) > maxStatementBytes {
		return "", fmt.Errorf("standard input has more than %d MiB of statements", maxStatementBytes>>20)
	}
	if strings.TrimSpace(string(text)) == "" {
		return "", errors.New("no statements are given")
	}
	return string(text), nil
}

// ask asks once. Every statement that failed is told; the error counts them.
func (f *clientFlags) ask(cmd *cobra.Command, q shell.Question, v shell.View) error {
	ctx, stop := endBySignal(cmd)
	defer stop()
	client, err := shell.NewClient(f.target)
	if err != nil {
		return err
	}
	defer client.Close()
	sum, err := shell.Ask(ctx, client, q, v, cmd.OutOrStdout())
	if errors.Is(err, syscall.EPIPE) { // as `| head` does
		return nil
	}
	return errors.Join(errors.Join(sum.Failed...), err)
}

// endBySignal returns a context that ends with the first signal; the next finds the default again.
func endBySignal(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
