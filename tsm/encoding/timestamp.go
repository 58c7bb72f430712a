package encoding

// A scaled-packed page is: power of ten u8, base zigzag (the least timestamp),
// integer page of (timestamp - base) / 10^power.

// AppendTimestamps appends a page of timestamps to dst. They need not be in
// order (a block of several series restarts for each).
func (c Choice) AppendTimestamps(dst []byte, times []int64) []byte {
	force := c.Codec == ScaledPacked && len(times) > 0
	if !force && (len(times) < 3 || isLinear(times, times[1]-times[0])) {
		return appendWords(dst, times, c)
	}
	base := times[0]
	for _, t := range times {
		base = min(base, t)
	}
	power := commonPower(times, base)
	if power == 0 && !force {
		return appendWords(dst, times, c)
	}
	p := borrow(len(times))
	defer scratch.Put(p)
	scaled := *p
	divisor := powersOfTen[power]
	for i, t := range times {
		scaled[i] = int64((uint64(t) - uint64(base)) / divisor)
	}
	at := len(dst)
	dst = append(dst, byte(ScaledPacked), byte(power))
	c.note(dst[at:])
	return appendWords(appendZigzag(dst, base), scaled, c)
}

// maxTimePower is the largest power of ten that fits 64 bits.
const maxTimePower = 19

var powersOfTen = func() (p [maxTimePower + 1]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// commonPower returns the largest k such that 10^k divides every t - base.
func commonPower(times []int64, base int64) int {
	k := maxTimePower
	for _, t := range times {
		d := uint64(t) - uint64(base)
		for d%powersOfTen[k] != 0 {
			k--
		}
		if k == 0 {
			return 0
		}
	}
	return k
}

// DecodeTimestamps decodes a page of n timestamps into the memory of dst.
func DecodeTimestamps(dst []int64, src []byte, n int) ([]int64, error) {
	if len(src) == 0 || Codec(src[0]) != ScaledPacked {
		return DecodeIntegers(dst, src, n)
	}
	if len(src) < 2 || src[1] > maxTimePower {
		return dst[:0], malformed("power of ten of a page of timestamps")
	}
	factor := int64(powersOfTen[src[1]])
	base, rest, ok := cutZigzag(src[2:])
	if !ok {
		return dst[:0], malformed("base of a page of timestamps")
	}
	dst, err := DecodeIntegers(dst, rest, n)
	if err != nil {
		return dst, err
	}
	for i, q := range dst {
		dst[i] = base + q*factor
	}
	return dst, nil
}
