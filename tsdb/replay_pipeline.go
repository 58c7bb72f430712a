package tsdb

import (
	"sync"

	"github.com/timberlinedb/timberline/internal/slab"
	"github.com/timberlinedb/timberline/wal"
)

// The frames of the log are checked and decoded in one goroutine and take effect
// in another, in the order of the log: what a frame does may depend on all frames
// before it, what it says does not. Frames go over in batches, because many of
// them are small.
const (
	replayBatches     = 4         // that exist; each is in one of the goroutines or between them
	replayBatchFrames = 128       // in a batch at most
	replayBatchBytes  = 128 << 10 // of payloads from which on a batch is handed over
	largeFrameBytes   = 16 << 10  // a frame from here on is alone in its batch

	// replayBlocks is how many blocks of memory a third goroutine keeps ready for the
	// caches: to get its pages takes as long as to fill a block.
	replayBlocks = 8
)

// replayEntry is a decoded frame. What its kind does not need is left from
// earlier frames.
type replayEntry struct {
	frame wal.Frame
	err   error // of decoding

	series  wal.Series
	fields  wal.Fields
	rows    wal.Rows
	deletes wal.Delete
}

func (e *replayEntry) decode() {
	switch p := e.frame.Payload; e.frame.Kind {
	case wal.KindSeries:
		e.err = wal.DecodeSeries(p, &e.series)
	case wal.KindFields:
		e.err = wal.DecodeFields(p, &e.fields)
	case wal.KindRows:
		e.err = wal.DecodeRows(p, &e.rows)
	case wal.KindDelete:
		e.err = wal.DecodeDelete(p, &e.deletes)
	default:
		e.err = nil
	}
}

// replayBatch holds frames and their payloads. A large frame always has the
// first entry, so that only one entry keeps much memory.
type replayBatch struct {
	entries  []replayEntry
	used     int
	payloads []byte
}

// add copies a frame into the batch and decodes it.
func (b *replayBatch) add(f wal.Frame) {
	if b.used == len(b.entries) {
		b.entries = append(b.entries, replayEntry{})
	}
	at := len(b.payloads)
	b.payloads = append(b.payloads, f.Payload...) // earlier frames keep the old memory
	f.Payload = b.payloads[at:len(b.payloads):len(b.payloads)]
	e := &b.entries[b.used]
	e.frame = f
	e.decode()
	b.used++
}

// full reports whether a frame of n bytes more must go to another batch.
func (b *replayBatch) full(n int) bool {
	return b.used > 0 && (n >= largeFrameBytes || b.used == replayBatchFrames || len(b.payloads) >= replayBatchBytes)
}

// replayPipeline hands decoded frames to apply, which runs in a goroutine of its
// own until finish has returned.
type replayPipeline struct {
	pool        *slab.Pool
	used        chan struct{} // blocks may have been used
	free, ready chan *replayBatch
	filling     *replayBatch // nil when there is none
	done        chan struct{}
	prepared    chan struct{} // closed by prepare

	mu  sync.Mutex // guards err
	err error      // of apply; no frame is applied after one
}

func newReplayPipeline(pool *slab.Pool, apply func(*replayEntry) error) *replayPipeline {
	p := &replayPipeline{
		pool:     pool,
		used:     make(chan struct{}, 1),
		prepared: make(chan struct{}),
		free:     make(chan *replayBatch, replayBatches),
		ready:    make(chan *replayBatch, replayBatches),
		done:     make(chan struct{}),
	}
	for range replayBatches {
		p.free <- new(replayBatch)
	}
	go p.prepare()
	go p.run(apply)
	return p
}

// prepare keeps blocks ready until used is closed.
func (p *replayPipeline) prepare() {
	defer close(p.prepared)
	for range p.used {
		for p.pool.Prepare(replayBlocks) {
			if p.failure() != nil {
				break
			}
		}
	}
}

func (p *replayPipeline) run(apply func(*replayEntry) error) {
	defer close(p.done)
	for b := range p.ready {
		for i := range b.entries[:b.used] {
			if p.failure() != nil {
				break
			}
			if err := apply(&b.entries[i]); err != nil {
				p.mu.Lock()
				p.err = err
				p.mu.Unlock()
			}
		}
		p.free <- b
	}
}

func (p *replayPipeline) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// add takes the next frame of the log. The error is that of an earlier frame.
func (p *replayPipeline) add(f wal.Frame) error {
	if p.filling != nil && p.filling.full(len(f.Payload)) {
		p.handOver()
	}
	if p.filling == nil {
		if err := p.failure(); err != nil {
			return err
		}
		select {
		case p.used <- struct{}{}:
		default:
		}
		p.filling = <-p.free
		p.filling.used, p.filling.payloads = 0, p.filling.payloads[:0]
	}
	p.filling.add(f)
	return nil
}

func (p *replayPipeline) handOver() {
	p.ready <- p.filling
	p.filling = nil
}

// finish waits until all frames have taken effect and returns the error of the
// first that could not.
func (p *replayPipeline) finish() error {
	if p.filling != nil {
		p.handOver()
	}
	close(p.ready)
	close(p.used)
	<-p.done
	<-p.prepared
	return p.failure()
}
