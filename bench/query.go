package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// QueryOptions say what is asked and how often.
type QueryOptions struct {
	// Types of questions; empty: all that suit the workload.
	Types []string
	// Count is how many questions of every type are asked; zero: 100.
	Count int
	// For bounds the time that one type takes; zero: no bound.
	For time.Duration
	// Workers is how many are asked at the same time; zero: 1.
	Workers int
	// Progress is told what was done so far; nil: nobody.
	Progress func(Progress)
}

// EnsureDefaults fills in what is zero.
func (o *QueryOptions) EnsureDefaults(spec Spec) {
	if len(o.Types) == 0 {
		o.Types = QuestionTypes(spec.Workload)
	}
	if o.Count == 0 {
		o.Count = 100
	}
	if o.Workers == 0 {
		o.Workers = 1
	}
}

// QueryReport is what became of all types of questions.
type QueryReport struct {
	Types   []TypeReport `json:"types"`
	Workers int          `json:"workers"`
	Ended   string       `json:"ended,omitempty"` // why it ended early
}

// TypeReport is what became of the questions of one type.
type TypeReport struct {
	Type    string           `json:"type"`
	Queries Latencies        `json:"queries"`
	PerS    float64          `json:"queries_per_second"`
	Failed  int64            `json:"failed"`
	Errors  map[string]int64 `json:"errors,omitempty"` // how often, by text
	// First is what the first answer held, Bytes how long the answers were in
	// the mean.
	First Contents `json:"first_answer"`
	Bytes float64  `json:"bytes"`
}

// Query asks questions, type after type, and reports what it saw. The report
// covers what was done also when an error ends the run early.
func Query(ctx context.Context, c *Client, spec Spec, opt QueryOptions) (QueryReport, error) {
	opt.EnsureDefaults(spec)
	report := QueryReport{Workers: opt.Workers}
	var lists [][]Question
	for _, name := range opt.Types {
		questions, err := Questions(spec, name, opt.Count)
		if err != nil {
			return report, err
		}
		lists = append(lists, questions)
	}
	var done atomic.Int64
	begin := c.clock.Now()
	stop := watchProgress(c.clock, opt.Progress, func() Progress {
		return Progress{Done: done.Load(), Elapsed: c.clock.Now().Sub(begin)}
	})
	defer stop()
	for i, name := range opt.Types {
		run := &typeRun{client: c, questions: lists[i], done: &done}
		run.report = TypeReport{Type: name, Errors: map[string]int64{}}
		err := run.ask(ctx, opt)
		report.Types = append(report.Types, run.report)
		if err != nil {
			report.Ended = err.Error()
			return report, err
		}
	}
	return report, nil
}

// typeRun asks the questions of one type.
type typeRun struct {
	client    *Client
	questions []Question
	done      *atomic.Int64
	next      atomic.Int64

	mu     sync.Mutex // guards the fields below
	report TypeReport
	took   []time.Duration
	bytes  int64
	first  []byte // the answer to question 0
	fatal  error
}

func (run *typeRun) ask(ctx context.Context, opt QueryOptions) error {
	begin := run.client.clock.Now()
	var workers sync.WaitGroup
	for range opt.Workers {
		workers.Go(func() {
			for ctx.Err() == nil && !run.failed() && (opt.For == 0 || run.client.clock.Now().Sub(begin) < opt.For) {
				i := int(run.next.Add(1)) - 1
				if i >= len(run.questions) {
					return
				}
				run.askOne(ctx, i)
			}
		})
	}
	workers.Wait()
	elapsed := run.client.clock.Now().Sub(begin)
	r := &run.report
	if n := len(run.took); n > 0 {
		r.Bytes = float64(run.bytes) / float64(n)
		r.PerS = float64(n) / elapsed.Seconds()
	}
	r.Queries = Summarize(run.took)
	if run.first != nil {
		var err error
		if r.First, err = Count(run.first); err != nil {
			countError(r.Errors, err)
		}
	}
	if run.fatal == nil && ctx.Err() != nil {
		run.fatal = ErrInterrupted
	}
	return run.fatal
}

func (run *typeRun) failed() bool {
	run.mu.Lock()
	defer run.mu.Unlock()
	return run.fatal != nil
}

func (run *typeRun) askOne(ctx context.Context, i int) {
	answer, err := run.client.Ask(ctx, run.questions[i].Text)
	run.done.Add(1)
	run.mu.Lock()
	defer run.mu.Unlock()
	switch {
	case errors.Is(err, ErrQuery):
		run.report.Failed++
		countError(run.report.Errors, err)
	case err != nil:
		if run.fatal == nil {
			run.fatal = err
		}
	default:
		run.took = append(run.took, answer.Took)
		run.bytes += int64(len(answer.Text))
		if i == 0 {
			run.first = answer.Text
		}
	}
}

// WriteTo prints the report as a Markdown table.
func (r QueryReport) WriteTo(w io.Writer) (int64, error) {
	t := table{head: []string{"query", "count", "failed", "p50 ms", "p90 ms", "p99 ms", "max ms", "queries/s", "series", "values", "bytes"}, right: 1}
	errs := map[string]int64{}
	for _, q := range r.Types {
		t.add(q.Type, grouped(float64(q.Queries.Count)), grouped(float64(q.Failed)), fixed2(q.Queries.P50), fixed2(q.Queries.P90),
			fixed2(q.Queries.P99), fixed2(q.Queries.Max), fixed2(q.PerS), grouped(float64(q.First.Series)), grouped(float64(q.First.Values)), grouped(q.Bytes))
		for text, n := range q.Errors {
			errs[fmt.Sprintf("%s: %s", q.Type, text)] += n
		}
	}
	var b strings.Builder
	t.print(&b)
	printErrors(&b, errs)
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}
