package encoding

// DecodeIntegers decodes a page of n values into the memory of dst.
func DecodeIntegers(dst []int64, src []byte, n int) ([]int64, error) {
	dst, rest, err := decodeWords(dst, src, n)
	if err == nil {
		err = endOfPage(rest)
	}
	return dst, err
}

// CutIntegers decodes a page of n values from the front of src and returns what
// follows it.
func CutIntegers(dst []int64, src []byte, n int) (_ []int64, rest []byte, err error) {
	return decodeWords(dst, src, n)
}
