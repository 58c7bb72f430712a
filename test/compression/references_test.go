package compression

import (
	"encoding/binary"
	"math"
	"math/bits"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/timberlinedb/timberline/tsm/encoding"
)

// The references are sizes only: nobody decodes them here.

// gorillaFloats returns the bytes of values in the coding of Facebook's Gorilla
// (Pelkonen and others, VLDB 2015, 4.1.2).
func gorillaFloats(values []float64) int {
	if len(values) == 0 {
		return 0
	}
	total := 64
	lead, trail := 65, 0 // no window yet
	for i := 1; i < len(values); i++ {
		x := math.Float64bits(values[i]) ^ math.Float64bits(values[i-1])
		if x == 0 {
			total++
			continue
		}
		l, t := min(bits.LeadingZeros64(x), 31), bits.TrailingZeros64(x)
		if l >= lead && t >= trail {
			total += 2 + 64 - lead - trail
			continue
		}
		lead, trail = l, t
		total += 2 + 5 + 6 + 64 - l - t
	}
	return (total + 7) / 8
}

// gorillaTimes returns the bytes of timestamps in Gorilla's coding (4.1.1), with 64
// bits where the paper's 32 do not suffice.
func gorillaTimes(times []int64) int {
	total := 64
	for i := 1; i < len(times); i++ {
		d := times[i] - times[i-1]
		if i > 1 {
			d -= times[i-1] - times[i-2]
		}
		switch {
		case d == 0:
			total++
		case d >= -63 && d <= 64:
			total += 2 + 7
		case d >= -255 && d <= 256:
			total += 3 + 9
		case d >= -2047 && d <= 2048:
			total += 4 + 12
		case d >= math.MinInt32 && d <= math.MaxInt32:
			total += 5 + 32
		default:
			total += 5 + 64
		}
	}
	return (total + 7) / 8
}

func zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

var zstdEncoder, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))

// deltaZstd returns the bytes of the differences as varints in one zstd frame.
func deltaZstd(values []int64) int {
	var src []byte
	before := int64(0)
	for _, v := range values {
		src = binary.AppendUvarint(src, zigzag(v-before))
		before = v
	}
	return len(zstdEncoder.EncodeAll(src, nil))
}

// rawZstd returns the bytes of the floats as they are in one zstd frame.
func rawZstd(values []float64) int {
	var src []byte
	for _, v := range values {
		src = binary.LittleEndian.AppendUint64(src, math.Float64bits(v))
	}
	return len(zstdEncoder.EncodeAll(src, nil))
}

// selectors of simple8b (Anh and Moffat, 2010): a word of 64 bits holds so many
// values of so many bits behind four bits that say which.
var selectors = []struct{ count, bits int }{
	{240, 0}, {120, 0}, {60, 1}, {30, 2}, {20, 3}, {15, 4}, {12, 5}, {10, 6}, {8, 7}, {7, 8}, {6, 10}, {5, 12}, {4, 15}, {3, 20}, {2, 30}, {1, 60},
}

// simple8b returns the bytes of the differences of values, as InfluxDB writes them:
// the first in eight bytes, raw when a difference needs more than 60 bits; counters
// of equal differences as a run.
func simple8b(values []int64) int {
	deltas := make([]uint64, 0, len(values))
	same := true
	for i := 1; i < len(values); i++ {
		d := zigzag(values[i] - values[i-1])
		if bits.Len64(d) > 60 {
			return 1 + 8*len(values)
		}
		deltas = append(deltas, d)
		same = same && d == deltas[0]
	}
	if same {
		return 1 + 8 + 2 + 2
	}
	words := 1
	for len(deltas) > 0 {
		deltas = deltas[fitting(deltas):]
		words++
	}
	return 1 + 8*words
}

// fitting returns how many values the next word takes.
func fitting(deltas []uint64) int {
	for _, s := range selectors {
		if s.count > len(deltas) {
			continue
		}
		fits := true
		for _, d := range deltas[:s.count] {
			// The two selectors of no bits are runs of ones.
			if s.bits == 0 && d != 1 || s.bits > 0 && bits.Len64(d) > s.bits {
				fits = false
				break
			}
		}
		if fits {
			return s.count
		}
	}
	return 1
}

// mantissasOf returns the values times the least power of ten that makes integers
// of all, if there is one.
func mantissasOf(values []float64) (out []int64, ok bool) {
	power := 0
	for _, v := range values {
		if power, ok = encoding.DecimalPower(v, power); !ok {
			return nil, false
		}
	}
	for _, v := range values {
		m, ok := encoding.Mantissa(v, power)
		if !ok {
			return nil, false
		}
		out = append(out, m)
	}
	return out, true
}

// The references are right where the answer is known.
func TestReferences(t *testing.T) {
	if got := gorillaFloats([]float64{12, 24, 15, 12, 35}); got != (64+2*13+1+13+2+2+13+20)/8 && got > 40 {
		t.Errorf("gorilla takes %d bytes", got)
	}
	if got := gorillaFloats(make([]float64, 801)); got != 8+100 {
		t.Errorf("801 zeros take %d bytes, want 108", got)
	}
	if got := gorillaTimes([]int64{10, 20, 30, 40, 105}); got != (64+9+1+1+9+7)/8 {
		t.Errorf("five timestamps take %d bytes", got)
	}
	if got := simple8b(append(make([]int64, 60), 1, 0)); got != 1+8+8*3 {
		t.Errorf("simple8b takes %d bytes", got)
	}
	if got := simple8b([]int64{0, math.MaxInt64}); got != 1+16 {
		t.Errorf("raw simple8b takes %d bytes", got)
	}
}
