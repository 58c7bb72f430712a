package tsdb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// digest is what the rows of one series say of one field.
type digest struct {
	Count           int64
	FirstAt, LastAt int64
	First, Last     any
	Min, Max, Sum   float64 // of numbers; all of them are small integers, so that sums are exact
}

func (d *digest) add(t int64, v any) {
	var f float64
	switch v := v.(type) {
	case float64:
		f = v
	case int64:
		f = float64(v)
	case uint64:
		f = float64(v)
	}
	d.join(&digest{Count: 1, FirstAt: t, LastAt: t, First: v, Last: v, Min: f, Max: f, Sum: f})
}

func (d *digest) join(o *digest) {
	if d.Count == 0 {
		*d = *o
		return
	}
	d.Count += o.Count
	d.Sum += o.Sum
	d.Min, d.Max = min(d.Min, o.Min), max(d.Max, o.Max)
	if o.FirstAt < d.FirstAt {
		d.FirstAt, d.First = o.FirstAt, o.First
	}
	if o.LastAt > d.LastAt {
		d.LastAt, d.Last = o.LastAt, o.Last
	}
}

// digestOf reads statistics.
func digestOf(s *cursor.Statistics) *digest {
	d := &digest{Count: s.Count, FirstAt: s.FirstTime, LastAt: s.LastTime}
	switch s.Type {
	case model.Float:
		d.fill(s.Floats.First, s.Floats.Last, s.Floats.Min, s.Floats.Max, s.Floats.Sum)
	case model.Integer:
		e := s.Integers
		d.fill(e.First, e.Last, float64(e.Min), float64(e.Max), float64(e.Sum))
	case model.Unsigned:
		e := s.Unsigneds
		d.fill(e.First, e.Last, float64(e.Min), float64(e.Max), float64(e.Sum))
	case model.Boolean:
		d.First, d.Last = s.FirstBool, s.LastBool
	case model.String:
		d.First, d.Last = string(s.FirstString), string(s.LastString)
	}
	return d
}

func (d *digest) fill(first, last any, least, most, sum float64) {
	d.First, d.Last, d.Min, d.Max, d.Sum = first, last, least, most, sum
}

var summedFields = []cursor.Field{
	{Name: "f", Type: model.Float}, {Name: "i", Type: model.Integer}, {Name: "u", Type: model.Unsigned},
	{Name: "b", Type: model.Boolean}, {Name: "s", Type: model.String}, {Name: "none", Type: model.Float},
}

// densePoints are rows of few series, enough of each for blocks of their own.
func densePoints(rng *rand.Rand, from, to int64) []point {
	var points []point
	for host := range 3 {
		for t := from; t < to; t += 1 + rng.Int64N(3) {
			fields := map[string]any{"i": rng.Int64N(100) - 50}
			if rng.IntN(8) > 0 {
				fields["f"] = float64(rng.IntN(100) - 50)
			}
			if rng.IntN(3) == 0 {
				fields["u"], fields["b"] = rng.Uint64N(100), rng.IntN(2) == 0
			}
			if rng.IntN(3) == 0 {
				fields["s"] = fmt.Sprint("text", rng.IntN(9))
			}
			points = append(points, point{m: "m", tags: fmt.Sprintf("host=h%d", host), t: t, fields: fields})
		}
	}
	return points
}

// digests reads all series; reply answers offers, nil asks for none.
func digests(t *testing.T, s *Store, r model.TimeRange, descending bool, first int, reply func() cursor.Reply) (all []digest, offered int) {
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
	all = make([]digest, len(ids)*len(summedFields))
	at := 0
	req := cursor.Request{Measurement: "m", Series: ids, Fields: summedFields, Range: r, Descending: descending, First: first}
	if reply != nil {
		req.Offer = func(sum *cursor.Summary) cursor.Reply {
			offered++
			if !r.Covers(sum.Range) || sum.Rows <= 0 || len(sum.Fields) != len(summedFields) {
				t.Fatalf("offer of %d rows in %v, asked for %v", sum.Rows, sum.Range, r)
			}
			answer := reply()
			if answer == cursor.Accept {
				for k := range sum.Fields {
					if sum.Fields[k].Count > 0 {
						all[at+k].join(digestOf(&sum.Fields[k]))
					}
				}
			}
			return answer
		}
	}
	c, err := v.Read(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for {
		i, ok := c.NextSeries()
		if !ok {
			break
		}
		at = i * len(summedFields)
		for b := c.Next(); b != nil; b = c.Next() {
			for row, ts := range b.Times {
				for k := range b.Columns {
					if v := valueAt(&b.Columns[k], row); v != nil {
						all[at+k].add(ts, v)
					}
				}
			}
		}
	}
	if err := c.Err(); err != nil {
		t.Fatal(err)
	}
	return all, offered
}

// TestSummariesAgreeWithRows reads the same rows with and without summaries,
// while files overlap each other and the cache, and rows are deleted.
func TestSummariesAgreeWithRows(t *testing.T) {
	rng, _ := newRand(t)
	ctx := context.Background()
	accepted := 0
	for range 3 {
		mem := vfs.NewMem()
		s := openTest(t, mem, testOptions(mem))
		for range 8 {
			from := rng.Int64N(1900)
			switch rng.IntN(7) {
			case 0, 1:
				mustWrite(t, s, densePoints(rng, from, min(2000, from+10))...) // late, or between
			case 2:
				lo := rng.Int64N(2000)
				req := DeleteRequest{Database: 1, Shards: allShards(), Measurement: "m", Range: model.TimeRange{Min: lo, Max: lo + rng.Int64N(200)}}
				if err := s.Delete(ctx, req); err != nil {
					t.Fatal(err)
				}
			case 3:
				if err := s.Compact(ctx); err != nil {
					t.Fatal(err)
				}
			default:
				mustWrite(t, s, densePoints(rng, from, min(2000, from+rng.Int64N(900)+200))...)
				if err := s.Flush(ctx); err != nil {
					t.Fatal(err)
				}
			}
			r := model.AllTime
			if rng.IntN(3) == 0 {
				r.Min = rng.Int64N(1500)
				r.Max = r.Min + rng.Int64N(1500)
			}
			want, _ := digests(t, s, r, false, 0, nil)
			for _, descending := range []bool{false, true} {
				got, n := digests(t, s, r, descending, rng.IntN(5), func() cursor.Reply { return cursor.Reply(rng.IntN(2)) })
				accepted += n
				for i := range want {
					if got[i] != want[i] {
						t.Fatalf("series %d, field %s, descending %v: got %+v, want %+v",
							i/len(summedFields), summedFields[i%len(summedFields)].Name, descending, got[i], want[i])
					}
				}
			}
		}
		closeTest(t, s)
	}
	if accepted == 0 {
		t.Error("no summary was ever offered")
	}
}

// TestEnoughEndsTheSeries answers the first offer by Enough: no row may follow.
func TestEnoughEndsTheSeries(t *testing.T) {
	rng, _ := newRand(t)
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	defer s.Close()
	for from := int64(0); from < 900; from += 300 {
		mustWrite(t, s, densePoints(rng, from, from+300)...)
		if err := s.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	got, offered := digests(t, s, model.AllTime, true, 0, func() cursor.Reply { return cursor.Enough })
	if offered != 3 {
		t.Errorf("%d offers for 3 series", offered)
	}
	for i := range got {
		if got[i].Count != 0 {
			t.Fatalf("rows came after Enough: %+v", got[i])
		}
	}
}

// TestFirstRowsComeFirst asks for a few rows of each series of a cache and then
// for the rest: together they are all rows, in order.
func TestFirstRowsComeFirst(t *testing.T) {
	rng, _ := newRand(t)
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	defer s.Close()
	points := densePoints(rng, 0, 900)
	rng.Shuffle(len(points)/4, func(i, j int) { points[i], points[j] = points[j], points[i] })
	for at := 0; at < len(points); at += 100 {
		mustWrite(t, s, points[at:min(at+100, len(points))]...)
	}
	for first := range 6 {
		for _, r := range []model.TimeRange{model.AllTime, {Min: 100, Max: 300}, {Min: 850, Max: 2000}} {
			want, _ := digests(t, s, r, false, 0, nil)
			for _, descending := range []bool{false, true} {
				got, _ := digests(t, s, r, descending, first, nil)
				for i := range want {
					if got[i] != want[i] {
						t.Fatalf("first %d, range %v, descending %v, place %d: got %+v, want %+v", first, r, descending, i, got[i], want[i])
					}
				}
			}
		}
	}
}
