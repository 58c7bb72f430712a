// Package crashledger keeps count of the recoveries that crash tests have gone
// through, run by run, in a file that only grows.
package crashledger

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"
)

// Entry is one run of a crash test: a line of JSON in the ledger.
type Entry struct {
	Time       time.Time `json:"time"`
	Test       string    `json:"test"`
	Seed       uint64    `json:"seed"`
	Recoveries int       `json:"recoveries"`
	Failed     bool      `json:"failed"`
}

// Recoveries returns how many recoveries a test is to go through: n, unless the
// variable TIMBERLINE_CRASH_RECOVERIES says otherwise.
func Recoveries(t testing.TB, n int) int {
	s := os.Getenv("TIMBERLINE_CRASH_RECOVERIES")
	if s == "" {
		return n
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("TIMBERLINE_CRASH_RECOVERIES: %v", err)
	}
	return n
}

// Note adds a run to the file that TIMBERLINE_CRASH_LEDGER names, if it names
// one.
func Note(t testing.TB, seed uint64, recoveries int) {
	path := os.Getenv("TIMBERLINE_CRASH_LEDGER")
	if path == "" {
		return
	}
	line, err := json.Marshal(Entry{Time: time.Now().UTC(), Test: t.Name(), Seed: seed, Recoveries: recoveries, Failed: t.Failed()})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) // #nosec G302 G304 G703 -- a test's ledger, which is checked in, at the path that its caller names
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}
