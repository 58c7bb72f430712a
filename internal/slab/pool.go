package slab

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// blockBytes is the size of the blocks that a pool recycles.
const blockBytes = 1 << 20

// Pool keeps freed blocks for the next arena, because fresh pages of an
// anonymous mapping cost a fault each. Its methods may be called concurrently.
type Pool struct {
	limit int // bytes kept at most

	mu     sync.Mutex // guards the fields below
	free   [][]byte
	ready  [][]byte // zeroed, with their pages in place; see Prepare
	least  int      // length of free at its shortest since the last Trim
	mapped int64
}

// NewPool returns a pool that keeps at most limit bytes of freed blocks.
func NewPool(limit int) *Pool { return &Pool{limit: limit} }

// Mapped returns the bytes that are mapped through the pool: blocks in use and
// blocks kept.
func (p *Pool) Mapped() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mapped
}

// Kept returns the bytes of freed blocks that are kept for the next arena.
func (p *Pool) Kept() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(len(p.free)+len(p.ready)) * blockBytes
}

// Trim gives those of the kept blocks back to the system that were not wanted
// since the call before.
func (p *Pool) Trim() {
	p.mu.Lock()
	n := min(p.least, len(p.free))
	rest := append(p.ready, p.free[:n]...) //nolint:gocritic // p.ready is given up
	p.free, p.ready = append(p.free[:0], p.free[n:]...), nil
	p.least = len(p.free)
	p.mu.Unlock()
	for _, b := range rest {
		p.unmap(b)
	}
}

// Close gives the kept blocks back to the system. Blocks in use stay valid;
// they are given back when their arena is freed.
func (p *Pool) Close() {
	p.mu.Lock()
	free := append(p.free, p.ready...) //nolint:gocritic // both lists are given up
	p.free, p.ready, p.limit = nil, nil, 0
	p.mu.Unlock()
	for _, b := range free {
		p.unmap(b)
	}
}

// get returns n bytes; dirty says that they may hold old content.
func (p *Pool) get(n int) (b []byte, dirty bool) {
	if n == blockBytes {
		p.mu.Lock()
		if k := len(p.ready); k > 0 {
			b, p.ready = p.ready[k-1], p.ready[:k-1]
			p.mu.Unlock()
			return b, false
		}
		if k := len(p.free); k > 0 {
			b, p.free = p.free[k-1], p.free[:k-1]
			p.least = min(p.least, k-1)
			p.mu.Unlock()
			return b, true
		}
		p.mu.Unlock()
	}
	return p.mapNew(n), false
}

// mapNew maps n zeroed bytes. A block gets its pages at once, in one go instead of by
// a fault for each: an arena takes blocks one after the other and fills them.
func (p *Pool) mapNew(n int) []byte {
	flags := unix.MAP_ANON | unix.MAP_PRIVATE
	if n == blockBytes {
		flags |= unix.MAP_POPULATE
	}
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		// As with the Go heap, there is no way on without memory.
		panic(fmt.Sprintf("slab: map %d bytes: %v", n, err))
	}
	p.mu.Lock()
	p.mapped += int64(n)
	p.mu.Unlock()
	return b
}

// Prepare maps a block for the next arena that wants one, unless n are ready or kept;
// it reports whether it did. A goroutine that has time calls it for another that has
// not.
func (p *Pool) Prepare(n int) bool {
	p.mu.Lock()
	enough := len(p.ready)+len(p.free) >= n || len(p.ready)*blockBytes >= p.limit
	p.mu.Unlock()
	if enough {
		return false
	}
	b := p.mapNew(blockBytes)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready = append(p.ready, b)
	return true
}

func (p *Pool) put(b []byte) {
	if len(b) == blockBytes {
		p.mu.Lock()
		if (len(p.free)+1)*blockBytes <= p.limit {
			p.free = append(p.free, b)
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
	}
	p.unmap(b)
}

func (p *Pool) unmap(b []byte) {
	n := len(b)
	if err := unix.Munmap(b); err != nil {
		panic(fmt.Sprintf("slab: unmap %d bytes: %v", n, err))
	}
	p.mu.Lock()
	p.mapped -= int64(n)
	p.mu.Unlock()
}
