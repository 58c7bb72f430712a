package index

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSketchError counts sets of many sizes. The standard error is 0.8 %: five times
// that is passed by chance in one of a million cases.
func TestSketchError(t *testing.T) {
	r := rand.New(rand.NewPCG(testSeed(t), 1))
	const most = 0.041
	for _, n := range []int{0, 1, 100, sketchFew, sketchFew + 1, 5000, 20_000, 50_000, 80_000, 300_000, 2_000_000} {
		seed := r.Uint64() | 1
		var whole, odd, even sketch
		var key [8]byte
		for i := range n {
			for j := range key {
				key[j] = byte(i >> (8 * j))
			}
			h := hashKey(seed, key[:])
			whole.add(h)
			if i%3 == 0 { // a third is in both
				odd.add(h)
				even.add(h)
			} else if i%2 == 0 {
				even.add(h)
			} else {
				odd.add(h)
			}
		}
		got := whole.estimate()
		if n <= sketchFew && got != int64(n) {
			t.Errorf("%d hashes are estimated as %d, want the exact number", n, got)
		}
		if math.Abs(float64(got)-float64(n)) > most*float64(n) {
			t.Errorf("%d hashes are estimated as %d", n, got)
		}
		odd.merge(&even)
		if joined := odd.estimate(); joined != got {
			t.Errorf("%d hashes in two sketches are estimated as %d, in one as %d", n, joined, got)
		}
		if whole.size() > sketchRegisters*2 {
			t.Errorf("a sketch of %d hashes takes %d bytes", n, whole.size())
		}
	}
}
