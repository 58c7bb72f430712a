package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ImportOptions say how a file is read in.
type ImportOptions struct {
	Feed FeedOptions
	// Database and Policy are where points go that stand before any context line.
	Database, Policy string
	// Precision of the timestamps; zero: nanoseconds.
	Precision Precision
	// Told hears of statements and batches that failed; zero: nobody.
	Told func(error)
}

// ImportReport counts what an import did.
type ImportReport struct {
	FeedReport
	Statements, FailedStatements int64 // of the DDL part
}

// Failed reports whether something of the file was refused.
func (r ImportReport) Failed() bool { return r.Lost > 0 || r.FailedStatements > 0 }

// String tells the counts in a line.
func (r ImportReport) String() string {
	text := counted(r.Statements-r.FailedStatements, "statement") + " and " + counted(r.Points, "point") + " taken"
	if r.Failed() {
		text += ", " + counted(r.FailedStatements, "statement") + " and " + counted(r.Lost, "point") + " refused"
	}
	if r.Retries > 0 {
		text += ", " + counted(r.Retries, "retry")
	}
	return text
}

// ErrNoDatabase: points were to be written and nothing says where to.
var ErrNoDatabase = errors.New("no database is chosen")

// Import reads the files of `influx -import` and `influx_inspect export`: statements under "# DDL", points under
// "# DML", "# CONTEXT-DATABASE: d" and "# CONTEXT-RETENTION-POLICY: p" naming where points go; packed with gzip or not.
// What the server refuses is told and counted, the rest goes on; an error means that the import ended early.
func Import(ctx context.Context, c *Client, r io.Reader, opt ImportOptions) (ImportReport, error) {
	if opt.Told == nil {
		opt.Told = func(error) {}
	}
	opt.Feed.Refused = func(refusal Refusal) { opt.Told(refusal) }
	feed, err := NewFeed(c, Points{Database: opt.Database, Policy: opt.Policy, Precision: opt.Precision}, opt.Feed)
	if err != nil {
		return ImportReport{}, err
	}
	lines, err := newPointReader(r)
	if err != nil {
		return ImportReport{}, err
	}
	i := &importer{client: c, feed: feed, lines: lines, told: opt.Told, database: opt.Database, policy: opt.Policy}
	err = i.run(ctx)
	if ended := feed.Flush(ctx); err == nil {
		err = ended
	}
	i.report.FeedReport = feed.Report()
	return i.report, err
}

// importer is one import.
type importer struct {
	client           *Client
	feed             *Feed
	lines            *pointReader
	told             func(error)
	database, policy string
	ddl              bool // in the part of statements
	report           ImportReport
}

func (i *importer) run(ctx context.Context) error {
	for {
		line, err := i.lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
		case line[0] == '#':
			i.mark(string(line))
		case i.ddl:
			err = i.statement(ctx, string(line))
		default:
			err = i.point(ctx, line)
		}
		if err != nil {
			return err
		}
	}
}

// mark reads a comment, which may begin a part or name a context.
func (i *importer) mark(line string) {
	text := strings.TrimSpace(strings.TrimLeft(line, "#"))
	name, value, _ := strings.Cut(text, ":")
	switch value = strings.TrimSpace(value); strings.ToUpper(strings.TrimSpace(name)) {
	case "DDL":
		i.ddl, i.lines.plain = true, true
	case "DML":
		i.ddl, i.lines.plain = false, false
	case "CONTEXT-DATABASE":
		i.database, i.policy = value, ""
	case "CONTEXT-RETENTION-POLICY":
		i.policy = value
	}
}

func (i *importer) statement(ctx context.Context, text string) error {
	if err := i.feed.Flush(ctx); err != nil {
		return err
	}
	i.report.Statements++
	err := execute(ctx, i.client, Question{Statements: text, Database: i.database})
	var status *StatusError
	if errors.Is(err, ErrInterrupted) || errors.Is(err, ErrUnreachable) || errors.As(err, &status) && status.hopeless() {
		i.report.FailedStatements++
		return fmt.Errorf("line %d: %w", i.lines.first, err)
	}
	if err != nil {
		i.report.FailedStatements++
		i.told(fmt.Errorf("line %d: %s: %w", i.lines.first, text, err))
	}
	return nil
}

func (i *importer) point(ctx context.Context, line []byte) error {
	if i.database == "" {
		return fmt.Errorf("line %d: %w: want a line # CONTEXT-DATABASE: name before points", i.lines.first, ErrNoDatabase)
	}
	if err := i.feed.Redirect(ctx, i.database, i.policy); err != nil {
		return err
	}
	return i.feed.Add(ctx, line, i.lines.first, i.lines.last)
}

// WriteLines sends a file of line protocol, packed with gzip or not. What the server refuses goes to opt.Refused, the
// rest goes on; an error means that it ended early.
func WriteLines(ctx context.Context, c *Client, r io.Reader, to Points, opt FeedOptions) (FeedReport, error) {
	feed, err := NewFeed(c, to, opt)
	if err != nil {
		return FeedReport{}, err
	}
	lines, err := newPointReader(r)
	if err != nil {
		return FeedReport{}, err
	}
	err = feedAll(ctx, feed, lines)
	if ended := feed.Flush(ctx); err == nil {
		err = ended
	}
	return feed.Report(), err
}

func feedAll(ctx context.Context, feed *Feed, lines *pointReader) error {
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		if line = bytes.TrimSpace(line); len(line) == 0 || line[0] == '#' {
			continue
		}
		if err := feed.Add(ctx, line, lines.first, lines.last); err != nil {
			return err
		}
	}
}
