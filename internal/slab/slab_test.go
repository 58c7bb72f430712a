package slab

import (
	"math"
	"testing"
)

func TestArenaSlicesDoNotOverlap(t *testing.T) {
	pool := NewPool(8 << 20)
	a := NewArena(pool)
	var longs [][]uint64
	var shorts [][]uint16
	for i := 1; i < 400; i++ {
		l := Make[uint64](a, i)
		s := Make[uint16](a, i*3)
		for j := range l {
			if l[j] != 0 {
				t.Fatalf("slice %d is not zeroed", i)
			}
			l[j] = uint64(i)
		}
		for j := range s {
			s[j] = uint16(i)
		}
		longs, shorts = append(longs, l), append(shorts, s)
	}
	for i, l := range longs {
		for _, v := range l {
			if v != uint64(i+1) {
				t.Fatalf("uint64 slice %d was overwritten with %d", i+1, v)
			}
		}
		for _, v := range shorts[i] {
			if v != uint16(i+1) {
				t.Fatalf("uint16 slice %d was overwritten with %d", i+1, v)
			}
		}
	}
	if a.Bytes() != pool.Mapped() {
		t.Errorf("arena holds %d bytes, pool mapped %d", a.Bytes(), pool.Mapped())
	}
	a.Free()
	if a.Bytes() != 0 {
		t.Errorf("freed arena holds %d bytes", a.Bytes())
	}
	pool.Close()
	if pool.Mapped() != 0 {
		t.Errorf("closed pool has %d bytes mapped", pool.Mapped())
	}
}

func TestRecycledMemoryIsZeroed(t *testing.T) {
	pool := NewPool(8 << 20)
	defer pool.Close()
	for round := range 3 {
		a := NewArena(pool)
		for range 40 {
			b := Make[byte](a, 100_000)
			for i := range b {
				if b[i] != 0 {
					t.Fatalf("round %d: byte %d is %d", round, i, b[i])
				}
				b[i] = 0xff
			}
		}
		a.Free()
	}
}

func TestDropGivesOwnBlocksBack(t *testing.T) {
	pool := NewPool(0)
	a := NewArena(pool)
	first, small := Make[uint64](a, 1<<20), Make[uint64](a, 10)
	small[9] = 7
	second := Make[uint32](a, 1<<20)
	second[5] = 9
	before := a.Bytes()
	Drop(a, first)
	Drop(a, small)
	Drop(a, []uint64(nil))
	if got := before - a.Bytes(); got != 8<<20 {
		t.Errorf("%d bytes came back, want %d", got, 8<<20)
	}
	if small[9] != 7 || second[5] != 9 {
		t.Error("a slice that was kept has changed")
	}
	if a.Bytes() != pool.Mapped() {
		t.Errorf("arena holds %d bytes, pool mapped %d", a.Bytes(), pool.Mapped())
	}
	a.Free()
	if pool.Mapped() != 0 {
		t.Errorf("%d bytes stay mapped", pool.Mapped())
	}
}

func TestPoolTrimKeepsWhatIsUsed(t *testing.T) {
	pool := NewPool(64 << 20)
	fill := func(blocks int) *Arena {
		a := NewArena(pool)
		for range blocks {
			Make[byte](a, blockBytes)
		}
		return a
	}
	fill(8).Free()
	pool.Trim() // the first look
	fill(3).Free()
	if kept := pool.Kept(); kept != 8*blockBytes {
		t.Fatalf("%d bytes are kept", kept)
	}
	pool.Trim()
	if kept := pool.Kept(); kept != 3*blockBytes {
		t.Errorf("%d bytes are kept, want those of the 3 blocks that were used", kept)
	}
	pool.Trim()
	if kept := pool.Kept(); kept != 0 || pool.Mapped() != 0 {
		t.Errorf("%d bytes are kept and %d mapped although nobody wants any", kept, pool.Mapped())
	}
}

// TestPrepare has blocks mapped before an arena asks for them: they are zeroed, are
// taken first, and are not more than asked for or than the pool may keep.
func TestPrepare(t *testing.T) {
	p := NewPool(4 * blockBytes)
	defer p.Close()
	for range 9 {
		p.Prepare(3)
	}
	if p.Kept() != 3*blockBytes || p.Mapped() != 3*blockBytes {
		t.Fatalf("%d bytes are kept, %d mapped", p.Kept(), p.Mapped())
	}
	b, dirty := p.get(blockBytes)
	if dirty || p.Mapped() != 3*blockBytes || p.Kept() != 2*blockBytes {
		t.Errorf("dirty %v, %d bytes are kept, %d mapped", dirty, p.Kept(), p.Mapped())
	}
	for i := range b {
		if b[i] != 0 {
			t.Fatalf("byte %d is %d", i, b[i])
		}
		b[i] = 7
	}
	p.put(b)
	for range 9 {
		p.Prepare(100)
	}
	if p.Kept() != 5*blockBytes { // four prepared ones and the freed one
		t.Errorf("%d bytes are kept", p.Kept())
	}
	p.Trim()
	if p.Kept() > blockBytes {
		t.Errorf("%d bytes are kept after a trim", p.Kept())
	}
}

func TestLargeSliceHasItsOwnBlock(t *testing.T) {
	pool := NewPool(0)
	a := NewArena(pool)
	Make[byte](a, 10)
	before := a.Bytes()
	big := Make[uint64](a, 1<<20)
	big[len(big)-1] = 1
	if got := a.Bytes() - before; got != 8<<20 {
		t.Errorf("8 MiB slice took %d bytes", got)
	}
	Make[byte](a, 10)
	if got := a.Bytes() - before; got != 8<<20 {
		t.Errorf("small slice after a large one took a new block: %d bytes", got)
	}
	a.Free()
	if pool.Mapped() != 0 {
		t.Errorf("%d bytes stay mapped", pool.Mapped())
	}
}

func TestGrowKeepsContent(t *testing.T) {
	pool := NewPool(0)
	a := NewArena(pool)
	defer a.Free()
	s := Make[int64](a, 4)
	copy(s, []int64{1, 2, 3, 4})
	s = Grow(a, s, 8)
	for i, want := range []int64{1, 2, 3, 4, 0, 0, 0, 0} {
		if s[i] != want {
			t.Errorf("element %d is %d, want %d", i, s[i], want)
		}
	}
}

func TestViewKeepsBits(t *testing.T) {
	u := []uint64{math.Float64bits(1.5), math.Float64bits(-2)}
	if f := View[float64](u); f[0] != 1.5 || f[1] != -2 {
		t.Errorf("bits read as %v", f)
	}
	if i := View[int64]([]uint64{^uint64(0)}); i[0] != -1 {
		t.Errorf("all bits read as %v", i)
	}
	if e := View[int64]([]uint64(nil)); len(e) != 0 {
		t.Errorf("nothing reads as %v", e)
	}
}
