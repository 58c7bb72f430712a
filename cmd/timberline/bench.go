package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/timberlinedb/timberline/bench"
)

// benchFlags are the flags of the commands below bench.
type benchFlags struct {
	spec   bench.Spec
	target bench.Target
	write  bench.WriteOptions
	query  bench.QueryOptions

	start        string
	api          string
	db, bucket   string
	batch        int
	pregenerate  bool
	create, json bool
}

// newBench returns the command timberline bench.
func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Load a server with made-up measurements and ask it questions",
		Long: "Load a server with made-up measurements, ask it questions, and print how fast it was. Works with every server that has\n" +
			"the write and query endpoints of InfluxDB 1.x or 2.x. The same flags and seed give the same bytes and questions.\n\nWorkloads:\n" + workloadList(),
	}
	cmd.AddCommand(newBenchWrite(), newBenchQuery(), newBenchRun())
	return cmd
}

func workloadList() string {
	var b strings.Builder
	for _, name := range bench.Workloads() {
		fmt.Fprintf(&b, "  %-9s %s\n", name, bench.About(name))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func newBenchWrite() *cobra.Command {
	f := &benchFlags{}
	cmd := &cobra.Command{
		Use:     "write",
		Short:   "Write a workload",
		Example: "  timberline bench write --workload cpu --hosts 4000 --duration 20m\n  timberline bench write --workload sensor --hosts 1000000 --rows 2000000 --gzip",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, func(ctx context.Context, b *benchRun) error { return b.write(ctx) })
		},
	}
	f.addCommon(cmd)
	f.addWrite(cmd)
	cmd.Flags().IntVar(&f.write.Workers, "workers", 2, "connections")
	return cmd
}

func newBenchQuery() *cobra.Command {
	f := &benchFlags{}
	cmd := &cobra.Command{
		Use:     "query",
		Short:   "Ask questions about a workload that was written with the same flags",
		Long:    "Ask questions about a workload that was written with the same flags. Types:\n" + typeList(),
		Example: "  timberline bench query --workload cpu --hosts 4000 --duration 20m --types lastpoint,double-groupby-1",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, func(ctx context.Context, b *benchRun) error { return b.query(ctx) })
		},
	}
	f.addCommon(cmd)
	f.addQuery(cmd)
	cmd.Flags().IntVar(&f.query.Workers, "workers", 1, "questions at the same time")
	return cmd
}

func newBenchRun() *cobra.Command {
	f := &benchFlags{}
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "Write a workload, then ask questions about it",
		Example: "  timberline bench run --workload cpu --hosts 100 --duration 24h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, func(ctx context.Context, b *benchRun) error {
				if err := b.write(ctx); err != nil {
					return err
				}
				return b.query(ctx)
			})
		},
	}
	f.addCommon(cmd)
	f.addWrite(cmd)
	f.addQuery(cmd)
	cmd.Flags().IntVar(&f.write.Workers, "workers", 2, "connections that write")
	cmd.Flags().IntVar(&f.query.Workers, "query-workers", 1, "questions at the same time")
	return cmd
}

func typeList() string {
	var b strings.Builder
	for _, name := range bench.Workloads() {
		fmt.Fprintf(&b, "  %-9s %s\n", name, strings.Join(bench.QuestionTypes(name), ", "))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (f *benchFlags) addCommon(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.target.URL, "url", "http://127.0.0.1:8086", "address of the server")
	flags.StringVar(&f.api, "api", "v1", "write endpoint: v1 (/write) or v2 (/api/v2/write)")
	flags.StringVar(&f.db, "db", "bench", "database, of v1")
	flags.StringVar(&f.bucket, "bucket", "", "bucket, of v2: a database, or database/policy (default: that of --db)")
	flags.StringVar(&f.target.Org, "org", "", "organisation, of v2")
	flags.StringVar(&f.target.Token, "token", "", "API token")
	flags.StringVar(&f.target.Username, "username", "", "user")
	flags.StringVar(&f.target.Password, "password", "", "the user's password")
	flags.DurationVar(&f.target.Timeout, "timeout", 2*time.Minute, "bound of one request")
	flags.DurationVar(&f.target.RetryFor, "retry-for", 2*time.Minute, "how long a request is repeated while the server is busy or away")
	flags.StringVar(&f.spec.Workload, "workload", "cpu", "what a host writes: "+strings.Join(bench.Workloads(), ", "))
	flags.IntVar(&f.spec.Hosts, "hosts", 100, "hosts, or sensors")
	flags.DurationVar(&f.spec.Interval, "interval", 10*time.Second, "time between two points of a series")
	flags.DurationVar(&f.spec.Duration, "duration", 24*time.Hour, "time that the points cover")
	flags.Int64Var(&f.spec.Rows, "rows", 0, "lines to write, instead of --duration")
	flags.StringVar(&f.start, "start", bench.DefaultStart.Format(time.RFC3339), "time of the first points: RFC 3339, or how long ago, as 24h")
	flags.Uint64Var(&f.spec.Seed, "seed", 1, "what all random choices follow from")
	flags.BoolVar(&f.json, "json", false, "print the report as JSON")
}

func (f *benchFlags) addWrite(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.batch, "batch", 5000, "lines per request")
	flags.BoolVar(&f.write.Gzip, "gzip", false, "compress bodies")
	flags.BoolVar(&f.pregenerate, "pregenerate", false, "make all bodies in memory before the first is sent")
	flags.BoolVar(&f.create, "create", true, "create the database or bucket")
}

func (f *benchFlags) addQuery(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.query.Types, "types", nil, "types of questions, with commas between (default: all of the workload)")
	flags.IntVar(&f.query.Count, "queries", 100, "questions of every type")
	flags.DurationVar(&f.query.For, "for", 0, "bound of the time for one type (default: none)")
}

// check fills in what the flags imply and reports what cannot be used.
func (f *benchFlags) check(cmd *cobra.Command, now time.Time) error {
	f.target.API, f.target.Database = bench.API(f.api), f.db
	if f.target.API == bench.V2 && f.bucket != "" {
		f.target.Database = f.bucket
	}
	if f.target.API == bench.V1 && f.bucket != "" {
		return errors.New("--bucket belongs to --api v2; v1 has --db")
	}
	var err error
	if f.spec.Start, err = startTime(f.start, now); err != nil {
		return err
	}
	if cmd.Flags().Changed("rows") && f.spec.Rows < 1 {
		return fmt.Errorf("--rows is %d, want at least 1", f.spec.Rows)
	}
	for name, n := range map[string]int{"batch": f.batch, "queries": f.query.Count, "workers": max(f.write.Workers, f.query.Workers)} {
		if cmd.Flags().Lookup(name) != nil && (n < 1 || n > 1e6) {
			return fmt.Errorf("--%s is %d, want 1 to 1000000", name, n)
		}
	}
	for _, name := range f.query.Types {
		if _, err := bench.Questions(f.spec, name, 0); err != nil {
			return err
		}
	}
	f.spec.EnsureDefaults()
	return f.spec.Validate()
}

// startTime reads --start: a time, or how long before now.
func startTime(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago).UTC().Truncate(time.Second), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("--start is %q, want a time like %s or a duration like 24h", text, bench.DefaultStart.Format(time.RFC3339))
	}
	return t.UTC(), nil
}

// benchRun is one run of a command below bench.
type benchRun struct {
	*benchFlags
	client      *bench.Client
	out, errOut io.Writer
	report      struct {
		Spec  bench.Spec         `json:"spec"`
		Write *bench.WriteReport `json:"write,omitempty"`
		Query *bench.QueryReport `json:"query,omitempty"`
	}
}

// run connects, does the work, and prints the report also when the work ended early.
func (f *benchFlags) run(cmd *cobra.Command, work func(context.Context, *benchRun) error) error {
	if err := f.check(cmd, time.Now()); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the next signal finds the default again
	client, err := bench.NewClient(f.target, max(f.write.Workers, f.query.Workers))
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := client.Ping(ctx); err != nil {
		return err
	}
	b := &benchRun{benchFlags: f, client: client, out: cmd.OutOrStdout(), errOut: cmd.ErrOrStderr()}
	b.report.Spec = f.spec
	err = work(ctx, b)
	return errors.Join(err, b.print())
}

func (b *benchRun) write(ctx context.Context) error {
	if b.create {
		if err := b.client.Create(ctx); err != nil {
			return err
		}
	}
	var source bench.Source = bench.NewStream(b.spec, b.batch, b.benchFlags.write.Gzip)
	if b.pregenerate {
		fmt.Fprintf(b.errOut, "making %d lines\n", b.spec.Lines())
		load, err := bench.Pregenerate(ctx, b.spec, b.batch, b.benchFlags.write.Gzip)
		if err != nil {
			return err
		}
		source = load
	}
	opt := b.benchFlags.write
	show := newProgress(b.errOut, "writing", "lines", b.spec.Lines())
	opt.Progress = show.tell
	report, err := bench.Write(ctx, b.client, source, opt)
	show.end()
	b.report.Write = &report
	return err
}

func (b *benchRun) query(ctx context.Context) error {
	opt := b.benchFlags.query
	opt.EnsureDefaults(b.spec)
	show := newProgress(b.errOut, "asking", "queries", int64(opt.Count*len(opt.Types)))
	opt.Progress = show.tell
	report, err := bench.Query(ctx, b.client, b.spec, opt)
	show.end()
	b.report.Query = &report
	return err
}

// print writes what there is of the report.
func (b *benchRun) print() error {
	if b.report.Write == nil && b.report.Query == nil {
		return nil
	}
	if b.json {
		text, err := json.MarshalIndent(b.report, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(b.out, "%s\n", text)
		return err
	}
	s := b.spec
	_, err := fmt.Fprintf(b.out, "workload %s: %d hosts, %d series, every %s from %s to %s, seed %d\n\n",
		s.Workload, s.Hosts, s.Series(), s.Interval, s.Start.Format(time.RFC3339), s.End().Format(time.RFC3339), s.Seed)
	if b.report.Write != nil && err == nil {
		_, err = b.report.Write.WriteTo(b.out)
	}
	if b.report.Write != nil && b.report.Query != nil && err == nil {
		_, err = fmt.Fprintln(b.out)
	}
	if b.report.Query != nil && err == nil {
		_, err = b.report.Query.WriteTo(b.out)
	}
	return err
}
