//go:build race

package encoding

// raceEnabled says that the race detector is at work; sync.Pool then drops some of
// what it is given, so that allocations cannot be counted.
const raceEnabled = true
