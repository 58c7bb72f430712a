package index

import (
	"context"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// A Sync that begins after series were journaled must not end before they are in
// the series log: its caller lets the journal forget them.
func TestSyncWaitsForJournaledSeries(t *testing.T) {
	x, err := Open(context.Background(), "/series", "/index", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	synced := make(chan error, 1)
	key := model.AppendSeriesKey(nil, []byte("m"), nil)
	journal := func(model.SeriesID, [][]byte) error {
		go func() { synced <- x.Sync() }()
		select {
		case <-synced:
			t.Error("Sync ended while journaled series were not in the log")
			synced <- nil
		case <-time.After(50 * time.Millisecond):
		}
		return nil
	}
	if err := x.Resolve([][]byte{key}, make([]model.Fingerprint, 1), make([]model.SeriesID, 1), journal); err != nil {
		t.Fatal(err)
	}
	if err := <-synced; err != nil {
		t.Error(err)
	}
}
