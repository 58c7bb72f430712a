package httpapi

import (
	"io"

	"github.com/timberlinedb/timberline/query"
)

// encoder turns the results of a request into the bytes of an answer. Results
// arrive in pieces; what an encoder keeps between pieces it copies.
type encoder interface {
	// encode takes the next piece.
	encode(r *query.Result) error
	// end completes the answer; a non-nil err is what stopped the request.
	end(err error) error
}

// spillBytes is how much of an answer gathers in memory before it is sent.
const spillBytes = 64 << 10

// sink gathers the bytes of an answer and hands them on in large pieces.
type sink struct {
	w     io.Writer
	buf   []byte
	sent  int64 // bytes handed on
	limit int   // spill once buf is that long
}

func newSink(w io.Writer) *sink { return &sink{w: w, limit: spillBytes} }

// full reports whether it is time to spill.
func (s *sink) full() bool { return len(s.buf) >= s.limit }

// spill hands on what was gathered.
func (s *sink) spill() error {
	if len(s.buf) == 0 {
		return nil
	}
	n, err := s.w.Write(s.buf)
	s.sent += int64(n)
	s.buf = s.buf[:0]
	return err
}
