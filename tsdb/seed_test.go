package tsdb

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// newRand returns a source of random numbers and prints its seed; the
// environment variable TIMBERLINE_SEED sets it.
func newRand(t testing.TB) (*rand.Rand, uint64) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TIMBERLINE_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("TIMBERLINE_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("TIMBERLINE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1)), seed
}
