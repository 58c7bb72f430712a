// Package inflate unpacks gzip bodies that are in memory as a whole into memory
// that holds the whole result.
//
//	gzip member ──header──▶ deflate blocks ──▶ output ──CRC-32, size──▶ next member
//	                         stored │ fixed │ dynamic codes
//
// A streaming inflater keeps a window, stops wherever its input or the reader's
// buffer ends and copies what it made. None of that is needed for a request's
// body, and it is most of what such an inflater costs. Here the bits come from a
// 64-bit buffer that is filled eight bytes at a time, a look at a table yields up
// to two literals or a length with its extra bits, and a match is copied inside
// the output in words. The ideas are those of Eric Biggers' libdeflate and of
// Fabian Giesen's articles on reading bits; the code is our own.
//
// Decoder accepts and refuses what compress/gzip does, several members one after
// another included. Unlike there, nothing is to be had from a body that is
// refused. Close to the end of the input or of the output, symbols are read one
// by one by the careful twin of the fast loop, which could read all of them.
package inflate
