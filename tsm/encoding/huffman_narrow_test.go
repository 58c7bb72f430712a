package encoding

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// narrowValues are values whose residuals of an order mostly are narrow.
func narrowValues(r *rand.Rand, order, n int) []int64 {
	width := int64(1 + r.IntN(maxNarrow))
	centre := r.Int64N(400) - 200
	if r.IntN(4) == 0 {
		centre = int64(r.Uint64())
	}
	out := make([]int64, n)
	for i := range out {
		out[i] = centre + r.Int64N(width)
		if r.IntN(3) > 0 {
			out[i] = centre + width/2
		}
	}
	for range order {
		sum := r.Int64N(1000)
		for i := range out {
			sum += out[i]
			out[i] = sum
		}
	}
	return out
}

// Narrow residuals, their ranges, counts and tokens are those that words have.
func TestNarrowAgreesWithWords(t *testing.T) {
	r := newRandom(t)
	narrow := 0
	for range 3000 {
		n := minHuffman + r.IntN(300)
		values := narrowValues(r, r.IntN(maxOrder+1), n)
		head := huffmanHead{order: r.IntN(maxOrder + 1)}
		p, q := new(planner), new(planner)
		fill(q, values, &head)
		page := pageRange(q.ranges)
		if got, want := fillNarrow(p, values, &head), uint64(page.hi)-uint64(page.lo) <= maxNarrow; got != want {
			t.Fatalf("order %d of %v: narrow %v, want %v", head.order, values, got, want)
		} else if !got {
			continue
		}
		narrow++
		if !slices.Equal(p.ranges, q.ranges) || p.narrow.lo != page.lo || p.narrow.hi != page.hi {
			t.Fatalf("ranges are %v, of words %v", p.ranges, q.ranges)
		}
		one, other := head, head
		if got, want := p.histogram.planNarrow(&one, &p.narrow, n), q.histogram.plan(&other, q.residuals[:n], q.ranges); got != want || one != other {
			t.Fatalf("%d bytes with %+v, as words %d with %+v", got, one, want, other)
		}
		if r.IntN(2) == 0 { // tables and centres that a plan would not take
			one.table, one.centre = r.IntN(tableCount), page.lo+r.Int64N(2*maxNarrow)-maxNarrow/2
		}
		w := tokenWriter{table: tableOf(one.table), centre: uint64(one.centre)}
		plain, words := w, w
		w.writeNarrow(&p.narrow, p.narrow.bytes[:n])
		plain.writeBytes(&p.narrow, p.narrow.bytes[:n])
		words.write(q.residuals[:n])
		if got := w.close(); !bytes.Equal(got, plain.close()) || !bytes.Equal(got, words.close()) {
			t.Fatalf("%+v of %v: %x, plain %x, as words %x", one, values, got, plain.dst, words.dst)
		}
	}
	if narrow < 500 {
		t.Errorf("only %d pages were narrow", narrow)
	}
}
