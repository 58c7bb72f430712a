package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/query"
)

func TestAccept(t *testing.T) {
	h := newHouse(t)
	for accept, want := range map[string]string{
		"": typeJSON, "*/*": typeJSON, "application/json": typeJSON, "application/*": typeJSON, "text/*": typeTextCSV, "text/plain": typeJSON,
		"text/csv": typeTextCSV, "application/csv; charset=utf-8": typeCSV, "Application/X-Msgpack": typeMsgpack,
		"foo/bar, text/csv;q=0.5, application/json;q=0.1": typeTextCSV, "text/csv;q=0, */*": typeJSON, "text/csv;q=0.1, application/csv": typeCSV, ",,;q=1": typeJSON,
	} {
		if got := h.ask("GET", "/query?q=x", "", "Accept", accept).Header().Get("Content-Type"); got != want {
			t.Errorf("Accept %q gives %s, want %s", accept, got, want)
		}
	}
}

func TestQueryRefusals(t *testing.T) {
	for _, c := range []struct {
		name, target string
		err          error
		status       int
		text         string
	}{
		{"no q", "/query", nil, 400, `missing required parameter "q"`},
		{"blank q", "/query?q=%20%0A", nil, 400, `missing required parameter "q"`},
		{"parse error", "/query?q=SELECT", &query.ParseError{Err: errors.New("found EOF at line 1, char 8")}, 400, "error parsing query: found EOF at line 1, char 8"},
		{"params no object", "/query?q=x&params=[1]", nil, 400, "error parsing query parameters: json: cannot unmarshal array into Go value of type map[string]interface {}"},
		{"params torn", "/query?q=x&params={", nil, 400, "error parsing query parameters: unexpected EOF"},
		{"other error", "/query?q=x", errors.New("boom"), 500, "boom"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.engine.err = c.err
			for _, method := range []string{"GET", "POST"} {
				w := h.ask(method, c.target, "")
				want(t, w, c.status, string(appendString([]byte(`{"error":`), c.text))+"}\n")
				wantHeaders(t, w, "X-Influxdb-Error", c.text, "Content-Type", "application/json")
			}
			pretty := strings.Replace(c.target, "/query", "/query?pretty=true", 1)
			pretty = strings.Replace(pretty, "true?", "true&", 1)
			want(t, h.ask("GET", pretty, ""), c.status, "{\n    \"error\": "+string(appendString(nil, c.text))+"\n}\n")
			w := h.ask("GET", c.target, "", "Accept", "text/csv")
			want(t, w, c.status, "error\n"+string(appendCSVField(nil, c.text))+"\n")
			wantHeaders(t, w, "Content-Type", "text/csv", "X-Influxdb-Error", c.text)
			w = h.ask("GET", c.target, "", "Accept", "application/x-msgpack")
			want(t, w, c.status, string(appendMsgString([]byte("\x81\xa5error"), c.text)))
		})
	}
}

func multipartBody(t *testing.T, fields map[string]string, file string) (body, contentType string) {
	t.Helper()
	var out bytes.Buffer
	m := multipart.NewWriter(&out)
	for k, v := range fields {
		if err := m.WriteField(k, v); err != nil {
			t.Fatal(err)
		}
	}
	if file != "" {
		for _, name := range []string{"other", "q"} {
			part, err := m.CreateFormFile(name, "queries.txt")
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(part, file)
		}
	}
	m.Close()
	return out.String(), m.FormDataContentType()
}

func TestQueryParameters(t *testing.T) {
	form := "application/x-www-form-urlencoded"
	fields, fieldsType := multipartBody(t, map[string]string{"q": "SELECT 1", "db": "d"}, "")
	file, fileType := multipartBody(t, map[string]string{"db": "d"}, "SELECT 1")
	for _, c := range []struct {
		name, method, target, body, contentType string
		want                                    query.Request
	}{
		{"GET", "GET", "/query?q=SELECT+1", "", "", query.Request{Text: "SELECT 1", ReadOnly: true}},
		{"GET with a body", "GET", "/query?q=a", "q=b", form, query.Request{Text: "a", ReadOnly: true}},
		{"all in the URL, no type", "POST", "/query?q=a&db=d&rp=r", "", "", query.Request{Text: "a", Database: "d", Policy: "r"}},
		{"all in the URL, JSON type", "POST", "/query?q=a", "", "application/json", query.Request{Text: "a"}},
		{"unknown type is ignored", "POST", "/query?q=a", "q=b", "text/whatever", query.Request{Text: "a"}},
		{"broken type is ignored", "POST", "/query?q=a", "q=b", ";;", query.Request{Text: "a"}},
		{"form", "POST", "/query", "q=a&db=d", form + "; charset=utf-8", query.Request{Text: "a", Database: "d"}},
		{"form before URL", "POST", "/query?q=b&db=e", "q=a", form, query.Request{Text: "a", Database: "e"}},
		{"semicolons", "GET", "/query?q=a;b&db=d", "", "", query.Request{Text: "a;b", Database: "d", ReadOnly: true}},
		{"semicolons in a form", "POST", "/query", "q=a;b;", form, query.Request{Text: "a;b;"}},
		{"multipart", "POST", "/query", fields, fieldsType, query.Request{Text: "SELECT 1", Database: "d"}},
		{"multipart file", "POST", "/query", file, fileType, query.Request{Text: "SELECT 1", Database: "d"}},
		{"q of the URL before a file", "POST", "/query?q=SELECT+2", file, fileType, query.Request{Text: "SELECT 2", Database: "d"}},
		{"q of the URL before statements", "POST", "/query?q=SELECT+2", "SELECT 1", "application/vnd.influxql", query.Request{Text: "SELECT 2"}},
		{"influxql body", "POST", "/query?db=d", "SELECT 1", "application/vnd.influxql", query.Request{Text: "SELECT 1", Database: "d"}},
		{"chunked", "GET", "/query?q=a&chunked=true", "", "", query.Request{Text: "a", ReadOnly: true, ChunkSize: 10000}},
		{"chunk size", "GET", "/query?q=a&chunked=true&chunk_size=7", "", "", query.Request{Text: "a", ReadOnly: true, ChunkSize: 7}},
		{"chunk size 0", "GET", "/query?q=a&chunked=true&chunk_size=0", "", "", query.Request{Text: "a", ReadOnly: true, ChunkSize: 10000}},
		{"chunk size no number", "GET", "/query?q=a&chunked=true&chunk_size=x", "", "", query.Request{Text: "a", ReadOnly: true, ChunkSize: 10000}},
		{"chunk size without chunked", "GET", "/query?q=a&chunk_size=7", "", "", query.Request{Text: "a", ReadOnly: true}},
		{"chunked otherwise", "GET", "/query?q=a&chunked=1", "", "", query.Request{Text: "a", ReadOnly: true}},
		{"no params", "GET", "/query?q=a&params=null&node_id=3&unknown=x", "", "", query.Request{Text: "a", ReadOnly: true}},
		{"empty params", "GET", "/query?q=a&params={}", "", "", query.Request{Text: "a", ReadOnly: true, Params: map[string]any{}}},
		{"params", "GET", "/query?q=a&params=" + url.QueryEscape(`{"n":40,"f":40.5,"s":"x","b":true,"r":{"regex":"h2"}}`), "", "",
			query.Request{Text: "a", ReadOnly: true, Params: map[string]any{"n": json.Number("40"), "f": json.Number("40.5"), "s": "x", "b": true, "r": map[string]any{"regex": "h2"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			w := h.ask(c.method, c.target, c.body, "Content-Type", c.contentType)
			if w.Code != 200 {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			c.want.Client, c.want.ID = "192.0.2.1", w.Header().Get("X-Request-Id")
			if got := h.engine.last(t); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	short := newHouse(t, func(o *Options) { o.Limits.MaxBodyBytes = 10 })
	want(t, short.ask("POST", "/query", "q=0123456789", "Content-Type", form), 413, `{"error":"Request Entity Too Large"}`+"\n")
	h := newHouse(t)
	w := h.ask("POST", "/query", "--b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nSELEC", "Content-Type", "multipart/form-data; boundary=b")
	if w.Code != 400 || !strings.Contains(w.Body.String(), "read multipart form") {
		t.Errorf("broken multipart: %d %s", w.Code, w.Body)
	}
}

func TestAsync(t *testing.T) {
	h := newHouse(t)
	ran := make(chan bool)
	h.engine.do = func(ctx context.Context, req query.Request, emit func(*query.Result) error) error {
		if err := emit(&query.Result{Err: errors.New("it failed")}); err != nil {
			return err
		}
		ran <- req.Text == "x"
		<-ctx.Done()
		return ctx.Err()
	}
	want(t, h.ask("POST", "/query?q=x&async=true", ""), 204, "")
	if !<-ran {
		t.Error("another query ran")
	}
	h.Handler.Close()
	if !strings.Contains(h.log.String(), "it failed") {
		t.Errorf("log is %s", h.log)
	}
}
