package index

import (
	"sync"

	"github.com/timberlinedb/timberline/model"
)

// tagIndexer adds the tags of series to a delta whose keys another goroutine
// adds meanwhile. Nobody else may use the delta before wait has returned.
type tagIndexer struct {
	free, ready chan *tagBatch
	filling     *tagBatch
	pending     sync.WaitGroup // batches that were handed over
}

// tagBatch holds keys of one delta.
type tagBatch struct {
	d    *delta
	ids  []uint32
	keys [][]byte // valid ones, in memory that does not change
}

const (
	tagBatches   = 4
	tagBatchKeys = 512
)

// newTagIndexer starts the goroutine, which runs until close.
func newTagIndexer() *tagIndexer {
	x := &tagIndexer{free: make(chan *tagBatch, tagBatches), ready: make(chan *tagBatch, tagBatches), filling: new(tagBatch)}
	for range tagBatches - 1 {
		x.free <- new(tagBatch)
	}
	go x.run()
	return x
}

func (x *tagIndexer) run() {
	var tags model.Tags
	for b := range x.ready {
		for i, key := range b.keys {
			var measurement []byte
			measurement, tags, _ = model.ParseSeriesKey(key, tags)
			b.d.addTagsLocked(b.ids[i], measurement, tags)
		}
		x.pending.Done()
		x.free <- b
	}
}

// add takes the key of a series, which follows those before it.
func (x *tagIndexer) add(d *delta, id uint32, key []byte) {
	b := x.filling
	if len(b.keys) == tagBatchKeys || b.d != d {
		x.handOver()
		b = x.filling
		b.d = d
	}
	b.ids, b.keys = append(b.ids, id), append(b.keys, key)
}

func (x *tagIndexer) handOver() {
	if len(x.filling.keys) == 0 {
		return
	}
	x.pending.Add(1)
	x.ready <- x.filling
	x.filling = <-x.free
	x.filling.ids, x.filling.keys = x.filling.ids[:0], x.filling.keys[:0]
}

// wait returns when the tags of all keys are added.
func (x *tagIndexer) wait() {
	x.handOver()
	x.pending.Wait()
}

// close waits and ends the goroutine. Nothing may be added afterwards.
func (x *tagIndexer) close() {
	x.wait()
	close(x.ready)
}
