package slab

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is the size of the large pages of the processors that we run on.
const hugePage = 2 << 20

// Regions is zeroed memory that grows and is given back as a whole, for tables
// that are read at random places: large ones lie in large pages, where the
// system has them, so that a read costs one miss and not two.
//
// The memory is given back some time after the last reference to the Regions has
// gone. Who keeps pointers into it keeps a reference to the Regions, too, and
// calls runtime.KeepAlive with it after the last access. Methods must not be
// called concurrently.
type Regions struct {
	mapped *mapped
}

// mapped is apart from Regions, whose cleanup must not refer to it.
type mapped struct {
	blocks [][]byte
	bytes  int64
}

// NewRegions returns an empty set of regions.
func NewRegions() *Regions {
	r := &Regions{mapped: new(mapped)}
	runtime.AddCleanup(r, (*mapped).unmap, r.mapped)
	return r
}

func (m *mapped) unmap() {
	for _, b := range m.blocks {
		if err := unix.Munmap(b); err != nil {
			panic(fmt.Sprintf("slab: unmap %d bytes: %v", len(b), err))
		}
	}
	m.blocks = nil
}

// Bytes returns the bytes that are mapped.
func (r *Regions) Bytes() int64 { return r.mapped.bytes }

// Add returns n zeroed bytes, n a multiple of the page size. Multiples of 2 MiB
// are asked for in large pages.
func (r *Regions) Add(n int) []byte {
	size := n
	if n%hugePage == 0 {
		size += hugePage // room to start at a multiple of it
	}
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		// As with the Go heap, there is no way on without memory.
		panic(fmt.Sprintf("slab: map %d bytes: %v", size, err))
	}
	r.mapped.blocks = append(r.mapped.blocks, b)
	r.mapped.bytes += int64(n) // what is never touched takes no memory
	if size == n {
		return b
	}
	skip := int(-uintptr(unsafe.Pointer(&b[0])) & (hugePage - 1))
	b = b[skip : skip+n : skip+n]
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // without it the memory is as good, only slower
	return b
}

// At returns the memory of b as a *T. T must hold no pointers and fit b.
func At[T any](b []byte) *T {
	var zero T
	if uintptr(len(b)) < unsafe.Sizeof(zero) {
		panic(fmt.Sprintf("slab: %d bytes do not hold %d", len(b), unsafe.Sizeof(zero)))
	}
	return (*T)(unsafe.Pointer(&b[0]))
}
