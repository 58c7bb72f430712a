package ingest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/conflict"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb"
)

// Writer is the door. Its methods may be called concurrently.
type Writer struct {
	catalog *catalog.Catalog
	store   *tsdb.Store
	clock   clock.Clock
	metrics counters

	limits     Limits
	subscriber *Subscriber     // nil: nobody subscribes
	conflicts  *conflict.Store // nil: no database keeps its field conflicts

	holds holds // that of its database is entered by every write, and alone by who wants no others

	scratch sync.Pool // of *scratch
}

// scratch is what one write works with.
type scratch struct {
	parser lineproto.Parser
	batch  model.Batch
	cut    model.Batch // the rows of one shard, when a body spans several
}

// New returns a writer to a store whose databases are those of the catalog. The
// points of its writes are given to the subscriber, too, if there is one.
func New(cat *catalog.Catalog, store *tsdb.Store, clk clock.Clock, to ...*Subscriber) *Writer {
	w := &Writer{catalog: cat, store: store, clock: clk}
	for _, s := range to {
		w.subscriber = s
	}
	w.scratch.New = func() any { return new(scratch) }
	return w
}

// KeepConflicts tells the writer where the databases that widen keep the values
// that they would have to refuse. It is called before the first write.
func (w *Writer) KeepConflicts(to *conflict.Store) { w.conflicts = to }

// Limits say how far timestamps may lie in the future.
type Limits struct {
	// MaxFuture refuses points that lie further in the future; 0: none is
	// refused.
	MaxFuture time.Duration
	// NoticeFuture counts points that are stored and lie further in the future;
	// 0: all that do.
	NoticeFuture time.Duration
}

// Limit sets the limits. It is called before the first write.
func (w *Writer) Limit(l Limits) { w.limits = l }

// bounds returns which timestamps a policy takes at a time.
func (w *Writer) bounds(p *catalog.Policy, now time.Time) bounds {
	in := bounds{oldest: p.Oldest(now), newest: math.MaxInt64, future: later(now, w.limits.NoticeFuture)}
	if w.limits.MaxFuture > 0 {
		in.newest = later(now, w.limits.MaxFuture)
	}
	return in
}

// later returns the timestamp that lies d after now, or the last one that there is.
func later(now time.Time, d time.Duration) int64 {
	return now.UnixNano() + min(int64(d), math.MaxInt64-now.UnixNano())
}

// Request is a write of line protocol.
type Request struct {
	Database, Policy string // the empty policy is the default one
	Precision        lineproto.Precision
	Body             []byte // inflated; not kept
	V2               bool   // refuse the tag keys that version 2 reserves
	Client           string // address of the sender, for diagnostics
	// ClientOf returns the address of the sender of a line, where a body has those
	// of several; empty: it is not known. nil: it is Client.
	ClientOf func(line int) string

	// RefuseConflicts refuses values whose type is not that of their field, also
	// where the database widens.
	RefuseConflicts bool

	// MaxPoints refuses a write with more points; 0: no limit. Lines of a body
	// that are neither blank nor a comment count, be they well-formed or not.
	MaxPoints int

	// Beyond is the number of points of a batch that were left out of it because
	// there were MaxPoints already.
	Beyond int

	// Measurements are those that the sender may write; nil: any.
	Measurements []string
}

// Write stores the points of a body. When it returns nil all of them are as
// durable as the log is set to be; with a PartialWriteError those that it does
// not name are; with any other error none is acknowledged.
func (w *Writer) Write(ctx context.Context, req Request) error {
	w.metrics.requests.Add(1)
	target, err := w.target(req.Database, req.Policy)
	if err != nil {
		return w.failed(err, points(req.Body), req.Client, req.Database)
	}
	if limit := req.MaxPoints; limit > 0 && newlines(req.Body) >= limit {
		if n := points(req.Body); n > limit {
			return w.failed(&TooManyPointsError{n, limit}, n, req.Client, req.Database)
		}
	}
	s := w.scratch.Get().(*scratch)
	defer w.release(s)
	now := w.clock.Now()
	if w.subscriber.wants(target.policy) {
		target.series = nil // every row brings its key then
	}
	series := w.store.HoldSeries(target.id) // until the rows have the ids that the parser finds
	defer series.Release()
	s.parser.Parse(&s.batch, req.Body, lineproto.Options{
		Precision: req.Precision,
		Now:       now.UnixNano(),
		Series:    target.series,
		V2:        req.V2,
	})
	if err := checkScope(&s.batch, req.Measurements); err != nil {
		return w.failed(err, s.batch.Rows(), req.Client, req.Database)
	}
	hold := w.holds.of(target.id)
	if err := hold.enter(ctx); err != nil {
		return w.failed(err, s.batch.Rows(), req.Client, req.Database)
	}
	defer hold.leave()
	return w.storeBatch(ctx, target, &s.batch, s, req)
}

// checkScope reports the first measurement that the sender may not write.
func checkScope(b *model.Batch, allowed []string) error {
	if allowed == nil {
		return nil
	}
	for _, t := range b.Tables {
		if !slices.Contains(allowed, string(t.Measurement)) {
			return &ForbiddenError{Measurement: string(t.Measurement)}
		}
	}
	return nil
}

// WriteBatch stores a batch that does not come from line protocol; of the
// request, what concerns line protocol does not count. The batch is changed:
// rows that may not be stored are taken out.
func (w *Writer) WriteBatch(ctx context.Context, req Request, b *model.Batch) error {
	target, err := w.target(req.Database, req.Policy)
	if err != nil {
		w.metrics.requests.Add(1)
		return w.failed(err, b.Rows(), req.Client, req.Database)
	}
	hold := w.holds.of(target.id)
	if err := hold.enter(ctx); err != nil {
		return w.failed(err, b.Rows(), req.Client, req.Database)
	}
	defer hold.leave()
	return w.writeBatch(ctx, req, b)
}

// WriteFunc stores a batch, like Writer.WriteBatch.
type WriteFunc func(ctx context.Context, req Request, b *model.Batch) error

// Hold runs work while all writes to a database wait but those that work makes
// by the function it is given. A write that came before is as durable as it is going
// to be. When ctx ends before it is this work's turn, its error is returned; a
// write that waits goes by its own context.
func (w *Writer) Hold(ctx context.Context, database string, work func(write WriteFunc) error) error {
	d := w.catalog.Snapshot().Database(database)
	if d == nil {
		return &DatabaseNotFoundError{Name: database}
	}
	hold := w.holds.of(d.ID)
	if err := hold.beAlone(ctx); err != nil {
		return err
	}
	defer hold.letIn()
	return work(w.writeBatch)
}

func (w *Writer) writeBatch(ctx context.Context, req Request, b *model.Batch) error {
	w.metrics.requests.Add(1)
	target, err := w.target(req.Database, req.Policy)
	if err != nil {
		return w.failed(err, b.Rows(), req.Client, req.Database)
	}
	if n := b.Rows() + req.Beyond; req.MaxPoints > 0 && n > req.MaxPoints {
		return w.failed(&TooManyPointsError{n, req.MaxPoints}, n, req.Client, req.Database)
	}
	if err := checkScope(b, req.Measurements); err != nil {
		return w.failed(err, b.Rows(), req.Client, req.Database)
	}
	s := w.scratch.Get().(*scratch)
	defer w.release(s)
	return w.storeBatch(ctx, target, b, s, req)
}

// maxIdleArena bounds the arena that an idle scratch keeps.
const maxIdleArena = 4 << 20

func (w *Writer) release(s *scratch) {
	if cap(s.batch.Arena) > maxIdleArena {
		return
	}
	s.batch.Reset()
	s.cut.Reset()
	w.scratch.Put(s)
}

// target is where a write goes.
type target struct {
	database string
	id       uint32
	policy   *catalog.Policy
	widen    bool // the database keeps its field conflicts
	series   lineproto.SeriesTable
}

func (w *Writer) target(database, policy string) (target, error) {
	d := w.catalog.Snapshot().Database(database)
	if d == nil {
		return target{}, &DatabaseNotFoundError{Name: database}
	}
	p := d.Policy(policy)
	if p == nil {
		if policy == "" {
			policy = d.DefaultPolicy
		}
		return target{}, &PolicyNotFoundError{Name: policy}
	}
	if err := w.store.CreateDatabase(d.ID); err != nil {
		return target{}, classify(database, fmt.Errorf("open database %q: %w", database, err))
	}
	series := w.store.Series(d.ID)
	if series == nil {
		return target{}, &DatabaseNotFoundError{Name: database}
	}
	return target{database: database, id: d.ID, policy: p, widen: d.WidenConflicts, series: series}, nil
}

// storeBatch checks the batch, writes it shard by shard and waits for the log.
func (w *Writer) storeBatch(ctx context.Context, to target, b *model.Batch, s *scratch, req Request) error {
	var refused refusals
	client := req.Client
	refused.malformed(b)
	if w.subscriber.wants(to.policy) {
		w.subscriber.publish(to.database, to.policy, b) // whatever becomes of the points here
	}
	checkNames(b, &refused)
	now := w.clock.Now()
	span, any := keep(b, w.bounds(to.policy, now), &refused)

	var last uint64
	stored := 0
	for any {
		part, result, err := w.writePart(ctx, to, b, span, s)
		if err != nil {
			w.metrics.failed.Add(1)
			return w.failed(classify(to.database, err), b.Rows(), client, to.database)
		}
		last = max(last, result.LSN)
		stored += result.Rows
		w.metrics.values.Add(int64(result.Values))
		refused.limited(result)
		if result.Dropped > 0 && to.widen && !req.RefuseConflicts && w.conflicts != nil {
			result, err = w.settle(ctx, to, part, result, client)
			if err != nil {
				w.metrics.failed.Add(1)
				return w.failed(classify(to.database, err), b.Rows(), client, to.database)
			}
			last = max(last, result.LSN)
			stored += result.Rows
			w.metrics.values.Add(int64(result.Values))
		}
		if result.Dropped > 0 {
			refused.at(FieldConflict, conflictLine(result))
			refused.add(FieldConflict, result.Reason, result.Dropped)
		}
		span, any = after(b, span, part)
	}
	if last > 0 {
		if err := w.store.Commit(ctx, last); err != nil {
			w.metrics.failed.Add(1)
			return w.failed(classify(to.database, err), stored, client, to.database)
		}
	}
	w.metrics.rows.Add(int64(stored))
	w.metrics.note(&refused, req, to.database, now)
	return refused.err(stored)
}

// conflictLine returns the number of the first line with a field of another type,
// 0 when it is not known.
func conflictLine(result tsdb.WriteResult) int {
	for _, c := range result.Conflicts {
		if len(c.Rows) > 0 {
			return lineOf(c.Table, c.Rows[0])
		}
	}
	return 0
}

// maxShardTries bounds how often a write makes its shard again after somebody
// has dropped it meanwhile.
const maxShardTries = 4

// writePart writes the rows of the shard group that holds the oldest row of
// span, and returns the group's range.
func (w *Writer) writePart(ctx context.Context, to target, b *model.Batch, span model.TimeRange, s *scratch) (model.TimeRange, tsdb.WriteResult, error) {
	for try := 1; ; try++ {
		group, err := w.group(to, span.Min)
		if err != nil {
			return model.TimeRange{}, tsdb.WriteResult{}, err
		}
		result, err := w.writeGroup(ctx, to, group, s.part(b, span, group.Range))
		if errors.Is(err, tsdb.ErrShardNotFound) && try < maxShardTries {
			continue
		}
		return group.Range, result, err
	}
}

// group returns the shard group of the target that holds t. The catalog finds it
// by name; database and policy may have been dropped meanwhile, and others may
// have their names.
func (w *Writer) group(to target, t int64) (catalog.ShardGroup, error) {
	group, err := w.catalog.GroupFor(to.database, to.policy.Name, t)
	if err != nil {
		return group, err
	}
	d := w.catalog.Snapshot().Database(to.database)
	if d == nil || d.ID != to.id {
		return group, &DatabaseNotFoundError{Name: to.database}
	}
	if p := d.Policy(to.policy.Name); p == nil || p.ID != to.policy.ID {
		return group, &PolicyNotFoundError{Name: to.policy.Name}
	}
	return group, nil
}

func (w *Writer) writeGroup(ctx context.Context, to target, group catalog.ShardGroup, b *model.Batch) (tsdb.WriteResult, error) {
	spec := tsdb.ShardSpec{ID: group.Shard, Policy: to.policy.ID, Range: group.Range}
	if err := w.store.EnsureShard(to.id, spec); err != nil {
		return tsdb.WriteResult{}, err
	}
	return w.store.Write(ctx, to.id, group.Shard, b)
}
