package wal

import (
	"encoding/binary"
	"hash/crc32"
)

// Kind says what a frame's payload is.
type Kind uint8

// The kinds of the engine's entries. Other kinds below the reserved ones are
// handed to the replay function like these.
const (
	KindSeries Kind = 1 // new series of a database
	KindFields Kind = 2 // new fields of a shard
	KindRows   Kind = 3 // rows of one measurement and shard
	KindDelete Kind = 4 // a delete of series and times
)

// Kinds from here on are the log's own and are not replayed.
const (
	kindReserved Kind = 0xf0
	kindSeal     Kind = 0xff // the log was closed; everything before is durable
)

// String returns the name of a known kind.
func (k Kind) String() string {
	switch k {
	case KindSeries:
		return "series"
	case KindFields:
		return "fields"
	case KindRows:
		return "rows"
	case KindDelete:
		return "delete"
	case kindSeal:
		return "seal"
	}
	return "unknown"
}

// MaxPayloadBytes is the largest payload of a frame.
const MaxPayloadBytes = 64 << 20

// The layout of a frame's header; the payload follows.
const (
	frameChecksumAt = 0  // u32
	frameLengthAt   = 4  // u32, of the payload
	frameLSNAt      = 8  // u64
	frameKindAt     = 16 // u8
	frameBehindAt   = 17 // u24

	frameHeaderBytes = 20
	maxBehind        = 1<<24 - 1
)

// endMark follows the last frame that was written: a header of zeros, which
// is no frame because LSNs begin at 1. The next frame overwrites it.
const endMarkBytes = frameHeaderBytes

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Frame is what replay gets.
type Frame struct {
	LSN     uint64
	Kind    Kind
	Payload []byte // valid during the call
	Segment string // path of the file
	Offset  int64  // of the frame's header in the file

	// AfterHole says that durable frames before this one are lost, so that what
	// it refers to may be unknown.
	AfterHole bool
}

// frameHeader is a decoded header.
type frameHeader struct {
	checksum uint32
	length   uint32
	lsn      uint64
	kind     Kind

	// behind counts the frames before this one that were not known to be
	// durable when it was written: all up to LSN lsn-1-behind were.
	behind uint32
}

// provenLSN returns the LSN up to which the log was durable when the frame
// was written.
func (h *frameHeader) provenLSN() uint64 { return h.lsn - 1 - min(uint64(h.behind), h.lsn-1) }

func (h *frameHeader) bytes() int64 { return frameHeaderBytes + int64(h.length) }

// appendFrame appends a frame whose checksum and behind are still zero.
func appendFrame(dst []byte, lsn uint64, kind Kind, payload []byte) []byte {
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.LittleEndian.AppendUint64(dst, lsn)
	dst = append(dst, byte(kind), 0, 0, 0)
	return append(dst, payload...)
}

// decodeFrameHeader reads a header; b has at least frameHeaderBytes.
func decodeFrameHeader(b []byte) frameHeader {
	return frameHeader{
		checksum: binary.LittleEndian.Uint32(b[frameChecksumAt:]),
		length:   binary.LittleEndian.Uint32(b[frameLengthAt:]),
		lsn:      binary.LittleEndian.Uint64(b[frameLSNAt:]),
		kind:     Kind(b[frameKindAt]),
		behind:   uint32(b[frameBehindAt]) | uint32(b[frameBehindAt+1])<<8 | uint32(b[frameBehindAt+2])<<16,
	}
}

// generationSeed is the state from which the checksums of a segment start.
// Different generations have different seeds.
func generationSeed(generation uint32) uint32 {
	return crc32.Checksum(binary.LittleEndian.AppendUint32(nil, generation), castagnoli)
}

// frameChecksum covers the whole frame behind the checksum itself, the
// generation of its segment and its place.
func frameChecksum(seed uint32, offset int64, frame []byte) uint32 {
	return crc32.Update(seed^uint32(offset), castagnoli, frame[frameLengthAt:])
}

// finishFrames completes the frames in b, which go to offset of a segment: sets
// what is durable and the checksums. It returns the LSN of the last.
func finishFrames(b []byte, seed uint32, offset int64, durable uint64) (last uint64) {
	for len(b) > 0 {
		h := decodeFrameHeader(b)
		frame := b[:h.bytes()]
		behind := min(h.lsn-1-durable, maxBehind)
		frame[frameBehindAt], frame[frameBehindAt+1], frame[frameBehindAt+2] = byte(behind), byte(behind>>8), byte(behind>>16)
		binary.LittleEndian.PutUint32(frame[frameChecksumAt:], frameChecksum(seed, offset, frame))
		offset += int64(len(frame))
		b, last = b[len(frame):], h.lsn
	}
	return last
}
