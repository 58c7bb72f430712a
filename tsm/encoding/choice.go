package encoding

import "sync/atomic"

// Choice says how codecs are chosen. The zero value takes the cheapest of each
// page.
type Choice struct {
	// Codec, if not zero, is taken for every page that it can represent, also for
	// the integer pages inside of others; all other pages get the cheapest. It
	// serves tests, which see every decoder at work that way.
	Codec Codec

	// Taken, if not nil, counts the pages that are encoded by their codecs, those
	// inside of others too: it shows tests which codecs were at work.
	Taken *Tally

	flat   bool // no runs pages: this is one inside of such
	groups int  // of the parts of huffman pages, for tests; 0 is the usual number
}

// Tally counts pages by codec.
type Tally [LastCodec + 1]atomic.Int64

// note counts the page at the front of bytes.
func (c Choice) note(page []byte) {
	if c.Taken != nil {
		c.Taken[page[0]].Add(1)
	}
}

// wants reports whether one of codecs is to be taken.
func (c Choice) wants(codecs ...Codec) bool {
	for _, codec := range codecs {
		if c.Codec == codec {
			return true
		}
	}
	return false
}

// AppendIntegers appends a page of int64 values to dst.
func (c Choice) AppendIntegers(dst []byte, values []int64) []byte { return appendWords(dst, values, c) }

// AppendUnsigneds appends a page of uint64 values to dst.
func (c Choice) AppendUnsigneds(dst []byte, values []uint64) []byte {
	return appendWords(dst, values, c)
}

// AppendIntegers appends a page of int64 values to dst in the cheapest codec.
func AppendIntegers(dst []byte, values []int64) []byte { return Choice{}.AppendIntegers(dst, values) }

// AppendUnsigneds appends a page of uint64 values to dst in the cheapest codec.
func AppendUnsigneds(dst []byte, values []uint64) []byte {
	return Choice{}.AppendUnsigneds(dst, values)
}

// AppendTimestamps appends a page of timestamps to dst in the cheapest codec. They
// need not be in order (a block of several series restarts for each).
func AppendTimestamps(dst []byte, times []int64) []byte { return Choice{}.AppendTimestamps(dst, times) }

// AppendFloats appends a page of floats to dst in the cheapest codec. Every bit
// pattern comes back as it was, -0 and NaN payloads included.
func AppendFloats(dst []byte, values []float64) []byte { return Choice{}.AppendFloats(dst, values) }

// AppendBooleans appends a page of booleans to dst in the cheapest codec.
func AppendBooleans(dst []byte, values []bool) []byte { return Choice{}.AppendBooleans(dst, values) }

// AppendStrings appends a page of strings to dst in the cheapest codec.
func AppendStrings(dst []byte, values [][]byte) []byte { return Choice{}.AppendStrings(dst, values) }
