package slab

import (
	"testing"
	"unsafe"
)

func TestRegions(t *testing.T) {
	r := NewRegions()
	small, large := r.Add(64<<10), r.Add(hugePage)
	if len(small) != 64<<10 || len(large) != hugePage || r.Bytes() != 64<<10+hugePage {
		t.Fatalf("regions of %d and %d bytes, %d in all", len(small), len(large), r.Bytes())
	}
	if at := uintptr(unsafe.Pointer(&large[0])); at%hugePage != 0 {
		t.Errorf("large region starts at %#x", at)
	}
	for _, b := range [][]byte{small, large} {
		for i := range b {
			if b[i] != 0 {
				t.Fatalf("byte %d is %d", i, b[i])
			}
		}
		p := At[[4]uint64](b[8:])
		p[3] = 7
		if b[8+24] != 7 {
			t.Error("the pointer does not show the bytes")
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a type that does not fit is taken")
		}
	}()
	At[[4]uint64](small[:31])
}
