package tsdb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
	"github.com/timberlinedb/timberline/tsm"
)

// windowDigests reads all series window by window. With offers set it takes summaries at random, and returns how many of
// them were cells.
func windowDigests(t *testing.T, s *Store, rng *rand.Rand, req cursor.Request, offers bool) (all map[string]digest, cells int) {
	t.Helper()
	v, err := s.View(context.Background(), 1, allShards(), model.AllTime)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	set, err := v.Series("m", nil)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]model.SeriesID, set.Len())
	for i := range ids {
		ids[i] = set.ID(i)
	}
	window := func(at int64) int64 {
		if req.Interval == 0 {
			return 0
		}
		return floorDiv(at-req.Offset, req.Interval)
	}
	all = make(map[string]digest)
	series := 0
	join := func(k int, at int64, d *digest) {
		key := fmt.Sprintf("series %d, field %s, window %d", series, req.Fields[k].Name, window(at))
		was := all[key]
		was.join(d)
		all[key] = was
	}
	req.Measurement, req.Series = "m", ids
	last := int64(0)
	ordered := func(from, to int64) {
		if last != 0 && (!req.Descending && from <= last || req.Descending && to >= last) {
			t.Fatalf("rows from %d to %d come after %d", from, to, last)
		}
		if last = to; req.Descending {
			last = from
		}
	}
	if offers {
		req.Offer = func(sum *cursor.Summary) cursor.Reply {
			if !req.Range.Covers(sum.Range) || sum.Rows <= 0 || len(sum.Fields) != len(req.Fields) {
				t.Fatalf("offer of %d rows in %v, asked for %v", sum.Rows, sum.Range, req.Range)
			}
			if window(sum.Range.Min) != window(sum.Range.Max) || rng.IntN(4) == 0 {
				return cursor.Decline
			}
			ordered(sum.Range.Min, sum.Range.Max)
			for k := range sum.Fields {
				if st := &sum.Fields[k]; st.Count > 0 {
					join(k, st.FirstTime, digestOf(st))
				}
			}
			if sum.Cell {
				cells++
			}
			return cursor.Accept
		}
	}
	c, err := v.Read(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for {
		var ok bool
		if series, ok = c.NextSeries(); !ok {
			break
		}
		last = 0
		for b := c.Next(); b != nil; b = c.Next() {
			for row, ts := range b.Times {
				ordered(ts, ts)
				for k := range b.Columns {
					if v := valueAt(&b.Columns[k], row); v != nil {
						var d digest
						d.add(ts, v)
						join(k, ts, &d)
					}
				}
			}
		}
	}
	if err := c.Err(); err != nil {
		t.Fatal(err)
	}
	return all, cells
}

// TestCellsAgreeWithRows reads the same rows with and without cells, while files overlap each other and the cache, rows
// come late, and rows are deleted.
func TestCellsAgreeWithRows(t *testing.T) {
	const hour, days = tsm.CellWidth, 2
	rng, _ := newRand(t)
	ctx := context.Background()
	cells := 0
	for range 3 {
		mem := vfs.NewMem()
		s, err := Open(ctx, "/data", Layout{{ID: 1, Shards: []ShardSpec{{ID: 11, Policy: 1, Range: model.TimeRange{Min: 0, Max: days*24*hour - 1}}}}}, testOptions(mem))
		if err != nil {
			t.Fatal(err)
		}
		write := func(from, to, step int64) {
			points := densePoints(rng, 0, (to-from)/step)
			for i := range points {
				points[i].t = from + points[i].t*step
			}
			res, err := s.Write(ctx, 1, 11, batchOf(s.Series(1), points))
			if err == nil {
				err = s.Commit(ctx, res.LSN)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		flush := func() {
			if err := s.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 7 {
			from := rng.Int64N(days*24-9)*hour + rng.Int64N(hour)
			what := rng.IntN(7)
			if n == 0 {
				what = 6
			}
			switch what {
			case 0:
				write(from, from+hour/2, hour/60) // late, or between
			case 1:
				write(from, from+hour, hour/4)
				flush()
			case 2:
				req := DeleteRequest{Database: 1, Shards: allShards(), Measurement: "m", Range: model.TimeRange{Min: from, Max: from + rng.Int64N(3*hour)}}
				if err := s.Delete(ctx, req); err != nil {
					t.Fatal(err)
				}
			case 3:
				if err := s.Compact(ctx); err != nil {
					t.Fatal(err)
				}
			default:
				write(from, from+(2+rng.Int64N(7))*hour, 10_000_000_000)
				flush()
			}
			req := cursor.Request{Fields: summedFields[rng.IntN(3):], Range: model.AllTime, Interval: rng.Int64N(4) * hour}
			if rng.IntN(3) == 0 {
				req.Range.Min = rng.Int64N(days * 24 * hour)
				req.Range.Max = req.Range.Min + rng.Int64N(days*24*hour)
			}
			if req.Offset = rng.Int64N(3) * hour; rng.IntN(8) == 0 {
				req.Offset += 7
			}
			want, _ := windowDigests(t, s, rng, req, false)
			for _, req.Descending = range []bool{false, true} {
				got, n := windowDigests(t, s, rng, req, true)
				cells += n
				if len(got) != len(want) {
					t.Fatalf("%+v: %d digests, want %d", req, len(got), len(want))
				}
				for key, d := range want {
					if got[key] != d {
						t.Fatalf("%s, range %v, interval %d, offset %d, descending %v: got %+v, want %+v",
							key, req.Range, req.Interval, req.Offset, req.Descending, got[key], d)
					}
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if cells < 10 {
		t.Errorf("only %d cells were offered", cells)
	}
}
