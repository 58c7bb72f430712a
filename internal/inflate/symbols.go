package inflate

import (
	"io"
	"unsafe"
)

// How much of input and output a round of the fast loop may touch. It reads a
// word at up to 7 bytes behind where it began. It writes two entries of two
// literals each, then a match of at most 258 bytes in steps of 32: 4+258+31
// bytes. After three entries of literals comes no match.
const (
	fastIn  = 16
	fastOut = 4 + 258 + 32
)

// Slack is by how many bytes the output should be longer than the result, so
// that the fast loop can run to the end of it.
const Slack = fastOut

// symbols reads the literals and matches of a block.
func (d *Decoder) symbols() error {
	for {
		done, err := d.fastSymbols()
		if done || err != nil {
			return err
		}
		if done, err = d.carefulSymbol(); done || err != nil {
			return err
		}
	}
}

// fastSymbols reads symbols while there is enough of input and output. It
// reports whether the block has ended.
func (d *Decoder) fastSymbols() (done bool, err error) {
	lastIn, lastOut := len(d.in)-fastIn, len(d.out)-fastOut
	if lastIn < 0 || lastOut < 0 {
		return false, nil
	}
	in, out := unsafe.Pointer(&d.in[0]), unsafe.Pointer(&d.out[0])
	pos, end := d.pos, d.end
	bits, count := d.bits, d.count
	lit, dist := &d.lit, &d.dist
loop:
	for pos <= lastIn && end <= lastOut {
		// 56 bits at least: three looks at the primary table take 30.
		bits |= load64(in, pos) << (count & 63)
		pos += int(63-count) >> 3
		count |= 56

		e := lit[bits&(1<<litBits-1)]
		if e&isLiteral != 0 {
			store16(out, end, uint16(e>>16))
			end += int(e>>8) & 3
			bits >>= e & 63
			count -= uint(e & 63)
			e = lit[bits&(1<<litBits-1)]
			if e&isLiteral != 0 {
				store16(out, end, uint16(e>>16))
				end += int(e>>8) & 3
				bits >>= e & 63
				count -= uint(e & 63)
				e = lit[bits&(1<<litBits-1)]
				if e&isLiteral != 0 {
					store16(out, end, uint16(e>>16))
					end += int(e>>8) & 3
					bits >>= e & 63
					count -= uint(e & 63)
					continue
				}
			}
		}
		// 36 are left at least; a length takes 20.
		if e&isSpecial != 0 {
			if e&isLink != 0 {
				bits >>= litBits
				count -= litBits
				e = lit[(uint64(e>>16)+bits&(1<<(e>>8&15)-1))&(litEntries-1)]
			}
			if e&isLiteral != 0 {
				store16(out, end, uint16(e>>16))
				end++
				bits >>= e & 63
				count -= uint(e & 63)
				continue
			}
			if e&isSpecial != 0 {
				bits >>= e & 63
				count -= uint(e & 63)
				if done = e&isEnd != 0; !done {
					d.pos = pos
					err = d.corrupt()
				}
				break loop
			}
		}
		length := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&15))
		bits >>= e & 63
		count -= uint(e & 63)

		if count < 28 { // a distance
			bits |= load64(in, pos) << (count & 63)
			pos += int(63-count) >> 3
			count |= 56
		}
		e = dist[bits&(1<<distBits-1)]
		if e&isSpecial != 0 {
			if e&isLink != 0 {
				bits >>= distBits
				count -= distBits
				e = dist[(uint64(e>>16)+bits&(1<<(e>>8&15)-1))&(distEntries-1)]
			}
			if e&isSpecial != 0 {
				d.pos = pos
				err = d.corrupt()
				break loop
			}
		}
		distance := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&15))
		bits >>= e & 63
		count -= uint(e & 63)
		if distance > end-d.base {
			d.pos = pos
			err = d.corrupt()
			break loop
		}
		from := end - distance
		if distance >= 16 {
			to := end
			end += length
			copy32(out, to, from)
			for length > 32 {
				from, to, length = from+32, to+32, length-32
				copy32(out, to, from)
			}
			continue
		}
		copyNear(d.out, from, end, length)
		end += length
	}
	d.pos, d.end = pos, end
	d.bits, d.count = bits&(1<<(count&63)-1), count
	return done, err
}

// copyNear copies a match that overlaps itself closely, byte by byte.
func copyNear(out []byte, from, to, length int) {
	src, dst := out[from:to+length], out[to:to+length]
	for i := range dst {
		dst[i] = src[i]
	}
}

// carefulSymbol reads one entry of the table, which may be two literals, and
// checks everything. It reports whether the block has ended.
func (d *Decoder) carefulSymbol() (done bool, err error) {
	d.refill()
	e := d.lit[d.bits&(1<<litBits-1)]
	if e&isLink != 0 && e&isSpecial != 0 {
		if _, err := d.take(litBits); err != nil {
			return false, err
		}
		e = d.lit[(uint64(e>>16)+d.bits&(1<<(e>>8&15)-1))&(litEntries-1)]
	}
	if e&isLiteral != 0 {
		return false, d.carefulLiterals(e)
	}
	if e&isSpecial != 0 {
		if e&isEnd == 0 {
			return false, d.broken(1)
		}
		_, err = d.take(uint(e & 0xFF))
		return true, err
	}
	length, err := d.number(e)
	if err != nil {
		return false, err
	}
	d.refill()
	e = d.dist[d.bits&(1<<distBits-1)]
	if e&isLink != 0 && e&isSpecial != 0 {
		if _, err := d.take(distBits); err != nil {
			return false, err
		}
		e = d.dist[(uint64(e>>16)+d.bits&(1<<(e>>8&15)-1))&(distEntries-1)]
	}
	if e&isSpecial != 0 {
		return false, d.broken(1)
	}
	distance, err := d.number(e)
	if err != nil {
		return false, err
	}
	if distance > d.end-d.base {
		return false, d.corrupt()
	}
	return false, d.carefulCopy(distance, length)
}

// carefulLiterals writes the literals of an entry.
func (d *Decoder) carefulLiterals(e entry) error {
	if _, err := d.take(uint(e & 0xFF)); err != nil {
		return err
	}
	for n := e >> 8 & 3; n > 0; n-- {
		if d.end == len(d.out) {
			if err := d.grow(); err != nil {
				return err
			}
		}
		d.out[d.end] = byte(e >> 16)
		d.end++
		e >>= 8
	}
	return nil
}

// number consumes a length or distance. The bit buffer has been filled, and no
// number takes more bits than it holds then.
func (d *Decoder) number(e entry) (int, error) {
	n := uint(e & 0xFF)
	if d.count < n {
		return 0, io.ErrUnexpectedEOF
	}
	v := int(e>>16) + int(d.bits&(1<<n-1)>>(e>>8&15))
	d.bits >>= n
	d.count -= n
	return v, nil
}

// carefulCopy writes a match.
func (d *Decoder) carefulCopy(distance, length int) error {
	for length > 0 {
		if d.end == len(d.out) {
			if err := d.grow(); err != nil {
				return err
			}
		}
		n := min(length, len(d.out)-d.end)
		copyNear(d.out, d.end-distance, d.end, n)
		d.end += n
		length -= n
	}
	return nil
}
