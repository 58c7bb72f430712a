package shell

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// maxPointBytes bounds one point of a file.
const maxPointBytes = 64 << 20

// pointReader reads lines of a file of points. A line that ends within a string value goes on in the next.
type pointReader struct {
	from  *bufio.Reader
	plain bool // a line is a line: no points are expected
	buf   []byte
	first int64 // line of what next returned last
	last  int64
}

// newPointReader reads text, packed with gzip or not.
func newPointReader(r io.Reader) (*pointReader, error) {
	b := bufio.NewReaderSize(r, 256<<10)
	magic, err := b.Peek(2)
	if err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		b = bufio.NewReaderSize(z, 256<<10)
	}
	return &pointReader{from: b}, nil
}

// next returns the next line or point without its line end, io.EOF behind the last. It is valid until the next call.
func (p *pointReader) next() ([]byte, error) {
	p.buf = p.buf[:0]
	p.first = p.last + 1
	var scan pointScan
	for {
		begin := len(p.buf)
		err := p.line()
		if errors.Is(err, io.EOF) && len(p.buf) > 0 {
			return p.buf, nil
		}
		if err != nil {
			return nil, err
		}
		if p.plain || p.first == p.last && isComment(p.buf) || !scan.open(p.buf[begin:]) {
			return bytes.TrimRight(p.buf, "\r\n"), nil
		}
	}
}

func isComment(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return len(line) > 0 && line[0] == '#'
}

// line appends one line with its end.
func (p *pointReader) line() error {
	read := false
	for {
		part, err := p.from.ReadSlice('\n')
		p.buf = append(p.buf, part...)
		if len(part) > 0 && !read {
			read = true
			p.last++
		}
		switch {
		case len(p.buf) > maxPointBytes:
			return fmt.Errorf("line %d: a point of more than %d MiB (is a quote missing?)", p.first, maxPointBytes>>20)
		case err == nil:
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
		case err == io.EOF && read:
			return nil
		case err == io.EOF:
			return io.EOF
		default:
			return fmt.Errorf("line %d: %w", p.last+1, err)
		}
	}
}

// pointScan follows the quotes of a point from line to line.
type pointScan struct {
	fields bool // behind the first blank that parts key and fields
	quoted bool
}

// open reports whether the point goes on behind the line: it ends within a string value.
func (s *pointScan) open(line []byte) bool {
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case !s.fields:
			s.fields = c == ' ' && i > 0 && line[i-1] != ' '
		case c == '"' && (s.quoted || i > 0 && line[i-1] == '='):
			s.quoted = !s.quoted
		}
	}
	return s.quoted
}
