package inflate

import (
	"encoding/binary"
	"io"
)

// refill fills the bit buffer as far as the input goes, to 57 bits or more when
// there is enough.
func (d *Decoder) refill() {
	if d.pos+8 <= len(d.in) {
		d.bits |= binary.LittleEndian.Uint64(d.in[d.pos:]) << (d.count & 63)
		d.pos += int(63-d.count) >> 3
		d.count |= 56
		d.bits &= 1<<(d.count&63) - 1
		return
	}
	for d.count <= 56 && d.pos < len(d.in) {
		d.bits |= uint64(d.in[d.pos]) << (d.count & 63)
		d.pos++
		d.count += 8
	}
}

// take consumes n bits, at most 16, of which the bit buffer must not have less.
func (d *Decoder) take(n uint) (v uint, err error) {
	if d.count < n {
		if d.refill(); d.count < n {
			return 0, io.ErrUnexpectedEOF
		}
	}
	v = uint(d.bits) & (1<<n - 1)
	d.bits >>= n
	d.count -= n
	return v, nil
}

// blocks reads deflate blocks up to the last one (RFC 1951).
func (d *Decoder) blocks() error {
	for {
		head, err := d.take(3)
		if err != nil {
			return err
		}
		switch head >> 1 {
		case 0:
			err = d.stored()
		case 1:
			d.fixedCodes()
			err = d.symbols()
		case 2:
			if err = d.dynamicCodes(); err == nil {
				err = d.symbols()
			}
		default:
			err = d.corrupt()
		}
		if err != nil || head&1 != 0 {
			return err
		}
	}
}

// stored copies a block that is not compressed.
func (d *Decoder) stored() error {
	d.pos -= int(d.count / 8)
	d.bits, d.count = 0, 0
	if len(d.in)-d.pos < 4 {
		return io.ErrUnexpectedEOF
	}
	size := int(binary.LittleEndian.Uint16(d.in[d.pos:]))
	if uint16(size) != ^binary.LittleEndian.Uint16(d.in[d.pos+2:]) {
		return d.corrupt()
	}
	d.pos += 4
	if len(d.in)-d.pos < size {
		return io.ErrUnexpectedEOF
	}
	for size > 0 {
		if d.end == len(d.out) {
			if err := d.grow(); err != nil {
				return err
			}
		}
		n := copy(d.out[d.end:], d.in[d.pos:d.pos+size])
		d.end, d.pos, size = d.end+n, d.pos+n, size-n
	}
	return nil
}

func (d *Decoder) fixedCodes() {
	var lengths [288]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	d.codes.build(d.lit[:], litBits, lengths[:], litSymbols[:])
	pairLiterals(&d.lit)
	for i := range 32 {
		lengths[i] = 5
	}
	d.codes.build(d.dist[:], distBits, lengths[:32], distSymbols[:])
}

// precOrder is the order in which the lengths of the codes of code lengths come.
var precOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamicCodes reads the codes of a block.
func (d *Decoder) dynamicCodes() error {
	head, err := d.take(14)
	if err != nil {
		return err
	}
	lits, dists, precs := int(head&31)+257, int(head>>5&31)+1, int(head>>10)+4
	if lits > maxLitSymbols || dists > maxDistSymbols {
		return d.corrupt()
	}
	var prec [19]uint8
	for _, at := range precOrder[:precs] {
		length, err := d.take(3)
		if err != nil {
			return err
		}
		prec[at] = uint8(length)
	}
	if !d.codes.build(d.prec[:], precBits, prec[:], precSymbols[:]) {
		return d.corrupt()
	}
	if err := d.codeLengths(lits + dists); err != nil {
		return err
	}
	if !d.codes.build(d.lit[:], litBits, d.lengths[:lits], litSymbols[:]) ||
		!d.codes.build(d.dist[:], distBits, d.lengths[lits:lits+dists], distSymbols[:]) {
		return d.corrupt()
	}
	pairLiterals(&d.lit)
	return nil
}

// codeLengths reads the lengths of n codes.
func (d *Decoder) codeLengths(n int) error {
	for i := 0; i < n; {
		d.refill()
		e := d.prec[d.bits&(precEntries-1)]
		if e&isSpecial != 0 {
			return d.broken(1)
		}
		if _, err := d.take(uint(e & 0xFF)); err != nil {
			return err
		}
		symbol := uint8(e >> 16)
		if symbol < 16 {
			d.lengths[i] = symbol
			i++
			continue
		}
		var value uint8
		least, extra := 3, uint(2)
		switch symbol {
		case 16:
			if i == 0 {
				return d.corrupt()
			}
			value = d.lengths[i-1]
		case 17:
			extra = 3
		default:
			least, extra = 11, 7
		}
		more, err := d.take(extra)
		if err != nil {
			return err
		}
		repeat := least + int(more)
		if i+repeat > n {
			return d.corrupt()
		}
		for range repeat {
			d.lengths[i] = value
			i++
		}
	}
	return nil
}

// broken says why a code of at least n bits has not been found: the input ends
// or has none.
func (d *Decoder) broken(n uint) error {
	if d.count < n {
		return io.ErrUnexpectedEOF
	}
	return d.corrupt()
}
