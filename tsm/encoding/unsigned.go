package encoding

// DecodeUnsigneds decodes a page of n values into the memory of dst.
func DecodeUnsigneds(dst []uint64, src []byte, n int) ([]uint64, error) {
	dst, rest, err := decodeWords(dst, src, n)
	if err == nil {
		err = endOfPage(rest)
	}
	return dst, err
}
