package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/query"
)

// serve listens with the handler on a free port.
func (h *house) serve(t *testing.T, change ...func(*ServerOptions)) (*Server, string) {
	t.Helper()
	opt := ServerOptions{Addr: "127.0.0.1:0"}
	for _, c := range change {
		c(&opt)
	}
	s, err := Listen(t.Context(), h, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		s.Close(ctx)
		for err := range s.Failed() {
			t.Error(err)
		}
	})
	return s, "http://" + s.Addr()
}

func get(t *testing.T, url string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// TestWire speaks to the server byte by byte: keep-alive, chunked bodies
// (rule G10), and the end of the connection after 413.
func TestWire(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Limits.MaxBodyBytes, o.Limits.ReadIdle = 100, time.Second })
	_, base := h.serve(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(conn)
	for _, c := range []struct {
		request string
		status  int
		close   bool
	}{
		{"POST /write?db=d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nm f=1\r\n0\r\n\r\n", 204, false},
		{"POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\ncontent-type:\r\n\r\nm f=2", 204, false},
		{"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nm f=2", 400, false},
		{"HEAD /ping HTTP/1.1\r\nHost: x\r\n\r\n", 204, false},
		{"POST /query?q=x HTTP/1.1\r\nHost: x\r\nContent-Type: \r\nContent-Length: 0\r\n\r\n", 200, false},
		{"POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n", 413, true},
	} {
		io.WriteString(conn, c.request)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%q: %v", c.request, err)
		}
		if resp.StatusCode != http.StatusNoContent {
			io.Copy(io.Discard, resp.Body)
		}
		if resp.StatusCode != c.status || resp.Close != c.close {
			t.Errorf("%q: %s, close %v", c.request, resp.Status, resp.Close)
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("the connection is open after 413: %v", err)
	}
	if got := string(h.writer.requests[0].Body); got != "m f=1" {
		t.Errorf("chunked body became %q", got)
	}
}

func TestSlowBodyIsCutOff(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Limits.ReadIdle = 50 * time.Millisecond })
	_, base := h.serve(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nm f")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "the body stopped for 50ms") {
		t.Errorf("got %s %s", resp.Status, body)
	}
	if got := h.Statistics().SlowBodies; got.Count != 1 || got.Client != "127.0.0.1" || !strings.HasPrefix(got.Last, "POST /write: the body stopped for 50ms") {
		t.Errorf("counted is %+v", got)
	}
}

// TestTricklingBodyIsCutOff sends a byte now and then.
func TestTricklingBodyIsCutOff(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Limits.ReadIdle, o.Limits.MinBodyRate = 100*time.Millisecond, 1000 })
	_, base := h.serve(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nm f")
	go func() {
		for range 1000 {
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "the body is too slow") {
		t.Errorf("got %s %s", resp.Status, body)
	}
	if got := h.Statistics().SlowBodies; got.Count != 1 {
		t.Errorf("counted is %+v", got)
	}
}

// TestSlowReaderIsCutOff asks for an answer without end and takes nothing of it.
func TestSlowReaderIsCutOff(t *testing.T) {
	h := newHouse(t)
	ended := make(chan error, 10)
	h.engine.do = func(_ context.Context, _ query.Request, emit func(*query.Result) error) error {
		var err error
		for i := 0; err == nil; i++ {
			err = emit(result(i))
		}
		ended <- err
		return err
	}
	s, base := h.serve(t, func(o *ServerOptions) { o.SendIdle = 50 * time.Millisecond })
	for _, target := range []string{"/query?q=x&chunked=true", "/query?q=x"} {
		before := s.Connections()
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		conn.(*net.TCPConn).SetReadBuffer(4096)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s goes on", target)
		}
		conn.Close()
		got := s.Connections()
		if got.SlowReaders.Count <= before.SlowReaders.Count || got.SlowReaders.Client != "127.0.0.1" || got.SlowReaders.Last != "the client took nothing of an answer for 50ms" {
			t.Errorf("%s: counted is %+v", target, got)
		}
	}
}

// TestSlowQueryOutlivesTheReadDeadline checks that the deadline of a body does
// not end the query that came with it.
func TestSlowQueryOutlivesTheReadDeadline(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Limits.ReadIdle = 20 * time.Millisecond })
	h.engine.do = func(ctx context.Context, _ query.Request, emit func(*query.Result) error) error {
		for i := range 2 {
			time.Sleep(60 * time.Millisecond)
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := emit(result(i)); err != nil {
				return err
			}
		}
		return nil
	}
	_, base := h.serve(t, func(o *ServerOptions) { o.SendIdle = 20 * time.Millisecond })
	for range 2 {
		resp, err := http.Post(base+"/query?chunked=true", "application/x-www-form-urlencoded", strings.NewReader("q=x"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != `{"results":[{"statement_id":0}]}`+"\n"+`{"results":[{"statement_id":1}]}`+"\n" {
			t.Errorf("got %s, %v", body, err)
		}
	}
}

func TestConnectionLimit(t *testing.T) {
	h := newHouse(t)
	s, base := h.serve(t, func(o *ServerOptions) { o.MaxConnections = 1 })
	first := get(t, base+"/ping")
	first.Body.Close()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a second connection was served")
	}
	if got := s.Connections(); got.Refused.Count != 1 || got.Refused.Client != "127.0.0.1" || got.Open != 1 || got.Accepted != 1 {
		t.Errorf("counted is %+v", got)
	}
	conn.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for i := 0; ; i++ { // the slot comes back when the server has seen the end
		resp, err := http.Get(base + "/ping")
		if err == nil {
			resp.Body.Close()
			break
		}
		if i > 200 {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestHeaderLimit(t *testing.T) {
	h := newHouse(t)
	_, base := h.serve(t, func(o *ServerOptions) { o.MaxHeaderBytes = 8 << 10 })
	resp := get(t, base+"/ping", "X-Long", strings.Repeat("x", 32<<10))
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %s", resp.Status)
	}
}

func TestCloseWaitsForRequests(t *testing.T) {
	h := newHouse(t)
	inside, proceed := make(chan bool), make(chan bool)
	h.engine.do = func(ctx context.Context, _ query.Request, emit func(*query.Result) error) error {
		inside <- true
		<-proceed
		return emit(result(0))
	}
	s, base := h.serve(t)
	status := make(chan int)
	go func() {
		resp, err := http.Get(base + "/query?q=x")
		if err != nil {
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	<-inside
	closed := make(chan error)
	go func() { closed <- s.Close(context.Background()) }()
	select {
	case <-closed:
		t.Fatal("Close did not wait")
	case <-time.After(20 * time.Millisecond):
	}
	close(proceed)
	if got := <-status; got != 200 {
		t.Errorf("the request got %d", got)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestListenFails(t *testing.T) {
	h := newHouse(t)
	s, _ := h.serve(t)
	if _, err := Listen(t.Context(), h, ServerOptions{Addr: s.Addr()}); err == nil || !strings.Contains(err.Error(), s.Addr()) {
		t.Errorf("got error %v, want one that names the address", err)
	}
}
