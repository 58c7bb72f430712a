package wal

import (
	"encoding/binary"
	"fmt"
)

// decoder reads the payload of an entry. After the first failure it returns
// zeros; the error is asked for once, at the end.
type decoder struct {
	kind Kind
	src  []byte
	at   int
	err  error
}

func (d *decoder) ok() bool { return d.err == nil }

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = &CorruptError{Segment: d.kind.String() + " entry", Offset: int64(d.at), Reason: fmt.Sprintf(format, args...)}
	}
}

// finish returns the failure, if there was one, and asks that nothing is left.
func (d *decoder) finish() error {
	if d.err == nil && d.at != len(d.src) {
		d.fail("%d bytes are left over", len(d.src)-d.at)
	}
	return d.err
}

func (d *decoder) left() int { return len(d.src) - d.at }

func (d *decoder) byte() byte {
	if d.err != nil || d.at >= len(d.src) {
		d.fail("entry ends early")
		return 0
	}
	d.at++
	return d.src[d.at-1]
}

// take returns the next n bytes, or nil. They point into the source.
func (d *decoder) take(n int) []byte {
	if d.err != nil || n < 0 || n > d.left() {
		d.fail("entry has %d bytes left, want %d", d.left(), n)
		return nil
	}
	d.at += n
	return d.src[d.at-n : d.at : d.at]
}

func (d *decoder) uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	x, n := binary.Uvarint(d.src[d.at:])
	if n <= 0 {
		d.fail("varint is malformed")
		return 0
	}
	d.at += n
	return x
}

func (d *decoder) varint() int64 {
	if d.err != nil {
		return 0
	}
	x, n := binary.Varint(d.src[d.at:])
	if n <= 0 {
		d.fail("varint is malformed")
		return 0
	}
	d.at += n
	return x
}

func (d *decoder) uint32(what string) uint32 {
	x := d.uvarint()
	if x != uint64(uint32(x)) {
		d.fail("%s is %d, which needs more than 32 bits", what, x)
	}
	return uint32(x)
}

// bytes returns length-prefixed bytes that point into the source.
func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(d.left()) {
		d.fail("length is %d, %d bytes are left", n, d.left())
		return nil
	}
	return d.take(int(n))
}

// count returns a number of items of which each takes at least one byte for
// every perByte of them, so that it bounds what is allocated.
func (d *decoder) count(what string, perByte int) int {
	n := d.uvarint()
	if n > (uint64(d.left())+1)*uint64(perByte) {
		d.fail("%d %s cannot be in %d bytes", n, what, d.left())
		return 0
	}
	return int(n)
}

func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// resize returns s with n elements of any content, reusing its memory.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
