package httpapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/timberlinedb/timberline/internal/inflate"
)

// errTooLarge says that a body is above one of its limits.
var errTooLarge = errors.New("body is too large")

// errSlowBody says that a body does not come, or too slowly.
var errSlowBody = errors.New("the body is too slow")

const (
	minBodyBytes  = 16 << 10 // what a body buffer begins with
	idleBodyBytes = 4 << 20  // a larger buffer is not kept for the next body
	ratioFloor    = 1 << 20  // inflated bytes below which the ratio is not looked at
)

// pieceBytes is how many bytes are copied or counted at once: such work cannot be interrupted, and while the collector waits for
// its end all other requests do, too.
const pieceBytes = 1 << 20

// bodyReader reads the bodies of writes into buffers that are used again.
type bodyReader struct {
	limits Limits
	memory Memory // nil: no account

	buffers sync.Pool // of *[]byte, for what is read by the writer
	packs   sync.Pool // of *[]byte, for packed bodies, which are much smaller
	gzips   sync.Pool // of *inflate.Decoder
	zstds   sync.Pool // of *zstd.Decoder
}

// body is a request's body, inflated. It is valid until release.
type body struct {
	data []byte

	reader   *bodyReader
	pool     *sync.Pool // where the buffer comes from
	reserved int64
}

// read reads and inflates the body of a request. Errors are errTooLarge, an
// error of the memory account, an error of the compressed form, or one of the
// connection.
func (b *bodyReader) read(w http.ResponseWriter, r *http.Request) (*body, error) {
	if b.limits.MaxBodyBytes > 0 && r.ContentLength > b.limits.MaxBodyBytes {
		return nil, errTooLarge
	}
	wire := &wireReader{r: r.Body, left: b.limits.MaxBodyBytes, idle: b.limits.ReadIdle, rate: b.limits.MinBodyRate, since: time.Now()}
	if wire.idle > 0 {
		wire.control = http.NewResponseController(w)
	}
	out := &body{reader: b, pool: &b.buffers}
	var err error
	switch contentEncoding(r) {
	case "gzip", "x-gzip":
		err = b.inflateGzip(out, wire, r.ContentLength)
	case "zstd":
		err = b.inflateZstd(out, wire)
	case "snappy":
		err = b.inflateSnappy(out, wire, r.ContentLength)
	default:
		err = out.fill(wire, nil, r.ContentLength)
	}
	if err != nil {
		out.release()
		return nil, err
	}
	if wire.control != nil {
		// A deadline that is left would end the request while it is worked on.
		// After a failure it must stay: net/http reads what is left of the body.
		wire.control.SetReadDeadline(time.Time{})
	}
	return out, nil
}

func contentEncoding(r *http.Request) string {
	return strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
}

// release gives the body's memory back; it may be called on nil.
func (b *body) release() {
	if b == nil {
		return
	}
	if b.reserved > 0 {
		b.reader.memory.Release(b.reserved)
		b.reserved = 0
	}
	if cap(b.data) > 0 && cap(b.data) <= idleBodyBytes {
		data := b.data[:0]
		b.pool.Put(&data)
	}
	b.data = nil
}

// grow makes room for n more bytes.
func (b *body) grow(n int) error {
	if b.data == nil {
		if p, ok := b.pool.Get().(*[]byte); ok {
			b.data = *p
		}
	}
	need, size := len(b.data)+n, cap(b.data)
	if need > size {
		size = max(minBodyBytes, need, 2*size)
	}
	if b.reader.memory != nil && int64(size) > b.reserved {
		// Before the memory is taken: bodies that come at the same time would all have theirs until each was told. While
		// the bytes are copied there are two buffers.
		if err := b.reader.memory.Reserve(int64(size)); err != nil {
			return err
		}
		defer b.reader.memory.Release(b.reserved)
		b.reserved = int64(size)
	}
	if size > cap(b.data) {
		data := make([]byte, len(b.data), size)
		for at := 0; at < len(data); at += pieceBytes {
			copy(data[at:], b.data[at:min(at+pieceBytes, len(data))])
		}
		b.data = data
	}
	return nil
}

// rowBytes is what a point takes on its way into the log and the cache besides its text, at most: its columns, its part of
// the log's frame, its series.
const rowBytes = 96

// lineRows returns how many points a body of line protocol may have.
func lineRows(data []byte) (n int) {
	for piece := range slices.Chunk(data, pieceBytes) {
		n += bytes.Count(piece, []byte{'\n'})
	}
	return n
}

// forRows takes the memory that storing a large body's points needs. Small bodies go without: what they need is gone in a
// moment.
func (b *body) forRows(most int) error {
	if len(b.data) <= ratioFloor || b.reader.memory == nil {
		return nil
	}
	n := lineRows(b.data)
	if most > 0 {
		n = min(n, most) // with more than that nothing is stored
	}
	more := int64(n) * rowBytes
	if err := b.reader.memory.Reserve(more); err != nil {
		return err
	}
	b.reserved += more
	return nil
}

// fill reads src to its end. wire is what src inflates, nil when src is the
// wire itself. hint is the expected size, which nobody vouches for.
func (b *body) fill(src io.Reader, wire *wireReader, hint int64) error {
	limits := &b.reader.limits
	// Who only says that much will come gets memory for little.
	room := int(min(max(hint+1, 1), ratioFloor))
	if err := b.grow(min(room, minBodyBytes)); err != nil {
		return err
	}
	for {
		if len(b.data) == cap(b.data) {
			if err := b.grow(max(cap(b.data), room-len(b.data))); err != nil {
				return err
			}
		}
		n, err := src.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		if wire != nil && limits.inflatedTooLarge(int64(len(b.data)), wire.taken) {
			return errTooLarge
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (l *Limits) inflatedTooLarge(inflated, wire int64) bool {
	if l.MaxInflatedBytes > 0 && inflated > l.MaxInflatedBytes {
		return true
	}
	return l.MaxInflateRatio > 0 && inflated > ratioFloor && inflated > l.MaxInflateRatio*max(wire, 1)
}

// inflateGzip reads all of the packed body first: unpacking it in one go takes
// less than half of the time.
func (b *bodyReader) inflateGzip(out *body, wire *wireReader, length int64) error {
	packed := &body{reader: b, pool: &b.packs}
	defer packed.release()
	if err := packed.fill(wire, nil, length); err != nil {
		return err
	}
	z, _ := b.gzips.Get().(*inflate.Decoder)
	if z == nil {
		z = new(inflate.Decoder)
	}
	defer b.gzips.Put(z)
	if err := out.grow(b.expected(packed.data)); err != nil {
		return err
	}
	data, err := z.Gzip(out.data[:cap(out.data)], packed.data, &inflating{out})
	if err != nil {
		return err
	}
	if b.limits.inflatedTooLarge(int64(len(data)), wire.taken) {
		return errTooLarge
	}
	out.data = data
	return nil
}

// usualRatio is what a body that says so is believed to inflate to at once;
// line protocol packs to a tenth or a fifteenth.
const usualRatio = 16

// expected returns how much room a packed body is given at first. Its last bytes
// tell its size, if they tell the truth.
func (b *bodyReader) expected(packed []byte) int {
	if len(packed) < 4 {
		return 1
	}
	size := int64(binary.LittleEndian.Uint32(packed[len(packed)-4:]))
	size = min(size, usualRatio*int64(len(packed)))
	if limit := b.limits.MaxInflatedBytes; limit > 0 {
		size = min(size, limit)
	}
	return int(size) + inflate.Slack
}

// inflating is the room that a body being unpacked gets.
type inflating struct {
	body *body
}

// Grow makes the body's buffer larger while the limits allow it. The ratio is that of what was read so far: a body that
// begins as a bomb is not unpacked any further.
func (g *inflating) Grow(data []byte, read int) ([]byte, error) {
	b := g.body
	if b.reader.limits.inflatedTooLarge(int64(len(data))+1, int64(read)) {
		return nil, errTooLarge
	}
	b.data = data
	if err := b.grow(cap(data) - len(data) + 1); err != nil {
		return nil, err
	}
	return b.data[:cap(b.data)], nil
}

func (b *bodyReader) inflateZstd(out *body, wire *wireReader) error {
	z, _ := b.zstds.Get().(*zstd.Decoder)
	if z == nil {
		var err error
		z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return fmt.Errorf("zstd: %w", err)
		}
	}
	defer b.zstds.Put(z)
	if err := z.Reset(wire); err != nil {
		return err
	}
	defer func() { _ = z.Reset(nil) }() // lets the body go; nil is always taken
	return out.fill(z, wire, 0)
}

// snappyStream begins the framed form; anything else is one block, which is
// what Prometheus sends.
const snappyStream = "\xff\x06\x00\x00sNaPpY"

func (b *bodyReader) inflateSnappy(out *body, wire *wireReader, length int64) error {
	packed := &body{reader: b, pool: &b.packs}
	defer packed.release()
	if err := packed.fill(wire, nil, length); err != nil {
		return err
	}
	if bytes.HasPrefix(packed.data, []byte(snappyStream)) {
		if b.limits.inflatedTooLarge(streamSize(packed.data), wire.taken) {
			return errTooLarge
		}
		return out.fill(snappy.NewReader(bytes.NewReader(packed.data)), wire, 0)
	}
	size, err := snappy.DecodedLen(packed.data)
	if err != nil {
		return err
	}
	if b.limits.inflatedTooLarge(int64(size), wire.taken) || size > maxSnappyBlock {
		return errTooLarge
	}
	if size > snappyRatio*len(packed.data) { // before memory is taken for it
		return snappy.ErrCorrupt
	}
	if err := out.grow(max(size, 1)); err != nil {
		return err
	}
	data, err := snappy.Decode(out.data[:cap(out.data)], packed.data)
	if err != nil {
		return err
	}
	out.data = data
	return nil
}

// maxSnappyBlock bounds a block, which is unpacked without an interruption. Prometheus sends some hundred kilobytes.
const maxSnappyBlock = 32 << 20

// snappyRatio is more than what a byte of snappy can inflate to: three of them stand for 64 at most.
const snappyRatio = 32

// streamSize returns to how many bytes the chunks of the framed form say that they inflate, up to the first one that is
// broken.
func streamSize(data []byte) (size int64) {
	const head, sum = 4, 4 // a byte of type and three of length; a checksum in front of the data
	for len(data) >= head {
		kind, n := data[0], int(data[1])|int(data[2])<<8|int(data[3])<<16
		data = data[head:]
		if n > len(data) || kind <= 1 && n < sum {
			return size
		}
		switch chunk := data[:n]; kind {
		case 0:
			inflated, err := snappy.DecodedLen(chunk[sum:])
			if err != nil {
				return size
			}
			size += int64(inflated)
		case 1:
			size += int64(n - sum)
		}
		data = data[n:]
	}
	return size
}

// wireReader reads what comes over the wire, counts it and stops at the limit.
type wireReader struct {
	r       io.Reader
	left    int64 // negative or zero at the start: no limit
	taken   int64
	control *http.ResponseController
	idle    time.Duration
	rate    int // bytes a second, once idle has passed since the beginning; 0: no limit
	since   time.Time
}

func (w *wireReader) Read(p []byte) (int, error) {
	if w.control != nil {
		// A connection that cannot have deadlines, such as one of a test, goes without.
		w.control.SetReadDeadline(time.Now().Add(w.idle))
	}
	n, err := w.r.Read(p)
	w.taken += int64(n)
	if w.left > 0 && w.taken > w.left {
		return n, errTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("the body stopped for %s: %w", w.idle, errSlowBody)
	}
	if err == nil && w.rate > 0 && w.idle > 0 {
		if took := time.Since(w.since); took > w.idle && float64(w.taken) < took.Seconds()*float64(w.rate) {
			return n, fmt.Errorf("the body brought %d bytes in %s: %w", w.taken, took.Round(time.Second), errSlowBody)
		}
	}
	return n, err
}
