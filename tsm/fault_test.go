package tsm

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// faultFile writes and publishes the golden rows.
func faultFile(fs vfs.FS, path string) error {
	w, err := Create(fs, path, WriterOptions{Fields: testFields, SparseRows: 8})
	if err != nil {
		return err
	}
	for _, r := range goldenRows() {
		if err := w.Add(r); err != nil {
			return errors.Join(err, w.Abort())
		}
	}
	if _, err := w.Finish(); err != nil {
		return err
	}
	return Publish(fs, path)
}

// Whatever file operation fails: the writer says so, and leaves no temporary
// file unless it is the removal that failed.
func TestWriterFaults(t *testing.T) {
	for nth := int64(1); ; nth++ {
		mem := vfs.NewMem()
		fault := vfs.NewFault(mem)
		rule := fault.Add(vfs.Rule{Nth: nth, Err: vfs.ErrNoSpace})
		err := faultFile(fault, "/a.tsm")
		if rule.Hits() == 0 {
			if err != nil {
				t.Fatal(err)
			}
			if nth < 5 {
				t.Fatalf("only %d operations", nth-1)
			}
			return
		}
		if !errors.Is(err, vfs.ErrNoSpace) {
			t.Fatalf("operation %d: %v", nth, err)
		}
		names, _ := mem.List("/")
		if r, openErr := Open(mem, "/a.tsm"); openErr == nil {
			if err := r.Verify(context.Background()); err != nil {
				t.Fatalf("operation %d: published, but %v", nth, err)
			}
			r.Close()
		} else if len(names) != 0 && !slices.Equal(names, []string{"a.tsm" + vfs.TempSuffix}) {
			t.Fatalf("operation %d leaves %v", nth, names)
		}
	}
}

// A power cut before any operation leaves no file of the published name, or the
// whole of it.
func TestWriterCrashes(t *testing.T) {
	for _, unsynced := range []vfs.Unsynced{vfs.None, vfs.All, vfs.Random} {
		mem := vfs.NewMem()
		crashes := 0
		check := func(seed int64) {
			image := mem.Crash(vfs.CrashOptions{Unsynced: unsynced, Seed: uint64(seed)})
			crashes++
			if _, err := image.Stat("/a.tsm"); err != nil {
				return
			}
			r, err := Open(image, "/a.tsm")
			if err == nil {
				err = errors.Join(r.Verify(context.Background()), r.Close())
			}
			if err != nil {
				t.Fatalf("%v, operation %d: %v", unsynced, seed, err)
			}
		}
		mem.OnOp(func(n int64, _ vfs.Op, _ string) { check(n) })
		if err := faultFile(mem, "/a.tsm"); err != nil {
			t.Fatal(err)
		}
		mem.OnOp(nil)
		check(0)
		if crashes < 5 {
			t.Errorf("%d crashes", crashes)
		}
		image := mem.Crash(vfs.CrashOptions{Unsynced: vfs.None})
		if _, err := image.Stat("/a.tsm"); err != nil {
			t.Errorf("published file: %v", err)
		}
	}
}

// Read errors are no corruption, and merges clean up after any fault.
func TestMergeFaults(t *testing.T) {
	for nth := int64(1); ; nth++ {
		mem := vfs.NewMem()
		if err := faultFile(mem, "/a.tsm"); err != nil {
			t.Fatal(err)
		}
		fault := vfs.NewFault(mem)
		rule := fault.Add(vfs.Rule{Nth: nth, Err: vfs.ErrIO})
		err := func() error {
			r, err := Open(fault, "/a.tsm")
			if err != nil {
				return err
			}
			_, err = Merge(context.Background(), fault, "/b.tsm", MergeOptions{Verify: true}, Input{Reader: r})
			return errors.Join(err, r.Close())
		}()
		if rule.Hits() == 0 {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, vfs.ErrIO) || errors.Is(err, ErrCorrupt) {
			t.Fatalf("operation %d: %v", nth, err)
		}
	}
}

// An acknowledged delete survives every power cut; one that failed may be there
// or not, and the log can be written again after reopening.
func TestTombstoneFaultsAndCrashes(t *testing.T) {
	appendAll := func(fs vfs.FS) (acknowledged int, err error) {
		log, err := OpenTombstones(fs, "/deletes.tomb")
		if err != nil {
			return 0, err
		}
		defer log.Close()
		for range 3 {
			d := Delete{MaxGeneration: 9, Series: roaring.BitmapOf(1, 2), Range: model.AllTime}
			if _, appendErr := log.Append(d); appendErr != nil {
				err = appendErr
			} else {
				acknowledged++
			}
		}
		if _, pruneErr := log.Prune([]Info{{Generation: 1, AppliedDeletes: 1, Range: model.AllTime}}); pruneErr != nil {
			err = pruneErr
		}
		return acknowledged, err
	}
	for nth := int64(1); ; nth++ {
		mem := vfs.NewMem()
		fault := vfs.NewFault(mem)
		rule := fault.Add(vfs.Rule{Nth: nth, Err: vfs.ErrIO, Short: 10})
		acknowledged, _ := appendAll(fault)
		if rule.Hits() == 0 {
			break
		}
		for _, unsynced := range []vfs.Unsynced{vfs.None, vfs.All, vfs.Random} {
			image := mem.Crash(vfs.CrashOptions{Unsynced: unsynced, Seed: uint64(nth)})
			log, err := OpenTombstones(image, "/deletes.tomb")
			if err != nil {
				t.Fatalf("operation %d, %v: %v", nth, unsynced, err)
			}
			// Pruning may have taken the first.
			if len(log.Damage()) > 0 || log.Len() < acknowledged-1 || log.LastSequence() < uint64(acknowledged) {
				t.Fatalf("operation %d, %v: %d of %d acknowledged deletes, last %d, %v", nth, unsynced, log.Len(), acknowledged, log.LastSequence(), log.Damage())
			}
			if _, err := log.Append(Delete{Series: roaring.BitmapOf(1), Range: model.AllTime}); err != nil {
				t.Fatalf("operation %d, %v: %v", nth, unsynced, err)
			}
			log.Close()
		}
	}
}
