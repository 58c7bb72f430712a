package tsm

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/timberlinedb/timberline/model"
)

// Numbers of a checked page that a later addition would carry around are refused, not taken for small ones.
func TestNumbersThatWrapAreRefused(t *testing.T) {
	for _, c := range []struct {
		least, step uint64
		want        uint32
		bad         bool
	}{
		{least: 0, step: 7, want: 7},
		{least: 10, step: MaxFieldNumber - 10, want: MaxFieldNumber},
		{least: 10, step: MaxFieldNumber - 9, bad: true},
		{least: 10, step: math.MaxUint64 - 4, bad: true}, // would be 5
		{least: 10, step: 1<<32 - 5, bad: true},          // would be 5 in 32 bits
	} {
		in := byteReader{b: binary.AppendUvarint(nil, c.step)}
		if got := in.fieldNumber(c.least); got != c.want || in.bad != c.bad {
			t.Errorf("%d behind %d: %d, refused %v; want %d, %v", c.step, c.least, got, in.bad, c.want, c.bad)
		}
	}
}

func TestFieldTimesLieInTheBlock(t *testing.T) {
	span := model.TimeRange{Min: 100, Max: 200}
	for _, c := range []struct {
		after, before uint64
		bad           bool
	}{
		{after: 10, before: 20},
		{after: 60, before: 60, bad: true},                // the first behind the last
		{after: math.MaxUint64 - 9, before: 0, bad: true}, // 10 before the block
		{after: 0, before: math.MaxUint64 - 9, bad: true},
	} {
		b := []byte{3, byte(model.Float) | entryInner, 40}
		b = binary.AppendUvarint(binary.AppendUvarint(b, c.after), c.before)
		in, f := byteReader{b: b}, fieldEntry{}
		readField(&in, &f, 0, span, 5)
		if in.bad != c.bad {
			t.Errorf("times %d behind the first and %d before the last: refused %v, want %v", c.after, int64(c.before), in.bad, c.bad)
		}
	}
}

func TestSeriesOfAnEntryDoNotWrap(t *testing.T) {
	for _, c := range []struct {
		step uint64
		want bool
	}{{5, true}, {math.MaxUint32 - 9, true}, {math.MaxUint32 - 8, false}, {math.MaxUint64, false}} {
		body := []byte{0, 10, 4, headerSize}                            // time, span, rows, offset
		body = append(binary.AppendUvarint(body, c.step), 2, 20, 20, 0) // series, lengths, fields
		s := leafScan{body: body, series: 9}
		var e blockEntry
		if ok := s.entry(&e, true, 1<<20); ok != c.want || ok && uint64(e.last) != 9+c.step {
			t.Errorf("last series %d behind 9: %v, last %d; want %v", c.step, ok, e.last, c.want)
		}
	}
}
