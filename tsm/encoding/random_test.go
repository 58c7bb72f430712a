package encoding

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
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
