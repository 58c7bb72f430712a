package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/golang/snappy"
)

// The layout of the series log, see docs/formats/series.md.
const (
	seriesMagic       = "TLSERIES"
	seriesVersion     = 1
	rewrittenVersion  = 2
	segmentHeaderSize = 32
	blockHeaderSize   = 24

	maxBlockKeys  = 64
	fullBlock     = 16 << 10 // plain bytes after which a block takes no more keys
	maxSeriesKey  = 128 << 10
	maxBlockPlain = fullBlock + maxSeriesKey + 64*1024

	codecPlain  = 0
	codecSnappy = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segmentHeader starts a segment of the series log.
type segmentHeader struct {
	segment uint32
	first   uint32 // the next series id when the segment was made

	// Of a segment that was rewritten, otherwise zero.
	end  uint32 // the id after those of which it tells: those without a block are freed
	keys uint32 // that it has
}

func appendSegmentHeader(dst []byte, h segmentHeader) []byte {
	n := len(dst)
	dst = append(dst, seriesMagic...)
	version := uint32(seriesVersion)
	if h.end != 0 {
		version = rewrittenVersion
	}
	dst = binary.LittleEndian.AppendUint32(dst, version)
	dst = binary.LittleEndian.AppendUint32(dst, h.segment)
	dst = binary.LittleEndian.AppendUint32(dst, h.first)
	dst = binary.LittleEndian.AppendUint32(dst, h.end)
	dst = binary.LittleEndian.AppendUint32(dst, h.keys)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[n:], castagnoli))
}

func decodeSegmentHeader(src []byte) (h segmentHeader, err error) {
	if len(src) < segmentHeaderSize {
		return h, fmt.Errorf("segment header has %d bytes, want %d", len(src), segmentHeaderSize)
	}
	want := binary.LittleEndian.Uint32(src[28:])
	if got := crc32.Checksum(src[:28], castagnoli); got != want {
		return h, fmt.Errorf("segment header has checksum %08x, want %08x", got, want)
	}
	if string(src[:8]) != seriesMagic {
		return h, fmt.Errorf("segment starts with %q, want %q", src[:8], seriesMagic)
	}
	v := binary.LittleEndian.Uint32(src[8:])
	if v != seriesVersion && v != rewrittenVersion {
		return h, fmt.Errorf("segment has version %d, known are %d and %d: %w", v, seriesVersion, rewrittenVersion, ErrVersion)
	}
	h.segment = binary.LittleEndian.Uint32(src[12:])
	h.first = binary.LittleEndian.Uint32(src[16:])
	if v == rewrittenVersion {
		h.end, h.keys = binary.LittleEndian.Uint32(src[20:]), binary.LittleEndian.Uint32(src[24:])
	}
	return h, nil
}

// blockHeader starts a block. A block with keys has count > 0. A mark has count
// 0: it says that the bytes of the segment before the offset synced are durable,
// and that first is the next series id.
type blockHeader struct {
	payloadCRC uint32
	length     uint32 // stored bytes after the header
	first      uint32
	count      uint16
	codec      uint8
	plain      uint32 // bytes of the decoded payload; in a mark: synced
}

func (h *blockHeader) mark() bool { return h.count == 0 }

// end returns the id after the last one of the block.
func (h *blockHeader) end() uint32 { return h.first + uint32(h.count) }

// size returns the bytes of the block in the file.
func (h *blockHeader) size() int { return blockHeaderSize + int(h.length) }

// headerCRC covers the header after its own field and is seeded with the
// number of the segment, so that bytes of another segment are not taken for a block.
func headerCRC(segment uint32, b []byte) uint32 {
	return crc32.Update(segment, castagnoli, b[4:blockHeaderSize])
}

func appendBlockHeader(dst []byte, segment uint32, h blockHeader) []byte {
	n := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, h.payloadCRC)
	dst = binary.LittleEndian.AppendUint32(dst, h.length)
	dst = binary.LittleEndian.AppendUint32(dst, h.first)
	dst = binary.LittleEndian.AppendUint16(dst, h.count)
	dst = append(dst, h.codec, 0)
	dst = binary.LittleEndian.AppendUint32(dst, h.plain)
	binary.LittleEndian.PutUint32(dst[n:], headerCRC(segment, dst[n:]))
	return dst
}

var errNoBlock = errors.New("not a block header")

// decodeBlockHeader reads and checks a header; the checks cost little, since
// the search for the next block after damage tries every byte.
func decodeBlockHeader(src []byte, segment uint32) (h blockHeader, err error) {
	if len(src) < blockHeaderSize {
		return h, errNoBlock
	}
	h.length = binary.LittleEndian.Uint32(src[8:])
	h.count = binary.LittleEndian.Uint16(src[16:])
	h.codec = src[18]
	if h.count > maxBlockKeys || h.codec > codecSnappy || src[19] != 0 || h.length > maxBlockPlain {
		return h, errNoBlock
	}
	if binary.LittleEndian.Uint32(src) != headerCRC(segment, src) {
		return h, errNoBlock
	}
	h.payloadCRC = binary.LittleEndian.Uint32(src[4:])
	h.first = binary.LittleEndian.Uint32(src[12:])
	h.plain = binary.LittleEndian.Uint32(src[20:])
	if h.first == 0 || uint64(h.first)+uint64(h.count) > 1<<32 {
		return h, errNoBlock
	}
	if !h.mark() && h.plain > maxBlockPlain || h.mark() && h.length != 0 {
		return h, errNoBlock
	}
	return h, nil
}

// appendBlock encodes the front-coded keys in plain; compressed when that saves
// an eighth.
func appendBlock(dst []byte, segment, first uint32, count int, plain []byte) []byte {
	h := blockHeader{first: first, count: uint16(count), plain: uint32(len(plain))}
	stored := plain
	if len(plain) >= 128 {
		if packed := snappy.Encode(nil, plain); len(packed) <= len(plain)-len(plain)/8 {
			stored, h.codec = packed, codecSnappy
		}
	}
	h.length = uint32(len(stored))
	h.payloadCRC = crc32.Checksum(stored, castagnoli)
	dst = appendBlockHeader(dst, segment, h)
	return append(dst, stored...)
}

func appendMark(dst []byte, segment, next, synced uint32) []byte {
	return appendBlockHeader(dst, segment, blockHeader{first: next, plain: synced})
}

// decodeBlockPayload returns the front-coded keys of a block whose header is at
// the start of src; they lie in src or in buf.
func decodeBlockPayload(h *blockHeader, src, buf []byte) (plain []byte, err error) {
	if len(src) < h.size() {
		return nil, fmt.Errorf("block has %d bytes, want %d", len(src), h.size())
	}
	stored := src[blockHeaderSize:h.size()]
	if got := crc32.Checksum(stored, castagnoli); got != h.payloadCRC {
		return nil, fmt.Errorf("block payload has checksum %08x, want %08x", got, h.payloadCRC)
	}
	if h.codec == codecPlain {
		if uint32(len(stored)) != h.plain {
			return nil, fmt.Errorf("block payload has %d bytes, want %d", len(stored), h.plain)
		}
		return stored, nil
	}
	if n, err := snappy.DecodedLen(stored); err != nil || uint32(n) != h.plain {
		return nil, fmt.Errorf("block payload decodes to %d bytes, want %d", n, h.plain)
	}
	plain, err = snappy.Decode(buf[:cap(buf)], stored)
	if err != nil {
		return nil, fmt.Errorf("block payload: %w", err)
	}
	return plain, nil
}

// appendFrontCoded encodes key as what it shares with prev and the rest.
func appendFrontCoded(dst, prev, key []byte) []byte {
	n := 0
	for n < len(prev) && n < len(key) && prev[n] == key[n] {
		n++
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = binary.AppendUvarint(dst, uint64(len(key)-n))
	return append(dst, key[n:]...)
}

// cutFrontCoded decodes one string into key, which holds the one before it.
func cutFrontCoded(src, key []byte) (_ []byte, rest []byte, err error) {
	key, rest, _, err = cutShared(src, key)
	return key, rest, err
}

// cutShared is cutFrontCoded that tells how many bytes of key stayed.
func cutShared(src, key []byte) (_ []byte, rest []byte, same int, err error) {
	shared, rest, ok := cutUvarint(src)
	if !ok || shared > uint64(len(key)) {
		return key, src, 0, errors.New("front coding shares more than there is")
	}
	n, rest, ok := cutUvarint(rest)
	if !ok || n > uint64(len(rest)) || shared+n > maxSeriesKey {
		return key, src, 0, errors.New("front-coded string is cut short")
	}
	return append(key[:shared], rest[:n]...), rest[n:], int(shared), nil
}

// walkBlock calls fn with each key of the decoded block payload; the key is
// valid until fn returns. fn returns false to stop.
func walkBlock(plain []byte, count int, fn func(i int, key []byte) bool) error {
	var key []byte
	var err error
	for i := range count {
		if key, plain, err = cutFrontCoded(plain, key); err != nil {
			return fmt.Errorf("key %d of the block: %w", i, err)
		}
		if !fn(i, key) {
			return nil
		}
	}
	if len(plain) != 0 {
		return fmt.Errorf("block has %d bytes after its last key", len(plain))
	}
	return nil
}
