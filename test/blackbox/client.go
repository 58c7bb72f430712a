package blackbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

var client = &http.Client{Timeout: 60 * time.Second}

// Response is what the server has answered.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request to a path of the server.
func (s *Server) Do(method, path string, header http.Header, body []byte) (Response, error) {
	req, err := http.NewRequest(method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		return Response{}, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := client.Do(req)
	if err != nil {
		return Response{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return Response{Status: resp.StatusCode, Header: resp.Header, Body: string(b)}, err
}

// TryWrite writes line protocol and returns the answer.
func (s *Server) TryWrite(database, lines string) (Response, error) {
	return s.Do("POST", "/write?db="+url.QueryEscape(database), nil, []byte(lines))
}

// Write writes line protocol and fails the test unless all of it was stored.
func (s *Server) Write(t testing.TB, database, lines string) {
	t.Helper()
	r, err := s.TryWrite(database, lines)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != http.StatusNoContent {
		t.Fatalf("write: %d %s", r.Status, r.Body)
	}
}

// Answer is the decoded answer to a query.
type Answer struct {
	Results []struct {
		StatementID int `json:"statement_id"`
		Error       string
		Series      []Series
	}
	Error string
}

// Series is one series of an answer. Numbers are json.Number.
type Series struct {
	Name    string
	Tags    map[string]string
	Columns []string
	Values  [][]any
}

// TryQuery runs statements with further parameters ("epoch", "ns", …).
func (s *Server) TryQuery(database, q string, params ...string) (Answer, error) {
	v := url.Values{"db": {database}, "q": {q}}
	for i := 0; i+1 < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	var a Answer
	r, err := s.Do("POST", "/query?"+v.Encode(), nil, nil)
	if err != nil {
		return a, err
	}
	d := json.NewDecoder(strings.NewReader(r.Body))
	d.UseNumber()
	if err := d.Decode(&a); err != nil {
		return a, fmt.Errorf("%s: %d %.200s: %w", q, r.Status, r.Body, err)
	}
	return a, nil
}

// Query runs statements and fails the test when any of them fails.
func (s *Server) Query(t testing.TB, database, q string, params ...string) Answer {
	t.Helper()
	a, err := s.TryQuery(database, q, params...)
	if err != nil {
		t.Fatal(err)
	}
	if a.Error != "" {
		t.Fatalf("%s: %s", q, a.Error)
	}
	for _, r := range a.Results {
		if r.Error != "" {
			t.Fatalf("%s: %s", q, r.Error)
		}
	}
	return a
}

// Rows returns the rows of every series of the first result.
func (a Answer) Rows() [][]any {
	var rows [][]any
	if len(a.Results) > 0 {
		for _, s := range a.Results[0].Series {
			rows = append(rows, s.Values...)
		}
	}
	return rows
}
