package tsm

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/model"
)

// newRandom returns a source whose seed is printed on failure and can be given
// back in TIMBERLINE_SEED.
func newRandom(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TIMBERLINE_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("TIMBERLINE_SEED=%q: %v", s, err)
		}
		seed = n
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("TIMBERLINE_SEED=%d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 1))
}

// testFields has two fields of each type, in two measurements.
var testFields = func() (fields []FieldDef) {
	for i := range 10 {
		typ := model.FieldType(i%5 + 1)
		measurement := "cpu"
		if i >= 5 {
			measurement = "disk"
		}
		fields = append(fields, FieldDef{Number: uint32(3 * i), Measurement: measurement, Name: fmt.Sprintf("%v %d", typ, i), Type: typ})
	}
	return fields
}()

// naive is the oracle: series, field and timestamp to value.
type naive map[model.SeriesID]map[uint32]map[int64]any

func (o naive) set(series model.SeriesID, field uint32, t int64, v any) (overwritten bool) {
	if o[series] == nil {
		o[series] = make(map[uint32]map[int64]any)
	}
	if o[series][field] == nil {
		o[series][field] = make(map[int64]any)
	}
	_, overwritten = o[series][field][t]
	o[series][field][t] = v
	return overwritten
}

// add puts all values of rows to the oracle.
func (o naive) add(rows *SeriesRows) (overwritten int64) {
	for i := range rows.Columns {
		c := &rows.Columns[i]
		for row, t := range rows.Times {
			if c.Has(row) && o.set(rows.Series, c.Field, t, valueAt(c, row)) {
				overwritten++
			}
		}
	}
	return overwritten
}

func (o naive) values() (n int64) {
	for _, fields := range o {
		for _, values := range fields {
			n += int64(len(values))
		}
	}
	return n
}

// prune removes empty maps, so that oracles can be compared.
func (o naive) prune() naive {
	for series, fields := range o {
		for field, values := range fields {
			if len(values) == 0 {
				delete(fields, field)
			}
		}
		if len(fields) == 0 {
			delete(o, series)
		}
	}
	return o
}

func (o naive) equal(other naive) error {
	if len(o) != len(other) {
		return fmt.Errorf("%d series, want %d", len(o), len(other))
	}
	for series, fields := range other {
		if len(o[series]) != len(fields) {
			return fmt.Errorf("series %d has %d fields, want %d", series, len(o[series]), len(fields))
		}
		for field, values := range fields {
			if len(o[series][field]) != len(values) {
				return fmt.Errorf("series %d field %d has %d values, want %d", series, field, len(o[series][field]), len(values))
			}
			for t, want := range values {
				if got := o[series][field][t]; got != want {
					return fmt.Errorf("series %d field %d at %d is %v, want %v", series, field, t, got, want)
				}
			}
		}
	}
	return nil
}

// valueAt returns a value in a form that == compares, floats by their bits.
func valueAt(c *FieldColumn, row int) any {
	switch c.Type {
	case model.Float:
		return math.Float64bits(c.Floats[row])
	case model.Integer:
		return c.Integers[row]
	case model.Unsigned:
		return c.Unsigneds[row]
	case model.Boolean:
		return c.Booleans[row]
	}
	return string(c.Strings[row])
}

// randomRows makes n rows with some of the test fields, values of many shapes
// and gaps.
func randomRows(r *rand.Rand, series model.SeriesID, start int64, n int) *SeriesRows {
	rows := &SeriesRows{Series: series, Times: make([]int64, n)}
	t := start
	for i := range rows.Times {
		rows.Times[i] = t
		t += 1 + r.Int64N(3)*r.Int64N(1000)
	}
	for len(rows.Columns) == 0 {
		for _, f := range testFields {
			if r.IntN(2) == 0 {
				rows.Columns = append(rows.Columns, randomColumn(r, f, n))
			}
		}
	}
	// Every row has a value, as in the engine.
	if c := &rows.Columns[0]; c.Present != nil {
		c.Present = nil
	}
	return rows
}

func randomColumn(r *rand.Rand, f FieldDef, n int) FieldColumn {
	c := FieldColumn{Field: f.Number, Type: f.Type}
	c.resize(n)
	shape := r.IntN(4)
	level := r.NormFloat64() * 100
	for i := range n {
		level += r.NormFloat64()
		v := level
		switch shape {
		case 0:
			v = math.Round(level*10) / 10
		case 1:
			v = 7
		case 2:
			v = math.Float64frombits(r.Uint64())
		}
		switch f.Type {
		case model.Float:
			c.Floats[i] = v
		case model.Integer:
			c.Integers[i] = int64(math.Float64bits(v))
			if shape < 2 {
				c.Integers[i] = int64(v)
			}
		case model.Unsigned:
			c.Unsigneds[i] = math.Float64bits(v)
		case model.Boolean:
			c.Booleans[i] = v > 0
		case model.String:
			c.Strings[i] = fmt.Appendf(nil, "text %v", math.Round(v))
		}
	}
	if r.IntN(2) == 0 {
		c.Present = make([]uint64, words(n))
		for i := range n {
			if r.IntN(4) != 0 {
				c.Present[i>>6] |= 1 << (i & 63)
			}
		}
	}
	return c
}

// readAll reads a whole file through its index into an oracle.
func readAll(r *Reader) (naive, error) {
	out := make(naive)
	var refs []BlockRef
	var block Block
	var fields []uint32
	for _, f := range r.Fields() {
		fields = append(fields, f.Number)
	}
	ids := r.SeriesIDs().ToArray()
	for _, id := range ids {
		var err error
		if refs, err = r.Blocks(model.SeriesID(id), model.AllTime, refs[:0]); err != nil {
			return nil, err
		}
		last := int64(math.MinInt64)
		for i := range refs {
			if err := r.ReadBlock(&refs[i], fields, &block); err != nil {
				return nil, err
			}
			if len(block.Times) != refs[i].Rows || !slices.IsSorted(block.Times) || block.Times[0] <= last {
				return nil, fmt.Errorf("series %d: %d rows from %d after %d, ref says %d rows", id, len(block.Times), block.Times[0], last, refs[i].Rows)
			}
			last = block.Times[len(block.Times)-1]
			out.add(&block.SeriesRows)
			if err := checkStats(r, &refs[i], &block.SeriesRows); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// checkScan compares the statistics that a scan finds with those of PageStats, for all fields of a block, for every other
// one, and for some that it does not have.
func checkScan(r *Reader, b *BlockRef) error {
	numbers, err := b.Fields(nil)
	if err != nil {
		return err
	}
	var scan StatsScan
	for start := range 3 {
		if !scan.Begin(b) {
			return nil
		}
		for i := start; i < len(numbers); i += 1 + start {
			for n := numbers[i]; n < numbers[i]+2; n++ {
				want, ok, err := r.PageStats(b, n)
				if err != nil {
					return err
				}
				got, known, err := scan.Find(n)
				if err != nil {
					return err
				}
				if got == nil {
					got, known = new(Stats), true
				}
				var plain Stats
				plain.Type, plain.Count, plain.FirstTime, plain.LastTime = got.Type, got.Count, got.FirstTime, got.LastTime
				switch {
				case !known:
				case got.Type == model.Float:
					plain.Floats = got.Floats
				case got.Type == model.Integer:
					plain.Integers = got.Integers
				case got.Type == model.Unsigned:
					plain.Unsigneds = got.Unsigneds
				case got.Type == model.Boolean:
					plain.Trues, plain.FirstBool, plain.LastBool = got.Trues, got.FirstBool, got.LastBool
				case got.Type == model.String:
					plain.FirstBytes, plain.LastBytes = got.FirstBytes, got.LastBytes
				}
				if a, b := fmt.Sprintf("%+v", plain), fmt.Sprintf("%+v", want); known != ok || a != b {
					return fmt.Errorf("field %d: the scan finds\n%s, %v, want\n%s, %v", n, a, known, b, ok)
				}
			}
		}
	}
	return nil
}

// checkStats compares the statistics in the index with the values.
func checkStats(r *Reader, b *BlockRef, rows *SeriesRows) error {
	if err := checkScan(r, b); err != nil {
		return err
	}
	for i := range rows.Columns {
		c := &rows.Columns[i]
		s, ok, err := r.PageStats(b, c.Field)
		if err != nil {
			return err
		}
		if b.Shared() {
			if ok {
				return fmt.Errorf("a shared block has statistics")
			}
			continue
		}
		want := statsOf(c, rows.Times)
		if !ok {
			if c.Type == model.Float && math.IsNaN(want.Floats.Sum) || c.Type == model.String {
				continue
			}
			return fmt.Errorf("field %d has no statistics", c.Field)
		}
		if got, want := fmt.Sprintf("%+v", s), fmt.Sprintf("%+v", want); got != want {
			return fmt.Errorf("field %d: statistics\n%s, want\n%s", c.Field, got, want)
		}
	}
	return nil
}

// statsOf computes statistics value by value.
func statsOf(c *FieldColumn, times []int64) (s Stats) {
	for i, t := range times {
		if !c.Has(i) {
			continue
		}
		first := s.Count == 0
		if first {
			s.Type, s.FirstTime = c.Type, t
		}
		s.LastTime = t
		s.Count++
		switch c.Type {
		case model.Float:
			addTo(&s.Floats, c.Floats[i], first)
		case model.Integer:
			addTo(&s.Integers, c.Integers[i], first)
		case model.Unsigned:
			addTo(&s.Unsigneds, c.Unsigneds[i], first)
		case model.Boolean:
			if first {
				s.FirstBool = c.Booleans[i]
			}
			s.LastBool = c.Booleans[i]
			if c.Booleans[i] {
				s.Trues++
			}
		case model.String:
			if first {
				s.FirstBytes = bytes.Clone(c.Strings[i])
			}
			s.LastBytes = bytes.Clone(c.Strings[i])
		}
	}
	return s
}

func addTo[T int64 | uint64 | float64](s *Summary[T], v T, first bool) {
	if first {
		*s = Summary[T]{Min: v, Max: v, First: v}
	}
	s.Min, s.Max, s.Last = min(s.Min, v), max(s.Max, v), v
	s.Sum += v
}
