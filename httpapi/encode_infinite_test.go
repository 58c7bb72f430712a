package httpapi

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/query"
)

// floatsResult is a result of one series with times 0, 1, 2, …
func floatsResult(values ...float64) *query.Result {
	times := make([]int64, len(values))
	for i := range times {
		times[i] = int64(i)
	}
	return &query.Result{Series: []*query.Series{{
		Name: "m", Columns: []string{"time", "v"}, Rows: len(values),
		Values: []query.Column{{Kind: query.TimeColumn, Integers: times}, {Kind: query.FloatColumn, Floats: values}},
	}}}
}

// TestInfiniteNumbers checks that an infinite number makes an error of the whole answer, or ends it when rows were sent.
func TestInfiniteNumbers(t *testing.T) {
	var text bytes.Buffer
	answer := func(limit int, chunked bool, results ...*query.Result) string {
		text.Reset()
		out := newSink(&text)
		out.limit = limit
		var enc encoder = newJSONEncoder(out, timeForm{unit: 1})
		if chunked {
			enc = &jsonChunkEncoder{out: out, cells: jsonCells{form: timeForm{unit: 1}}, flush: func() error { return nil }}
		}
		var failed error
		for _, r := range results {
			if failed = enc.encode(r); failed != nil {
				break
			}
		}
		var unsupported *unsupportedValueError
		if !errors.As(failed, &unsupported) {
			t.Errorf("got error %v", failed)
		}
		if err := enc.end(failed); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}
	const alone = `{"error":"json: unsupported value: -Inf"}` + "\n"
	if got := answer(spillBytes, false, floatsResult(1), floatsResult(2, math.Inf(-1))); got != alone {
		t.Errorf("got %s", got)
	}
	if got := answer(10, false, floatsResult(1, math.Inf(1))); !strings.HasPrefix(got, `{"results":[{"statement_id":0,"series":[`) ||
		!strings.HasSuffix(got, `],"error":"json: unsupported value: +Inf"}`+"\n") {
		t.Errorf("behind rows: %s", got)
	}
	got := answer(spillBytes, true, floatsResult(1), floatsResult(math.Inf(-1)))
	if first, rest, _ := strings.Cut(got, "\n"); !strings.Contains(first, `[0,1]`) || rest != alone {
		t.Errorf("chunked: %s", got)
	}
}
