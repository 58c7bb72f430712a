package wal

import (
	"encoding/binary"
	"math/bits"
)

// Columns of integers are cut into blocks of up to 256 values, each coded by
// itself. The number of values is known from elsewhere. A block begins with its
// tag; varints are zigzag varints, widths are 1 to 8 bytes, little endian.
const (
	intBlockValues = 256

	tagConstant = 0x00 // value varint
	tagOffsets  = 0x00 // + width: lowest value varint, then each value's distance from it
	tagVarints  = 0x09 // each value as a varint
	tagLine     = 0x10 // first value varint, step varint: a constant step
	tagSteps    = 0x10 // + width: first value varint, lowest step varint, then each step's distance from it
)

type integer interface {
	~int32 | ~uint32 | ~int64 | ~uint64
}

// appendInts appends the blocks of vals.
func appendInts[T integer](dst []byte, vals []T) []byte {
	for len(vals) > intBlockValues {
		dst = appendIntBlock(dst, vals[:intBlockValues])
		vals = vals[intBlockValues:]
	}
	if len(vals) > 0 {
		dst = appendIntBlock(dst, vals)
	}
	return dst
}

// appendIntBlock appends one block, in the shortest of its forms or nearly so.
func appendIntBlock[T integer](dst []byte, vals []T) []byte {
	first := int64(vals[0])
	if len(vals) == 1 {
		return binary.AppendVarint(append(dst, tagConstant), first)
	}
	lowest, highest := first, first
	firstStep := int64(vals[1]) - first // steps wrap around, and back when decoded
	prev, bent := first, int64(0)
	for _, v := range vals[1:] {
		x := int64(v)
		lowest, highest = min(lowest, x), max(highest, x)
		bent |= x - prev ^ firstStep
		prev = x
	}
	width := byteWidth(uint64(highest) - uint64(lowest))
	switch {
	case width == 0:
		return binary.AppendVarint(append(dst, tagConstant), first)
	case bent == 0:
		dst = binary.AppendVarint(append(dst, tagLine), first)
		return binary.AppendVarint(dst, firstStep)
	case width == 1:
		return appendOffsets(dst, vals, lowest, width)
	}
	lowestStep, stepWidth := stepRange(vals)
	switch best := min(width, stepWidth); {
	case best > 2 && varintBytes(vals) < len(vals)*best:
		dst = append(dst, tagVarints)
		for _, v := range vals {
			dst = binary.AppendVarint(dst, int64(v))
		}
		return dst
	case stepWidth < width:
		return appendSteps(dst, vals, lowestStep, stepWidth)
	}
	return appendOffsets(dst, vals, lowest, width)
}

// stepRange returns the lowest step and the bytes that hold the others'
// distances from it.
func stepRange[T integer](vals []T) (lowest int64, width int) {
	prev := int64(vals[1])
	lowest = prev - int64(vals[0])
	highest := lowest
	for _, v := range vals[2:] {
		step := int64(v) - prev
		lowest, highest = min(lowest, step), max(highest, step)
		prev = int64(v)
	}
	return lowest, byteWidth(uint64(highest) - uint64(lowest))
}

func byteWidth(x uint64) int { return (bits.Len64(x) + 7) / 8 }

func varintBytes[T integer](vals []T) int {
	n := 0
	for _, v := range vals {
		zigzag := uint64(v)<<1 ^ uint64(int64(v)>>63)
		n += (bits.Len64(zigzag|1) + 6) / 7
	}
	return n
}

func appendOffsets[T integer](dst []byte, vals []T, lowest int64, width int) []byte {
	dst = binary.AppendVarint(append(dst, byte(tagOffsets+width)), lowest)
	dst, out := extend(dst, len(vals)*width)
	if width == 1 {
		for i, v := range vals {
			out[i] = byte(int64(v) - lowest)
		}
		return dst
	}
	for i, v := range vals {
		putWidth(out, i*width, uint64(int64(v)-lowest))
	}
	return dst
}

func appendSteps[T integer](dst []byte, vals []T, lowestStep int64, width int) []byte {
	dst = binary.AppendVarint(append(dst, byte(tagSteps+width)), int64(vals[0]))
	dst = binary.AppendVarint(dst, lowestStep)
	dst, out := extend(dst, (len(vals)-1)*width)
	prev := int64(vals[0])
	for i, v := range vals[1:] {
		x := int64(v)
		putWidth(out, i*width, uint64(x-prev-lowestStep))
		prev = x
	}
	return dst
}

// extend makes dst n bytes longer. The window on the new bytes reaches 8 bytes
// further, so that each number can be stored as 8 bytes over which the next one goes.
func extend(dst []byte, n int) (longer, window []byte) {
	at := len(dst)
	for cap(dst) < at+n+8 {
		dst = append(dst[:cap(dst)], 0)
	}
	return dst[:at+n], dst[at : at+n+8]
}

func putWidth(window []byte, at int, x uint64) {
	binary.LittleEndian.PutUint64(window[at:at+8], x)
}

// takeInts decodes blocks until out is full.
func takeInts[T integer](d *decoder, out []T) {
	for len(out) > 0 && d.ok() {
		n := min(len(out), intBlockValues)
		takeIntBlock(d, out[:n])
		out = out[n:]
	}
}

func takeIntBlock[T integer](d *decoder, out []T) {
	tag := d.byte()
	switch {
	case tag == tagConstant:
		x := d.varint()
		v := narrow[T](d, x)
		for i := range out {
			out[i] = v
		}
	case tag == tagVarints:
		for i := range out {
			out[i] = narrow[T](d, d.varint())
		}
	case tag == tagLine:
		x, step := d.varint(), d.varint()
		for i := range out {
			out[i] = narrow[T](d, x)
			x += step
		}
	case tag > tagOffsets && tag <= tagOffsets+8:
		takeOffsets(d, out, int(tag-tagOffsets))
	case tag > tagSteps && tag <= tagSteps+8:
		takeSteps(d, out, int(tag-tagSteps))
	default:
		d.fail("block tag is %#x", tag)
	}
}

func takeOffsets[T integer](d *decoder, out []T, width int) {
	lowest := d.varint()
	b := d.take(len(out) * width)
	if b == nil {
		return
	}
	if width == 1 {
		for i, x := range b[:len(out)] {
			out[i] = narrow[T](d, lowest+int64(x))
		}
		return
	}
	for i := range out {
		out[i] = narrow[T](d, lowest+int64(getWidth(b, i*width, width)))
	}
}

func takeSteps[T integer](d *decoder, out []T, width int) {
	x, lowestStep := d.varint(), d.varint()
	b := d.take((len(out) - 1) * width)
	if b == nil {
		return
	}
	out[0] = narrow[T](d, x)
	for i := range out[1:] {
		x += lowestStep + int64(getWidth(b, i*width, width))
		out[i+1] = narrow[T](d, x)
	}
}

// getWidth reads width bytes at an offset, by 8 where there are 8.
func getWidth(b []byte, at, width int) uint64 {
	if at+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[at:]) & (1<<(8*width) - 1)
	}
	var x uint64
	for i := width - 1; i >= 0; i-- {
		x = x<<8 | uint64(b[at+i])
	}
	return x
}

// narrow converts a decoded number to its type, which it must fit.
func narrow[T integer](d *decoder, x int64) T {
	v := T(x)
	if int64(v) != x {
		d.fail("%d does not fit its column", x)
	}
	return v
}
