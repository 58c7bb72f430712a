package vfs

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// ErrInjected is the error of a Rule that names none.
var ErrInjected = errors.New("injected fault")

// The errors that tests inject most: a broken disk and a full one.
var (
	ErrIO      error = syscall.EIO
	ErrNoSpace error = syscall.ENOSPC
)

// Fault passes calls on to another file system and makes those fail that a
// Rule names. A failing call does nothing, except that a short write writes its
// part. When a sync of a Mem's file fails, the unsynced bytes count as clean from
// then on and are never durable, as on Linux.
type Fault struct {
	fs FS

	mu    sync.Mutex // guards the fields below
	rules []*Armed
	calls map[Op]int64
	free  *uint64
}

// Rule says which calls are hit and what happens to them. The zero value of
// What is an error.
type Rule struct {
	Ops  Op     // kinds of calls; zero is every kind
	Path string // pattern of the last element (filepath.Match) or part of the name; empty is every name
	Nth  int64  // number of the matching call that is hit, from 1; zero is 1

	// Sticky hits every matching call from the Nth on, until the rule is cleared.
	Sticky bool

	// Err is returned by the call; nil is ErrInjected.
	Err error
	// Short lets a write through up to this many bytes before it fails.
	Short int
	// Flip makes no error but flips one bit of what a read or a mapping
	// returns: bit Flip%8 of byte (Flip/8)%length. Set FlipBit to use it.
	FlipBit bool
	Flip    int
	// Delay, when set, is called instead of failing, before the call goes on.
	Delay func(op Op, name string)
}

// Armed is a rule at work.
type Armed struct {
	rule  Rule
	fault *Fault
	seen  int64
	hits  int64
}

// NewFault returns fs without any rules.
func NewFault(fs FS) *Fault { return &Fault{fs: fs, calls: map[Op]int64{}} }

// Add puts a rule to work. It starts counting calls now.
func (f *Fault) Add(r Rule) *Armed {
	if r.Ops == 0 {
		r.Ops = OpAny
	}
	if r.Nth == 0 {
		r.Nth = 1
	}
	if r.Err == nil {
		r.Err = ErrInjected
	}
	a := &Armed{rule: r, fault: f}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, a)
	return a
}

// Clear takes all rules away and ends what SetFree set.
func (f *Fault) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.free = nil, nil
}

// Clear takes the rule away.
func (a *Armed) Clear() {
	a.fault.mu.Lock()
	defer a.fault.mu.Unlock()
	a.fault.rules = slices.DeleteFunc(a.fault.rules, func(b *Armed) bool { return a == b })
}

// Seen returns the number of calls that matched.
func (a *Armed) Seen() int64 {
	a.fault.mu.Lock()
	defer a.fault.mu.Unlock()
	return a.seen
}

// Hits returns the number of calls that were hit. A loop over Nth = 1, 2, 3 …
// is through when a run ends with none.
func (a *Armed) Hits() int64 {
	a.fault.mu.Lock()
	defer a.fault.mu.Unlock()
	return a.hits
}

// Calls returns the number of calls of the kinds in ops.
func (f *Fault) Calls(ops Op) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var n int64
	for op, c := range f.calls {
		if op&ops != 0 {
			n += c
		}
	}
	return n
}

// SetFree has Free return n from now on.
func (f *Fault) SetFree(n uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free = &n
}

// check counts a call and returns the rule that hits it, or nil. Delays are
// done here.
func (f *Fault) check(op Op, name string) *Rule {
	f.mu.Lock()
	f.calls[op]++
	var hit *Rule
	var delays []func(Op, string)
	for _, a := range f.rules {
		if !a.rule.matches(op, name) {
			continue
		}
		a.seen++
		if a.seen != a.rule.Nth && !(a.rule.Sticky && a.seen > a.rule.Nth) {
			continue
		}
		a.hits++
		if a.rule.Delay != nil {
			delays = append(delays, a.rule.Delay)
		} else if hit == nil {
			hit = &a.rule
		}
	}
	f.mu.Unlock()
	for _, delay := range delays {
		delay(op, name)
	}
	return hit
}

func (r *Rule) matches(op Op, name string) bool {
	if r.Ops&op == 0 || r.FlipBit && op&(OpRead|OpMap) == 0 {
		return false
	}
	if r.Path == "" || strings.Contains(name, r.Path) {
		return true
	}
	ok, err := filepath.Match(r.Path, filepath.Base(name))
	return ok && err == nil
}

// fail returns the error of the rule that hits a call, if any.
func (f *Fault) fail(op Op, name string) error {
	if r := f.check(op, name); r != nil && !r.FlipBit {
		return pathError(op, name, r.Err)
	}
	return nil
}

func (r *Rule) flip(b []byte) {
	if len(b) > 0 {
		b[r.Flip/8%len(b)] ^= 1 << (r.Flip % 8)
	}
}

// Create is FS.Create.
func (f *Fault) Create(name string) (File, error) { return f.open(OpCreate, name, f.fs.Create) }

// Open is FS.Open.
func (f *Fault) Open(name string) (File, error) { return f.open(OpOpen, name, f.fs.Open) }

// OpenReadWrite is FS.OpenReadWrite.
func (f *Fault) OpenReadWrite(name string) (File, error) {
	return f.open(OpOpen, name, f.fs.OpenReadWrite)
}

func (f *Fault) open(op Op, name string, open func(string) (File, error)) (File, error) {
	if err := f.fail(op, name); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultFile{fault: f, name: name, file: file}, nil
}

// Remove is FS.Remove.
func (f *Fault) Remove(name string) error {
	if err := f.fail(OpRemove, name); err != nil {
		return err
	}
	return f.fs.Remove(name)
}

// RemoveAll is FS.RemoveAll.
func (f *Fault) RemoveAll(name string) error {
	if err := f.fail(OpRemoveAll, name); err != nil {
		return err
	}
	return f.fs.RemoveAll(name)
}

// Rename is FS.Rename; rules match the new name.
func (f *Fault) Rename(oldName, newName string) error {
	if err := f.fail(OpRename, newName); err != nil {
		return err
	}
	return f.fs.Rename(oldName, newName)
}

// MkdirAll is FS.MkdirAll.
func (f *Fault) MkdirAll(dir string) error {
	if err := f.fail(OpMkdir, dir); err != nil {
		return err
	}
	return f.fs.MkdirAll(dir)
}

// List is FS.List.
func (f *Fault) List(dir string) ([]string, error) {
	if err := f.fail(OpList, dir); err != nil {
		return nil, err
	}
	return f.fs.List(dir)
}

// Stat is FS.Stat.
func (f *Fault) Stat(name string) (Info, error) {
	if err := f.fail(OpStat, name); err != nil {
		return Info{}, err
	}
	return f.fs.Stat(name)
}

// SyncDir is FS.SyncDir.
func (f *Fault) SyncDir(dir string) error {
	if err := f.fail(OpSyncDir, dir); err != nil {
		return err
	}
	return f.fs.SyncDir(dir)
}

// Map is FS.Map. A mapping with a flipped bit is a copy.
func (f *Fault) Map(name string) (Mapping, error) {
	r := f.check(OpMap, name)
	if r != nil && !r.FlipBit {
		return nil, pathError(OpMap, name, r.Err)
	}
	m, err := f.fs.Map(name)
	if err != nil || r == nil {
		return m, err
	}
	b := slices.Clone(m.Bytes())
	r.flip(b)
	return &memMapping{b: b}, m.Close()
}

// Lock is FS.Lock.
func (f *Fault) Lock(name string) (io.Closer, error) {
	if err := f.fail(OpLock, name); err != nil {
		return nil, err
	}
	return f.fs.Lock(name)
}

// Free is FS.Free, or what SetFree said.
func (f *Fault) Free(dir string) (uint64, error) {
	if err := f.fail(OpFree, dir); err != nil {
		return 0, err
	}
	f.mu.Lock()
	free := f.free
	f.mu.Unlock()
	if free != nil {
		return *free, nil
	}
	return f.fs.Free(dir)
}
