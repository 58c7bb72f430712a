package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// WriteOptions say how bodies are sent.
type WriteOptions struct {
	// Workers is the number of connections; zero: 2.
	Workers int
	// Gzip says that bodies are compressed.
	Gzip bool
	// Progress is told what was done so far, a few times per second and from
	// one goroutine; nil: nobody.
	Progress func(Progress)
}

// Progress is what a run has done so far.
type Progress struct {
	// Done counts lines or queries, refused ones included.
	Done int64
	// Retries counts requests that were sent again.
	Retries int64
	Elapsed time.Duration
}

// progressEvery is how often Progress is told.
const progressEvery = 200 * time.Millisecond

// maxFailuresInARow ends a run: the server takes nothing.
const maxFailuresInARow = 20

// writeRun is a run of Write.
type writeRun struct {
	client *Client
	source Source
	opt    WriteOptions
	header http.Header

	lines, retries atomic.Int64 // for Progress

	mu           sync.Mutex // guards the fields below
	report       WriteReport
	took         []time.Duration
	failuresHere int // in a row
	fatal        error
}

// Write sends all bodies of a source and reports what became of them. The
// report covers what was done also when an error ends the run early: ErrRefused,
// ErrCredentials, ErrUnreachable, ErrBusy, or ErrInterrupted after ctx, which
// lets requests that are under way finish.
func Write(ctx context.Context, c *Client, source Source, opt WriteOptions) (WriteReport, error) {
	if opt.Workers <= 0 {
		opt.Workers = 2
	}
	run := &writeRun{client: c, source: source, opt: opt, header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}}
	run.report.Errors = map[string]int64{}
	if opt.Gzip {
		run.header.Set("Content-Encoding", "gzip")
	}
	begin := c.clock.Now()
	stopProgress := run.watch(begin)
	var workers sync.WaitGroup
	for range opt.Workers {
		workers.Go(func() { run.work(ctx) })
	}
	workers.Wait()
	elapsed := c.clock.Now().Sub(begin)
	stopProgress()
	if run.fatal == nil && ctx.Err() != nil {
		run.fatal = ErrInterrupted
	}
	run.report.finish(elapsed, run.took, opt, run.fatal)
	return run.report, run.fatal
}

// watch tells Progress until the returned func is called.
func (run *writeRun) watch(begin time.Time) (stop func()) {
	return watchProgress(run.client.clock, run.opt.Progress, func() Progress {
		return Progress{run.lines.Load(), run.retries.Load(), run.client.clock.Now().Sub(begin)}
	})
}

// work sends one body after the other.
func (run *writeRun) work(ctx context.Context) {
	for ctx.Err() == nil && !run.failed() {
		body := run.source.Next()
		if body == nil {
			return
		}
		run.sendBody(ctx, body)
		run.lines.Add(int64(body.Lines))
		run.source.Done(body)
	}
}

func (run *writeRun) failed() bool {
	run.mu.Lock()
	defer run.mu.Unlock()
	return run.fatal != nil
}

// sendBody sends a body until the server has taken or refused it.
func (run *writeRun) sendBody(ctx context.Context, body *Body) {
	var retries int64
	var took time.Duration
	answer, err := run.client.patiently(ctx, &retries, func() (reply, error) {
		begin := run.client.clock.Now()
		answer, err := run.client.send(context.WithoutCancel(ctx), http.MethodPost, run.client.writeURL, run.header, body.Data, maxReplyText)
		took = run.client.clock.Now().Sub(begin)
		return answer, err
	})
	run.retries.Add(retries)
	run.mu.Lock()
	defer run.mu.Unlock()
	r := &run.report
	r.Retries += retries
	if err != nil {
		r.unanswered(body, err)
		run.end(err)
		return
	}
	run.took = append(run.took, took)
	run.settle(body, answer)
}

// settle counts an answer. The caller holds the lock.
func (run *writeRun) settle(body *Body, answer reply) {
	r := &run.report
	if durability := answer.header.Get("X-Timberline-Durability"); durability != "" {
		r.Server.Durability = durability
	}
	if version := answer.header.Get("X-Influxdb-Version"); version != "" {
		r.Server.Version = version
	}
	r.Requests++
	if answer.status == http.StatusNoContent || answer.status == http.StatusOK {
		r.Lines += int64(body.Lines)
		r.Values += int64(body.Values)
		r.PlainBytes += int64(body.Plain)
		r.SentBytes += int64(len(body.Data))
		run.failuresHere = 0
		return
	}
	r.count(errors.New(answer.explain()))
	if err := run.client.refusal(answer); err != nil {
		r.RefusedLines += int64(body.Lines)
		run.end(err)
		return
	}
	if dropped, ok := droppedPoints(answer); ok && dropped < int64(body.Lines) {
		r.accept(body, dropped)
		run.failuresHere = 0
		return
	}
	r.RefusedLines += int64(body.Lines)
	if run.failuresHere++; run.failuresHere >= maxFailuresInARow {
		run.end(fmt.Errorf("%w, %d in a row: %s", ErrRefused, run.failuresHere, answer.explain()))
	}
}

// end ends the run for the first reason that comes. The caller holds the lock.
func (run *writeRun) end(err error) {
	if run.fatal == nil {
		run.fatal = err
	}
}

// dropped finds the number of points that a partial write left out.
var dropped = regexp.MustCompile(`partial write:.*dropped=(\d+)`)

// droppedPoints returns how many points of a body were refused, the others taken.
func droppedPoints(answer reply) (int64, bool) {
	m := dropped.FindSubmatch(answer.text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	return n, err == nil
}
