package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tree prints every file of a file system with its content.
func tree(t testing.TB, fsys FS, dir string) string {
	var out []string
	names, err := fsys.List(dir)
	must(t, err)
	for _, name := range names {
		full := filepath.Join(dir, name)
		info, err := fsys.Stat(full)
		must(t, err)
		if !info.Dir {
			out = append(out, full+"="+content(t, fsys, full))
		} else if below := tree(t, fsys, full); below != "" {
			out = append(out, below)
		} else {
			out = append(out, full+"/")
		}
	}
	return strings.Join(out, " ")
}

func TestMemCrash(t *testing.T) {
	tests := []struct {
		name      string
		run       func(m *Mem)
		none, all string
	}{
		{"nothing synced", func(m *Mem) { put(t, m, "/a", "x") }, "", "/a=x"},
		{"file synced, name not", func(m *Mem) { putSync(t, m, "/a", "x") }, "", "/a=x"},
		{"name synced, file not", func(m *Mem) { put(t, m, "/a", "x"); must(t, m.SyncDir("/")) }, "/a=", "/a=x"},
		{"both synced", func(m *Mem) { durable(t, m, "/a", "x") }, "/a=x", "/a=x"},
		{"append not synced", func(m *Mem) {
			durable(t, m, "/a", "x")
			writeAt(t, m, "/a", "yz", 1)
		}, "/a=x", "/a=xyz"},
		{"overwrite not synced", func(m *Mem) {
			durable(t, m, "/a", "xxx")
			writeAt(t, m, "/a", "y", 1)
		}, "/a=xxx", "/a=xyx"},
		{"truncate not synced", func(m *Mem) {
			durable(t, m, "/a", "xxx")
			truncate(t, m, "/a", 1)
			truncate(t, m, "/a", 2)
		}, "/a=xxx", "/a=x\x00"},
		{"create over a durable file", func(m *Mem) {
			durable(t, m, "/a", "old")
			put(t, m, "/a", "n")
		}, "/a=old", "/a=n"},
		{"rename not synced", func(m *Mem) {
			durable(t, m, "/a", "x")
			must(t, m.Rename("/a", "/b"))
		}, "/a=x", "/b=x"},
		{"rename over", func(m *Mem) {
			durable(t, m, "/a", "x")
			durable(t, m, "/b", "y")
			must(t, m.Rename("/a", "/b"))
		}, "/a=x /b=y", "/b=x"},
		{"rename synced", func(m *Mem) {
			durable(t, m, "/a", "x")
			must(t, m.Rename("/a", "/b"))
			must(t, m.SyncDir("/"))
		}, "/b=x", "/b=x"},
		{"remove not synced", func(m *Mem) {
			durable(t, m, "/a", "x")
			must(t, m.Remove("/a"))
		}, "/a=x", ""},
		{"rename to another directory, old one synced", func(m *Mem) {
			must(t, MkdirAll(m, "/d"))
			durable(t, m, "/a", "x")
			must(t, m.Rename("/a", "/d/a"))
			must(t, m.SyncDir("/"))
		}, "/a=x /d/", "/d/a=x"},
		{"rename to another directory, new one synced", func(m *Mem) {
			must(t, MkdirAll(m, "/d"))
			durable(t, m, "/a", "x")
			must(t, m.Rename("/a", "/d/a"))
			must(t, m.SyncDir("/d"))
		}, "/d/a=x", "/d/a=x"},
		{"a name taken again settles the rename before", func(m *Mem) {
			must(t, MkdirAll(m, "/d"))
			durable(t, m, "/a", "x")
			must(t, m.Rename("/a", "/d/a"))
			durable(t, m, "/a", "y")
		}, "/a=y /d/a=x", "/a=y /d/a=x"},
		{"directory not synced", func(m *Mem) {
			must(t, m.MkdirAll("/d/e"))
			must(t, m.SyncDir("/d"))
			durable(t, m, "/d/e/a", "x")
		}, "", "/d/e/a=x"},
		{"durable directories", func(m *Mem) {
			must(t, MkdirAll(m, "/d/e"))
			durable(t, m, "/d/e/a", "x")
		}, "/d/e/a=x", "/d/e/a=x"},
		{"tree removed", func(m *Mem) {
			must(t, MkdirAll(m, "/d/e"))
			durable(t, m, "/d/e/a", "x")
			must(t, m.RemoveAll("/d"))
		}, "/d/e/a=x", ""},
		{"tree removed and synced", func(m *Mem) {
			must(t, MkdirAll(m, "/d/e"))
			durable(t, m, "/d/e/a", "x")
			must(t, m.RemoveAll("/d"))
			must(t, m.SyncDir("/"))
		}, "", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			m := NewMem()
			tc.run(m)
			none, all := m.Crash(CrashOptions{Unsynced: None}), m.Crash(CrashOptions{Unsynced: All})
			if got := tree(t, none, "/"); got != tc.none {
				t.Errorf("none: %q, want %q", got, tc.none)
			}
			if got := tree(t, all, "/"); got != tc.all {
				t.Errorf("all: %q, want %q", got, tc.all)
			}
			if got := tree(t, m, "/"); got != tc.all {
				t.Errorf("the original became %q, want %q", got, tc.all)
			}
			// An image is durable as it is.
			if got := tree(t, all.Crash(CrashOptions{Unsynced: None}), "/"); got != tc.all {
				t.Errorf("all, then none: %q, want %q", got, tc.all)
			}
			for seed := range uint64(20) {
				got := tree(t, m.Crash(CrashOptions{Unsynced: Random, Seed: seed}), "/")
				again := tree(t, m.Crash(CrashOptions{Unsynced: Random, Seed: seed}), "/")
				if got != again {
					t.Fatalf("seed %d gave %q, then %q", seed, got, again)
				}
				if tc.none == tc.all && got != tc.all {
					t.Fatalf("seed %d: %q, but all was durable", seed, got)
				}
			}
		})
	}
}

func putSync(t testing.TB, m FS, name, s string) {
	t.Helper()
	put(t, m, name, s)
	f, err := m.OpenReadWrite(name)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
}

func durable(t testing.TB, m FS, name, s string) {
	t.Helper()
	putSync(t, m, name, s)
	must(t, m.SyncDir(filepath.Dir(name)))
}

func writeAt(t testing.TB, m FS, name, s string, off int64) {
	t.Helper()
	f, err := m.OpenReadWrite(name)
	must(t, err)
	_, err = f.WriteAt([]byte(s), off)
	must(t, err)
	must(t, f.Close())
}

func truncate(t testing.TB, m FS, name string, size int64) {
	t.Helper()
	f, err := m.OpenReadWrite(name)
	must(t, err)
	must(t, f.Truncate(size))
	must(t, f.Close())
}

func TestMemImagesAreApart(t *testing.T) {
	m := NewMem()
	durable(t, m, "/a", strings.Repeat("a", 5000))
	writeAt(t, m, "/a", "b", 0) // dirty in m
	image := m.Crash(CrashOptions{Unsynced: All})
	writeAt(t, m, "/a", "c", 1)
	writeAt(t, image, "/a", "d", 4500)
	if got := content(t, image, "/a"); got[:3] != "baa" || got[4500] != 'd' {
		t.Errorf("the image saw a write to the original: %q…%q", got[:3], got[4500])
	}
	if got := content(t, m, "/a"); got[:3] != "bca" || got[4500] != 'a' {
		t.Errorf("the original saw a write to the image: %q…%q", got[:3], got[4500])
	}
}

func TestMemLockEndsWithPower(t *testing.T) {
	m := NewMem()
	_, err := m.Lock("/LOCK")
	must(t, err)
	must(t, m.SyncDir("/"))
	lock, err := m.Crash(CrashOptions{}).Lock("/LOCK")
	must(t, err)
	must(t, lock.Close())
}

// TestMemRandomTears sees both states of sectors in one page, and old and new
// names, in a small number of cuts.
func TestMemRandomTears(t *testing.T) {
	m := NewMem()
	old, fresh := strings.Repeat("o", 8192), strings.Repeat("n", 8192)
	durable(t, m, "/a", old)
	writeAt(t, m, "/a", fresh, 0)
	put(t, m, "/b", "")
	torn, withB, withoutB := 0, 0, 0
	for seed := range uint64(50) {
		image := m.Crash(CrashOptions{Unsynced: Random, Seed: seed})
		got := content(t, image, "/a")
		for at := 0; at < len(got); at += sectorBytes {
			if s := got[at : at+sectorBytes]; s != old[:sectorBytes] && s != fresh[:sectorBytes] {
				t.Fatalf("seed %d: a sector is neither old nor new", seed)
			}
		}
		if strings.Contains(got, "o") && strings.Contains(got, "n") {
			torn++
		}
		if _, err := image.Stat("/b"); err == nil {
			withB++
		} else {
			withoutB++
		}
	}
	if torn < 10 || withB < 5 || withoutB < 5 {
		t.Errorf("50 cuts: %d torn, %d with and %d without the new name", torn, withB, withoutB)
	}
}

func TestMemRandomSizes(t *testing.T) {
	m := NewMem()
	durable(t, m, "/a", "x")
	writeAt(t, m, "/a", strings.Repeat("y", 3000), 1)
	sizes := map[int]bool{}
	for seed := range uint64(60) {
		got := content(t, m.Crash(CrashOptions{Unsynced: Random, Seed: seed}), "/a")
		if len(got) < 1 || len(got) > 3001 {
			t.Fatalf("seed %d: %d bytes", seed, len(got))
		}
		sizes[len(got)] = true
	}
	if !sizes[1] || !sizes[3001] || len(sizes) < 4 {
		t.Errorf("sizes seen: %v", sizes)
	}
}

func TestMemRenameOrderOfOneName(t *testing.T) {
	m := NewMem()
	durable(t, m, "/a", "1")
	must(t, m.Rename("/a", "/b"))
	putSync(t, m, "/a", "2") // must not be without the rename, or 1 is gone
	for seed := range uint64(100) {
		image := m.Crash(CrashOptions{Unsynced: Random, Seed: seed})
		if got := tree(t, image, "/"); !strings.Contains(got, "=1") {
			t.Fatalf("seed %d lost a durable file: %q", seed, got)
		}
	}
}

func TestMemCrashAfter(t *testing.T) {
	m := NewMem()
	m.CrashAfter(2)
	f, err := m.Create("/a") // 1
	must(t, err)
	_, err = f.Write([]byte("x")) // 2
	must(t, err)
	if err := f.Sync(); !errors.Is(err, ErrCrashed) {
		t.Fatalf("third call: %v", err)
	}
	if _, err := m.Open("/a"); !errors.Is(err, ErrCrashed) {
		t.Fatalf("reading after the cut: %v", err)
	}
	if got := tree(t, m.Crash(CrashOptions{Unsynced: All}), "/"); got != "/a=x" {
		t.Fatalf("image %q", got)
	}
}

func TestMemOnOp(t *testing.T) {
	m := NewMem()
	var calls []string
	m.OnOp(func(n int64, op Op, name string) {
		image := m.Crash(CrashOptions{Unsynced: All})
		calls = append(calls, fmt.Sprintf("%d %s %s [%s]", n, op, name, tree(t, image, "/")))
	})
	put(t, m, "/a", "x")
	must(t, m.Rename("/a", "/b"))
	must(t, m.SyncDir("/"))
	m.OnOp(nil)
	must(t, m.Remove("/b"))
	want := []string{"1 create /a []", "2 write /a [/a=]", "3 rename /b [/a=x]", "4 syncdir / [/b=x]"}
	if !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q", calls, want)
	}
	if m.Ops() != 5 {
		t.Errorf("Ops = %d", m.Ops())
	}
}

// seed returns the seed of a random test and prints it when the test fails.
func seed(t testing.TB) uint64 {
	s := rand.Uint64()
	if env := os.Getenv("TIMBERLINE_SEED"); env != "" {
		n, err := strconv.ParseUint(env, 10, 64)
		must(t, err)
		s = n
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("TIMBERLINE_SEED=%d", s)
		}
	})
	return s
}

// TestMemContentAgainstBytes compares random calls on one file with a plain
// slice of bytes, for what is and for what is durable.
func TestMemContentAgainstBytes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(seed(t), 1))
	for range 200 {
		m := NewMem()
		durable(t, m, "/a", "")
		f, err := m.OpenReadWrite("/a")
		must(t, err)
		var live, synced []byte
		for range 30 {
			switch rnd.IntN(5) {
			case 0, 1:
				b := bytes.Repeat([]byte{byte(rnd.IntN(3))}, rnd.IntN(6000))
				off := rnd.IntN(15000)
				_, err := f.WriteAt(b, int64(off))
				must(t, err)
				if end := off + len(b); len(b) > 0 && end > len(live) {
					live = append(live, make([]byte, end-len(live))...)
				}
				if len(b) > 0 {
					copy(live[off:], b)
				}
			case 2:
				size := rnd.IntN(20000)
				must(t, f.Truncate(int64(size)))
				live = append(live[:min(size, len(live))], make([]byte, max(0, size-len(live)))...)
			case 3:
				must(t, f.SyncData())
				synced = slices.Clone(live)
			case 4:
				opt := CrashOptions{Unsynced: Random, Seed: rnd.Uint64()}
				image := content(t, m.Crash(opt), "/a")
				if len(image) < min(len(live), len(synced)) || len(image) > max(len(live), len(synced)) {
					t.Fatalf("image of %d bytes, synced %d, live %d", len(image), len(synced), len(live))
				}
			}
			if got := content(t, m, "/a"); got != string(live) {
				t.Fatal("live bytes differ")
			}
			if got := content(t, m.Crash(CrashOptions{}), "/a"); got != string(synced) {
				t.Fatal("durable bytes differ")
			}
			if got := content(t, m.Crash(CrashOptions{Unsynced: All}), "/a"); got != string(live) {
				t.Fatal("all bytes differ")
			}
		}
	}
}

// TestWriteFileCrash cuts the power before every call of WriteFile: there is
// the old file or the new one, and the new one once WriteFile has returned.
func TestWriteFileCrash(t *testing.T) {
	m := NewMem()
	durable(t, m, "/a", "old")
	check := func(image *Mem, want ...string) {
		if got := content(t, image, "/a"); !slices.Contains(want, got) {
			t.Errorf("after a crash: %q, want one of %q", got, want)
		}
	}
	m.OnOp(func(n int64, op Op, name string) {
		check(m.Crash(CrashOptions{Unsynced: None}), "old", "new")
		check(m.Crash(CrashOptions{Unsynced: All}), "old", "new")
		for seed := range uint64(20) {
			check(m.Crash(CrashOptions{Unsynced: Random, Seed: seed}), "old", "new")
		}
	})
	must(t, WriteFile(m, "/a", func(w io.Writer) error {
		_, err := io.WriteString(w, "new")
		return err
	}))
	m.OnOp(nil)
	check(m.Crash(CrashOptions{Unsynced: None}), "new")
}

func BenchmarkMemCrash(b *testing.B) {
	m := NewMem()
	durable(b, m, "/a", string(make([]byte, 1<<20)))
	writeAt(b, m, "/a", strings.Repeat("x", 64<<10), 0)
	for b.Loop() {
		m.Crash(CrashOptions{Unsynced: Random, Seed: 1})
	}
}
