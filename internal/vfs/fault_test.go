package vfs

import (
	"errors"
	"io"
	"testing"
)

// TestFaultEveryCall makes the first, second, third … call of WriteFile fail
// until a run has no fault: the error is told and the old file is intact,
// unless the fault hit after the rename.
func TestFaultEveryCall(t *testing.T) {
	for n := int64(1); ; n++ {
		if n > 100 {
			t.Fatal("WriteFile never gets through")
		}
		m := NewMem()
		durable(t, m, "/a", "old")
		fault := NewFault(m)
		rule := fault.Add(Rule{Nth: n})
		err := WriteFile(fault, "/a", func(w io.Writer) error {
			_, err := io.WriteString(w, "new")
			return err
		})
		if rule.Hits() == 0 {
			must(t, err)
			if n < 6 {
				t.Fatalf("through after %d faults: create, write, sync, close, rename and syncdir were expected", n-1)
			}
			return
		}
		if !errors.Is(err, ErrInjected) {
			t.Errorf("fault %d: WriteFile = %v", n, err)
		}
		if got := content(t, m, "/a"); got != "old" && got != "new" {
			t.Errorf("fault %d left %q", n, got)
		}
	}
}

func TestFaultRules(t *testing.T) {
	m := NewMem()
	fault := NewFault(m)
	put(t, fault, "/a", "0123456789")
	f, err := fault.OpenReadWrite("/a")
	must(t, err)
	defer f.Close()

	t.Run("path, kind and number", func(t *testing.T) {
		defer fault.Clear()
		other := fault.Add(Rule{Path: "/b"})
		rule := fault.Add(Rule{Ops: OpWrite, Path: "a*", Nth: 2, Err: ErrIO})
		_, err := f.WriteAt([]byte("x"), 0)
		must(t, err)
		must(t, f.Sync())
		if _, err := f.WriteAt([]byte("y"), 0); !errors.Is(err, ErrIO) {
			t.Errorf("second write: %v", err)
		}
		_, err = f.WriteAt([]byte("z"), 0)
		must(t, err)
		if rule.Seen() != 3 || rule.Hits() != 1 || other.Seen() != 0 {
			t.Errorf("seen %d, hits %d, other %d", rule.Seen(), rule.Hits(), other.Seen())
		}
	})
	t.Run("sticky until cleared", func(t *testing.T) {
		rule := fault.Add(Rule{Ops: OpWrite | OpCreate, Sticky: true, Err: ErrNoSpace})
		for range 3 {
			if _, err := f.Write([]byte("x")); !errors.Is(err, ErrNoSpace) {
				t.Errorf("write on a full disk: %v", err)
			}
		}
		rule.Clear()
		_, err := f.WriteAt([]byte("x"), 0)
		must(t, err)
	})
	t.Run("short write", func(t *testing.T) {
		defer fault.Clear()
		fault.Add(Rule{Ops: OpWrite, Short: 2})
		if n, err := f.WriteAt([]byte("abcd"), 0); n != 2 || !errors.Is(err, ErrInjected) {
			t.Errorf("WriteAt = %d, %v", n, err)
		}
		if got := content(t, m, "/a"); got != "ab23456789" {
			t.Errorf("content %q", got)
		}
	})
	t.Run("flipped bit", func(t *testing.T) {
		defer fault.Clear()
		fault.Add(Rule{FlipBit: true, Flip: 8*2 + 1, Sticky: true})
		if got := content(t, fault, "/a"); got != "ab03456789" {
			t.Errorf("read %q", got)
		}
		mapping, err := fault.Map("/a")
		must(t, err)
		if got := string(mapping.Bytes()); got != "ab03456789" {
			t.Errorf("map %q", got)
		}
		must(t, mapping.Close())
		if got := content(t, m, "/a"); got != "ab23456789" {
			t.Errorf("the file itself changed to %q", got)
		}
	})
	t.Run("delay", func(t *testing.T) {
		defer fault.Clear()
		var delayed []string
		fault.Add(Rule{Ops: OpSync, Delay: func(op Op, name string) { delayed = append(delayed, op.String()+" "+name) }})
		must(t, f.Sync())
		if len(delayed) != 1 || delayed[0] != "sync /a" {
			t.Errorf("delayed %q", delayed)
		}
	})
	t.Run("free", func(t *testing.T) {
		fault.SetFree(7)
		if n, err := fault.Free("/"); n != 7 || err != nil {
			t.Errorf("Free = %d, %v", n, err)
		}
		fault.Clear()
		if n, err := fault.Free("/"); n != memFree || err != nil {
			t.Errorf("Free = %d, %v", n, err)
		}
	})
	if fault.Calls(OpSync) != 2 {
		t.Errorf("Calls(sync) = %d", fault.Calls(OpSync))
	}
}

// TestFaultSyncLosesPages shows the trap that a repeated sync is: it succeeds,
// and the bytes are gone.
func TestFaultSyncLosesPages(t *testing.T) {
	m := NewMem()
	durable(t, m, "/a", "old")
	fault := NewFault(m)
	f, err := fault.OpenReadWrite("/a")
	must(t, err)
	_, err = f.WriteAt([]byte("new"), 0)
	must(t, err)
	fault.Add(Rule{Ops: OpAnySync, Err: ErrIO})
	if err := f.SyncData(); !errors.Is(err, ErrIO) {
		t.Fatalf("first sync: %v", err)
	}
	must(t, f.SyncData())
	if got := content(t, m, "/a"); got != "new" {
		t.Errorf("reading gives %q", got)
	}
	for _, u := range []Unsynced{None, All, Random} {
		if got := content(t, m.Crash(CrashOptions{Unsynced: u}), "/a"); got != "old" {
			t.Errorf("%s: %q is durable after a failed sync", u, got)
		}
	}
	// Written again, the page is whole again.
	_, err = f.WriteAt([]byte("!"), 3)
	must(t, err)
	must(t, f.SyncData())
	if got := content(t, m.Crash(CrashOptions{}), "/a"); got != "new!" {
		t.Errorf("after another write and sync: %q", got)
	}
}

func TestOpString(t *testing.T) {
	if got := (OpWrite | OpSyncDir).String(); got != "write|syncdir" {
		t.Errorf("String = %q", got)
	}
	if len(opNames) != 19 || OpAny.String() == "" || OpFree.String() != "free" {
		t.Errorf("%d names; last %q", len(opNames), OpFree)
	}
}
