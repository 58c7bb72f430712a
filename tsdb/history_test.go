package tsdb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/internal/crashledger"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsm"
)

// rowKey names a row of a test's model.
type rowKey struct {
	m, tags string
	t       int64
}

// step is one operation of a history: points to write, a delete, or something
// that changes no answer.
type step struct {
	points []point
	delete *DeleteRequest
	run    func(s *Store) error
}

func (st *step) do(s *Store) error {
	switch {
	case st.points != nil:
		_, err := writePoints(s, st.points)
		return err
	case st.delete != nil:
		return s.Delete(context.Background(), *st.delete)
	}
	return st.run(s)
}

// apply returns what a row is after the step; nil is no row.
func (st *step) apply(k rowKey, row map[string]any) map[string]any {
	if d := st.delete; d != nil {
		if (d.Measurement == "" || d.Measurement == k.m) && d.Range.Contains(k.t) &&
			(d.Filter == nil || strings.Contains(k.tags, d.Filter.Key+"="+d.Filter.Value)) {
			return nil
		}
	}
	for _, p := range st.points {
		if (rowKey{p.m, p.tags, p.t}) == k {
			out := maps.Clone(row)
			if out == nil {
				out = map[string]any{}
			}
			maps.Copy(out, p.fields)
			row = out
		}
	}
	return row
}

// possible holds for every row what it may be: one thing after steps that were
// acknowledged, several after steps whose end is not known. Rows are never torn.
type possible map[rowKey][]map[string]any

func (p possible) clone() possible {
	out := possible{}
	for k, rows := range p {
		out[k] = slices.Clone(rows)
	}
	return out
}

func (p possible) apply(st *step, certain bool) {
	for _, pt := range st.points {
		if k := (rowKey{pt.m, pt.tags, pt.t}); p[k] == nil {
			p[k] = []map[string]any{nil}
		}
	}
	for k, rows := range p {
		var next []map[string]any
		if !certain {
			next = slices.Clone(rows)
		}
		for _, row := range rows {
			after := st.apply(k, row)
			if !slices.ContainsFunc(next, func(r map[string]any) bool { return sameRow(r, after) }) {
				next = append(next, after)
			}
		}
		p[k] = next
	}
}

func sameRow(a, b map[string]any) bool {
	return (a == nil) == (b == nil) && maps.Equal(a, b)
}

// check compares a store with what is possible.
func (p possible) check(s *Store) error {
	v, err := s.View(context.Background(), 1, allShards(), model.AllTime)
	if err != nil {
		return err
	}
	defer v.Close()
	got, err := readAll(v, model.AllTime, false)
	if err != nil {
		return err
	}
	for m, series := range got {
		set, err := v.Series(m, nil)
		if err != nil {
			return err
		}
		if set.Len() != len(series) {
			return fmt.Errorf("%s: %d series are listed, %d have rows", m, set.Len(), len(series))
		}
		for tags, rows := range series {
			for t, row := range rows {
				if p[rowKey{m, tags, t}] == nil {
					return fmt.Errorf("%s %s %d: row %v was never written", m, tags, t, row)
				}
			}
		}
	}
	for k, rows := range p {
		row := got[k.m][k.tags][k.t]
		if !slices.ContainsFunc(rows, func(r map[string]any) bool { return sameRow(r, row) }) {
			return fmt.Errorf("%s %s %d: row is %v, may be one of %v", k.m, k.tags, k.t, row, rows)
		}
	}
	return nil
}

// testHistory makes a fixed workload: writes of all types to two shards, partial
// points, deletes of ranges, tags and measurements, flushes and merges.
func testHistory(rng *rand.Rand, steps int) []step {
	ctx := context.Background()
	flush := func(s *Store) error { return s.Flush(ctx) }
	merge := func(s *Store) error { return s.Compact(ctx) }
	var list []step
	for i := range steps {
		switch {
		case i%9 == 5:
			list = append(list, step{run: flush})
		case i%19 == 18:
			list = append(list, step{run: merge})
		case i%13 == 11:
			lo := rng.Int64N(1800)
			d := &DeleteRequest{Database: 1, Shards: allShards(), Measurement: fmt.Sprintf("m%d", rng.IntN(3)),
				Range: model.TimeRange{Min: lo, Max: lo + 400}}
			if i%2 == 0 {
				d.Filter = &model.TagFilter{Op: model.TagEqual, Key: "host", Value: fmt.Sprintf("h%d", rng.IntN(6))}
			}
			list = append(list, step{delete: d})
		case i%31 == 29:
			list = append(list, step{delete: &DeleteRequest{Database: 1, Shards: allShards(), Measurement: "m1", Range: model.AllTime, Whole: true}})
		default:
			list = append(list, step{points: uniquePoints(randomPoints(rng, 1+rng.IntN(12)))})
		}
	}
	return list
}

// uniquePoints keeps one point of every row.
func uniquePoints(points []point) []point {
	seen := map[rowKey]bool{}
	return slices.DeleteFunc(points, func(p point) bool {
		k := rowKey{p.m, p.tags, p.t}
		was := seen[k]
		seen[k] = true
		return was
	})
}

func historyOptions(fs vfs.FS) Options {
	o := testOptions(fs)
	o.WAL.SegmentBytes = 16 << 10
	o.WAL.SpareSegments = 1
	o.FrameBytes = 256
	return o
}

// A history has the same answers with every codec wherever it can represent a
// page, tiny pages, caches and files.
func TestHistoryWithEveryCodec(t *testing.T) {
	rng, _ := newRand(t)
	ctx := context.Background()
	for codec := range tsm.LastCodec + 1 {
		mem := vfs.NewMem()
		opt := historyOptions(mem)
		opt.Codecs.Codec, opt.Codecs.Taken = codec, new(tsm.CodecTally)
		opt.BlockRows, opt.SparseRows = 4+rng.IntN(60), 1+rng.IntN(4)
		opt.ShardCacheBytes, opt.CacheFlushBytes = 4<<10, 8<<10
		s := openTest(t, mem, opt)
		want := possible{}
		steps := testHistory(rng, 80)
		for i := range steps {
			if err := steps[i].do(s); err != nil {
				t.Fatalf("%v, step %d: %v", codec, i, err)
			}
			want.apply(&steps[i], true)
			if i%20 == 19 {
				if err := want.check(s); err != nil {
					t.Fatalf("%v, after step %d: %v", codec, i, err)
				}
			}
		}
		closeTest(t, s)
		s = openTest(t, mem, opt)
		if err := errors.Join(s.Flush(ctx), s.Compact(ctx), want.check(s)); err != nil {
			t.Fatalf("%v, opened again: %v", codec, err)
		}
		closeTest(t, s)
		if n := opt.Codecs.Taken[codec].Load(); n < 20 && codec != 0 {
			t.Errorf("%v was to be taken wherever it can, and was in %d pages", codec, n)
		}
	}
}

// image is what a power cut at some operation left, with what was acknowledged.
type image struct {
	op   int64
	name string
	fs   *vfs.Mem
	done int // steps that were acknowledged
	mode vfs.CrashOptions
}

// Power is cut before every so many file operations of a fixed workload, with
// nothing, everything and random parts of what was not synced. After each cut
// the store opens by itself, has every acknowledged row, no half row, and
// respects every acknowledged delete.
func TestCrashLosesNothingAcknowledged(t *testing.T) {
	rng, seed := newRand(t)
	want := crashledger.Recoveries(t, 1000)
	recoveries := 0
	for recoveries < want && !t.Failed() {
		recoveries += cutHistory(t, rng)
	}
	t.Logf("%d recoveries", recoveries)
	crashledger.Note(t, seed, recoveries)
}

// cutHistory runs one history, and recovers from power cuts at every so many of
// its operations.
func cutHistory(t *testing.T, rng *rand.Rand) (recoveries int) {
	every := 1 + rng.Int64N(9)
	mem := vfs.NewMem()
	opt := historyOptions(mem)
	steps := testHistory(rng, 90)
	var images []image
	done := make(chan int, 1) // the number of acknowledged steps
	done <- 0
	offset := rng.Int64N(every)
	mem.OnOp(func(n int64, op vfs.Op, name string) {
		if n%every != offset {
			return
		}
		acked := <-done
		for _, mode := range []vfs.CrashOptions{{Unsynced: vfs.None}, {Unsynced: vfs.All}, {Unsynced: vfs.Random, Seed: uint64(n)}} {
			images = append(images, image{n, fmt.Sprintf("%v %s", op, name), mem.Crash(mode), acked, mode})
		}
		done <- acked
	})
	s := openTest(t, mem, opt)
	for i := range steps {
		if err := steps[i].do(s); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		<-done
		done <- i + 1
	}
	closeTest(t, s)
	mem.OnOp(nil)

	states := []possible{{}}
	for i := range steps {
		next := states[i].clone()
		next.apply(&steps[i], true)
		states = append(states, next)
	}
	for i := range images {
		img := &images[i]
		want := states[img.done].clone()
		if img.done < len(steps) {
			want.apply(&steps[img.done], false)
		}
		if err := checkImage(img.fs, want, i%5 == 0, uint64(i)); err != nil {
			t.Fatalf("cut before operation %d (%s), %v unsynced, %d steps acknowledged: %v",
				img.op, img.name, img.mode.Unsynced, img.done, err)
		}
		img.fs = nil
		recoveries++
	}
	return recoveries
}

// checkImage opens an image and checks it, then checks that a flush and a merge
// change nothing. With again, power is cut once more while it is opened.
func checkImage(fs *vfs.Mem, want possible, again bool, seed uint64) error {
	ctx := context.Background()
	var second *vfs.Mem
	if again {
		at := int64(seed%23) + 1
		fs.OnOp(func(n int64, _ vfs.Op, _ string) {
			if n == at {
				second = fs.Crash(vfs.CrashOptions{Unsynced: vfs.Random, Seed: seed})
			}
		})
	}
	s, err := Open(ctx, "/data", testLayout, historyOptions(fs))
	fs.OnOp(nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if m := s.Metrics(); m.CorruptionsFound > 0 {
		return fmt.Errorf("a crash is taken for damage: %s", m.LastCorruption)
	}
	if err := want.check(s); err != nil {
		return err
	}
	if err := errors.Join(s.Flush(ctx), s.Compact(ctx)); err != nil {
		return err
	}
	if err := want.check(s); err != nil {
		return fmt.Errorf("after flush and merge: %w", err)
	}
	if second != nil {
		if err := checkImage(second, want, false, 0); err != nil {
			return fmt.Errorf("second cut: %w", err)
		}
	}
	return nil
}

// Every file operation of a kind fails once, for the n-th call of a workload and
// every n. Steps that fail may or may not count; all others do, at once, after
// a restart and after a power cut.
func TestNthOperationFails(t *testing.T) {
	rng, _ := newRand(t)
	steps := testHistory(rng, 40)
	kinds := []vfs.Op{vfs.OpWrite, vfs.OpSync | vfs.OpSyncData, vfs.OpCreate, vfs.OpRename, vfs.OpSyncDir,
		vfs.OpOpen | vfs.OpMap | vfs.OpSize, vfs.OpRead, vfs.OpRemove | vfs.OpTruncate, vfs.OpClose}
	for _, ops := range kinds {
		for nth := int64(1); ; nth++ {
			hit, err := runWithFault(steps, vfs.Rule{Ops: ops, Nth: nth})
			if err != nil {
				t.Fatalf("%v number %d fails: %v", ops, nth, err)
			}
			if !hit {
				break
			}
		}
	}
}

func runWithFault(steps []step, rule vfs.Rule) (hit bool, err error) {
	mem := vfs.NewMem()
	fault := vfs.NewFault(mem)
	ctx := context.Background()
	want := possible{}
	s, err := Open(ctx, "/data", testLayout, historyOptions(fault))
	if err != nil {
		return false, err
	}
	armed := fault.Add(rule)
	for i := range steps {
		want.apply(&steps[i], steps[i].do(s) == nil)
		if s.log.Err() != nil {
			break // poisoned: the store must be opened again
		}
	}
	hit = armed.Hits() > 0
	fault.Clear()
	cut := mem.Crash(vfs.CrashOptions{})
	if s.log.Err() == nil {
		s.Flush(ctx) // a tombstone log whose sync failed waits for a restart
		if err := want.check(s); err != nil {
			s.Close()
			return hit, fmt.Errorf("without a restart: %w", err)
		}
	}
	s.Close() // its error is that of the fault
	if err := checkImage(cut, want, false, 0); err != nil {
		return hit, fmt.Errorf("after a power cut: %w", err)
	}
	if err := checkImage(mem, want, false, 0); err != nil {
		return hit, fmt.Errorf("after a restart: %w", err)
	}
	return hit, nil
}
