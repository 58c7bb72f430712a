package lint

import (
	"go/ast"
	"strings"
	"testing"
)

// storage lists the rooms that reach files and time through seams alone.
var storage = []string{"wal", "tsm", "index", "tsdb", "catalog", "ingest", "internal/slab", "internal/budget", "query", "lineproto", "model"}

// seams lists what storage may not call, by package and name; an empty list
// forbids the whole package.
var seams = map[string][]string{
	"os":        nil,
	"io/ioutil": nil,
	"syscall":   {"Open", "Read", "Write", "Pread", "Pwrite", "Fsync", "Mmap", "Munmap", "Unlink", "Rename", "Mkdir", "Stat"}, // error numbers are fine
	"time":      {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"math/rand": {"Int", "Intn", "Int63", "Float64", "Perm", "Shuffle"},
}

func inStorage(room string) bool {
	for _, s := range storage {
		if room == s || strings.HasPrefix(room, s+"/") {
			return true
		}
	}
	return false
}

func TestStorageUsesTheSeams(t *testing.T) {
	checked := 0
	for _, f := range sources(t) {
		if f.test || !inStorage(f.room) {
			continue
		}
		checked++
		names := map[string]string{} // local name of a package to its path
		for _, spec := range f.ast.Imports {
			p := strings.Trim(spec.Path.Value, `"`)
			forbidden, watched := seams[p]
			if !watched {
				continue
			}
			if forbidden == nil {
				t.Errorf("%s imports %s: storage uses internal/vfs and internal/clock", f.at(spec), p)
			}
			local := p[strings.LastIndex(p, "/")+1:]
			if spec.Name != nil {
				local = spec.Name.Name
			}
			names[local] = p
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok || pkg.Obj != nil {
				return true
			}
			for _, name := range seams[names[pkg.Name]] {
				if sel.Sel.Name == name {
					t.Errorf("%s: %s.%s: storage takes time and chance from its caller", f.at(n), pkg.Name, name)
				}
			}
			return true
		})
	}
	if checked == 0 {
		t.Error("no storage files were looked at")
	}
}

// unsafeRooms may import unsafe.
var unsafeRooms = map[string]bool{
	"internal/slab":    true, // memory off the Go heap
	"internal/vfs":     true, // mapped files
	"internal/inflate": true, // words of the input and output, without checks of bounds
	"lineproto":        true, // words of bodies without checks of bounds, numbers as strings for strconv
}

func TestUnsafeStaysInItsRoom(t *testing.T) {
	for _, f := range sources(t) {
		for _, imp := range f.imports() {
			if imp == "unsafe" && !unsafeRooms[f.room] {
				t.Errorf("%s imports unsafe", f.path)
			}
		}
	}
}
