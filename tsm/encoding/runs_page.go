package encoding

import "encoding/binary"

// The body of a runs page, for values that mostly are the one before, is:
//
//	number   of runs of equal values uvarint, at least 1
//	lengths  integer page of the length of each run less one
//	values   integer page of the value of each run
//
// Neither page is a runs page itself.

// runTable holds the runs of a page.
type runTable struct {
	lengths, values []int64
	page            []byte
}

const runSamples = 64

// runsMayPay reports whether in a sample every other value is the one before.
func runsMayPay[T word](values []T) bool {
	pairs := len(values) - 1
	if pairs < 7 {
		return false
	}
	samples, same := runSamples, 0
	if pairs < runSamples {
		samples = pairs
		for k := range pairs {
			if values[k+1] == values[k] {
				same++
			}
		}
	} else {
		for k := range runSamples { // a power of two, by which it is cheap to divide
			if at := k * pairs / runSamples; values[at+1] == values[at] {
				same++
			}
		}
	}
	return 2*same >= samples
}

// planRuns writes a runs page to the table. It gives up when there are more than
// most runs.
func planRuns[T word](t *runTable, values []T, most int) bool {
	t.lengths, t.values = t.lengths[:0], t.values[:0]
	for at := 0; at < len(values); {
		if len(t.values) == most {
			return false
		}
		v, from := values[at], at
		for at++; at < len(values) && values[at] == v; at++ {
		}
		t.lengths, t.values = append(t.lengths, int64(at-from-1)), append(t.values, int64(v))
	}
	flat := Choice{flat: true}
	t.page = binary.AppendUvarint(append(t.page[:0], byte(Runs)), uint64(len(t.values)))
	t.page = appendWords(t.page, t.lengths, flat)
	t.page = appendWords(t.page, t.values, flat)
	return true
}

// decodeRuns decodes the body of a runs page of n values.
func decodeRuns[T word](dst []T, src []byte, n int) (_ []T, rest []byte, err error) {
	count, rest, ok := cutUvarint(src)
	if !ok || count == 0 || count > uint64(n) {
		return dst[:0], nil, malformed("%d runs for %d rows", count, n)
	}
	p := borrow(0)
	defer scratch.Put(p)
	both := grow(*p, 2*int(count))
	*p = both
	lengths, values := both[:0:count], both[count:count]
	for _, part := range []*[]int64{&lengths, &values} {
		if len(rest) == 0 || Codec(rest[0]) == Runs {
			return dst[:0], nil, malformed("pages of %d runs", count)
		}
		if *part, rest, err = decodeWords(*part, rest, int(count)); err != nil {
			return dst[:0], nil, err
		}
	}
	dst = grow(dst, n)
	at := 0
	for i, length := range lengths {
		if uint64(length) >= uint64(n-at) {
			return dst[:0], nil, malformed("run of %d values at row %d of %d", uint64(length), at, n)
		}
		run := dst[at : at+int(length)+1]
		for k := range run {
			run[k] = T(values[i])
		}
		at += len(run)
	}
	if at != n {
		return dst[:0], nil, malformed("runs of %d values for %d rows", at, n)
	}
	return dst, rest, nil
}
