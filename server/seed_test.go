package server

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

// envInt returns the number in an environment variable, otherwise n.
func envInt(t testing.TB, name string, n int) int {
	s := os.Getenv(name)
	if s == "" {
		return n
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// pick returns one of the choices.
func pick[T any](rng *rand.Rand, choices ...T) T { return choices[rng.IntN(len(choices))] }

// oneIn reports true once in n times.
func oneIn(rng *rand.Rand, n int) bool { return rng.IntN(n) == 0 }
