package tsm

import (
	"sync"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// Many goroutines may read one file; the caches of the reader are shared.
func TestConcurrentReads(t *testing.T) {
	fs := vfs.NewMem()
	goldenFile(t, fs, "/a.tsm")
	r := openFile(t, fs, "/a.tsm")
	want, err := readAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 20 {
				got, err := readAll(r)
				if err == nil {
					err = got.equal(want)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
}
