package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// TestFS holds every implementation to the same behaviour.
func TestFS(t *testing.T) {
	implementations := map[string]func() FS{
		"os":        OS,
		"mem":       func() FS { return NewMem() },
		"fault/os":  func() FS { return NewFault(OS()) },
		"fault/mem": func() FS { return NewFault(NewMem()) },
	}
	for name, open := range implementations {
		for _, tc := range suite {
			t.Run(name+"/"+tc.name, func(t *testing.T) {
				fsys, dir := open(), t.TempDir()
				must(t, fsys.MkdirAll(dir))
				tc.run(t, fsys, dir)
			})
		}
	}
}

var suite = []struct {
	name string
	run  func(t *testing.T, fsys FS, dir string)
}{
	{"write and read", testWriteRead},
	{"holes and truncate", testHoles},
	{"sequential", testSequential},
	{"missing names", testMissing},
	{"create empties", testCreateEmpties},
	{"directories", testDirectories},
	{"rename", testRename},
	{"rename of directories", testRenameDir},
	{"removed file stays readable", testRemovedOpen},
	{"handles", testHandles},
	{"lock", testLock},
	{"map", testMap},
	{"write file", testWriteFile},
	{"concurrent", testConcurrent},
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustFail(t *testing.T, err error, what string) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s: no error", what)
	}
}

func put(t testing.TB, fsys FS, name, content string) {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	_, err = f.WriteAt([]byte(content), 0)
	must(t, err)
	must(t, f.Close())
}

func content(t testing.TB, fsys FS, name string) string {
	t.Helper()
	b, err := ReadFile(fsys, name, 1<<20)
	must(t, err)
	return string(b)
}

func testWriteRead(t *testing.T, fsys FS, dir string) {
	f, err := fsys.Create(filepath.Join(dir, "a"))
	must(t, err)
	defer f.Close()
	want := bytes.Repeat([]byte("0123456789abcdef"), 1000) // over several pages
	for _, off := range []int64{3, 4090, 10} {
		if n, err := f.WriteAt(want, off); n != len(want) || err != nil {
			t.Fatalf("WriteAt = %d, %v", n, err)
		}
		got := make([]byte, len(want))
		if n, err := f.ReadAt(got, off); n != len(want) || err != nil || !bytes.Equal(got, want) {
			t.Fatalf("ReadAt at %d = %d, %v, equal %v", off, n, err, bytes.Equal(got, want))
		}
	}
	must(t, f.Sync())
	must(t, f.SyncData())
	size, err := f.Size()
	if err != nil || size != 4090+16000 {
		t.Fatalf("Size = %d, %v", size, err)
	}
	short := make([]byte, 100)
	if n, err := f.ReadAt(short, size-10); n != 10 || !errors.Is(err, io.EOF) {
		t.Fatalf("ReadAt over the end = %d, %v", n, err)
	}
	if n, err := f.ReadAt(short, size+10); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("ReadAt behind the end = %d, %v", n, err)
	}
	_, err = f.WriteAt([]byte("x"), -1)
	mustFail(t, err, "write at a negative offset")
	_, err = f.ReadAt(short, -1)
	mustFail(t, err, "read at a negative offset")
}

func testHoles(t *testing.T, fsys FS, dir string) {
	name := filepath.Join(dir, "a")
	f, err := fsys.Create(name)
	must(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("end"), 9000)
	must(t, err)
	_, err = f.WriteAt(make([]byte, 5000), 100)
	must(t, err)
	if want := string(make([]byte, 9000)) + "end"; content(t, fsys, name) != want {
		t.Fatal("a hole does not read as zeros")
	}
	must(t, f.Truncate(9001))
	must(t, f.Truncate(9500))
	if want := string(make([]byte, 9000)) + "e" + string(make([]byte, 499)); content(t, fsys, name) != want {
		t.Fatal("bytes came back after truncating and growing")
	}
	must(t, f.Truncate(0))
	if content(t, fsys, name) != "" {
		t.Fatal("not empty after Truncate(0)")
	}
	mustFail(t, f.Truncate(-1), "negative size")
}

func testSequential(t *testing.T, fsys FS, dir string) {
	name := filepath.Join(dir, "a")
	f, err := fsys.Create(name)
	must(t, err)
	for _, s := range []string{"one ", "two ", "three"} {
		if n, err := f.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	must(t, f.Close())
	f, err = fsys.Open(name)
	must(t, err)
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil || string(got) != "one two three" {
		t.Fatalf("ReadAll = %q, %v", got, err)
	}
	_, err = f.Write([]byte("x"))
	mustFail(t, err, "write through a handle for reading")
}

func testMissing(t *testing.T, fsys FS, dir string) {
	name := filepath.Join(dir, "missing")
	_, errOpen := fsys.Open(name)
	_, errRW := fsys.OpenReadWrite(name)
	_, errStat := fsys.Stat(name)
	_, errList := fsys.List(name)
	_, errMap := fsys.Map(name)
	_, errCreate := fsys.Create(filepath.Join(name, "x"))
	errs := map[string]error{"open": errOpen, "open for writing": errRW, "stat": errStat, "list": errList, "map": errMap,
		"create": errCreate, "remove": fsys.Remove(name), "rename": fsys.Rename(name, name+"2"), "sync": fsys.SyncDir(name)}
	for what, err := range errs {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want fs.ErrNotExist", what, err)
		}
	}
	must(t, fsys.RemoveAll(name))
}

func testCreateEmpties(t *testing.T, fsys FS, dir string) {
	name := filepath.Join(dir, "a")
	put(t, fsys, name, "old content")
	f, err := fsys.OpenReadWrite(name)
	must(t, err)
	_, err = f.WriteAt([]byte("O"), 0)
	must(t, err)
	must(t, f.Close())
	if got := content(t, fsys, name); got != "Old content" {
		t.Fatalf("OpenReadWrite left %q", got)
	}
	put(t, fsys, name, "new")
	if got := content(t, fsys, name); got != "new" {
		t.Fatalf("Create left %q", got)
	}
	_, err = fsys.Create(dir)
	mustFail(t, err, "create over a directory")
}

func testDirectories(t *testing.T, fsys FS, dir string) {
	deep := filepath.Join(dir, "x", "y", "z")
	must(t, fsys.MkdirAll(deep))
	must(t, fsys.MkdirAll(deep))
	put(t, fsys, filepath.Join(deep, "b"), "12345")
	put(t, fsys, filepath.Join(deep, "a"), "")
	names, err := fsys.List(deep)
	if err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Fatalf("List = %v, %v", names, err)
	}
	if info, err := fsys.Stat(deep); err != nil || !info.Dir {
		t.Fatalf("Stat of a directory = %+v, %v", info, err)
	}
	if info, err := fsys.Stat(filepath.Join(deep, "b")); err != nil || info != (Info{Size: 5}) {
		t.Fatalf("Stat of a file = %+v, %v", info, err)
	}
	mustFail(t, fsys.Remove(deep), "remove of a directory that is not empty")
	mustFail(t, fsys.MkdirAll(filepath.Join(deep, "b", "c")), "directory below a file")
	_, err = fsys.List(filepath.Join(deep, "b"))
	mustFail(t, err, "list of a file")
	must(t, fsys.Remove(filepath.Join(deep, "a")))
	must(t, fsys.Remove(filepath.Join(deep, "b")))
	must(t, fsys.Remove(deep))
	put(t, fsys, filepath.Join(dir, "x", "y", "c"), "")
	must(t, fsys.RemoveAll(filepath.Join(dir, "x")))
	if names, err := fsys.List(dir); err != nil || len(names) != 0 {
		t.Fatalf("List after RemoveAll = %v, %v", names, err)
	}
	must(t, fsys.SyncDir(dir))
	if free, err := fsys.Free(dir); err != nil || free == 0 {
		t.Fatalf("Free = %d, %v", free, err)
	}
}

func testRename(t *testing.T, fsys FS, dir string) {
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	put(t, fsys, a, "a")
	put(t, fsys, b, "b")
	f, err := fsys.OpenReadWrite(a)
	must(t, err)
	defer f.Close()
	must(t, fsys.Rename(a, b))
	_, err = f.WriteAt([]byte("!"), 1) // the handle follows the file
	must(t, err)
	if got := content(t, fsys, b); got != "a!" {
		t.Fatalf("content after rename is %q", got)
	}
	if _, err := fsys.Stat(a); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the old name is still there: %v", err)
	}
	must(t, fsys.Rename(b, b))
	must(t, fsys.MkdirAll(a))
	mustFail(t, fsys.Rename(b, a), "rename of a file over a directory")
	mustFail(t, fsys.Rename(a, b), "rename of a directory over a file")
}

func testRenameDir(t *testing.T, fsys FS, dir string) {
	must(t, fsys.MkdirAll(filepath.Join(dir, "a", "sub")))
	must(t, fsys.MkdirAll(filepath.Join(dir, "empty")))
	put(t, fsys, filepath.Join(dir, "a", "sub", "file"), "x")
	a := filepath.Join(dir, "a")
	mustFail(t, fsys.Rename(a, filepath.Join(dir, "empty")), "rename over a directory")
	mustFail(t, fsys.Rename(a, filepath.Join(a, "sub", "a")), "rename into itself")
	must(t, fsys.Rename(a, filepath.Join(dir, "b")))
	if got := content(t, fsys, filepath.Join(dir, "b", "sub", "file")); got != "x" {
		t.Fatalf("content after rename is %q", got)
	}
}

func testRemovedOpen(t *testing.T, fsys FS, dir string) {
	name := filepath.Join(dir, "a")
	put(t, fsys, name, "still here")
	f, err := fsys.Open(name)
	must(t, err)
	defer f.Close()
	must(t, fsys.Remove(name))
	got, err := io.ReadAll(f)
	if err != nil || string(got) != "still here" {
		t.Fatalf("read after remove = %q, %v", got, err)
	}
}

func testHandles(t *testing.T, fsys FS, dir string) {
	name := filepath.Join(dir, "a")
	put(t, fsys, name, "x")
	f, err := fsys.OpenReadWrite(name)
	must(t, err)
	must(t, f.Close())
	_, errRead := f.ReadAt(make([]byte, 1), 0)
	_, errWrite := f.WriteAt([]byte("x"), 0)
	_, errSize := f.Size()
	for what, err := range map[string]error{"read": errRead, "write": errWrite, "size": errSize, "sync": f.Sync(),
		"truncate": f.Truncate(0), "close": f.Close()} {
		mustFail(t, err, what+" after close")
	}
	_, err = fsys.OpenReadWrite(dir)
	mustFail(t, err, "open a directory for writing")
}

func testLock(t *testing.T, fsys FS, dir string) {
	name := filepath.Join(dir, "LOCK")
	lock, err := fsys.Lock(name)
	must(t, err)
	if _, err := fsys.Lock(name); !errors.Is(err, ErrLocked) {
		t.Fatalf("second lock: %v, want ErrLocked", err)
	}
	must(t, lock.Close())
	lock, err = fsys.Lock(name)
	must(t, err)
	must(t, lock.Close())
}

func testMap(t *testing.T, fsys FS, dir string) {
	name := filepath.Join(dir, "a")
	want := string(bytes.Repeat([]byte("map"), 3000))
	put(t, fsys, name, want)
	m, err := fsys.Map(name)
	must(t, err)
	if string(m.Bytes()) != want {
		t.Fatal("mapped bytes differ")
	}
	must(t, m.Close())
	must(t, m.Close())
	put(t, fsys, name, "")
	m, err = fsys.Map(name)
	must(t, err)
	if len(m.Bytes()) != 0 {
		t.Fatal("an empty file maps to bytes")
	}
	must(t, m.Close())
}

func testWriteFile(t *testing.T, fsys FS, dir string) {
	name := filepath.Join(dir, "sub", "a")
	must(t, MkdirAll(fsys, filepath.Dir(name)))
	for _, want := range []string{"first", "second, longer"} {
		must(t, WriteFile(fsys, name, func(w io.Writer) error {
			_, err := io.WriteString(w, want)
			return err
		}))
		if got := content(t, fsys, name); got != want {
			t.Fatalf("content %q, want %q", got, want)
		}
	}
	boom := errors.New("boom")
	if err := WriteFile(fsys, name, func(io.Writer) error { return boom }); !errors.Is(err, boom) {
		t.Fatalf("WriteFile = %v", err)
	}
	if names, err := fsys.List(filepath.Dir(name)); err != nil || !slices.Equal(names, []string{"a"}) {
		t.Fatalf("List = %v, %v", names, err)
	}
}

func testConcurrent(t *testing.T, fsys FS, dir string) {
	f, err := fsys.Create(filepath.Join(dir, "a"))
	must(t, err)
	defer f.Close()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			b := bytes.Repeat([]byte{byte('a' + i)}, 1000)
			for k := range 20 {
				off := int64((k*8 + i) * 1000)
				if _, err := f.WriteAt(b, off); err != nil {
					t.Error(err)
				}
				got := make([]byte, 1000)
				if _, err := f.ReadAt(got, off); err != nil || !bytes.Equal(got, b) {
					t.Errorf("read of what was just written: %v", err)
				}
				if err := f.SyncData(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
