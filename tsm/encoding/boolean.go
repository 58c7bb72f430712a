package encoding

// AppendBooleans appends a page of booleans to dst: constant with one byte 0 or
// 1, or a bitmap, the first value in the lowest bit.
func (c Choice) AppendBooleans(dst []byte, values []bool) []byte {
	at := len(dst)
	dst = c.appendBooleans(dst, values)
	c.note(dst[at:])
	return dst
}

func (c Choice) appendBooleans(dst []byte, values []bool) []byte {
	same := c.Codec != Bitmap || len(values) == 0
	for _, v := range values {
		if v != values[0] {
			same = false
			break
		}
	}
	if same {
		b := byte(0)
		if len(values) > 0 && values[0] {
			b = 1
		}
		return append(dst, byte(Constant), b)
	}
	dst = append(dst, byte(Bitmap))
	for len(values) > 0 {
		m := min(len(values), 8)
		var b byte
		for i, v := range values[:m] {
			if v {
				b |= 1 << i
			}
		}
		dst = append(dst, b)
		values = values[m:]
	}
	return dst
}

// DecodeBooleans decodes a page of n booleans into the memory of dst.
func DecodeBooleans(dst []bool, src []byte, n int) ([]bool, error) {
	if len(src) == 0 {
		return dst[:0], malformed("boolean page is empty")
	}
	switch codec, body := Codec(src[0]), src[1:]; codec {
	case Constant:
		if len(body) != 1 || body[0] > 1 {
			return dst[:0], malformed("constant boolean page")
		}
		dst = grow(dst, n)
		for i := range dst {
			dst[i] = body[0] == 1
		}
		return dst, nil
	case Bitmap:
		if len(body) != (n+7)/8 || n&7 != 0 && body[n/8]>>(n&7) != 0 {
			return dst[:0], malformed("bitmap of %d booleans has %d bytes or stray bits", n, len(body))
		}
		dst = grow(dst, n)
		for i := range dst {
			dst[i] = body[i>>3]>>(i&7)&1 == 1
		}
		return dst, nil
	default:
		return dst[:0], malformed("boolean page has %v", codec)
	}
}
