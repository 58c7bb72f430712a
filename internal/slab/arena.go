package slab

import "unsafe"

// Number is what slab memory can hold.
type Number interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int8 | ~int16 | ~int32 | ~int64 | ~float32 | ~float64
}

// firstBlock is the size of an arena's first block. Blocks double up to
// blockBytes, so that a small owner stays small.
const firstBlock = 16 << 10

// Arena hands out memory by moving a pointer and gets all of it back at once.
// It is not safe for concurrent use; slices made from it may be read by anyone
// as long as the arena lives.
type Arena struct {
	pool   *Pool
	blocks [][]byte // mapped, freed together
	rest   []byte   // what is left of the block in use
	dirty  bool     // rest may hold old content
	next   int      // size of the next block
	bytes  int64
}

// NewArena returns an empty arena that takes its blocks from pool.
func NewArena(pool *Pool) *Arena { return &Arena{pool: pool, next: firstBlock} }

// Bytes returns the bytes that the arena holds, unused ones included.
func (a *Arena) Bytes() int64 { return a.bytes }

// Free gives all memory back. Slices made from the arena must not be used any
// more. The arena is empty afterwards and may be used again.
func (a *Arena) Free() {
	for _, b := range a.blocks {
		a.pool.put(b)
	}
	*a = Arena{pool: a.pool, next: firstBlock}
}

// Make returns a zeroed slice of n numbers from the arena.
func Make[T Number](a *Arena, n int) []T {
	if n == 0 {
		return nil
	}
	var zero T
	size := int(unsafe.Sizeof(zero))
	b := a.alloc(n * size)
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
}

// Grow returns a slice of n numbers that starts with the content of old. The
// memory of old stays taken until the arena is freed.
func Grow[T Number](a *Arena, old []T, n int) []T {
	s := Make[T](a, n)
	copy(s, old)
	return s
}

// Drop gives the memory of s, which was made from the arena, back at once if it
// has a block of its own; the memory of small slices stays taken until the arena
// is freed. s must not be used any more.
func Drop[T Number](a *Arena, s []T) {
	if len(s) == 0 {
		return
	}
	at := unsafe.Pointer(&s[0])
	for i := len(a.blocks) - 1; i >= 0; i-- {
		b := a.blocks[i]
		if unsafe.Pointer(&b[0]) != at {
			continue
		}
		if len(s)*int(unsafe.Sizeof(s[0])) <= blockBytes/4 {
			return // other slices follow it in the block
		}
		a.blocks = append(a.blocks[:i], a.blocks[i+1:]...)
		a.bytes -= int64(len(b))
		a.pool.put(b)
		return
	}
}

// alloc returns n zeroed bytes, aligned to 8.
func (a *Arena) alloc(n int) []byte {
	n = (n + 7) &^ 7
	if n > len(a.rest) {
		if n > blockBytes/4 {
			return a.allocOwn(n)
		}
		a.addBlock(n)
	}
	b := a.rest[:n:n]
	a.rest = a.rest[n:]
	if a.dirty {
		clear(b)
	}
	return b
}

// allocOwn maps a block for one large slice alone, which leaves the rest of
// the block in use for small ones.
func (a *Arena) allocOwn(n int) []byte {
	const page = 4096
	b, dirty := a.pool.get((n + page - 1) &^ (page - 1))
	a.blocks = append(a.blocks, b)
	a.bytes += int64(len(b))
	if dirty {
		clear(b)
	}
	return b[:n:n]
}

func (a *Arena) addBlock(n int) {
	for a.next < n {
		a.next *= 2
	}
	b, dirty := a.pool.get(a.next)
	a.blocks = append(a.blocks, b)
	a.bytes += int64(len(b))
	a.rest, a.dirty = b, dirty
	a.next = min(a.next*2, blockBytes)
}

// View returns the memory of s as numbers of another type of the same size, such
// as the bits of floats as floats.
func View[To, From uint64 | int64 | float64](s []From) []To {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*To)(unsafe.Pointer(&s[0])), len(s))
}
