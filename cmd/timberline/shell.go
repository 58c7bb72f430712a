package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/timberlinedb/timberline/shell"
)

// shellFlags are the flags of timberline shell.
type shellFlags struct {
	clientFlags
	format         string
	pretty, timing bool
	noPager        bool
	chunk          int
	history        string

	execute          string
	importing        bool
	path             string
	pointsPerSecond  int
	compressed, gzip bool
}

// newShell returns the command timberline shell.
func newShell() *cobra.Command {
	f := &shellFlags{}
	cmd := &cobra.Command{
		Use:   "shell",
		Short: "Speak to a server: statements, points, imports",
		Long: "Speak to a server of InfluxDB's kind: statements, points, imports. With standard input from elsewhere than a terminal,\n" +
			"its lines are carried out as a script, and the exit status is 0 when everything went well.",
		Example: "  timberline shell -d shop\n  timberline shell --import --path export.gz --pps 50000\n  echo 'SHOW DATABASES' | timberline shell --format csv",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(cmd, "rfc3339", "form of timestamps")
	flags := cmd.Flags()
	flags.StringVarP(&f.format, "format", "f", "column", "form of answers: column, csv, json or vertical")
	flags.BoolVar(&f.pretty, "pretty", false, "JSON with line ends and indents")
	flags.BoolVar(&f.timing, "timing", false, "tell rows and time of every statement")
	flags.BoolVar(&f.noPager, "no-pager", false, "show long answers at once")
	flags.IntVar(&f.chunk, "chunk-size", 0, "rows of one piece of an answer; 0: as the server likes, below 0: answers in one piece")
	flags.StringVar(&f.history, "history-file", "", "where statements are kept from session to session (default ~/.timberline_history; - for none)")
	flags.StringVarP(&f.execute, "execute", "e", "", "carry out one line and leave")
	flags.BoolVar(&f.importing, "import", false, "read in the export that --path names and leave")
	flags.StringVar(&f.path, "path", "", "file to import; - for standard input")
	flags.BoolVar(&f.compressed, "compressed", false, "the file is packed with gzip; it is seen without this flag, too")
	flags.IntVar(&f.pointsPerSecond, "pps", 0, "most points per second of an import; 0: as fast as the server takes them")
	flags.BoolVar(&f.gzip, "gzip", true, "compress the requests of an import")
	return cmd
}

func (f *shellFlags) run(cmd *cobra.Command) error {
	opt := shell.SessionOptions{Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr(), OpenFile: openFile, ChunkRows: f.chunk,
		View: shell.View{Pretty: f.pretty}, Timing: f.timing}
	var err error
	if opt.Precision, err = f.check(cmd); err != nil {
		return err
	}
	if opt.View.Format, err = shell.ParseFormat(f.format); err != nil {
		return err
	}
	if f.importing != (f.path != "") {
		return errors.New("--import and --path belong together")
	}
	opt.Database, opt.Policy = f.database, f.policy
	opt.Interactive = !f.importing && !cmd.Flags().Changed("execute") && isScreen(cmd.InOrStdin()) && isScreen(opt.Out)
	if opt.Interactive {
		return f.interactive(cmd, opt)
	}
	opt.Target = f.target
	return f.script(cmd, opt)
}

// script carries out standard input, one line, or an import.
func (f *shellFlags) script(cmd *cobra.Command, opt shell.SessionOptions) error {
	ctx, stop := endBySignal(cmd)
	defer stop()
	lines := cmd.InOrStdin()
	if cmd.Flags().Changed("execute") {
		lines = oneLineReader(f.execute)
	}
	opt.In = shell.NewScript(lines)
	session, err := shell.NewSession(opt)
	if err != nil {
		return err
	}
	defer session.Close()
	if !f.importing {
		return session.Run(ctx)
	}
	file, err := input(cmd, []string{f.path})
	if err != nil {
		return err
	}
	defer file.Close()
	return session.Import(ctx, file, shell.ImportOptions{Database: f.database, Policy: f.policy, Precision: f.importPrecision(cmd, opt.Precision),
		Feed: shell.FeedOptions{PointsPerSecond: f.pointsPerSecond, Gzip: f.gzip},
		Told: func(err error) { fmt.Fprintln(opt.Err, "timberline:", oneLine(err)) }})
}

// importPrecision is that of the flag only where it was given.
func (f *shellFlags) importPrecision(cmd *cobra.Command, p shell.Precision) shell.Precision {
	if cmd.Flags().Changed("precision") {
		return p
	}
	return shell.Nanoseconds
}

// interactive talks with a person at a terminal.
func (f *shellFlags) interactive(cmd *cobra.Command, opt shell.SessionOptions) error {
	term := openTerminal(f.historyFile(), cmd.ErrOrStderr())
	defer term.Close()
	if f.target.Username != "" && f.target.Password == "" {
		var err error
		if f.target.Password, err = term.ReadPassword("password: "); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	interrupts, ignore := interruptions(ctx)
	defer ignore()
	opt.Target, opt.In, opt.Interrupts = f.target, term, interrupts
	if !f.noPager {
		opt.Screen = shell.Screen{Size: term.Size, Program: term.Pager()}
	}
	session, err := shell.NewSession(opt)
	if err != nil {
		return err
	}
	defer session.Close()
	term.Completer(session.Complete)
	return session.Run(ctx)
}

// interruptions turns Ctrl-C into values of a channel until stop is called.
func interruptions(ctx context.Context) (values <-chan struct{}, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	out, done := make(chan struct{}, 1), make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			select {
			case out <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	return out, func() {
		signal.Stop(signals)
		cancel()
		<-done
	}
}

func openFile(name string) (io.ReadCloser, error) { return os.Open(name) } // #nosec G304 -- the file that the user names
