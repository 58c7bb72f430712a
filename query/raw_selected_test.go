package query

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// SetMaxSelectedBytes changes how many bytes of selected rows a statement may hold, and returns what undoes that.
func SetMaxSelectedBytes(n int64) (undo func()) {
	old := maxSelectedBytes
	maxSelectedBytes = n
	return func() { maxSelectedBytes = old }
}

// TestSelectedColumns compares the selected rows of random columns with the rows they come from.
func TestSelectedColumns(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	types := []model.FieldType{model.Float, model.Integer, model.Unsigned, model.Boolean, model.String}
	for range 300 {
		typ := types[rng.IntN(len(types))]
		run := selectRun{rows: []selectedColumn{{typ: typ}}}
		run.reset()
		var want []value
		for range 1 + rng.IntN(4) {
			n := 1 + rng.IntN(150)
			c := randomColumn(rng, typ, n)
			run.keep = make([]uint64, bitWords(n))
			b := cursor.Batch{Columns: []cursor.Column{c}}
			for i := range n {
				b.Times = append(b.Times, int64(i))
				if rng.IntN(3) == 0 {
					run.keep[i>>6] |= 1 << (i & 63)
					want = append(want, columnValue(&c, i))
				}
			}
			run.take(&b)
		}
		series := rawSeries{scan: &rawScan{layout: &rowLayout{}}, series: &sourceSeries{}}
		series.setSelected(run.times, run.rows)
		if len(want) == 0 {
			if series.batch != nil {
				t.Fatal("there are rows where none was selected")
			}
			continue
		}
		var got []value
		for i := range series.batch.Times {
			got = append(got, columnValue(&series.batch.Columns[0], i))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v:\n got %v\nwant %v", typ, got, want)
		}
	}
}

func randomColumn(rng *rand.Rand, typ model.FieldType, n int) cursor.Column {
	c := cursor.Column{Type: typ, Absent: rng.IntN(4) == 0}
	if c.Absent {
		return c
	}
	if rng.IntN(2) == 0 {
		c.Present = make([]uint64, bitWords(n))
		for i := range n {
			c.Present[i>>6] |= uint64(rng.IntN(2)) << (i & 63)
		}
	}
	for range n {
		c.Floats = append(c.Floats, float64(rng.IntN(50))/4)
		c.Integers = append(c.Integers, rng.Int64())
		c.Unsigneds = append(c.Unsigneds, rng.Uint64())
		c.Booleans = append(c.Booleans, rng.IntN(2) == 0)
		c.Strings = append(c.Strings, []byte{byte('a' + rng.IntN(20))})
	}
	return c
}
