package bench

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Body is one request of lines.
type Body struct {
	// Data is what is sent.
	Data []byte
	// Plain is the number of bytes before compression.
	Plain int
	// Lines and Values count what is inside.
	Lines, Values int

	text, packed []byte // memory that a Stream uses again
}

// Source hands out bodies to several connections.
type Source interface {
	// Next returns the next body, or nil when there are no more.
	Next() *Body
	// Done gives a body back; it must not be used afterwards.
	Done(*Body)
}

// Load is a Source of bodies that were made beforehand, so that making them
// takes nothing from the measurement. It can be sent as often as wanted.
type Load struct {
	Bodies        []*Body
	Lines, Values int64
	Bytes         int64 // before compression

	mu   sync.Mutex
	next int
}

// Pregenerate makes all bodies of a Spec in memory, of batch lines each,
// compressed with gzip when asked. It ends early with ctx.
func Pregenerate(ctx context.Context, spec Spec, batch int, compress bool) (*Load, error) {
	g, load := NewGenerator(spec), &Load{}
	var text []byte
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("make bodies: %w", err)
		}
		var lines, values int
		if text, lines, values = g.Append(text[:0], batch); lines == 0 {
			return load, nil
		}
		b := &Body{Plain: len(text), Lines: lines, Values: values}
		if compress {
			b.Data = appendGzip(nil, text)
		} else {
			b.Data = bytes.Clone(text)
		}
		load.Bodies = append(load.Bodies, b)
		load.Lines, load.Values, load.Bytes = load.Lines+int64(lines), load.Values+int64(values), load.Bytes+int64(b.Plain)
	}
}

// Next returns the next body.
func (l *Load) Next() *Body {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == len(l.Bodies) {
		return nil
	}
	l.next++
	return l.Bodies[l.next-1]
}

// Done does nothing: the bodies are kept.
func (l *Load) Done(*Body) {}

// Rewind makes the first body the next one.
func (l *Load) Rewind() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = 0
}

// Stream is a Source that makes bodies when they are asked for. Whoever asks
// makes the lines in turn and compresses them beside the others, so that the
// bytes do not depend on the number of connections.
type Stream struct {
	batch    int
	compress bool
	bodies   sync.Pool // of *Body

	mu        sync.Mutex
	generator *Generator
}

// NewStream returns a Stream of bodies of batch lines.
func NewStream(spec Spec, batch int, compress bool) *Stream {
	return &Stream{batch: batch, compress: compress, generator: NewGenerator(spec),
		bodies: sync.Pool{New: func() any { return &Body{} }}}
}

// Next makes the next body.
func (s *Stream) Next() *Body {
	b := s.bodies.Get().(*Body)
	s.mu.Lock()
	b.text, b.Lines, b.Values = s.generator.Append(b.text[:0], s.batch)
	s.mu.Unlock()
	if b.Lines == 0 {
		return nil
	}
	b.Plain, b.Data = len(b.text), b.text
	if s.compress {
		b.packed = appendGzip(b.packed[:0], b.text)
		b.Data = b.packed
	}
	return b
}

// Done lets the memory of the body be used again.
func (s *Stream) Done(b *Body) { s.bodies.Put(b) }

var gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// appendGzip appends text, compressed at the default level.
func appendGzip(dst, text []byte) []byte {
	out := bytes.NewBuffer(dst)
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	w.Reset(out)
	_, _ = w.Write(text) // a buffer takes everything
	w.Close()
	return out.Bytes()
}
