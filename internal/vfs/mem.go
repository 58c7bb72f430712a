package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// ErrCrashed is what every call of a Mem returns after its power was cut.
var ErrCrashed = errors.New("file system has crashed")

// Mem is a file system in memory that knows what is durable. It is as strict
// as POSIX allows:
//
//   - bytes and size of a file are durable after Sync or SyncData of the file,
//     its name only after SyncDir of the directory;
//   - a rename is one step, never half, and durable after SyncDir of the
//     directory of the new name;
//   - operations on one name become durable in their order, those on
//     different names in any.
//
// Crash returns what a power cut would leave. Relative names and names from
// the root are the same. The root directory always exists.
type Mem struct {
	ops     atomic.Int64
	limit   atomic.Int64 // mutating calls that still work
	crashed atomic.Bool
	hook    atomic.Pointer[func(n int64, op Op, name string)]

	mu      sync.RWMutex // guards the tree, the nodes and the fields below
	root    *memNode
	pending []dirOp // in the order in which they happened
	locks   map[*memNode]bool
}

// memNode is a directory or a file.
type memNode struct {
	entries map[string]*memNode // what is; nil for a file
	durable map[string]*memNode // what a power cut leaves at least

	memContent
}

func (n *memNode) isDir() bool { return n.entries != nil }

// dirOp is one change of names that is not durable yet. A rename has two
// changes, everything else has one.
type dirOp struct {
	owner   *memNode // SyncDir of this directory makes it durable
	changes [2]dirChange
}

// dirChange sets a name of a directory to node, or takes node away from it.
// The zero value changes nothing.
type dirChange struct {
	dir    *memNode
	name   string
	node   *memNode
	remove bool
}

// NewMem returns an empty file system.
func NewMem() *Mem {
	m := &Mem{root: newMemDir(), locks: map[*memNode]bool{}}
	m.limit.Store(math.MaxInt64)
	return m
}

func newMemDir() *memNode {
	return &memNode{entries: map[string]*memNode{}, durable: map[string]*memNode{}}
}

// begin counts a call, tells the hook and refuses it after the power cut.
func (m *Mem) begin(op Op, name string) error {
	if m.crashed.Load() {
		return pathError(op, name, ErrCrashed)
	}
	if op&OpMutating == 0 {
		return nil
	}
	n := m.ops.Add(1)
	if n > m.limit.Load() {
		m.crashed.Store(true)
		return pathError(op, name, ErrCrashed)
	}
	if hook := m.hook.Load(); hook != nil {
		(*hook)(n, op, name)
	}
	return nil
}

func pathError(op Op, name string, err error) error {
	return &fs.PathError{Op: op.String(), Path: name, Err: err}
}

// splitName returns the elements of a name.
func splitName(name string) []string {
	name = strings.TrimPrefix(filepath.ToSlash(filepath.Clean("/"+name)), "/")
	if name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

// find returns the node of a name.
func (m *Mem) find(name string) (*memNode, error) {
	n := m.root
	for _, part := range splitName(name) {
		if !n.isDir() {
			return nil, syscall.ENOTDIR
		}
		if n = n.entries[part]; n == nil {
			return nil, syscall.ENOENT
		}
	}
	return n, nil
}

// parent returns the directory of a name and its last element.
func (m *Mem) parent(name string) (*memNode, string, error) {
	parts := splitName(name)
	if len(parts) == 0 {
		return nil, "", syscall.EBUSY // the root has no parent
	}
	last := len(parts) - 1
	dir, err := m.find(strings.Join(parts[:last], "/"))
	if err != nil {
		return nil, "", err
	}
	if !dir.isDir() {
		return nil, "", syscall.ENOTDIR
	}
	return dir, parts[last], nil
}

// apply makes a change of names visible and remembers that it is not durable.
func (m *Mem) apply(owner *memNode, changes ...dirChange) {
	op := dirOp{owner: owner}
	copy(op.changes[:], changes)
	for _, c := range changes {
		c.applyTo(c.dir.entries)
	}
	m.pending = append(m.pending, op)
}

func (c dirChange) applyTo(names map[string]*memNode) {
	if !c.remove {
		names[c.name] = c.node
	} else if names[c.name] == c.node {
		delete(names, c.name)
	}
}

// Create makes or empties a file.
func (m *Mem) Create(name string) (File, error) {
	if err := m.begin(OpCreate, name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.createLocked(name)
	if err != nil {
		return nil, pathError(OpCreate, name, err)
	}
	n.truncate(0)
	return &memFile{m: m, node: n, name: name, writable: true}, nil
}

func (m *Mem) createLocked(name string) (*memNode, error) {
	dir, base, err := m.parent(name)
	if err != nil {
		return nil, err
	}
	n := dir.entries[base]
	if n == nil {
		n = &memNode{}
		m.apply(dir, dirChange{dir: dir, name: base, node: n})
	}
	if n.isDir() {
		return nil, syscall.EISDIR
	}
	return n, nil
}

// Open opens an existing file for reading.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

// OpenReadWrite opens an existing file for reading and writing.
func (m *Mem) OpenReadWrite(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writable bool) (File, error) {
	if err := m.begin(OpOpen, name); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.find(name)
	if err == nil && n.isDir() && writable {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, pathError(OpOpen, name, err)
	}
	return &memFile{m: m, node: n, name: name, writable: writable}, nil
}

// Remove deletes a file or an empty directory.
func (m *Mem) Remove(name string) error {
	if err := m.begin(OpRemove, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if err != nil {
		return pathError(OpRemove, name, err)
	}
	n := dir.entries[base]
	if n == nil {
		return pathError(OpRemove, name, syscall.ENOENT)
	}
	if len(n.entries) > 0 {
		return pathError(OpRemove, name, syscall.ENOTEMPTY)
	}
	m.apply(dir, dirChange{dir: dir, name: base, node: n, remove: true})
	return nil
}

// RemoveAll deletes a tree.
func (m *Mem) RemoveAll(name string) error {
	if err := m.begin(OpRemoveAll, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return pathError(OpRemoveAll, name, err)
	}
	if n := dir.entries[base]; n != nil {
		m.removeTree(dir, base, n)
	}
	return nil
}

func (m *Mem) removeTree(dir *memNode, name string, n *memNode) {
	for _, child := range sortedNames(n.entries) {
		m.removeTree(n, child, n.entries[child])
	}
	m.apply(dir, dirChange{dir: dir, name: name, node: n, remove: true})
}

// Rename moves a file or directory over newName.
func (m *Mem) Rename(oldName, newName string) error {
	if err := m.begin(OpRename, newName); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	oldDir, oldBase, err := m.parent(oldName)
	if err != nil {
		return pathError(OpRename, oldName, err)
	}
	newDir, newBase, err := m.parent(newName)
	if err != nil {
		return pathError(OpRename, newName, err)
	}
	n := oldDir.entries[oldBase]
	if n == nil {
		return pathError(OpRename, oldName, syscall.ENOENT)
	}
	if err := mayReplace(n, newDir.entries[newBase]); err != nil {
		return pathError(OpRename, newName, err)
	}
	if oldDir == newDir && oldBase == newBase {
		return nil
	}
	if strings.HasPrefix(strings.Join(splitName(newName), "/")+"/", strings.Join(splitName(oldName), "/")+"/") {
		return pathError(OpRename, newName, syscall.EINVAL) // into itself
	}
	m.apply(newDir,
		dirChange{dir: newDir, name: newBase, node: n},
		dirChange{dir: oldDir, name: oldBase, node: n, remove: true})
	return nil
}

// mayReplace says whether a rename of n may take the place of old.
func mayReplace(n, old *memNode) error {
	switch {
	case old == nil || old == n:
		return nil
	case old.isDir():
		return syscall.EEXIST // as os.Rename, which refuses even an empty one
	case n.isDir():
		return syscall.ENOTDIR
	}
	return nil
}

// MkdirAll makes a directory and its missing parents.
func (m *Mem) MkdirAll(dir string) error {
	if err := m.begin(OpMkdir, dir); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.root
	for _, part := range splitName(dir) {
		child := n.entries[part]
		if child == nil {
			child = newMemDir()
			m.apply(n, dirChange{dir: n, name: part, node: child})
		}
		if !child.isDir() {
			return pathError(OpMkdir, dir, syscall.ENOTDIR)
		}
		n = child
	}
	return nil
}

// List returns the names in a directory.
func (m *Mem) List(dir string) ([]string, error) {
	if err := m.begin(OpList, dir); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.find(dir)
	if err == nil && !n.isDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, pathError(OpList, dir, err)
	}
	return sortedNames(n.entries), nil
}

func sortedNames(entries map[string]*memNode) []string {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Stat describes a name.
func (m *Mem) Stat(name string) (Info, error) {
	if err := m.begin(OpStat, name); err != nil {
		return Info{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.find(name)
	if err != nil {
		return Info{}, pathError(OpStat, name, err)
	}
	return Info{Size: n.size, Dir: n.isDir()}, nil
}

// SyncDir makes the names of a directory durable, and of other directories
// those changes that came before on the same names.
func (m *Mem) SyncDir(dir string) error {
	if err := m.begin(OpSyncDir, dir); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(dir)
	if err == nil && !n.isDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return pathError(OpSyncDir, dir, err)
	}
	m.settle(n)
	return nil
}

// Map returns a copy of a file's bytes.
func (m *Mem) Map(name string) (Mapping, error) {
	if err := m.begin(OpMap, name); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.find(name)
	if err == nil && n.isDir() {
		err = syscall.ENODEV
	}
	if err != nil {
		return nil, pathError(OpMap, name, err)
	}
	b := make([]byte, n.size)
	n.readAt(b, 0)
	return &memMapping{b: b}, nil
}

type memMapping struct{ b []byte }

func (m *memMapping) Bytes() []byte { return m.b }

func (m *memMapping) Close() error {
	m.b = nil
	return nil
}

// Lock takes a lock file. Locks end with the power.
func (m *Mem) Lock(name string) (io.Closer, error) {
	if err := m.begin(OpLock, name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.createLocked(name)
	if err == nil && m.locks[n] {
		err = ErrLocked
	}
	if err != nil {
		return nil, pathError(OpLock, name, err)
	}
	m.locks[n] = true
	return &memLock{m: m, node: n}, nil
}

type memLock struct {
	m    *Mem
	node *memNode
	once sync.Once
}

func (l *memLock) Close() error {
	err := fs.ErrClosed
	l.once.Do(func() {
		l.m.mu.Lock()
		defer l.m.mu.Unlock()
		delete(l.m.locks, l.node)
		err = nil
	})
	return err
}

// memFree is what Free tells; memory has no volume to fill.
const memFree = 1 << 40

// Free returns a fixed large number.
func (m *Mem) Free(dir string) (uint64, error) {
	if err := m.begin(OpFree, dir); err != nil {
		return 0, err
	}
	return memFree, nil
}
