package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// maxAnswerBytes bounds how much of an answer to a query is kept.
const maxAnswerBytes = 1 << 30

// Answer is what came back for a question.
type Answer struct {
	Text []byte
	Took time.Duration // until the last byte
}

// ErrQuery is an answer that holds an error.
var ErrQuery = errors.New("the query failed")

// Ask sends a query and reads the answer whole. A busy server is asked again;
// the time is that of the last try.
func (c *Client) Ask(ctx context.Context, text string) (Answer, error) {
	parameters := url.Values{"epoch": {"ns"}, "q": {text}}
	database, policy := c.target.queryDatabase()
	parameters.Set("db", database)
	if policy != "" {
		parameters.Set("rp", policy)
	}
	return c.Get(ctx, "/query", parameters)
}

// Get is Ask for any path: the answer must be 200 and hold no "error".
func (c *Client) Get(ctx context.Context, path string, parameters url.Values) (Answer, error) {
	address := c.target.endpoint(path, parameters)
	var busy int64
	var took time.Duration
	got, err := c.patiently(ctx, &busy, func() (reply, error) {
		begin := c.clock.Now()
		got, err := c.send(ctx, http.MethodGet, address, nil, nil, maxAnswerBytes)
		took = c.clock.Now().Sub(begin)
		return got, err
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return Answer{}, ErrInterrupted
	case err != nil:
		return Answer{}, err
	case got.status == http.StatusUnauthorized || got.status == http.StatusForbidden:
		return Answer{}, c.refusal(got)
	case got.status != http.StatusOK || bytes.Contains(got.text, []byte(`"error":`)):
		return Answer{}, fmt.Errorf("%w: %s", ErrQuery, got.explain())
	}
	return Answer{got.text, took}, nil
}

// Contents count what is in an answer.
type Contents struct {
	Series int `json:"series"` // of the answer: one for every set of GROUP BY tags
	Values int `json:"values"` // numbers and booleans that are not null, times left out
}

// Count looks into an answer of /query. Columns of text, as the tags of
// SELECT *, do not count.
func Count(text []byte) (Contents, error) {
	var c Contents
	var answer struct {
		Results []struct {
			Series []struct {
				Columns []string
				Values  [][]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return c, fmt.Errorf("read the answer %.100q: %w", text, err)
	}
	for _, result := range answer.Results {
		for _, s := range result.Series {
			c.Series++
			for _, row := range s.Values {
				for i, cell := range row {
					if i < len(s.Columns) && s.Columns[i] != "time" && len(cell) > 0 && cell[0] != '"' && cell[0] != 'n' {
						c.Values++
					}
				}
			}
		}
	}
	return c, nil
}
