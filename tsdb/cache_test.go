package tsdb

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/slab"
	"github.com/timberlinedb/timberline/model"
)

// plainRow is a row of the naive twin of a cache: values by field number,
// strings as text.
type plainRow map[uint32]string

// plainCache is the naive twin: measurement, series, time, field.
type plainCache map[string]map[uint32]map[int64]plainRow

func (p plainCache) put(m string, id uint32, t int64, field uint32, v string) {
	if p[m] == nil {
		p[m] = map[uint32]map[int64]plainRow{}
	}
	if p[m][id] == nil {
		p[m][id] = map[int64]plainRow{}
	}
	if p[m][id][t] == nil {
		p[m][id][t] = plainRow{}
	}
	p[m][id][t][field] = v
}

// randomTable makes a batch table with random rows and tells the twin.
func randomTable(rng *rand.Rand, m string, ids []uint32, fieldCount, rows int, twin plainCache) (*model.Table, []uint32) {
	t := &model.Table{Measurement: []byte(m)}
	for range rows {
		t.Series = append(t.Series, model.SeriesID(ids[rng.IntN(len(ids))]))
		t.Times = append(t.Times, rng.Int64N(500))
	}
	var fields []uint32
	strs := []byte("unused")
	for f := range fieldCount {
		typ := model.FieldType(1 + f%5)
		var keep []int32
		dense := rng.IntN(3) == 0
		share := 1 + rng.IntN(40)
		for r := range rows {
			if dense || rng.IntN(share) == 0 {
				keep = append(keep, int32(r))
			}
		}
		if len(keep) == 0 {
			continue
		}
		ci := t.AddColumn([]byte(fmt.Sprintf("f%d", f)), typ)
		fields = append(fields, uint32(f+1))
		col := &t.Columns[ci]
		for _, r := range keep {
			v := rng.Uint64N(1000)
			text := fmt.Sprint(v)
			if typ == model.String {
				v = model.StringRef(len(strs), len(text))
				strs = append(strs, text...)
			}
			col.Values = append(col.Values, v)
			twin.put(m, uint32(t.Series[r]), t.Times[r], uint32(f+1), text)
		}
		if len(keep) < rows {
			col.Rows = keep
		}
	}
	for i := range t.Columns {
		t.Columns[i].Strings = strs
	}
	return t, fields
}

func checkTable(t *testing.T, ct *cacheTable, ids []uint32, want map[uint32]map[int64]plainRow, r model.TimeRange) {
	t.Helper()
	var rows []rowAt
	var g gathered
	for _, id := range ids {
		rows = ct.collect(id, ct.rows, r, rows)
		ct.gather(rows, nil, &g)
		got := map[int64]plainRow{}
		for i, ts := range g.times {
			got[ts] = plainRow{}
			for _, column := range g.touched {
				if p := g.presence(column); p != nil && !hasBit(p, i) {
					continue
				}
				v := g.columns[column].values[i]
				text := fmt.Sprint(v)
				if ct.columns[column].typ == model.String {
					text = string(ct.strings.at(v))
				}
				got[ts][ct.columns[column].field] = text
			}
		}
		if !slices.IsSorted(g.times) {
			t.Fatalf("series %d: times are not sorted", id)
		}
		wantRows := map[int64]plainRow{}
		for ts, row := range want[id] {
			if r.Contains(ts) {
				wantRows[ts] = row
			}
		}
		for ts, row := range got {
			if len(row) == 0 {
				delete(got, ts) // a batch row without values
			} else if !maps.Equal(row, wantRows[ts]) {
				t.Fatalf("series %d time %d: got %v, want %v", id, ts, row, wantRows[ts])
			}
		}
		if len(got) != len(wantRows) {
			t.Fatalf("series %d: got %d rows, want %d", id, len(got), len(wantRows))
		}
	}
}

func TestCacheAgreesWithPlainMap(t *testing.T) {
	rng, _ := newRand(t)
	pool := slab.NewPool(4 << 20)
	defer pool.Close()
	account := budget.New(0).Account("cache", 0)
	for round := range 6 {
		c := newCache(pool, account)
		twin := plainCache{}
		ids := []uint32{}
		for range 1 + rng.IntN(60) {
			ids = append(ids, 1+rng.Uint32N(5000))
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		seen := map[uint32]bool{}
		for i := range 40 {
			m := "m" + fmt.Sprint(rng.IntN(2))
			own := ids[:len(ids)/2]
			if m == "m1" {
				own = ids[len(ids)/2:]
			}
			if len(own) == 0 {
				continue
			}
			tab, fields := randomTable(rng, m, own, 1+rng.IntN(12), 1+rng.IntN(300), twin)
			for _, id := range c.insert(uint64(i+1), 0, time.Time{}, tab, fields, nil) {
				if seen[id] {
					t.Fatalf("series %d reported as new twice", id)
				}
				seen[id] = true
			}
		}
		for _, ct := range c.sorted() {
			checkTable(t, ct, ids, twin[ct.measurement], model.AllTime)
			checkTable(t, ct, ids, twin[ct.measurement], model.TimeRange{Min: 100, Max: 222})
		}
		for range 10 {
			id := ids[rng.IntN(len(ids))]
			lo := rng.Int64N(500)
			r := model.TimeRange{Min: lo, Max: lo + rng.Int64N(300)}
			for _, ct := range c.sorted() {
				_, left := ct.kill(id, r)
				rows := twin[ct.measurement][id]
				for ts := range rows {
					if r.Contains(ts) {
						delete(rows, ts)
					}
				}
				if left != (ct.heads.find(id) != noRow) || !left && len(rows) > 0 {
					t.Fatalf("round %d: kill says left=%v, %d rows are", round, left, len(rows))
				}
				checkTable(t, ct, ids, twin[ct.measurement], model.AllTime)
			}
		}
		if account.Used() != c.bytes.Load() || account.Used() == 0 {
			t.Errorf("account has %d bytes, cache %d", account.Used(), c.bytes.Load())
		}
		c.release()
		if account.Used() != 0 {
			t.Errorf("released cache leaves %d bytes", account.Used())
		}
	}
}

func TestCacheRowsBecomeVisibleWithTheirLSN(t *testing.T) {
	pool := slab.NewPool(0)
	c := newCache(pool, budget.New(0).Account("cache", 0))
	defer c.release()
	tab := &model.Table{Measurement: []byte("m"), Times: []int64{1, 2}, Series: []model.SeriesID{1, 1}}
	tab.AddColumn([]byte("f"), model.Integer)
	tab.Columns[0].Values = []uint64{1, 2}
	for lsn := uint64(10); lsn <= 30; lsn += 10 {
		c.insert(lsn, lsn-10, time.Time{}, tab, []uint32{1}, nil)
	}
	ct := c.table("m")
	for durable, want := range map[uint64]uint32{20: 4, 25: 4, 29: 4, 30: 6, 99: 6} {
		if got := ct.limit(durable); got != want {
			t.Errorf("LSN %d durable: %d rows visible, want %d", durable, got, want)
		}
	}
}

func TestSparseFieldsTakeMemoryForTheirValues(t *testing.T) {
	pool := slab.NewPool(0)
	c := newCache(pool, budget.New(0).Account("cache", 0))
	defer c.release()
	const fields, rows = 10_000, 20_000
	for i := range rows {
		tab := &model.Table{Measurement: []byte("wide"), Times: []int64{int64(i)}, Series: []model.SeriesID{1}}
		tab.AddColumn([]byte("f"), model.Integer)
		tab.Columns[0].Values = []uint64{uint64(i)}
		c.insert(uint64(i+1), uint64(i), time.Time{}, tab, []uint32{uint32(i % fields)}, nil)
	}
	if got := c.bytes.Load() / rows; got > 100 {
		t.Errorf("%d bytes a row with one of %d fields", got, fields)
	}
	ct := c.table("wide")
	rowsAt := ct.collect(1, ct.rows, model.TimeRange{Min: 500, Max: 500}, nil)
	var g gathered
	ct.gather(rowsAt, nil, &g)
	if len(g.touched) != 1 || g.columns[g.touched[0]].values[0] != 500 {
		t.Errorf("row 500 reads as columns %v", g.touched)
	}
}

func TestManySmallMeasurementsStaySmall(t *testing.T) {
	pool := slab.NewPool(0)
	c := newCache(pool, budget.New(0).Account("cache", 0))
	defer c.release()
	const tables = 2000
	for i := range tables {
		tab := &model.Table{Measurement: fmt.Appendf(nil, "m%d", i), Times: []int64{1}, Series: []model.SeriesID{model.SeriesID(i + 1)}}
		tab.AddColumn([]byte("f"), model.Float)
		tab.Columns[0].Values = []uint64{1}
		c.insert(uint64(i+1), 0, time.Time{}, tab, []uint32{uint32(i)}, nil)
	}
	if got := c.bytes.Load() / tables; got > 5000 {
		t.Errorf("%d bytes for a measurement with one row", got)
	}
}

func TestPlaceCountsThroughTheChunks(t *testing.T) {
	chunk, offset := 0, 0
	for n := range uint32(40_000) {
		if c, o := place(n); c != chunk || o != offset {
			t.Fatalf("row %d is at chunk %d offset %d, want %d, %d", n, c, o, chunk, offset)
		}
		if offset++; offset == chunkRows(chunk) {
			chunk, offset = chunk+1, 0
		}
	}
}

func BenchmarkCacheInsert(b *testing.B) {
	for _, hosts := range []int{4000, 1_000_000} {
		b.Run(fmt.Sprint(hosts), func(b *testing.B) {
			pool := slab.NewPool(256 << 20)
			account := budget.New(0).Account("cache", 0)
			const rows, fields = 4000, 10
			t := &model.Table{Measurement: []byte("cpu")}
			for range rows {
				t.Times, t.Series = append(t.Times, 0), append(t.Series, 0)
			}
			nums := make([]uint32, fields)
			for f := range fields {
				t.AddColumn(fmt.Appendf(nil, "f%d", f), model.Integer)
				t.Columns[f].Values = make([]uint64, rows)
				nums[f] = uint32(f)
			}
			c := newCache(pool, account)
			var fresh []uint32
			n, tick := 0, int64(0)
			for i := 0; b.Loop(); i++ {
				for r := range rows {
					t.Series[r] = model.SeriesID(n + 1)
					t.Times[r] = tick
					if n++; n == hosts {
						n, tick = 0, tick+1
					}
				}
				fresh = c.insert(uint64(i+1), uint64(i), time.Time{}, t, nums, fresh[:0])
				if c.bytes.Load() > 400<<20 {
					c.release()
					c = newCache(pool, account)
				}
			}
			c.release()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}
