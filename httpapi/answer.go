package httpapi

import (
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// answer carries the bytes of one answer from an encoder's sink to the client:
//
//	sink ─▶ indenter (pretty) ─▶ gzip (when accepted) ─▶ connection
//
// The header is sent with the first piece. A client that takes nothing for too
// long loses its connection (connection.go).
type answer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	status  int
	zip     *gzip.Writer // nil: plain
	head    bool         // the header was sent
	taken   int64        // bytes before compression
}

var gzipWriters = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant of the package
	}
	return z
}}

func newAnswer(w http.ResponseWriter, r *http.Request, contentType string) *answer {
	a := &answer{w: w, control: http.NewResponseController(w), status: http.StatusOK}
	w.Header().Set("Content-Type", contentType)
	w.Header().Add("Vary", "Accept-Encoding")
	if acceptsGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		a.zip = gzipWriters.Get().(*gzip.Writer)
		a.zip.Reset(w)
	}
	return a
}

// Write sends a piece.
func (a *answer) Write(p []byte) (int, error) {
	a.taken += int64(len(p))
	a.begin()
	if a.zip != nil {
		return a.zip.Write(p)
	}
	return a.w.Write(p)
}

// begin sends the header once.
func (a *answer) begin() {
	if !a.head {
		a.head = true
		a.w.WriteHeader(a.status)
	}
}

// flush makes the client see what was written.
func (a *answer) flush() error {
	if a.zip != nil {
		if err := a.zip.Flush(); err != nil {
			return err
		}
	}
	return a.control.Flush()
}

// close completes the answer.
func (a *answer) close() error {
	a.begin()
	var err error
	if a.zip != nil {
		err = a.zip.Close()
		a.zip.Reset(io.Discard)
		gzipWriters.Put(a.zip)
		a.zip = nil
	}
	return err
}
