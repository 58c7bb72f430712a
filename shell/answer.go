package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Series is rows of one series, or a part of them.
type Series struct {
	Name    string            `json:"name"`
	Tags    map[string]string `json:"tags"`
	Columns []string          `json:"columns"`
	// Values are rows of null, bool, string or json.Number.
	Values  [][]any `json:"values"`
	Partial bool    `json:"partial"` // more rows of this series follow in the next piece
}

// Message is a note of the server on a statement, such as a warning.
type Message struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}

// Piece is a part of one statement's result.
type Piece struct {
	StatementID int       `json:"statement_id"`
	Messages    []Message `json:"messages"`
	Series      []Series  `json:"series"`
	Partial     bool      `json:"partial"` // more of this statement follows
	Error       string    `json:"error"`   // the statement failed
}

// envelope is one JSON value of an answer.
type envelope struct {
	Results []Piece `json:"results"`
	Error   string  `json:"error"`
}

// maxEnvelope bounds the bytes of one JSON value of an answer.
const maxEnvelope = 512 << 20

// Answer reads what a server says to a question. It holds one envelope at a time.
type Answer struct {
	ctx     context.Context // of the request
	body    io.Closer
	quota   *quotaReader
	decoder *json.Decoder
	pieces  []Piece // of the envelope that was read last
	told    bool    // there was an envelope
}

func newAnswer(ctx context.Context, body io.ReadCloser) *Answer {
	quota := &quotaReader{from: body}
	a := &Answer{ctx: ctx, body: body, quota: quota, decoder: json.NewDecoder(quota)}
	a.decoder.UseNumber()
	return a
}

// Next returns the next piece, or io.EOF behind the last. The piece is the caller's.
func (a *Answer) Next() (Piece, error) {
	for len(a.pieces) == 0 {
		if err := a.read(); err != nil {
			return Piece{}, err
		}
	}
	p := a.pieces[0]
	a.pieces = a.pieces[1:]
	return p, nil
}

func (a *Answer) read() error {
	a.quota.left = maxEnvelope
	var e envelope
	err := a.decoder.Decode(&e)
	switch {
	case err == io.EOF && a.told:
		return io.EOF
	case err != nil && a.ctx.Err() != nil:
		return ErrInterrupted
	case errors.Is(err, errQuota):
		return fmt.Errorf("%w: one part of it is longer than %d MiB (ask in chunks, or for less)", ErrAnswer, maxEnvelope>>20)
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the connection ended within it", ErrAnswer)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	case e.Error != "":
		return errors.New(e.Error)
	}
	a.told, a.pieces = true, e.Results
	return nil
}

// Close lets go of the connection. A statement whose answer was not read to its end is cancelled by that.
func (a *Answer) Close() error { return a.body.Close() }

var errQuota = errors.New("too long")

// quotaReader fails once more than left bytes were read.
type quotaReader struct {
	from io.Reader
	left int64
}

// Read reads within the quota.
func (q *quotaReader) Read(p []byte) (int, error) {
	if q.left <= 0 {
		return 0, errQuota
	}
	n, err := q.from.Read(p[:min(int64(len(p)), q.left)])
	q.left -= int64(n)
	return n, err
}
