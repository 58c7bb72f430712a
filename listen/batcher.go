package listen

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/lineproto"
)

// Door is where points go.
type Door interface {
	// Write stores a body of line protocol, as ingest.Writer.Write does.
	Write(ctx context.Context, req ingest.Request) error
}

// Batching says where the points of a listener go and when.
type Batching struct {
	Database, Policy string
	Precision        lineproto.Precision // of timestamps in line protocol; zero: nanoseconds
	Size             int                 // points that make a batch; 0: 5000
	Pending          int                 // batches that wait to be stored; 0: 10
	Timeout          time.Duration       // how long a point waits for others; 0: 1 s
}

// EnsureDefaults replaces zero values.
func (o *Batching) EnsureDefaults() {
	if o.Size == 0 {
		o.Size = 5000
	}
	if o.Pending == 0 {
		o.Pending = 10
	}
	if o.Timeout == 0 {
		o.Timeout = time.Second
	}
}

const (
	// maxBatchBytes ends a batch before it has its points.
	maxBatchBytes = 4 << 20
	// retryPause is how long a batch waits for a door that is busy.
	retryPause = 250 * time.Millisecond
	// maxRetries bounds how often a batch is offered to a door that is busy.
	maxRetries = 120
)

// batch is line protocol that is stored at once.
type batch struct {
	text    []byte
	points  int
	senders senders
}

// batcher collects lines. Its goroutines are tick, which ends batches that are
// old, and write, which stores them; both end with close.
type batcher struct {
	opt      Batching
	door     Door
	clock    clock.Clock
	log      *slog.Logger
	counters *counters

	mu      sync.Mutex // guards open, since and closed
	open    batch
	since   time.Time // when the first point of open came
	closed  bool
	queue   chan batch
	closing chan struct{}
	spare   sync.Pool // of *[]byte
	ticking sync.WaitGroup
	writing sync.WaitGroup
}

func newBatcher(opt Batching, door Door, clk clock.Clock, log *slog.Logger, c *counters) *batcher {
	opt.EnsureDefaults()
	c.clock = clk
	b := &batcher{opt: opt, door: door, clock: clk, log: log, counters: c,
		queue: make(chan batch, opt.Pending), closing: make(chan struct{})}
	ticker := clk.NewTicker(max(opt.Timeout/4, time.Millisecond))
	b.ticking.Go(func() { b.tick(ticker) })
	b.writing.Go(b.write)
	return b
}

// add appends points of a sender to the open batch. append writes whole lines and returns
// how many. When the batch is full and the queue has no room, add waits if the
// sender can be slowed down, and drops the batch otherwise.
func (b *batcher) add(wait bool, from netip.Addr, appendLines func(dst []byte) ([]byte, int)) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	if b.open.text == nil {
		if p, ok := b.spare.Get().(*[]byte); ok {
			b.open.text = (*p)[:0]
		}
	}
	var n int
	begin := len(b.open.text)
	b.open.text, n = appendLines(b.open.text)
	b.open.senders.add(bytes.Count(b.open.text[begin:], []byte{'\n'}), from)
	if b.open.points == 0 && n > 0 {
		b.since = b.clock.Now()
	}
	b.open.points += n
	b.counters.points.Add(int64(n))
	var full batch
	if b.open.points >= b.opt.Size || len(b.open.text) >= maxBatchBytes {
		full, b.open = b.open, batch{}
	}
	b.mu.Unlock()
	if full.points > 0 {
		b.enqueue(full, wait)
	}
}

func (b *batcher) enqueue(full batch, wait bool) {
	if wait {
		b.queue <- full // write empties the queue, also while the server ends
		return
	}
	select {
	case b.queue <- full:
	default:
		b.drop(full, "the queue of batches is full")
	}
}

func (b *batcher) drop(lost batch, reason string) {
	b.counters.dropped.Add(int64(lost.points))
	b.counters.note(reason, lost.senders.all())
}

// tick ends batches whose first point has waited long enough.
func (b *batcher) tick(ticker clock.Ticker) {
	defer ticker.Stop()
	for {
		select {
		case <-b.closing:
			return
		case <-ticker.C():
		}
		b.mu.Lock()
		var due batch
		if b.open.points > 0 && b.clock.Now().Sub(b.since) >= b.opt.Timeout {
			due, b.open = b.open, batch{}
		}
		b.mu.Unlock()
		if due.points > 0 {
			b.enqueue(due, true)
		}
	}
}

// write stores batches until the queue is closed.
func (b *batcher) write() {
	for full := range b.queue {
		b.store(full)
		if cap(full.text) <= maxBatchBytes {
			text := full.text[:0]
			b.spare.Put(&text)
		}
	}
}

func (b *batcher) store(full batch) {
	req := ingest.Request{
		Database: b.opt.Database, Policy: b.opt.Policy, Precision: b.opt.Precision, Body: full.text,
		Client: full.senders.all(), ClientOf: full.senders.of,
	}
	for try := 1; ; try++ {
		err := b.door.Write(context.Background(), req)
		var partial *ingest.PartialWriteError
		var parse *ingest.ParseError
		switch {
		case err == nil:
			b.counters.batches.Add(1)
			b.counters.sent.Add(int64(full.points))
			return
		case errors.As(err, &partial):
			b.counters.batches.Add(1)
			refused := min(partial.Dropped, full.points)
			b.counters.sent.Add(int64(full.points - refused))
			b.counters.refused.Add(int64(refused))
			b.counters.note(err.Error(), cmp.Or(full.senders.of(partial.Line), req.Client))
			return
		case errors.As(err, &parse):
			b.counters.batches.Add(1)
			b.counters.refused.Add(int64(full.points))
			b.counters.note(err.Error(), cmp.Or(full.senders.of(parse.FirstLine), req.Client))
			return
		case transient(err) && try < maxRetries && b.pause():
			continue
		}
		b.counters.failedBatches.Add(1)
		b.drop(full, err.Error())
		b.log.Warn("points of a listener were not stored", "database", b.opt.Database, "points", full.points, "error", err)
		return
	}
}

func transient(err error) bool {
	return errors.Is(err, ingest.ErrBusy) || errors.Is(err, ingest.ErrNoSpace)
}

// pause waits for a busy door; false says that the server ends.
func (b *batcher) pause() bool {
	select {
	case <-b.clock.After(retryPause):
		return true
	case <-b.closing:
		return false
	}
}

// close stores what is there and ends the goroutines. Nothing may be added
// meanwhile.
func (b *batcher) close() {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	b.closed = true
	last := b.open
	b.open = batch{}
	b.mu.Unlock()
	close(b.closing)
	b.ticking.Wait()
	if last.points > 0 {
		b.queue <- last
	}
	close(b.queue)
	b.writing.Wait()
}
