package wal

import (
	"encoding/binary"
	"sync"

	"github.com/golang/snappy"

	"github.com/timberlinedb/timberline/model"
)

// A column of strings is the lengths, then all text in one piece, compressed
// when that saves an eighth.
const (
	textRaw    = 0 // text
	textSnappy = 1 // length of what follows as a uvarint, snappy block

	minSnappyBytes = 256
	// maxSnappyRatio bounds what a snappy block can grow to: its longest copy
	// yields 64 bytes from 3.
	maxSnappyRatio = 22
)

var snappyMemory = sync.Pool{New: func() any { return new([]byte) }}

func appendStrings(dst []byte, c *model.Column) []byte {
	var lengths [intBlockValues]int64
	total := 0
	for vals := c.Values; len(vals) > 0; {
		n := min(len(vals), intBlockValues)
		for i, ref := range vals[:n] {
			lengths[i] = int64(ref & (1<<24 - 1))
			total += int(lengths[i])
		}
		dst = appendIntBlock(dst, lengths[:n])
		vals = vals[n:]
	}
	dst = append(dst, textRaw)
	at := len(dst)
	for _, ref := range c.Values {
		dst = append(dst, c.StringAt(ref)...)
	}
	if total < minSnappyBytes {
		return dst
	}
	memory := snappyMemory.Get().(*[]byte)
	defer snappyMemory.Put(memory)
	*memory = snappy.Encode((*memory)[:cap(*memory)], dst[at:])
	if len(*memory) > total-total/8 {
		return dst
	}
	dst = append(dst[:at-1], textSnappy)
	dst = binary.AppendUvarint(dst, uint64(len(*memory)))
	return append(dst, *memory...)
}

// takeStrings decodes the strings of a column whose Values has their number.
func (r *Rows) takeStrings(d *decoder, c *model.Column) {
	takeInts(d, c.Values)
	if !d.ok() {
		return
	}
	total := 0
	for i, n := range c.Values {
		if n > model.MaxStringBytes {
			d.fail("string has %d bytes, at most %d", n, model.MaxStringBytes)
			return
		}
		c.Values[i] = model.StringRef(total, int(n))
		total += int(n)
	}
	switch form := d.byte(); form {
	case textRaw:
		c.Strings = d.take(total)
	case textSnappy:
		c.Strings = r.takeSnappy(d, total)
	default:
		d.fail("form of strings is %d", form)
	}
}

func (r *Rows) takeSnappy(d *decoder, total int) []byte {
	b := d.bytes()
	if !d.ok() {
		return nil
	}
	if n, err := snappy.DecodedLen(b); err != nil || n != total || n > maxSnappyRatio*len(b) {
		d.fail("compressed text of %d bytes has %d bytes, want %d", len(b), n, total)
		return nil
	}
	at := len(r.text)
	if cap(r.text) < at+total {
		r.text, at = make([]byte, 0, max(2*cap(r.text), total)), 0 // earlier columns keep the old memory
	}
	r.text = r.text[:at+total]
	text, err := snappy.Decode(r.text[at:at+total:at+total], b)
	if err != nil || len(text) != total {
		d.fail("compressed text: %v", err)
		return nil
	}
	return text
}
