package tsdb

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/fingerprint"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// point is what a test writes: values are float64, int64, uint64, bool, string.
type point struct {
	m      string
	tags   string // "a=1,b=2", sorted
	t      int64
	fields map[string]any
}

// memory is the naive model of a database: shard, measurement, tags, time, field.
type memory map[uint64]map[string]map[string]map[int64]map[string]any

func (m memory) put(shard uint64, p point) {
	if m[shard] == nil {
		m[shard] = map[string]map[string]map[int64]map[string]any{}
	}
	if m[shard][p.m] == nil {
		m[shard][p.m] = map[string]map[int64]map[string]any{}
	}
	if m[shard][p.m][p.tags] == nil {
		m[shard][p.m][p.tags] = map[int64]map[string]any{}
	}
	row := m[shard][p.m][p.tags][p.t]
	if row == nil {
		row = map[string]any{}
		m[shard][p.m][p.tags][p.t] = row
	}
	maps.Copy(row, p.fields)
}

func (m memory) clone() memory {
	out := memory{}
	for shard, ms := range m {
		for name, series := range ms {
			for tags, rows := range series {
				for t, fields := range rows {
					out.put(shard, point{name, tags, t, fields})
				}
			}
		}
	}
	return out
}

// remove deletes rows; keep tells which series stay.
func (m memory) remove(shard uint64, measurement string, r model.TimeRange, selects func(tags string) bool) {
	for name, series := range m[shard] {
		if measurement != "" && name != measurement {
			continue
		}
		for tags, rows := range series {
			if !selects(tags) {
				continue
			}
			for t := range rows {
				if r.Contains(t) {
					delete(rows, t)
				}
			}
			if len(rows) == 0 {
				delete(series, tags)
			}
		}
		if len(series) == 0 {
			delete(m[shard], name)
		}
	}
}

func parseTags(text string) model.Tags {
	var tags model.Tags
	for _, kv := range strings.Split(text, ",") {
		if k, v, ok := strings.Cut(kv, "="); ok {
			tags = append(tags, model.Tag{Key: []byte(k), Value: []byte(v)})
		}
	}
	return tags
}

func tagText(tags model.Tags) string {
	var parts []string
	for _, t := range tags {
		parts = append(parts, string(t.Key)+"="+string(t.Value))
	}
	return strings.Join(parts, ",")
}

func typeOf(v any) (model.FieldType, uint64) {
	switch v := v.(type) {
	case float64:
		return model.Float, math.Float64bits(v)
	case int64:
		return model.Integer, uint64(v)
	case uint64:
		return model.Unsigned, v
	case bool:
		if v {
			return model.Boolean, 1
		}
		return model.Boolean, 0
	}
	return model.String, 0
}

// batchOf makes a batch of points the way a parser does.
func batchOf(series SeriesTable, points []point) *model.Batch {
	b := new(model.Batch)
	tables := map[string]*model.Table{}
	for _, p := range points {
		t := tables[p.m]
		if t == nil {
			t = b.AddTable([]byte(p.m))
			tables[p.m] = t
		}
		row := int32(len(t.Times))
		t.Times = append(t.Times, p.t)
		raw := []byte(p.m + "," + p.tags)
		fp := fingerprint.Of(raw)
		id, ok := series.Lookup(fp)
		t.Fingerprints = append(t.Fingerprints, fp)
		if !ok {
			id = 0
			t.NewKeys = append(t.NewKeys, model.NewKey{Row: row, Key: model.AppendSeriesKey(nil, []byte(p.m), parseTags(p.tags))})
		}
		t.Series = append(t.Series, id)
		t.Lines = append(t.Lines, row+1)
		for _, name := range slices.Sorted(maps.Keys(p.fields)) {
			v := p.fields[name]
			typ, bits := typeOf(v)
			ci := slices.IndexFunc(t.Columns, func(c model.Column) bool { return string(c.Name) == name && c.Type == typ })
			if ci < 0 {
				ci = t.AddColumn([]byte(name), typ)
				t.Columns[ci].Rows = []int32{}
			}
			if s, ok := v.(string); ok {
				bits = model.StringRef(len(b.Arena), len(s))
				b.Arena = append(b.Arena, s...)
			}
			c := &t.Columns[ci]
			c.Rows = append(c.Rows, row)
			c.Values = append(c.Values, bits)
		}
	}
	for _, t := range b.Tables {
		for i := range t.Columns {
			c := &t.Columns[i]
			c.Strings = b.Arena
			if len(c.Rows) == len(t.Times) {
				c.Rows = nil
			}
		}
	}
	return b
}

// testShards are the shards of database 1 that most tests use.
var testShards = []ShardSpec{
	{ID: 11, Policy: 1, Range: model.TimeRange{Min: 0, Max: 999}},
	{ID: 12, Policy: 1, Range: model.TimeRange{Min: 1000, Max: 1999}},
}

var testLayout = Layout{{ID: 1, Shards: testShards}}

func shardOf(t int64) uint64 {
	for _, s := range testShards {
		if s.Range.Contains(t) {
			return s.ID
		}
	}
	return 0
}

// testOptions makes background work happen only when a test asks for it.
func testOptions(fs vfs.FS) Options {
	o := Options{
		FS: fs, Clock: clock.NewManual(time.Unix(1_700_000_000, 0)),
		CompactionWorkers: -1, CacheLimit: 64 << 20,
	}
	o.WAL.SegmentBytes = 1 << 20
	return o
}

func openTest(t testing.TB, fs vfs.FS, opt Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), "/data", testLayout, opt)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func closeTest(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// writePoints writes points, which may be of several shards, and commits.
func writePoints(s *Store, points []point) (dropped int, err error) {
	byShard := map[uint64][]point{}
	for _, p := range points {
		byShard[shardOf(p.t)] = append(byShard[shardOf(p.t)], p)
	}
	ctx := context.Background()
	for _, shard := range slices.Sorted(maps.Keys(byShard)) {
		res, err := s.Write(ctx, 1, shard, batchOf(s.Series(1), byShard[shard]))
		if err != nil {
			return dropped, err
		}
		dropped += res.Dropped
		if err := s.Commit(ctx, res.LSN); err != nil {
			return dropped, err
		}
	}
	return dropped, nil
}

func mustWrite(t testing.TB, s *Store, points ...point) {
	t.Helper()
	if _, err := writePoints(s, points); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func allShards() []uint64 {
	var ids []uint64
	for _, s := range testShards {
		ids = append(ids, s.ID)
	}
	return ids
}

// valueAt returns the value of row i of a column, nil when there is none.
func valueAt(c *cursor.Column, i int) any {
	if !c.Has(i) {
		return nil
	}
	switch c.Type {
	case model.Float:
		return c.Floats[i]
	case model.Integer:
		return c.Integers[i]
	case model.Unsigned:
		return c.Unsigneds[i]
	case model.Boolean:
		return c.Booleans[i]
	}
	return string(c.Strings[i])
}

// readAll reads what a view has: measurement, tags, time, field.
func readAll(v cursor.View, r model.TimeRange, descending bool) (map[string]map[string]map[int64]map[string]any, error) {
	out := map[string]map[string]map[int64]map[string]any{}
	names, err := v.Measurements()
	if err != nil {
		return nil, err
	}
	for _, m := range names {
		fields, err := v.Fields(m)
		if err != nil {
			return nil, err
		}
		set, err := v.Series(m, nil)
		if err != nil {
			return nil, err
		}
		out[m] = map[string]map[int64]map[string]any{}
		var ids []model.SeriesID
		var keys []string
		for i := range set.Len() {
			ids = append(ids, set.ID(i))
			keys = append(keys, tagText(set.Tags(i, nil)))
		}
		cur, err := v.Read(context.Background(), cursor.Request{Measurement: m, Series: ids, Fields: fields, Range: r, Descending: descending})
		if err != nil {
			return nil, err
		}
		for {
			i, ok := cur.NextSeries()
			if !ok {
				break
			}
			rows := map[int64]map[string]any{}
			out[m][keys[i]] = rows
			last := int64(math.MinInt64)
			for b := cur.Next(); b != nil; b = cur.Next() {
				for k, ts := range b.Times {
					order := ts
					if descending {
						order = -ts
					}
					if order <= last {
						return nil, fmt.Errorf("%s %s: time %d after %d", m, keys[i], ts, last)
					}
					last = order
					row := map[string]any{}
					for c := range b.Columns {
						if val := valueAt(&b.Columns[c], k); val != nil {
							row[fields[c].Name] = val
						}
					}
					if len(row) == 0 {
						return nil, fmt.Errorf("%s %s: row %d has no value", m, keys[i], ts)
					}
					rows[ts] = row
				}
			}
			if len(rows) == 0 && cur.Err() == nil {
				return nil, fmt.Errorf("%s %s: NextSeries yields a series without rows", m, keys[i])
			}
		}
		if err := cur.Err(); err != nil {
			return nil, err
		}
		if err := cur.Close(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compare returns the first difference between a view and the model.
func compare(v cursor.View, shards []uint64, want memory, r model.TimeRange, descending bool) error {
	got, err := readAll(v, r, descending)
	if err != nil {
		return err
	}
	wanted := memory{}
	series := map[string]map[string]bool{}
	for _, shard := range shards {
		for m, byTags := range want[shard] {
			for tags, rows := range byTags {
				if series[m] == nil {
					series[m] = map[string]bool{}
				}
				series[m][tags] = true
				for t, fields := range rows {
					if r.Contains(t) {
						wanted.put(0, point{m, tags, t, fields})
					}
				}
			}
		}
	}
	if a, b := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(series)); !slices.Equal(a, b) {
		return fmt.Errorf("measurements are %q, want %q", a, b)
	}
	for m := range series {
		set, err := v.Series(m, nil)
		if err != nil {
			return err
		}
		var listed []string
		for i := range set.Len() {
			listed = append(listed, tagText(set.Tags(i, nil)))
		}
		slices.Sort(listed)
		if all := slices.Sorted(maps.Keys(series[m])); !slices.Equal(listed, all) {
			return fmt.Errorf("%s: series are %q, want %q", m, listed, all)
		}
		if a, b := slices.Sorted(maps.Keys(got[m])), slices.Sorted(maps.Keys(wanted[0][m])); !slices.Equal(a, b) {
			return fmt.Errorf("%s: series with rows are %q, want %q", m, a, b)
		}
		if err := compareLive(v, m, r, slices.Sorted(maps.Keys(wanted[0][m]))); err != nil {
			return err
		}
		for tags, rows := range wanted[0][m] {
			if len(got[m][tags]) != len(rows) {
				return fmt.Errorf("%s %s: %d rows, want %d", m, tags, len(got[m][tags]), len(rows))
			}
			for t, row := range rows {
				if !maps.Equal(got[m][tags][t], row) {
					return fmt.Errorf("%s %s at %d: %v, want %v", m, tags, t, got[m][tags][t], row)
				}
			}
		}
	}
	return nil
}

// compareLive holds the series that a view calls live in a range against those that have rows there.
func compareLive(v cursor.View, measurement string, r model.TimeRange, want []string) error {
	live, err := v.(cursor.LiveView).Live(context.Background(), measurement, nil, r)
	if err != nil {
		return err
	}
	set, err := live.Series(measurement, nil)
	if err != nil {
		return err
	}
	var listed []string
	for i := range set.Len() {
		listed = append(listed, tagText(set.Tags(i, nil)))
	}
	if slices.Sort(listed); !slices.Equal(listed, want) {
		return fmt.Errorf("%s: live in %v are %q, want %q", measurement, r, listed, want)
	}
	return nil
}

func checkStore(t testing.TB, s *Store, want memory, r model.TimeRange, descending bool) {
	t.Helper()
	v, err := s.View(context.Background(), 1, allShards(), model.AllTime)
	if err != nil {
		t.Fatalf("view: %v", err)
	}
	defer v.Close()
	if err := compare(v, allShards(), want, r, descending); err != nil {
		t.Fatal(err)
	}
}

// randomPoints makes points of a few measurements, series and fields, with many
// equal timestamps.
func randomPoints(rng *rand.Rand, n int) []point {
	points := make([]point, n)
	for i := range points {
		p := point{
			m: fmt.Sprintf("m%d", rng.IntN(3)), t: rng.Int64N(2000),
			tags:   fmt.Sprintf("host=h%d,zone=z%d", rng.IntN(6), rng.IntN(2)),
			fields: map[string]any{},
		}
		for k := 0; k == 0 || rng.IntN(2) == 0; k++ {
			switch rng.IntN(6) {
			case 0:
				p.fields["float"] = float64(rng.IntN(1000)) / 8
			case 1:
				p.fields["integer"] = rng.Int64N(1000) - 500
			case 2:
				p.fields["unsigned"] = rng.Uint64()
			case 3:
				p.fields["boolean"] = rng.IntN(2) == 0
			case 4:
				p.fields["string"] = strings.Repeat("x", rng.IntN(30)) + fmt.Sprint(rng.IntN(5))
			case 5:
				p.fields[fmt.Sprintf("rare%d", rng.IntN(40))] = rng.Int64N(10)
			}
		}
		points[i] = p
	}
	return points
}

// randomDelete makes a delete and its effect on the model.
func randomDelete(rng *rand.Rand, want memory) DeleteRequest {
	lo := rng.Int64N(2000)
	req := DeleteRequest{Database: 1, Shards: allShards(), Range: model.TimeRange{Min: lo, Max: lo + rng.Int64N(700)}}
	if rng.IntN(4) > 0 {
		req.Measurement = fmt.Sprintf("m%d", rng.IntN(3))
	}
	selects := func(string) bool { return true }
	if rng.IntN(2) == 0 {
		host := fmt.Sprintf("h%d", rng.IntN(6))
		req.Filter = &model.TagFilter{Op: model.TagEqual, Key: "host", Value: host}
		selects = func(tags string) bool { return strings.HasPrefix(tags, "host="+host+",") }
	}
	if req.Whole = rng.IntN(6) == 0; req.Whole {
		req.Range = model.AllTime
	}
	for _, shard := range req.Shards {
		want.remove(shard, req.Measurement, req.Range, selects)
	}
	return req
}

func TestEngineAgreesWithModel(t *testing.T) {
	rng, _ := newRand(t)
	ctx := context.Background()
	for range 4 {
		mem := vfs.NewMem()
		opt := testOptions(mem)
		opt.FrameBytes = 100 << rng.IntN(8)
		s := openTest(t, mem, opt)
		want := memory{}
		for step := range 60 {
			switch n := rng.IntN(20); {
			case n < 10:
				points := randomPoints(rng, 1+rng.IntN(300))
				mustWrite(t, s, points...)
				for _, p := range points {
					want.put(shardOf(p.t), p)
				}
			case n < 12:
				if err := s.Flush(ctx); err != nil {
					t.Fatalf("step %d: flush: %v", step, err)
				}
			case n < 13:
				if err := s.Compact(ctx); err != nil {
					t.Fatalf("step %d: compact: %v", step, err)
				}
			case n < 14:
				s.compactDue(ctx)
			case n < 16:
				if err := s.Delete(ctx, randomDelete(rng, want)); err != nil {
					t.Fatalf("step %d: delete: %v", step, err)
				}
			case n < 17:
				closeTest(t, s)
				s = openTest(t, mem, opt)
			case n < 18:
				// A crash of the process: nothing is flushed, nothing is lost.
				mem = mem.Crash(vfs.CrashOptions{Unsynced: vfs.All})
				s.Close()
				opt.FS = mem
				s = openTest(t, mem, opt)
			default:
				lo := rng.Int64N(2000)
				checkStore(t, s, want, model.TimeRange{Min: lo, Max: lo + rng.Int64N(900)}, rng.IntN(2) == 0)
			}
			if step%4 == 3 {
				checkStore(t, s, want, model.AllTime, rng.IntN(2) == 0)
			}
		}
		closeTest(t, s)
	}
}
