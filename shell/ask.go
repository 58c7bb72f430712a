package shell

import (
	"context"
	"errors"
	"io"
	"slices"
)

// View is how answers are shown.
type View struct {
	Format Format
	Pretty bool // JSON with line ends and indents
}

// Summary counts what an answer had.
type Summary struct {
	Rows   int64
	Failed []error // of statements, in their order
}

// Ask asks a question and shows the answer while it arrives. Statements that fail stand in the summary; an error means
// that there is no whole answer.
func Ask(ctx context.Context, c *Client, q Question, v View, w io.Writer) (Summary, error) {
	var sum Summary
	answer, err := c.Query(ctx, q)
	if err != nil {
		return sum, err
	}
	defer answer.Close()
	p := newPrinter(w, v.Format, v.Pretty)
	for {
		piece, err := answer.Next()
		if errors.Is(err, io.EOF) {
			return sum, p.end()
		}
		if err != nil {
			return sum, errors.Join(err, p.end())
		}
		for i := range piece.Series {
			sum.Rows += int64(len(piece.Series[i].Values))
		}
		if piece.Error != "" {
			sum.Failed = append(sum.Failed, errors.New(piece.Error))
		}
		if err := p.piece(piece); err != nil {
			return sum, err
		}
	}
}

// execute asks for what has no rows and returns the first error of a statement.
func execute(ctx context.Context, c *Client, q Question) error {
	sum, err := Ask(ctx, c, q, View{Format: FormatCSV}, io.Discard)
	if err == nil && len(sum.Failed) > 0 {
		err = sum.Failed[0]
	}
	return err
}

// column returns the values of a column of all series of an answer, at most limit of them.
func column(ctx context.Context, c *Client, q Question, name string, limit int) ([]string, error) {
	answer, err := c.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	var names []string
	for {
		piece, err := answer.Next()
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		if piece.Error != "" {
			return nil, errors.New(piece.Error)
		}
		for i := range piece.Series {
			at := slices.Index(piece.Series[i].Columns, name)
			for _, row := range piece.Series[i].Values {
				if len(names) == limit {
					return names, nil
				}
				if at >= 0 && at < len(row) {
					names = append(names, cellText(row[at]))
				}
			}
		}
	}
}
