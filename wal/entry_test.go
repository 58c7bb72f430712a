package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/model"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// random returns the source of a random test and prints its seed on failure.
func random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	if env := os.Getenv("TIMBERLINE_SEED"); env != "" {
		n, err := strconv.ParseUint(env, 10, 64)
		must(t, err)
		seed = n
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("TIMBERLINE_SEED=%d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 7))
}

func text(x any) string { return fmt.Sprintf("%q", x) }

func TestSeriesEntry(t *testing.T) {
	for _, want := range []Series{
		{Database: 1, First: 1, Keys: [][]byte{}},
		{Database: math.MaxUint32, First: math.MaxUint32 - 1, Keys: [][]byte{[]byte("a"), []byte(strings.Repeat("b", 70000))}},
	} {
		var got Series
		must(t, DecodeSeries(AppendSeries(nil, &want), &got))
		if text(got) != text(want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	for name, bad := range map[string]Series{
		"no first ID":       {First: 0, Keys: [][]byte{[]byte("a")}},
		"IDs beyond 32 bit": {First: math.MaxUint32, Keys: [][]byte{[]byte("a"), []byte("b")}},
	} {
		if err := DecodeSeries(AppendSeries(nil, &bad), new(Series)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func testFields() Fields {
	return Fields{Database: 3, Shard: 1 << 40, Fields: []Field{
		{Number: 1, Measurement: []byte("cpu"), Name: []byte("usage_user"), Type: model.Float},
		{Number: 2, Measurement: []byte("cpu"), Name: []byte("usage_system"), Type: model.Integer},
		{Number: 3, Measurement: []byte("mem"), Name: []byte("free"), Type: model.Unsigned},
		{Number: math.MaxUint32, Measurement: []byte("mem"), Name: []byte{}, Type: model.String},
	}}
}

func TestFieldsEntry(t *testing.T) {
	want := testFields()
	var got Fields
	must(t, DecodeFields(AppendFields(nil, &want), &got))
	if text(got) != text(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDeleteEntry(t *testing.T) {
	for _, want := range []Delete{
		{Database: 1, Shards: []ShardMark{}, Series: []byte{}},
		{Database: 2, Shards: []ShardMark{{1, 2}, {math.MaxUint64, math.MaxUint64}}, Series: []byte("roaring"),
			Min: math.MinInt64, Max: math.MaxInt64, Measurement: []byte("cpu")},
		{Database: 2, Shards: []ShardMark{}, Series: []byte{}, Measurement: []byte{}},
	} {
		var got Delete
		must(t, DecodeDelete(AppendDelete(nil, &want), &got))
		if (got.Measurement == nil) != (want.Measurement == nil) {
			t.Errorf("measurement is nil: %v, want %v", got.Measurement == nil, want.Measurement == nil)
		}
		if text(got) != text(want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	bad := Delete{Min: 2, Max: 1}
	if err := DecodeDelete(AppendDelete(nil, &bad), new(Delete)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("time range upside down: %v", err)
	}
}

// tsbsRows has n rows as the cpu-only use case of the TSBS writes them.
func tsbsRows(n int) *Rows {
	rnd := rand.New(rand.NewPCG(1, 1))
	t := new(model.Table)
	r := &Rows{Database: 1, Shard: 17, Table: t}
	for i := range n {
		t.Times = append(t.Times, 1451606400e9+int64(i/4000)*10e9)
		t.Series = append(t.Series, model.SeriesID(1+i%4000))
	}
	for f := range 10 {
		c := &t.Columns[t.AddColumn(nil, model.Integer)]
		for range n {
			c.Values = append(c.Values, uint64(rnd.IntN(101)))
		}
		r.Fields = append(r.Fields, uint32(f+1))
	}
	return r
}

func TestRowsSize(t *testing.T) {
	const rows = 5000
	size := len(AppendRows(nil, tsbsRows(rows)))
	if perRow := float64(size) / rows; perRow > 12 {
		t.Errorf("a TSBS row takes %.1f bytes, want at most 12", perRow)
	}
}

// randomRows returns a table with every type, dense and sparse, and values
// that reach every form of the codecs.
func randomRows(rnd *rand.Rand, rows int) *Rows {
	t := new(model.Table)
	r := &Rows{Database: rnd.Uint32(), Shard: rnd.Uint64(), Table: t}
	t.Times = randomInts[int64](rnd, rows)
	t.Series = randomInts[model.SeriesID](rnd, rows)
	for range rnd.IntN(12) {
		typ := model.FieldType(1 + rnd.IntN(5))
		c := &t.Columns[t.AddColumn(nil, typ)]
		n := rows
		if rnd.IntN(2) == 0 {
			c.Rows = []int32{}
			for row := range rows {
				if rnd.IntN(3) == 0 {
					c.Rows = append(c.Rows, int32(row))
				}
			}
			n = len(c.Rows)
		}
		c.Values = randomValues(rnd, c, n)
		r.Fields = append(r.Fields, rnd.Uint32())
	}
	return r
}

func randomInts[T integer](rnd *rand.Rand, n int) []T {
	out := make([]T, n)
	form, base := rnd.IntN(6), rnd.Uint64()
	for i := range out {
		switch form {
		case 0:
			out[i] = T(base)
		case 1:
			out[i] = T(base) + T(i)*T(base>>60)
		case 2:
			out[i] = T(rnd.Uint64() >> (base & 63))
		case 3:
			out[i] = T(rnd.IntN(100))
		case 4:
			out[i] = T(base) + T(i*1000+rnd.IntN(10))
		case 5:
			if rnd.IntN(50) == 0 {
				out[i] = T(rnd.Uint64())
			}
		}
	}
	return out
}

func randomValues(rnd *rand.Rand, c *model.Column, n int) []uint64 {
	switch c.Type {
	case model.Float:
		out := make([]uint64, n)
		form := rnd.IntN(4)
		special := []float64{math.Copysign(0, -1), math.NaN(), math.Inf(1), math.MaxFloat64, math.SmallestNonzeroFloat64}
		for i := range out {
			switch {
			case form == 0:
				out[i] = rnd.Uint64()
			case form == 1 && rnd.IntN(100) == 0:
				out[i] = math.Float64bits(special[rnd.IntN(len(special))])
			case form <= 2:
				out[i] = math.Float64bits(float64(rnd.IntN(100000)-50000) / powersOfTen[rnd.IntN(3)])
			default:
				out[i] = math.Float64bits(float64(rnd.Int64()))
			}
		}
		return out
	case model.Boolean:
		out := make([]uint64, n)
		for i := range out {
			out[i] = rnd.Uint64() & 1
		}
		return out
	case model.String:
		out := make([]uint64, n)
		for i := range out {
			s := strconv.Itoa(rnd.IntN(1000))
			if rnd.IntN(2) == 0 {
				s = strings.Repeat(s, rnd.IntN(20))
			}
			out[i] = model.StringRef(len(c.Strings), len(s))
			c.Strings = append(c.Strings, s...)
		}
		return out
	}
	return randomInts[uint64](rnd, n)
}

// rowsText is the plain form of rows, to compare.
func rowsText(r *Rows) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Database, r.Shard, r.Fields, r.Table.Series, r.Table.Times)
	for i := range r.Table.Columns {
		c := &r.Table.Columns[i]
		fmt.Fprint(&b, c.Type, c.Dense(), c.Rows)
		for _, v := range c.Values {
			if c.Type == model.String {
				fmt.Fprintf(&b, " %q", c.StringAt(v))
			} else {
				fmt.Fprintf(&b, " %d", v)
			}
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

func TestRowsRoundTrip(t *testing.T) {
	rnd := random(t)
	var got Rows // reused
	for i := range 500 {
		rows := rnd.IntN(20)
		if i%10 == 0 {
			rows = rnd.IntN(1500)
		}
		want := randomRows(rnd, rows)
		b := AppendRows([]byte("before"), want)
		must(t, DecodeRows(b[len("before"):], &got))
		if g, w := rowsText(&got), rowsText(want); g != w {
			t.Fatalf("got\n%s\nwant\n%s", g, w)
		}
	}
}

// TestIntBlocks pins each form of a block and its bytes.
func TestIntBlocks(t *testing.T) {
	tests := []struct {
		name string
		vals []int64
		want []byte
	}{
		{"none", nil, nil},
		{"one", []int64{-1}, []byte{0x00, 1}},
		{"constant", []int64{5, 5, 5}, []byte{0x00, 10}},
		{"line", []int64{5, 6, 7}, []byte{0x10, 10, 2}},
		{"line that wraps", []int64{math.MaxInt64, math.MinInt64, math.MinInt64 + 1},
			append(binary.AppendVarint([]byte{0x10}, math.MaxInt64), 2)},
		{"1 byte", []int64{7, 3, 100}, []byte{0x01, 6, 4, 0, 97}},
		{"2 bytes", []int64{0, 300, 0}, []byte{0x02, 0, 0, 0, 44, 1, 0, 0}},
		{"steps", []int64{0, 1000, 2001, 3000}, append(binary.AppendVarint([]byte{0x11, 0}, 999), 1, 2, 0)},
		{"varints", []int64{0, 0, 0, 1 << 40, 0}, []byte{0x09, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0}},
		{"3 bytes", []int64{1 << 22, 1 << 23, 1<<22 + 5},
			append(binary.AppendVarint([]byte{0x03}, 1<<22), 0, 0, 0, 0, 0, 0x40, 5, 0, 0)},
		{"extremes", []int64{math.MinInt64, math.MaxInt64, math.MinInt64 / 2},
			append([]byte{0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1},
				0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 64)},
	}
	for _, tc := range tests {
		got := appendInts(nil, tc.vals)
		if !bytes.Equal(got, tc.want) {
			t.Errorf("%s: % x, want % x", tc.name, got, tc.want)
		}
		d := decoder{src: got}
		back := make([]int64, len(tc.vals))
		takeInts(&d, back)
		if err := d.finish(); err != nil || !slices.Equal(back, tc.vals) {
			t.Errorf("%s: decoded %v, %v", tc.name, back, err)
		}
	}
}

func TestRowsRefused(t *testing.T) {
	good := AppendRows(nil, tsbsRows(3))
	for cut := range good {
		if err := DecodeRows(good[:cut], new(Rows)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut to %d of %d bytes: %v", cut, len(good), err)
		}
	}
	if err := DecodeRows(append(slices.Clone(good), 0), new(Rows)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte too much: %v", err)
	}
	sparse := func(rows ...int32) []byte {
		r := tsbsRows(3)
		r.Table.Columns, r.Fields = r.Table.Columns[:1], r.Fields[:1]
		r.Table.Columns[0].Rows, r.Table.Columns[0].Values = rows, r.Table.Columns[0].Values[:len(rows)]
		return AppendRows(nil, r)
	}
	for name, b := range map[string][]byte{
		"row beyond the table": sparse(0, 3),
		"row twice":            sparse(1, 1),
		"negative row":         sparse(-1, 1),
	} {
		if err := DecodeRows(b, new(Rows)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, DecodeRows(sparse(0, 2), new(Rows)))
}

func TestCodecsDoNotAllocate(t *testing.T) {
	rows := randomRows(rand.New(rand.NewPCG(3, 3)), 1000)
	var back Rows
	var dst []byte
	work := func() {
		dst = AppendRows(dst[:0], rows)
		if err := DecodeRows(dst, &back); err != nil {
			t.Fatal(err)
		}
	}
	work()
	if n := testing.AllocsPerRun(20, work); n > 1 {
		t.Errorf("%v allocations for a table of %d columns", n, len(rows.Table.Columns))
	}
}

func FuzzDecode(f *testing.F) {
	fields := testFields()
	rnd := rand.New(rand.NewPCG(2, 2))
	f.Add(uint8(KindSeries), AppendSeries(nil, &Series{Database: 1, First: 7, Keys: [][]byte{[]byte("a"), []byte("bc")}}))
	f.Add(uint8(KindFields), AppendFields(nil, &fields))
	f.Add(uint8(KindDelete), AppendDelete(nil, &Delete{Shards: []ShardMark{{1, 2}}, Series: []byte("x"), Measurement: []byte("m")}))
	for range 8 {
		f.Add(uint8(KindRows), AppendRows(nil, randomRows(rnd, 1+rnd.IntN(5))))
	}
	f.Fuzz(func(t *testing.T, kind uint8, src []byte) {
		again := func(err error, encode func() []byte, decode func([]byte) error, text func() string) {
			if err != nil {
				if !errors.Is(err, ErrCorrupt) {
					t.Fatalf("error is not ErrCorrupt: %v", err)
				}
				return
			}
			before := text()
			if err := decode(encode()); err != nil {
				t.Fatalf("decoded, encoded, refused: %v", err)
			}
			if after := text(); after != before {
				t.Fatalf("after another round\n%s\nbefore\n%s", after, before)
			}
		}
		switch Kind(kind) {
		case KindSeries:
			var x Series
			again(DecodeSeries(src, &x), func() []byte { return AppendSeries(nil, &x) },
				func(b []byte) error { return DecodeSeries(b, &x) }, func() string { return fmt.Sprint(x) })
		case KindFields:
			var x Fields
			again(DecodeFields(src, &x), func() []byte { return AppendFields(nil, &x) },
				func(b []byte) error { return DecodeFields(b, &x) }, func() string { return fmt.Sprint(x) })
		case KindDelete:
			var x Delete
			again(DecodeDelete(src, &x), func() []byte { return AppendDelete(nil, &x) },
				func(b []byte) error { return DecodeDelete(b, &x) }, func() string { return fmt.Sprint(x) })
		case KindRows:
			if len(src) > 1<<12 {
				return // a small entry can name a large table
			}
			var x Rows
			again(DecodeRows(src, &x), func() []byte { return AppendRows(nil, &x) },
				func(b []byte) error { return DecodeRows(b, &x) }, func() string { return rowsText(&x) })
		}
	})
}

func BenchmarkRows(b *testing.B) {
	const n = 5000
	tsbs := tsbsRows(n)
	decimal := tsbsRows(n)
	for i := range decimal.Table.Columns {
		c := &decimal.Table.Columns[i]
		c.Type = model.Float
		for k, v := range c.Values {
			c.Values[k] = math.Float64bits(float64(v*7) / 100)
		}
	}
	raw := tsbsRows(n)
	for i := range raw.Table.Columns {
		c := &raw.Table.Columns[i]
		c.Type = model.Float
		for k := range c.Values {
			c.Values[k] = math.Float64bits(rand.Float64())
		}
	}
	for name, rows := range map[string]*Rows{"integers": tsbs, "decimals": decimal, "floats": raw} {
		payload := AppendRows(nil, rows)
		b.Run("encode/"+name, func(b *testing.B) {
			var dst []byte
			for b.Loop() {
				dst = AppendRows(dst[:0], rows)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
			b.ReportMetric(float64(len(payload))/n, "bytes/row")
		})
		b.Run("decode/"+name, func(b *testing.B) {
			var back Rows
			for b.Loop() {
				if err := DecodeRows(payload, &back); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}
