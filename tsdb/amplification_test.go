package tsdb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// scaleOf returns a number of values that the environment may change.
func scaleOf(t testing.TB, name string, otherwise int) int {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n <= 0 {
		t.Fatalf("%s is %q, want a number", name, s)
	}
	return n
}

const walkFields = 10

// walker writes rows of ten integers that walk between 0 and 100, all series one
// after the other at every tick.
type walker struct {
	store *Store
	ids   []model.SeriesID
	batch *model.Batch
	state []float64
	rng   *rand.Rand
	tick  int64
}

func newWalker(t testing.TB, s *Store, series int, rng *rand.Rand) *walker {
	t.Helper()
	w := &walker{store: s, ids: make([]model.SeriesID, series), state: make([]float64, series*walkFields), rng: rng,
		tick: 1_700_000_000_000_000_000}
	var keys [][]byte
	for i := range series {
		keys = append(keys, model.AppendSeriesKey(nil, []byte("cpu"), model.Tags{
			{Key: []byte("hostname"), Value: fmt.Appendf(nil, "host_%d", i)},
			{Key: []byte("region"), Value: fmt.Appendf(nil, "eu-%d", i%9)},
		}))
	}
	d := s.list()[0]
	if err := d.index.Resolve(keys, make([]model.Fingerprint, series), w.ids, d.journal); err != nil {
		t.Fatal(err)
	}
	for i := range w.state {
		w.state[i] = rng.Float64() * 100
	}
	w.batch = new(model.Batch)
	table := w.batch.AddTable([]byte("cpu"))
	table.Times, table.Series = make([]int64, series), make([]model.SeriesID, series)
	for f := range walkFields {
		table.AddColumn(fmt.Appendf(nil, "usage_%d", f), model.Integer)
		table.Columns[f].Values = make([]uint64, series)
	}
	return w
}

// write writes the next row of every series to a shard and waits until it is
// durable when asked to.
func (w *walker) write(t testing.TB, shard uint64, durable bool) {
	t.Helper()
	ctx := context.Background()
	table := w.batch.Tables[0]
	for i, id := range w.ids {
		table.Series[i], table.Times[i] = id, w.tick
		for f := range walkFields {
			v := &w.state[i*walkFields+f]
			*v = min(max(*v+w.rng.NormFloat64(), 0), 100)
			table.Columns[f].Values[i] = uint64(*v)
		}
	}
	w.tick += 10_000_000_000
	res, err := w.store.Write(ctx, 1, shard, w.batch)
	if err == nil && durable {
		err = w.store.Commit(ctx, res.LSN)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// settled waits until no merge is wanted or at work, and returns the metrics.
func settled(t testing.TB, s *Store) Metrics {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if m := s.Metrics(); m.CompactionBacklog == 0 && m.CompactionsRunning == 0 {
			return m
		}
	}
	t.Fatal("merges do not come to an end")
	return Metrics{}
}

// An ingest writes to block files at most three times what the final files hold.
// TIMBERLINE_AMPLIFICATION_VALUES changes the scale; the full one is 100000000.
func TestWriteAmplification(t *testing.T) {
	values := scaleOf(t, "TIMBERLINE_AMPLIFICATION_VALUES", 2_000_000)
	rng, _ := newRand(t)
	series := min(4000, max(values/20_000, 10))
	clk := clock.NewManual(time.Unix(1_700_000_000, 0))
	opt := Options{FS: vfs.OS(), Clock: clk, CompactionWorkers: 1}
	// As many flushes as the full scale has with caches of the default size.
	opt.ShardCacheBytes = max(int64(float64(128<<20)*float64(values)/100e6), 64<<10)
	opt.CacheLimit = 4 * opt.ShardCacheBytes
	layout := Layout{{ID: 1, Shards: []ShardSpec{{ID: 1, Policy: 1, Range: model.AllTime}}}}
	ctx := context.Background()
	s, err := Open(ctx, t.TempDir(), layout, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := newWalker(t, s, series, rng)
	started := time.Now()
	for range values / series / walkFields {
		w.write(t, 1, true)
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	open := settled(t, s)
	clk.Advance(6 * time.Hour) // the shard is left alone: its final merge is due
	m := settled(t, s)
	factor := float64(m.FlushedBytes+m.CompactedBytes) / float64(m.FileBytes)
	t.Logf("%d values in %.1f s: %d flushes wrote %d bytes, %d merges %d; %d files of %d bytes are left (%.3f bytes per value), before the last merge %d of %d bytes: amplification %.2f; the log took %d bytes (%.2f)",
		values, time.Since(started).Seconds(), m.Flushes, m.FlushedBytes, m.Compactions, m.CompactedBytes, m.Files, m.FileBytes,
		float64(m.FileBytes)/float64(values), open.Files, open.FileBytes, factor, m.Log.Bytes, float64(m.Log.Bytes)/float64(m.FileBytes))
	if m.Flushes < 5 || m.Compactions == 0 || m.Files >= int(m.Flushes) {
		t.Errorf("%d flushes and %d files at the end: the test does not show what it is for", m.Flushes, m.Files)
	}
	if factor > 3 {
		t.Errorf("amplification is %.2f, want at most 3", factor)
	}
}
