package vfs

import "maps"

// What survives a power cut is decided per sector; memory is held in pages.
const (
	pageBytes   = 4096
	sectorBytes = 512
)

type memPage [pageBytes]byte

// memContent holds the bytes of a file. A page that is in neither before nor
// lost is durable and never changed in place, so that crash images share it.
type memContent struct {
	pages []*memPage // nil is a page of zeros
	size  int64

	// before holds the durable state of the pages that were changed since the
	// last sync; lost that of the pages whose change a failed sync dropped.
	before      map[int]*memPage
	lost        map[int]*memPage
	durableSize int64
}

func (c *memContent) page(i int) *memPage {
	if i < len(c.pages) {
		return c.pages[i]
	}
	return nil
}

// durablePage returns what a power cut leaves of page i at least.
func (c *memContent) durablePage(i int) *memPage {
	if p, ok := c.before[i]; ok {
		return p
	}
	if p, ok := c.lost[i]; ok {
		return p
	}
	return c.page(i)
}

// touch returns page i for changing it.
func (c *memContent) touch(i int) *memPage {
	p := c.page(i)
	for len(c.pages) <= i {
		c.pages = append(c.pages, nil)
	}
	if _, dirty := c.before[i]; dirty && p != nil {
		return p
	}
	c.markDirty(i)
	fresh := new(memPage)
	if p != nil {
		*fresh = *p
	}
	c.pages[i] = fresh
	return fresh
}

func (c *memContent) markDirty(i int) {
	if _, dirty := c.before[i]; dirty {
		return
	}
	if c.before == nil {
		c.before = map[int]*memPage{}
	}
	c.before[i] = c.durablePage(i)
	delete(c.lost, i)
}

func (c *memContent) readAt(b []byte, off int64) int {
	if off >= c.size {
		return 0
	}
	b = b[:min(int64(len(b)), c.size-off)]
	n := len(b)
	for len(b) > 0 {
		at := int(off % pageBytes)
		var k int
		if p := c.page(int(off / pageBytes)); p != nil {
			k = copy(b, p[at:])
		} else {
			k = min(len(b), pageBytes-at)
			clear(b[:k])
		}
		b, off = b[k:], off+int64(k)
	}
	return n
}

func (c *memContent) writeAt(b []byte, off int64) {
	c.size = max(c.size, off+int64(len(b)))
	for len(b) > 0 {
		at, i := int(off%pageBytes), int(off/pageBytes)
		k := min(len(b), pageBytes-at)
		// Zeros over zeros change nothing, which makes zero-filled files cheap.
		if c.page(i) != nil || !allZero(b[:k]) {
			copy(c.touch(i)[at:], b[:k])
		}
		b, off = b[k:], off+int64(k)
	}
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

func (c *memContent) truncate(size int64) {
	if size < c.size {
		keep := int((size + pageBytes - 1) / pageBytes)
		for i := keep; i < len(c.pages); i++ {
			if c.pages[i] != nil {
				c.markDirty(i)
				c.pages[i] = nil
			}
		}
		c.pages = c.pages[:min(keep, len(c.pages))]
		if at := int(size % pageBytes); at != 0 && c.page(keep-1) != nil {
			clear(c.touch(keep - 1)[at:])
		}
	}
	c.size = size
}

// sync makes everything durable that no failed sync has dropped.
func (c *memContent) sync() {
	clear(c.before)
	c.durableSize = c.size
}

// loseUnsynced does what Linux does when writing back fails: the pages count
// as clean from now on, a later sync succeeds without them.
func (c *memContent) loseUnsynced() {
	if c.lost == nil {
		c.lost = map[int]*memPage{}
	}
	maps.Copy(c.lost, c.before)
	clear(c.before)
}
