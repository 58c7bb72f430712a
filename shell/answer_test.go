package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestDocumentOfPieces compares what JSON answers that come in pieces are put together to with the answer that the
// server gives in one piece.
func TestDocumentOfPieces(t *testing.T) {
	c := serve(t)
	var points strings.Builder
	for i := range 50 {
		fmt.Fprintf(&points, "m,host=h%d,path=a\\ \"b\" v=%d.25,s=\"<x> & ☃\",n=%di %d\n", i%3, i, i, i)
	}
	do(t, c, "d", "CREATE DATABASE d", points.String())
	for _, q := range []string{"SELECT * FROM m", "SELECT v, s FROM m GROUP BY host", "SELECT mean(v) FROM m WHERE time >= 0 AND time < 50 GROUP BY time(7ns), host",
		"SHOW DATABASES; SELECT nope(v) FROM m; SELECT n FROM m LIMIT 3", "SELECT v FROM nothing", "SHOW TAG VALUES WITH KEY = host", "CREATE DATABASE d",
		"SELECT v FROM m WHERE host = 'h1'; SELECT v FROM m WHERE host = 'h1'"} {
		raw, err := http.PostForm(c.URL()+"/query", url.Values{"db": {"d"}, "q": {q}, "epoch": {"ns"}})
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(raw.Body)
		raw.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, rows := range []int{-1, 0, 1, 3, 10, 50} {
			var got bytes.Buffer
			if _, err := Ask(t.Context(), c, Question{Statements: q, Database: "d", Precision: Nanoseconds, ChunkRows: rows}, View{Format: FormatJSON}, &got); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
			if text := plainHTML.Replace(string(want)); got.String() != text {
				t.Errorf("%s in pieces of %d rows:\n%s\nwant\n%s", q, rows, got.String(), text)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// plainHTML takes back the escapes that servers may use for signs of HTML.
var plainHTML = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&")

// TestAnswerArrivesInPieces reads the first piece before the server has made the second.
func TestAnswerArrivesInPieces(t *testing.T) {
	read := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("chunked") != "true" || r.FormValue("chunk_size") != "2" || r.FormValue("epoch") != "ms" {
			http.Error(w, "parameters are missing", http.StatusBadRequest)
			return
		}
		fmt.Fprintln(w, `{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","v"],"values":[[1,1]],"partial":true}],"partial":true}]}`)
		w.(http.Flusher).Flush()
		<-read
		fmt.Fprintln(w, `{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","v"],"values":[[2,12345678901234567890]]}]}]}`)
	}))
	defer srv.Close()
	a, err := connect(t, srv.URL).Query(t.Context(), Question{Statements: "SELECT v FROM m", Precision: Milliseconds, ChunkRows: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	first, err := a.Next()
	if err != nil || !first.Partial {
		t.Fatalf("got %+v, %v", first, err)
	}
	close(read)
	second, err := a.Next()
	if err != nil || cellText(second.Series[0].Values[0][1]) != "12345678901234567890" {
		t.Fatalf("got %+v, %v", second, err)
	}
	if _, err := a.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last piece: %v", err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for body, want := range map[string]string{
		"": "the connection ended within it", `{"results":[`: "the connection ended within it", "<html>": "invalid character",
		`{"error":"no such thing"}`: "no such thing", `{"results":[{"statement_id":0}]}{"error":"timeout"}`: "timeout", `[1]`: "cannot unmarshal",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }))
		_, err := Ask(t.Context(), connect(t, srv.URL), Question{Statements: "x"}, View{}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", body, err, want)
		}
		srv.Close()
	}
	for status, body := range map[int]string{401: `{"error":"unable to parse authentication credentials"}`, 404: "404 page not found", 500: ""} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		}))
		_, err := Ask(t.Context(), connect(t, srv.URL), Question{Statements: "x"}, View{}, io.Discard)
		var e *StatusError
		if !errors.As(err, &e) || e.Status != status || !strings.Contains(body, e.Message) {
			t.Errorf("%d: %v", status, err)
		}
		srv.Close()
	}
	_, err := Ask(t.Context(), connect(t, "http://127.0.0.1:1"), Question{Statements: "x"}, View{}, io.Discard)
	if !errors.Is(err, ErrUnreachable) {
		t.Errorf("without a server: %v", err)
	}
}

func TestQuota(t *testing.T) {
	a := newAnswer(context.Background(), io.NopCloser(io.MultiReader(strings.NewReader(`{"results":[{"error":"`), zeros{})))
	a.quota.left = 1 << 16
	var e envelope
	if err := a.decoder.Decode(&e); !errors.Is(err, errQuota) {
		t.Errorf("an endless answer: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	for want, target := range map[string]Target{"Token t0": {Token: "t0"}, "Basic dTpw": {Username: "u", Password: "p"}, "": {}} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Influxdb-Version", r.Header.Get("Authorization")+"/"+r.UserAgent())
			w.WriteHeader(http.StatusNoContent)
		}))
		target.URL, target.Agent = srv.URL+"/", "test"
		c, err := NewClient(target)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := c.Ping(t.Context()); err != nil || s.Version != want+"/test" {
			t.Errorf("the server saw %q, %v, want %q", s.Version, err, want)
		}
		c.Close()
		srv.Close()
	}
	for _, bad := range []Target{{URL: "ftp://x"}, {URL: "http://"}, {URL: "http://x?y=z"}, {Token: "t", Username: "u"}, {Connect: -1}} {
		if _, err := NewClient(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	for text, want := range map[string]string{"h": "http://h:8086", "h:1": "http://h:1", ":1": "http://127.0.0.1:1", "[::1]": "http://[::1]:8086",
		"[::1]:2": "http://[::1]:2", "https://h/x": "https://h/x", "a b": "", "": ""} {
		if got, err := ParseAddress(text); got != want && want != "" || (err == nil) != (want != "") {
			t.Errorf("%q is the address %q, %v, want %q", text, got, err, want)
		}
	}
}

// TestScreenIsSafe shows that data cannot steer the terminal.
func TestScreenIsSafe(t *testing.T) {
	evil := "\x1b[2J\r\n\u202e\u0007"
	for _, f := range []Format{FormatColumn, FormatVertical} {
		var out bytes.Buffer
		p := newPrinter(&out, f, false)
		err := p.piece(Piece{Messages: []Message{{evil, evil}}, Series: []Series{{Name: evil, Tags: map[string]string{evil: evil}, Columns: []string{evil}, Values: [][]any{{evil}, {}}}}})
		if err != nil || p.end() != nil || strings.ContainsAny(out.String(), "\x1b\r\u202e\u0007") {
			t.Errorf("%s: %q, %v", f, out.String(), err)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(`{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"a":"b"},"columns":["time","v"],"values":[[1,null],[2]]}]}]}`)
	f.Add(`{"results":[{"series":[{"columns":[],"values":[[1]]},{"values":[[{"a":[]}]]}],"error":"x"}]}{"error":"y"}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range formats {
			a := newAnswer(context.Background(), io.NopCloser(strings.NewReader(text)))
			p := newPrinter(io.Discard, Format(format), true)
			for {
				piece, err := a.Next()
				if err != nil {
					break
				}
				if err := p.piece(piece); err != nil {
					t.Fatalf("%s: %v", format, err)
				}
			}
			if err := p.end(); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
		}
	})
}
