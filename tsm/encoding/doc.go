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
// numbers of the codecs are part of the file format (docs/formats/tsm.md).
//
// Integers of all kinds (also the mantissas of decimal floats, the lengths of
// strings and scaled timestamps) go through one coder: differences of order 0
// to 2, in groups of 64, each group bit-packed above its minimum.
//
// Checksums, statistics and the place of a page in a file are the business of
// package tsm.
package encoding
