package httpapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/timberlinedb/timberline/query"
)

// defaultChunkSize is how many rows an envelope of a chunked answer holds.
const defaultChunkSize = 10_000

// queryForm is a /query request taken apart.
type queryForm struct {
	request query.Request
	times   timeForm
	chunked bool
	async   bool
}

// newQueryForm reads the parameters of a query.
func newQueryForm(r *http.Request, form url.Values) (*queryForm, *failure) {
	text := strings.TrimSpace(form.Get("q"))
	if text == "" {
		return nil, invalid(`missing required parameter "q"`)
	}
	params, err := bindParameters(form.Get("params"))
	if err != nil {
		return nil, invalid("error parsing query parameters: " + err.Error())
	}
	q := &queryForm{
		request: query.Request{
			Text:     text,
			Params:   params,
			Database: form.Get("db"),
			Policy:   form.Get("rp"),
			ReadOnly: r.Method == http.MethodGet,
		},
		times:   epochForm(strings.TrimSpace(form.Get("epoch"))),
		chunked: form.Get("chunked") == "true",
		async:   form.Get("async") == "true",
	}
	switch form.Get("time_format") {
	case "":
	case "epoch":
		if q.times.unit == 0 {
			q.times.unit = 1
		}
	case "rfc3339":
		q.times = timeForm{}
	default:
		return nil, invalid(`time_format must be "epoch" or "rfc3339"`)
	}
	if q.chunked {
		q.request.ChunkSize = defaultChunkSize
		if n, err := strconv.Atoi(form.Get("chunk_size")); err == nil && n > 0 {
			q.request.ChunkSize = n
		}
	}
	return q, nil
}

// bindParameters decodes the values of $name, with numbers as json.Number.
// Nothing and null bind nothing.
func bindParameters(text string) (map[string]any, error) {
	if text == "" {
		return nil, nil
	}
	var params map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&params); err != nil {
		return nil, err
	}
	return params, nil
}
