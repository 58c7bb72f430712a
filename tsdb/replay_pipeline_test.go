package tsdb

import (
	"errors"
	"fmt"
	"testing"

	"github.com/timberlinedb/timberline/internal/slab"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/wal"
)

// TestReplayPipelineKeepsOrder hands over frames of all sizes, whose payloads
// are overwritten as soon as they were taken, and expects all of them in order,
// with what they say.
func TestReplayPipelineKeepsOrder(t *testing.T) {
	rng, _ := newRand(t)
	const frames = 3000
	seen := uint64(0)
	p := newReplayPipeline(slab.NewPool(1<<20), func(e *replayEntry) error {
		seen++
		if e.frame.LSN != seen {
			return fmt.Errorf("frame %d is applied after %d others", e.frame.LSN, seen-1)
		}
		if damaged := seen%50 == 0; damaged != (e.err != nil) {
			return fmt.Errorf("frame %d: damaged is %v, the error of decoding %w", seen, damaged, e.err)
		} else if damaged {
			return nil
		}
		if seen%7 == 0 {
			if got := string(e.series.Keys[0]); got != fmt.Sprint("key ", seen) {
				return fmt.Errorf("frame %d has series %q", seen, got)
			}
			return nil
		}
		for i, v := range e.rows.Table.Columns[0].Values {
			if got := string(e.rows.Table.Columns[0].StringAt(v)); got != fmt.Sprint("text ", seen) {
				return fmt.Errorf("row %d of frame %d has %q", i, seen, got)
			}
		}
		return nil
	})
	var payload []byte
	for lsn := uint64(1); lsn <= frames; lsn++ {
		f := wal.Frame{LSN: lsn, Kind: wal.KindRows}
		if lsn%7 == 0 {
			f.Kind = wal.KindSeries
			payload = wal.AppendSeries(payload[:0], &wal.Series{Database: 1, First: 1, Keys: [][]byte{fmt.Append(nil, "key ", lsn)}})
		} else {
			rows := 1 + rng.IntN(5)
			if lsn%11 == 0 {
				rows = 4000 // large
			}
			payload = wal.AppendRows(payload[:0], textRows(rows, fmt.Sprint("text ", lsn)))
		}
		if lsn%50 == 0 {
			payload = append(payload, 1) // left over
		}
		f.Payload = payload
		if err := p.add(f); err != nil {
			t.Fatal(err)
		}
		clear(payload)
	}
	if err := p.finish(); err != nil {
		t.Fatal(err)
	}
	if seen != frames {
		t.Errorf("%d frames were applied, want %d", seen, frames)
	}
}

// textRows returns rows that all have one value, which is written out in each.
func textRows(n int, text string) *wal.Rows {
	t := &model.Table{Times: make([]int64, n), Series: make([]model.SeriesID, n)}
	c := &t.Columns[t.AddColumn([]byte("f"), model.String)]
	for i := range n {
		t.Series[i] = 1
		c.Values = append(c.Values, model.StringRef(len(c.Strings), len(text)))
		c.Strings = append(c.Strings, text...)
	}
	return &wal.Rows{Database: 1, Shard: 1, Fields: []uint32{1}, Table: t}
}

// TestReplayPipelineStopsAtAnError applies nothing after a frame that failed
// and tells its error to who adds more, and at the end.
func TestReplayPipelineStopsAtAnError(t *testing.T) {
	failed := errors.New("failed")
	applied := 0
	p := newReplayPipeline(slab.NewPool(1<<20), func(e *replayEntry) error {
		applied++
		if e.frame.LSN == 100 {
			return failed
		}
		return nil
	})
	var err error
	lsn := uint64(0)
	for ; err == nil && lsn < 100_000; lsn++ {
		err = p.add(wal.Frame{LSN: lsn + 1, Kind: 99, Payload: []byte("of no known kind")})
	}
	if !errors.Is(err, failed) {
		t.Errorf("adding %d frames gives %v, want %v", lsn, err, failed)
	}
	if err := p.finish(); !errors.Is(err, failed) {
		t.Errorf("finish gives %v, want %v", err, failed)
	}
	if applied != 100 {
		t.Errorf("%d frames were applied, want 100", applied)
	}
}
