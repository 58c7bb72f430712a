package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Unsynced says what a power cut does with what was not durable.
type Unsynced uint8

// What becomes of unsynced bytes, sizes and names.
const (
	None   Unsynced = iota // all is lost
	All                    // all is kept, as when only the process dies
	Random                 // each sector, size and name change is kept or lost by chance
)

// String returns the name of u.
func (u Unsynced) String() string { return [...]string{"none", "all", "random"}[u] }

// CrashOptions describe a power cut.
type CrashOptions struct {
	Unsynced Unsynced
	Seed     uint64 // of Random; equal seeds give equal images
}

// OnOp has f called before each mutating call, with the number of the call,
// counted from 1, its kind and the name it is about. Crash inside f gives the
// image of a power cut just before that call. f runs on the goroutine of the
// caller, no lock is held. A nil f ends it.
func (m *Mem) OnOp(f func(n int64, op Op, name string)) {
	if f == nil {
		m.hook.Store(nil)
		return
	}
	m.hook.Store(&f)
}

// Ops returns the number of mutating calls so far.
func (m *Mem) Ops() int64 { return m.ops.Load() }

// CrashAfter lets the first n mutating calls, counted from the making of m,
// work; from the next one on every call fails with ErrCrashed. Crash then
// gives the image.
func (m *Mem) CrashAfter(n int64) { m.limit.Store(n) }

// Crash returns a new file system as a power cut would leave it now. Handles
// of m keep working on m. Durable pages are shared, so that an image costs
// little more than a pointer per page.
func (m *Mem) Crash(opt CrashOptions) *Mem {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := crasher{
		unsynced: opt.Unsynced,
		rnd:      rand.New(rand.NewPCG(opt.Seed, 0x7069636b)), // #nosec G404 -- what a simulated power cut loses, to be had again by its seed
		images:   map[*memNode]*memNode{},
		names:    map[*memNode]map[string]*memNode{},
	}
	// Some cuts keep almost all, some almost nothing.
	c.keepShare = []float64{0.1, 0.5, 0.9}[c.rnd.IntN(3)]
	if c.unsynced == Random {
		c.drawNames(m.pending)
	}
	image := NewMem()
	image.root = c.image(m.root)
	return image
}

// crasher builds the image of one power cut.
type crasher struct {
	unsynced  Unsynced
	rnd       *rand.Rand
	keepShare float64
	images    map[*memNode]*memNode            // finished copies
	names     map[*memNode]map[string]*memNode // directories with a random share of changes
}

func (c *crasher) keep() bool { return c.rnd.Float64() < c.keepShare }

type dirName struct {
	dir  *memNode
	name string
}

// drawNames draws the changes of names that survive. A change whose name has
// an earlier lost change is lost too.
func (c *crasher) drawNames(pending []dirOp) {
	lost := map[dirName]bool{}
	for _, op := range pending {
		kept := c.keep() && !op.touches(lost)
		for _, ch := range op.changes {
			if ch.dir == nil {
				continue
			}
			if !kept {
				lost[dirName{ch.dir, ch.name}] = true
				continue
			}
			if c.names[ch.dir] == nil {
				c.names[ch.dir] = maps.Clone(ch.dir.durable)
			}
			ch.applyTo(c.names[ch.dir])
		}
	}
}

func (op *dirOp) touches(names map[dirName]bool) bool {
	for _, ch := range op.changes {
		if ch.dir != nil && names[dirName{ch.dir, ch.name}] {
			return true
		}
	}
	return false
}

// image returns the copy of a node that the power cut leaves.
func (c *crasher) image(n *memNode) *memNode {
	if done := c.images[n]; done != nil {
		return done
	}
	if !n.isDir() {
		file := &memNode{memContent: c.content(&n.memContent)}
		c.images[n] = file
		return file
	}
	dir := newMemDir()
	c.images[n] = dir
	entries := n.durable
	if c.unsynced == All {
		entries = n.entries
	} else if drawn := c.names[n]; drawn != nil {
		entries = drawn
	}
	for _, name := range sortedNames(entries) {
		dir.entries[name] = c.image(entries[name])
	}
	dir.durable = maps.Clone(dir.entries)
	return dir
}

// content returns the bytes of a file that the power cut leaves.
func (c *crasher) content(f *memContent) memContent {
	size := c.size(f)
	out := memContent{size: size, durableSize: size}
	out.pages = make([]*memPage, (size+pageBytes-1)/pageBytes)
	copy(out.pages, f.pages)
	for i, p := range f.lost {
		out.setPage(i, p)
	}
	for _, i := range slices.Sorted(maps.Keys(f.before)) {
		out.setPage(i, c.mix(f.before[i], f.page(i)))
	}
	if at := int(size % pageBytes); at != 0 {
		last := len(out.pages) - 1
		if p := out.pages[last]; p != nil && !allZero(p[at:]) {
			cut := *p
			clear(cut[at:])
			out.pages[last] = &cut
		}
	}
	return out
}

func (c *memContent) setPage(i int, p *memPage) {
	if i < len(c.pages) {
		c.pages[i] = p
	}
}

func (c *crasher) size(f *memContent) int64 {
	switch {
	case c.unsynced == None:
		return f.durableSize
	case c.unsynced == All || f.size == f.durableSize:
		return f.size
	}
	switch c.rnd.IntN(3) {
	case 0:
		return f.durableSize
	case 1:
		return f.size
	}
	low, high := min(f.size, f.durableSize), max(f.size, f.durableSize)
	size := low + c.rnd.Int64N(high-low+1)
	return max(low, size/sectorBytes*sectorBytes)
}

// mix returns the page that is left of a change from before to after.
func (c *crasher) mix(before, after *memPage) *memPage {
	switch c.unsynced {
	case None:
		return before
	case All:
		if after == nil {
			return nil
		}
		page := *after // the original may still change in place
		return &page
	}
	var page memPage
	for at := 0; at < pageBytes; at += sectorBytes {
		from := before
		if c.keep() {
			from = after
		}
		if from != nil {
			copy(page[at:at+sectorBytes], from[at:])
		}
	}
	return &page
}

// settle makes the changes of names that dir owns durable, and before them
// whatever happened earlier to the same names.
func (m *Mem) settle(dir *memNode) {
	names := map[dirName]bool{}
	due := make([]bool, len(m.pending))
	for i := len(m.pending) - 1; i >= 0; i-- {
		op := &m.pending[i]
		if due[i] = op.owner == dir || op.touches(names); !due[i] {
			continue
		}
		for _, ch := range op.changes {
			if ch.dir != nil {
				names[dirName{ch.dir, ch.name}] = true
			}
		}
	}
	kept := m.pending[:0]
	for i, op := range m.pending {
		if !due[i] {
			kept = append(kept, op)
			continue
		}
		for _, ch := range op.changes {
			if ch.dir != nil {
				ch.applyTo(ch.dir.durable)
			}
		}
	}
	clear(m.pending[len(kept):])
	m.pending = kept
}
