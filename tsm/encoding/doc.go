// Package encoding turns columns of one block into bytes and back: timestamps,
// floats, integers, unsigned integers, booleans, strings and the bitmap of the
// rows that have a value.
//
//	values ──Append…──▶ codec id (1 byte) │ payload ──Decode…──▶ values
//
// Every AppendX looks at the values, computes what the candidate codecs would
// cost, and writes the cheapest; the first byte says which it was. Every DecodeX
// takes the number of values from its caller, fills the caller's slice, and
// returns ErrMalformed, never a panic, for bytes that no encoder writes. The
// numbers of the codecs are part of the file format (docs/formats/encodings.md).
//
// Integers of all kinds (also the mantissas of decimal floats, order-preserving
// bits of other floats, the lengths of strings and scaled timestamps) go through
// one coder. It takes differences of order 0 to 2 and writes these residuals in
// one of 64 fixed Huffman codes, bit-packed in groups, or their distinct values
// and a number per row. A planner counts the residuals in a histogram and knows
// from it what each way takes to the byte, so none is tried.
//
//	values ─ order ─▶ residuals ─▶ histogram ─ tables × costs ─▶ huffman ┐
//	                      └─▶ ranges of groups ──────────────▶ packed  ├ least bytes
//	values ─ sample ─▶ few distinct? ──────────────▶ value dictionary  ┘
//
// Checksums, statistics and the place of a page in a file are the business of
// package tsm.
package encoding
