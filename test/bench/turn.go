package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/timberlinedb/timberline/bench"
)

// result is what one server did in one turn.
type result struct {
	Failure      string // what went wrong; the figures after it are missing
	LinesPerS    float64
	LoadCPU      float64 // ns of the server per value, until the last answer
	SettledCPU   float64 // the same, until background work had ended
	Settled      bool
	PeakLoad     int64   // bytes, until background work had ended
	PeakMemory   int64   // bytes, questions included
	AckP50       float64 // ms from a request of lines to its answer
	AckP99       float64
	Disk         int64 // bytes
	BytesPerVal  float64
	StartClean   time.Duration
	StartKilled  time.Duration
	AckedKilled  int64 // lines acknowledged before the kill
	FoundKilled  int64 // lines found after it
	Questions    map[string]asked
	Retries      int64
	RefusedLines int64

	values int64
	whole  bool // more than the load was measured
}

// asked is how the questions of one type were answered.
type asked struct {
	bench.Latencies
	CPU      float64 // ms of the server per question
	Contents bench.Contents
	Failure  string
}

func (r *result) String() string {
	if r.Failure != "" {
		return "failed: " + r.Failure
	}
	text := fmt.Sprintf("%.0f lines/s, %.0f ns CPU/value, peak %d MB", r.LinesPerS, r.LoadCPU, r.PeakMemory>>20)
	if r.whole {
		text += fmt.Sprintf(", %.2f B/value, start %s, after kill -9 %s with %d of %d lines", r.BytesPerVal, r.StartClean.Round(time.Millisecond),
			r.StartKilled.Round(time.Millisecond), r.FoundKilled, r.AckedKilled)
	}
	return text
}

// turn is one run of a server from an empty directory.
type turn struct {
	options options
	row     row
	load    *bench.Load
	peer    *peer
	dir     string
}

// run measures all that the row asks for.
func (t turn) run(ctx context.Context) *result {
	r := &result{Questions: map[string]asked{}, values: t.load.Values, whole: !t.row.gzip}
	steps := []func(context.Context, *result) error{t.measureLoad}
	if r.whole {
		steps = append(steps, t.measureStart, t.measureDisk, t.measureKill)
	}
	for _, step := range steps {
		if err := step(ctx, r); err != nil {
			r.Failure = err.Error()
			return r
		}
	}
	return r
}

// measureLoad loads an empty server and asks it questions.
func (t turn) measureLoad(ctx context.Context, r *result) error {
	p, c, err := t.open(ctx, t.dir)
	if err != nil {
		return err
	}
	defer p.kill()
	defer c.Close()
	before := p.cpu()
	report, err := t.send(ctx, c)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	perValue := func() float64 { return float64(p.cpu()-before) / float64(t.load.Values) }
	r.LinesPerS, r.LoadCPU, r.Retries, r.RefusedLines = report.LinesPerSecond, perValue(), report.Retries, report.RefusedLines
	r.AckP50, r.AckP99 = report.Request.P50, report.Request.P99
	if err := t.tell(ctx, c, t.peer.flush); err != nil {
		return err
	}
	r.Settled = p.settle(t.dir, 0)
	r.SettledCPU, r.PeakLoad = perValue(), p.peakMemory()
	if r.whole && t.options.questions > 0 {
		if err := t.ask(ctx, p, c, r); err != nil {
			return err
		}
	}
	r.PeakMemory = p.peakMemory()
	return p.stop()
}

// open starts the peer on an empty directory and makes the database.
func (t turn) open(ctx context.Context, dir string) (*process, *bench.Client, error) {
	p, err := t.peer.start(t.options, dir, false)
	if err != nil {
		return nil, nil, fmt.Errorf("start: %w", err)
	}
	c, err := bench.NewClient(bench.Target{URL: p.url, Database: database}, t.options.workers)
	if err == nil {
		err = t.ready(ctx, p, request{"/ping", nil})
	}
	if err == nil && t.peer.statements {
		err = c.Create(ctx)
	}
	if err != nil {
		p.kill()
		return nil, nil, fmt.Errorf("start: %w", err)
	}
	return p, c, nil
}

func (t turn) send(ctx context.Context, c *bench.Client) (bench.WriteReport, error) {
	t.load.Rewind()
	return bench.Write(ctx, c, t.load, bench.WriteOptions{Workers: t.options.workers, Gzip: t.row.gzip})
}

// tell asks for a path that starts work; an empty one is none.
func (t turn) tell(ctx context.Context, c *bench.Client, path string) error {
	if path == "" {
		return nil
	}
	if _, err := c.Get(ctx, path, nil); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// startTimeout bounds how long a server may take until its first answer.
const startTimeout = 5 * time.Minute

// ready asks until there is a good answer.
func (t turn) ready(ctx context.Context, p *process, ask request) error {
	client := http.Client{Timeout: startTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	address := p.url + ask.path + "?" + ask.parameters.Encode()
	last := ""
	for begin := time.Now(); time.Since(begin) < startTimeout; time.Sleep(time.Millisecond) {
		switch {
		case p.gone():
			return fmt.Errorf("the server ended: %w", p.failure)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		answer, err := client.Get(address)
		if err != nil {
			last = err.Error()
			continue
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err == nil && answer.StatusCode < 300 {
			return nil
		}
		last = fmt.Sprintf("%s: %.200s", answer.Status, text)
	}
	return fmt.Errorf("no answer within %s: %s", startTimeout, last)
}

// minQuestions are asked of every type however long they take.
const minQuestions = 3

// ask measures all types of questions, one at a time.
func (t turn) ask(ctx context.Context, p *process, c *bench.Client, r *result) error {
	for _, name := range bench.QuestionTypes(t.row.spec.Workload) {
		questions, err := bench.Questions(t.row.spec, name, t.options.questions)
		if err != nil {
			return err
		}
		if _, ok := t.peer.ask(questions[0], t.row.spec); !ok {
			continue
		}
		got, err := t.askType(ctx, p, c, questions)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			got.Failure = err.Error()
			fmt.Printf("%s, %s: %v\n", t.peer.name, name, err)
		}
		r.Questions[name] = got
	}
	return nil
}

func (t turn) askType(ctx context.Context, p *process, c *bench.Client, questions []bench.Question) (got asked, err error) {
	answer, err := t.get(ctx, c, questions[0]) // what is in it, and to warm up
	if err != nil {
		return got, err
	}
	if got.Contents, err = t.peer.count(answer.Text); err != nil {
		return got, err
	}
	var took []time.Duration
	before, begin := p.cpu(), time.Now()
	for i, q := range questions {
		if i >= minQuestions && time.Since(begin) > t.options.perType {
			break
		}
		if answer, err = t.get(ctx, c, q); err != nil {
			return got, err
		}
		took = append(took, answer.Took)
	}
	got.CPU = (p.cpu() - before).Seconds() * 1000 / float64(len(took))
	got.Latencies = bench.Summarize(took)
	return got, nil
}

func (t turn) get(ctx context.Context, c *bench.Client, q bench.Question) (bench.Answer, error) {
	ask, _ := t.peer.ask(q, t.row.spec)
	answer, err := c.Get(ctx, ask.path, ask.parameters)
	if err != nil {
		return answer, fmt.Errorf("%s: %w", ask.parameters.Encode(), err)
	}
	return answer, nil
}

// probe asks for something about one series.
func (t turn) probe() request {
	name := "single-groupby-1-1-1"
	if t.row.spec.Workload == "sensor" {
		name = "sensor-mean-1-1"
	}
	questions, err := bench.Questions(t.row.spec, name, 1)
	if err != nil {
		return request{"/query", url.Values{"q": {err.Error()}}}
	}
	ask, _ := t.peer.ask(questions[0], t.row.spec)
	return ask
}

// restart starts the peer on a directory with data and waits for an answer.
func (t turn) restart(ctx context.Context, dir string) (*process, time.Duration, error) {
	p, err := t.peer.start(t.options, dir, false)
	if err != nil {
		return nil, 0, fmt.Errorf("start again: %w", err)
	}
	if err := t.ready(ctx, p, t.probe()); err != nil {
		p.kill()
		return nil, 0, fmt.Errorf("start again: %w", err)
	}
	return p, time.Since(p.begun), nil
}

// measureStart starts on what was stopped cleanly, and lets background work go on.
func (t turn) measureStart(ctx context.Context, r *result) error {
	p, took, err := t.restart(ctx, t.dir)
	if err != nil {
		return err
	}
	defer p.kill()
	r.StartClean = took
	c, err := bench.NewClient(bench.Target{URL: p.url, Database: database}, 1)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := t.tell(ctx, c, t.peer.merge); err != nil {
		return err
	}
	p.settle(t.dir, 0)
	return p.stop()
}

// coldWait is how long after a cold start its work may begin: InfluxDB's
// snapshots and full compactions follow each other with pauses of seconds.
const coldWait = 20 * time.Second

// measureDisk looks at the directory after all background work.
func (t turn) measureDisk(ctx context.Context, r *result) error {
	if t.peer.coldStart {
		p, err := t.peer.start(t.options, t.dir, true)
		if err != nil {
			return fmt.Errorf("start to settle: %w", err)
		}
		defer p.kill()
		if err := t.ready(ctx, p, t.probe()); err != nil {
			return fmt.Errorf("start to settle: %w", err)
		}
		if err := t.nudge(ctx, p); err != nil {
			return fmt.Errorf("write a line to settle: %w", err)
		}
		p.settle(t.dir, coldWait)
		if err := p.stop(); err != nil {
			return err
		}
	}
	var err error
	if r.Disk, err = diskUsage(t.dir); err != nil {
		return err
	}
	r.BytesPerVal = float64(r.Disk) / float64(t.load.Values)
	return nil
}

// nudge writes the first line once more. InfluxDB opens the last segment of its
// log for more and keeps it through a snapshot until something was added to it.
func (t turn) nudge(ctx context.Context, p *process) error {
	c, err := bench.NewClient(bench.Target{URL: p.url, Database: database}, 1)
	if err != nil {
		return err
	}
	defer c.Close()
	line, _, _ := bytes.Cut(t.load.Bodies[0].Data, []byte("\n"))
	_, err = bench.Write(ctx, c, &bench.Load{Bodies: []*bench.Body{{Data: line, Plain: len(line), Lines: 1}}}, bench.WriteOptions{Workers: 1})
	return err
}

// measureKill loads an empty server, kills it right after the last
// acknowledgement, and counts what it knows when it is back.
func (t turn) measureKill(ctx context.Context, r *result) error {
	dir := t.dir + "/killed"
	p, c, err := t.open(ctx, dir)
	if err != nil {
		return err
	}
	report, err := t.send(ctx, c)
	p.kill()
	c.Close()
	if err != nil {
		return fmt.Errorf("load before kill -9: %w", err)
	}
	r.AckedKilled = report.Lines
	if p, r.StartKilled, err = t.restart(ctx, dir); err != nil {
		return fmt.Errorf("after kill -9: %w", err)
	}
	defer p.kill()
	if c, err = bench.NewClient(bench.Target{URL: p.url, Database: database}, 1); err != nil {
		return err
	}
	defer c.Close()
	if r.FoundKilled, err = t.peer.lines(ctx, c, t.row.spec); err != nil {
		return fmt.Errorf("count after kill -9: %w", err)
	}
	return p.stop()
}
