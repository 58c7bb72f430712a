package wal

// appendBooleans appends one bit for each value, the first one lowest.
func appendBooleans(dst []byte, vals []uint64) []byte {
	for len(vals) > 0 {
		n := min(len(vals), 8)
		var b byte
		for i, v := range vals[:n] {
			b |= byte(v&1) << i
		}
		dst = append(dst, b)
		vals = vals[n:]
	}
	return dst
}

func takeBooleans(d *decoder, out []uint64) {
	b := d.take((len(out) + 7) / 8)
	if b == nil {
		return
	}
	for i := range out {
		out[i] = uint64(b[i/8]>>(i%8)) & 1
	}
	if rest := len(out) % 8; rest != 0 && b[len(b)-1]>>rest != 0 {
		d.fail("bits are set behind the last boolean")
	}
}
