package conflict

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/vfs"
)

var rewrite = flag.Bool("rewrite", false, "write the golden file anew")

func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("TIMBERLINE_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TIMBERLINE_SEED=%d", n)
	return n
}

func entry(n int) Entry {
	return Entry{
		Time: time.Unix(1700000000, int64(n)).UTC(), Policy: "autogen", Measurement: "m", Field: "f",
		Reason: "is type string, already exists as type float", Client: "192.0.2.7", Line: fmt.Sprintf("m f=\"%d\" %d", n, n),
	}
}

func open(t *testing.T, fsys vfs.FS, opt Options) *Store {
	t.Helper()
	opt.FS = fsys
	if opt.Databases == nil {
		opt.Databases = []uint32{1, 2}
	}
	s, err := Open("/data/conflicts", opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func lines(t *testing.T, s *Store, database uint32, limit int) string {
	t.Helper()
	all, err := s.List(database, limit)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range all {
		out = append(out, fmt.Sprintf("%d:%s", e.ID, e.Line))
	}
	return strings.Join(out, "; ")
}

func TestStore(t *testing.T) {
	fsys := vfs.NewMem()
	s := open(t, fsys, Options{})
	if got := lines(t, s, 1, 0); got != "" {
		t.Errorf("a new store has %s", got)
	}
	for _, entries := range [][]Entry{{entry(1), entry(2)}, {entry(3)}} {
		if err := s.Append(1, entries); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Append(2, []Entry{entry(9)}); err != nil {
		t.Fatal(err)
	}
	check := func(s *Store, database uint32, limit int, want string) {
		t.Helper()
		if got := lines(t, s, database, limit); got != want {
			t.Errorf("database %d has %s, want %s", database, got, want)
		}
	}
	check(s, 1, 0, `1:m f="1" 1; 2:m f="2" 2; 3:m f="3" 3`)
	check(s, 1, 2, `2:m f="2" 2; 3:m f="3" 3`)
	if n, err := s.Remove(1, map[uint64]bool{2: true, 77: true}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	check(s, 1, 0, `1:m f="1" 1; 3:m f="3" 3`)
	if err := s.Append(1, []Entry{entry(4)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, fsys, Options{})
	check(s, 1, 0, `1:m f="1" 1; 3:m f="3" 3; 4:m f="4" 4`)
	if m := s.Metrics(); m.Entries != 4 || m.Bytes == 0 {
		t.Errorf("%+v", m)
	}
	if err := s.Drop(1); err != nil {
		t.Fatal(err)
	}
	check(s, 1, 0, "")
	check(s, 2, 0, `1:m f="9" 9`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, fsys, Options{Databases: []uint32{1}}) // 2 was dropped, and a crash kept its file
	check(s, 2, 0, "")
}

func TestBound(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{MaxBytes: 1000})
	n := 0
	for ; n < 100; n++ {
		if err := s.Append(1, []Entry{entry(n)}); errors.Is(err, ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	m := s.Metrics()
	if n == 0 || n == 100 || m.Bytes > 1000 || m.Full != 1 || m.Entries != int64(n) {
		t.Errorf("%d entries: %+v", n, m)
	}
	if err := s.Append(2, []Entry{entry(1)}); err != nil {
		t.Errorf("another database: %v", err)
	}
}

// TestPowerCuts: whatever the moment, what was acknowledged is there after it, and a removal is done or not.
func TestPowerCuts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(seed(t), 1))
	for cut := range int64(120) {
		fsys := vfs.NewMem()
		if err := vfs.MkdirAll(fsys, "/data/conflicts"); err != nil {
			t.Fatal(err)
		}
		fsys.CrashAfter(fsys.Ops() + cut)
		acknowledged, removed := map[string]bool{}, map[string]bool{}
		ended := func() bool {
			s, err := Open("/data/conflicts", Options{FS: fsys, Databases: []uint32{1}})
			if err != nil {
				return false
			}
			for i := range 12 {
				entries := []Entry{entry(2 * i), entry(2*i + 1)}
				if s.Append(1, entries) != nil {
					return false
				}
				acknowledged[entries[0].Line], acknowledged[entries[1].Line] = true, true
				if i%4 == 3 {
					removed[entries[0].Line] = true
					if _, err := s.Remove(1, map[uint64]bool{entries[0].ID: true}); err != nil {
						return false
					}
				}
			}
			return s.Close() == nil
		}()
		after := fsys.Crash(vfs.CrashOptions{Unsynced: vfs.Unsynced(rnd.IntN(3)), Seed: rnd.Uint64()})
		s := open(t, after, Options{Damaged: func(err error, _ string) { t.Errorf("cut %d: %v", cut, err) }})
		there := map[string]bool{}
		all, err := s.List(1, 0)
		if err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		for _, e := range all {
			there[e.Line] = true
		}
		for line := range acknowledged {
			if !there[line] && !removed[line] {
				t.Errorf("cut %d: %s is lost", cut, line)
			}
		}
		if err := s.Append(1, []Entry{entry(99)}); err != nil {
			t.Errorf("cut %d: append afterwards: %v", cut, err)
		}
		if ended {
			return
		}
	}
	t.Error("the work never ended")
}

func TestFailures(t *testing.T) {
	fault := vfs.NewFault(vfs.NewMem())
	s := open(t, fault, Options{})
	if err := s.Append(1, []Entry{entry(1)}); err != nil {
		t.Fatal(err)
	}
	armed := fault.Add(vfs.Rule{Ops: vfs.OpWrite})
	if err := s.Append(1, []Entry{entry(2)}); err == nil {
		t.Error("a write failed and nobody says so")
	}
	armed.Clear()
	if err := s.Append(1, []Entry{entry(3)}); err != nil {
		t.Errorf("after a failed write: %v", err)
	}
	if got, want := lines(t, s, 1, 0), `1:m f="1" 1; 2:m f="3" 3`; got != want {
		t.Errorf("entries are %s, want %s", got, want)
	}
}

func TestDamage(t *testing.T) {
	whole := appendHeader(nil)
	var frames []int
	for i := range 3 {
		frames = append(frames, len(whole))
		e := entry(i)
		e.ID = uint64(i + 1)
		whole = appendFrame(whole, []Entry{e})
	}
	for _, c := range []struct {
		name  string
		spoil func(b []byte) []byte
		left  int
		aside bool
	}{
		{"whole", func(b []byte) []byte { return b }, 3, false},
		{"torn", func(b []byte) []byte { return b[:len(b)-1] }, 2, false},
		{"zeros", func(b []byte) []byte { return append(b, make([]byte, 50)...) }, 3, false},
		{"last frame", func(b []byte) []byte { b[len(b)-1]++; return b }, 2, false},
		{"frame in the middle", func(b []byte) []byte { b[frames[1]+12]++; return b }, 0, true},
		{"magic", func(b []byte) []byte { b[0]++; return b }, 0, true},
		{"version", func(b []byte) []byte { b[8]++; return b }, 0, true},
		{"short", func(b []byte) []byte { return b[:5] }, 0, false},
		{"empty", func(b []byte) []byte { return nil }, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := vfs.NewMem()
			if err := vfs.MkdirAll(fsys, "/data/conflicts"); err != nil {
				t.Fatal(err)
			}
			f, err := fsys.Create("/data/conflicts/1")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(c.spoil(bytes.Clone(whole))); err != nil {
				t.Fatal(err)
			}
			moved := ""
			s := open(t, fsys, Options{Damaged: func(_ error, to string) { moved = to }})
			all, err := s.List(1, 0)
			if err != nil || len(all) != c.left || (moved != "") != c.aside {
				t.Errorf("%d entries, moved to %q, %v", len(all), moved, err)
			}
			if err := s.Append(1, []Entry{entry(7)}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestGolden(t *testing.T) {
	entries := []Entry{entry(1), {ID: 1 << 40, Time: time.Unix(0, -5).UTC(), Policy: "p", Measurement: "m\xff", Line: "m\xff f=1 -5"}}
	entries[0].ID = 3
	b := appendFrame(appendHeader(nil), entries)
	name := filepath.Join("testdata", "version1.conflicts")
	if *rewrite {
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, golden) {
		t.Errorf("the bytes are not those of %s any more", name)
	}
	var got []Entry
	if whole, err := scan(name, golden, func(e Entry) { got = append(got, e) }); err != nil || whole != len(golden) {
		t.Fatal(whole, err)
	}
	if !reflect.DeepEqual(got, entries) {
		t.Errorf("entries are %+v", got)
	}
}

func FuzzScan(f *testing.F) {
	f.Add(appendFrame(appendHeader(nil), []Entry{entry(1), entry(2)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		whole, err := scan("x", b, func(Entry) { n++ })
		if whole > len(b) || err == nil && whole > 0 && whole < headerBytes {
			t.Errorf("%d bytes of %d are whole", whole, len(b))
		}
	})
}
