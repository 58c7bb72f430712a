package vfs

import (
	"io"
	"io/fs"
	"sync/atomic"
	"syscall"
)

// memFile is an open file of a Mem.
type memFile struct {
	m        *Mem
	node     *memNode
	name     string
	writable bool
	closed   atomic.Bool
	pos      int64 // of Read and Write; guarded by m.mu
}

// begin checks that the handle can be used for op.
func (f *memFile) begin(op Op) error {
	if f.closed.Load() {
		return pathError(op, f.name, fs.ErrClosed)
	}
	if op&(OpWrite|OpTruncate) != 0 && !f.writable {
		return pathError(op, f.name, syscall.EBADF)
	}
	if f.node.isDir() && op&(OpSync|OpSyncData|OpSize) == 0 {
		return pathError(op, f.name, syscall.EISDIR)
	}
	return f.m.begin(op, f.name)
}

func (f *memFile) Read(b []byte) (int, error) {
	if err := f.begin(OpRead); err != nil {
		return 0, err
	}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	n := f.node.readAt(b, f.pos)
	f.pos += int64(n)
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.begin(OpRead); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathError(OpRead, f.name, syscall.EINVAL)
	}
	f.m.mu.RLock()
	defer f.m.mu.RUnlock()
	n := f.node.readAt(b, off)
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Write(b []byte) (int, error) {
	if err := f.begin(OpWrite); err != nil {
		return 0, err
	}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.node.writeAt(b, f.pos)
	f.pos += int64(len(b))
	return len(b), nil
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.begin(OpWrite); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathError(OpWrite, f.name, syscall.EINVAL)
	}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if len(b) > 0 {
		f.node.writeAt(b, off)
	}
	return len(b), nil
}

func (f *memFile) Truncate(size int64) error {
	if err := f.begin(OpTruncate); err != nil {
		return err
	}
	if size < 0 {
		return pathError(OpTruncate, f.name, syscall.EINVAL)
	}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.node.truncate(size)
	return nil
}

func (f *memFile) Sync() error     { return f.sync(OpSync) }
func (f *memFile) SyncData() error { return f.sync(OpSyncData) }

func (f *memFile) sync(op Op) error {
	if err := f.begin(op); err != nil {
		return err
	}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.node.sync()
	return nil
}

// loseUnsynced is what Fault calls when it makes a sync of f fail.
func (f *memFile) loseUnsynced() {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.node.loseUnsynced()
}

func (f *memFile) Size() (int64, error) {
	if err := f.begin(OpSize); err != nil {
		return 0, err
	}
	f.m.mu.RLock()
	defer f.m.mu.RUnlock()
	return f.node.size, nil
}

func (f *memFile) Close() error {
	if f.closed.Swap(true) {
		return pathError(OpClose, f.name, fs.ErrClosed)
	}
	return nil
}
