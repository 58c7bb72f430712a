package query

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
)

// Engine runs the statements of requests. It is safe for concurrent use.
type Engine struct {
	catalog *catalog.Catalog
	storage Storage
	opt     Options
	running runningTable
	reads   readTotals // of statements that have ended
	groups  groupCache
}

// New returns an engine over a catalog and the storage that goes with it.
func New(cat *catalog.Catalog, st Storage, opt Options) *Engine {
	opt.EnsureDefaults()
	return &Engine{
		catalog: cat, storage: st, opt: opt,
		groups:  groupCache{account: opt.GroupMemory},
		running: runningTable{clock: opt.Clock, most: opt.MaxConcurrent, queue: opt.MaxQueued, wait: opt.QueueTimeout},
	}
}

// Request is the text of one or more statements with what stands around it.
type Request struct {
	Text string

	// Params are the values of bound parameters ($name), as decoded from JSON with numbers as json.Number.
	Params map[string]any

	// Database and Policy are meant where the text names none. An empty policy is the default one of the database.
	Database, Policy string

	// ChunkSize above zero asks for results of one series with at most so many rows. Otherwise a series may be spread
	// over several results, whose later ones are marked as Continued.
	ChunkSize int

	// User is who asks; nil asks in the name of the server, which may do everything. Nobody stands for those who are
	// not known, as long as no administrator is.
	User *catalog.User

	// Client and ID are the address that the request came from and its id, for those who are told of it.
	Client, ID string

	// ReadOnly says that the request came by a method that should change nothing. Statements that do are run, with a
	// warning in their result.
	ReadOnly bool
}

// Extension runs statements that concern neither data nor the shape of databases.
type Extension interface {
	// Statement runs stmt in the request's database. When it does not know the statement, handled is false.
	Statement(ctx context.Context, database string, stmt influxql.Statement) (rows []*Series, handled bool, err error)
}

// Run parses the text and runs its statements one after the other. Every result goes to emit, which must not keep it;
// an error of emit ends the run and is returned. A text that is no InfluxQL is a *ParseError, one that the user may not
// run an *AuthorizationError; both emit nothing. What goes wrong later is told in Result.Err, and the statements behind
// are answered by ErrNotExecuted.
func (e *Engine) Run(ctx context.Context, req Request, emit func(*Result) error) error {
	q, err := parse(req)
	if err != nil {
		return err
	}
	return e.RunParsed(ctx, q, req, emit)
}

// Check returns the error that Run would return before it runs anything.
func (e *Engine) Check(req Request) error {
	q, err := parse(req)
	if err != nil {
		return err
	}
	return e.authorize(q, &req)
}

func parse(req Request) (*influxql.Query, error) {
	parser := influxql.NewParser(req.Text)
	parser.SetParams(req.Params)
	q, err := parser.ParseQuery()
	if err != nil {
		return nil, &ParseError{Err: err}
	}
	return q, nil
}

// RunParsed is Run for a query that was parsed before; the text of the request is only shown, not parsed.
func (e *Engine) RunParsed(ctx context.Context, q *influxql.Query, req Request, emit func(*Result) error) error {
	if err := e.authorize(q, &req); err != nil {
		return err
	}
	req.Text = Shown(req.Text) // from here on it is only shown and logged
	ctx, id, leave, err := e.running.enter(ctx, req.Text, req.Database, urgent(q))
	if err != nil {
		return emit(&Result{Err: err})
	}
	defer leave()
	done := make(chan struct{})
	defer close(done)
	if e.opt.Timeout > 0 || e.opt.LogAfter > 0 {
		go e.watch(id, req, done)
	}

	failed := false
	for i, stmt := range q.Statements {
		if failed {
			if err := emit(&Result{StatementID: i, Err: ErrNotExecuted}); err != nil {
				return err
			}
			continue
		}
		run := &statementRun{
			engine: e, ctx: ctx, id: i, req: &req, emit: emit,
			memory: memory{all: e.opt.Memory, most: e.opt.MaxQueryBytes},
			now:    e.opt.Clock.Now().UTC(),
		}
		err := run.execute(stmt)
		run.close()
		e.audit(stmt, &req, err)
		if run.emitErr != nil {
			return run.emitErr
		}
		if err != nil {
			failed = true
			if err := emit(&Result{StatementID: i, Err: cause(ctx, err)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// urgent reports whether a request is only there to look after other queries, for which it must not wait.
func urgent(q *influxql.Query) bool {
	for _, stmt := range q.Statements {
		switch stmt.(type) {
		case *influxql.ShowQueriesStatement, *influxql.KillQueryStatement:
		default:
			return false
		}
	}
	return true
}

// Metrics tells how many queries there are and were.
func (e *Engine) Metrics() Metrics {
	m := e.running.count()
	c := e.reads.counts()
	m.RowsDecoded, m.BlocksSummed, m.CellsSummed = c.rows, c.blocks, c.cells
	m.Groups = e.groups.count()
	return m
}

// Running returns the queries that run now, oldest first.
func (e *Engine) Running() []Running { return e.running.list() }

// Kill interrupts a running query.
func (e *Engine) Kill(id uint64) error { return e.running.kill(id, ErrInterrupted) }

// watch is the goroutine that looks after one query's time: it ends when the query does.
func (e *Engine) watch(id uint64, req Request, done <-chan struct{}) {
	var timeout, slow <-chan time.Time
	if e.opt.Timeout > 0 {
		timeout = e.opt.Clock.After(e.opt.Timeout)
	}
	if e.opt.LogAfter > 0 {
		slow = e.opt.Clock.After(e.opt.LogAfter)
	}
	for {
		select {
		case <-done:
			return
		case <-timeout:
			_ = e.running.kill(id, ErrTimeout) // it may have ended or been killed meanwhile, which is as good
			timeout = nil
		case <-slow:
			if e.opt.Log != nil {
				e.opt.Log.Warn("slow query", "qid", id, "query", req.Text, "database", req.Database, "after", e.opt.LogAfter)
			}
			slow = nil
		}
	}
}

// cause replaces the error of a cancelled context by the reason of the cancellation.
func cause(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if c := context.Cause(ctx); errors.Is(c, ErrTimeout) {
		return ErrTimeout
	}
	return ErrInterrupted
}

// statementRun is the execution of one statement of a request.
type statementRun struct {
	engine  *Engine
	ctx     context.Context
	id      int
	req     *Request
	emit    func(*Result) error
	emitErr error // what emit returned; it ends the request
	now     time.Time
	memory  memory
	views   []*openView
	series  int64        // series looked at so far
	points  atomic.Int64 // rows read so far
	reads   readTotals
	filled  int64 // windows filled so far
}

// send delivers a result of the statement.
func (r *statementRun) send(res *Result) error {
	res.StatementID = r.id
	if err := r.emit(res); err != nil {
		r.emitErr = err
		return err
	}
	return nil
}

// close releases the views and the memory of the statement.
func (r *statementRun) close() {
	r.closeViews()
	r.memory.close()
	counts := r.reads.counts()
	r.engine.reads.add(&counts)
}

// closeViews releases the views, so that the next ones see what was changed meanwhile, and may have another range.
func (r *statementRun) closeViews() {
	for _, v := range r.views {
		v.view.Close()
	}
	r.views = nil
}

// warnings returns the remark that a statement which changes something deserves when it came by a reading method.
func (r *statementRun) warnings(stmt influxql.Statement) []Message {
	if !r.req.ReadOnly {
		return nil
	}
	return []Message{{
		Level: "warning",
		Text:  fmt.Sprintf("deprecated use of '%s' in a read only context, please use a POST request instead", stmt),
	}}
}
