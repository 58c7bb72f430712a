package inflate

import (
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// Buffer is memory for what is unpacked.
type Buffer interface {
	// Grow returns a slice that begins with the bytes of out, all of which are
	// in use, and is longer; or the error that ends the unpacking. They were
	// unpacked from at most read bytes of the source.
	Grow(out []byte, read int) ([]byte, error)
}

// Decoder unpacks gzip. Its memory, about 20 KiB, is used again; the zero value
// is ready. It is not for concurrent use.
type Decoder struct {
	in      []byte
	pos     int    // index of the first byte of in that is not in the bit buffer
	bits    uint64 // the next bits, first one lowest; those above count are 0
	count   uint   // bits in the bit buffer
	out     []byte // all of it may be written
	end     int    // bytes of out that have been written
	base    int    // where the member's output begins
	buffer  Buffer
	codes   codeBuilder
	lengths [maxLitSymbols + maxDistSymbols]uint8
	lit     [litEntries]entry
	dist    [distEntries]entry
	prec    [precEntries]entry
}

// Gzip unpacks the members of src behind each other. It writes to out, whatever
// it holds, as far as that reaches, and asks buffer for more; it returns what it
// has written. Errors are io.EOF when src is empty, io.ErrUnexpectedEOF when it
// ends early, gzip.ErrHeader, gzip.ErrChecksum, *CorruptError, or the buffer's.
func (d *Decoder) Gzip(out, src []byte, buffer Buffer) ([]byte, error) {
	d.in, d.pos, d.out, d.end, d.buffer = src, 0, out, 0, buffer
	if len(src) == 0 {
		return nil, io.EOF
	}
	err := d.members()
	out = d.out[:d.end]
	d.in, d.out, d.buffer = nil, nil, nil
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CorruptError says where in its input a deflate stream is found to be broken.
type CorruptError struct {
	Offset int // bytes from the beginning of the input, or some less
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("flate: corrupt input before offset %d", e.Offset)
}

func (d *Decoder) corrupt() error { return &CorruptError{d.pos} }

func (d *Decoder) members() error {
	for d.pos < len(d.in) {
		if err := d.header(); err != nil {
			return err
		}
		d.base, d.bits, d.count = d.end, 0, 0
		if err := d.blocks(); err != nil {
			return err
		}
		d.pos -= int(d.count / 8)
		if len(d.in)-d.pos < 8 {
			return io.ErrUnexpectedEOF
		}
		written := d.out[d.base:d.end]
		sum := binary.LittleEndian.Uint32(d.in[d.pos:])
		size := binary.LittleEndian.Uint32(d.in[d.pos+4:])
		if sum != checksum(written) || size != uint32(len(written)) {
			return gzip.ErrChecksum
		}
		d.pos += 8
	}
	return nil
}

// step is how many bytes are summed up at once: that cannot be interrupted, and while
// the collector waits for its end all goroutines do.
const step = 1 << 20

func checksum(data []byte) (sum uint32) {
	for len(data) > step {
		sum = crc32.Update(sum, crc32.IEEETable, data[:step])
		data = data[step:]
	}
	return crc32.Update(sum, crc32.IEEETable, data)
}

// Flags of a gzip header (RFC 1952).
const (
	flagHeaderCRC = 1 << 1
	flagExtra     = 1 << 2
	flagName      = 1 << 3
	flagComment   = 1 << 4
)

// maxHeaderText is how long a name or comment is at most, with its final zero:
// what compress/gzip accepts.
const maxHeaderText = 512

// header reads the header of a member.
func (d *Decoder) header() error {
	h := d.in[d.pos:]
	if len(h) < 10 {
		return io.ErrUnexpectedEOF
	}
	if h[0] != 0x1f || h[1] != 0x8b || h[2] != 8 {
		return gzip.ErrHeader
	}
	flags, n := h[3], 10
	if flags&flagExtra != 0 {
		if len(h) < n+2 {
			return io.ErrUnexpectedEOF
		}
		n += 2 + int(binary.LittleEndian.Uint16(h[n:]))
		if len(h) < n {
			return io.ErrUnexpectedEOF
		}
	}
	for _, flag := range [...]byte{flagName, flagComment} {
		if flags&flag == 0 {
			continue
		}
		text, err := headerText(h[n:])
		if err != nil {
			return err
		}
		n += text
	}
	if flags&flagHeaderCRC != 0 {
		if len(h) < n+2 {
			return io.ErrUnexpectedEOF
		}
		if binary.LittleEndian.Uint16(h[n:]) != uint16(crc32.ChecksumIEEE(h[:n])) {
			return gzip.ErrHeader
		}
		n += 2
	}
	d.pos += n
	return nil
}

// headerText returns the length of a text that ends with a zero byte.
func headerText(b []byte) (int, error) {
	for i, c := range b {
		if i == maxHeaderText {
			return 0, gzip.ErrHeader
		}
		if c == 0 {
			return i + 1, nil
		}
	}
	return 0, io.ErrUnexpectedEOF
}

// grow makes room for more output.
func (d *Decoder) grow() error {
	out, err := d.buffer.Grow(d.out[:d.end], d.pos)
	if err != nil {
		return err
	}
	d.out = out
	return nil
}
