package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// dial opens connections; all are closed by what it returns.
func (g *target) dial(t *testing.T, n int) (conns []net.Conn, hangUp func()) {
	for range n {
		c, err := net.DialTimeout("tcp", g.host, 10*time.Second)
		if err != nil {
			t.Errorf("connection %d: %v", len(conns), err)
			break
		}
		conns = append(conns, c)
	}
	return conns, func() {
		for _, c := range conns {
			c.Close()
		}
	}
}

// patience is what a server on a busy machine gets on top of a timeout.
const patience = 10 * time.Second

// drip sends a beginning on many connections and then byte after byte. Every connection must have been ended by the server
// soon after its timeout.
func (g *target) drip(t *testing.T, n int, beginning, bytes string, pause time.Duration) {
	conns, hangUp := g.dial(t, n)
	defer hangUp()
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			started := time.Now()
			c.Write([]byte(beginning))
			for i := 0; time.Since(started) < serverTimeout+patience; i++ {
				c.SetReadDeadline(time.Now().Add(pause))
				_, err := io.Copy(io.Discard, c)
				var timedOut net.Error
				if !errors.As(err, &timedOut) || !timedOut.Timeout() {
					return // ended
				}
				if bytes != "" {
					c.Write([]byte{bytes[i%len(bytes)]})
				}
			}
			t.Errorf("a connection that began with %.40q was still open after %s", beginning, time.Since(started))
		})
	}
	wg.Wait()
}

// slowHeaders never comes to the end of a header.
func slowHeaders(t *testing.T, g *target) {
	g.drip(t, 300, "POST /write?db=calm HTTP/1.1\r\nHost: x\r\nX-Slow: ", "abcdefgh", 200*time.Millisecond)
}

// slowBodies announces a body of which nothing comes.
func slowBodies(t *testing.T, g *target) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, beginning := range []string{
		"POST /write?db=calm HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\nm v=1",
		"POST /api/v2/write?bucket=calm HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nm v",
		"POST /query HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 20000000\r\n\r\nq=SELECT",
		"POST /api/v1/prom/read?db=calm HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\nxxxx",
		"POST /v1/metrics?db=calm HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 20000000\r\n\r\nxxxx",
		"POST /api/v2/buckets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20000000\r\n\r\n{",
	} {
		wg.Go(func() { g.drip(t, 30, beginning, "", 500*time.Millisecond) })
	}
}

// tricklingBodies sends five bytes a second of bodies that are said to be large. They must not take memory for what never
// comes.
func tricklingBodies(t *testing.T, g *target) {
	g.drip(t, 600, "POST /write?db=calm HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n", "m", 200*time.Millisecond)
}

// idleConnections holds 2,000 connections on which nothing comes, and on which one request came.
func idleConnections(t *testing.T, g *target) {
	conns, hangUp := g.dial(t, 2000)
	defer hangUp()
	for _, c := range conns[:len(conns)/2] {
		c.Write([]byte("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
	time.Sleep(serverTimeout / 2)
	if r, err := g.Do("GET", "/health", nil, nil); err != nil || r.Status != http.StatusOK {
		t.Errorf("beside %d connections /health answers %d, %v", len(conns), r.Status, err)
	}
}

// headerFlood sends headers that are too large, too many or none at all.
func headerFlood(t *testing.T, g *target) {
	for _, head := range []string{
		"X: " + strings.Repeat("x", 4<<20) + "\r\n",
		strings.Repeat("X-Y: z\r\n", 500_000),
		strings.Repeat("Cookie: a=b\r\n", 300_000),
		"Authorization: Basic " + strings.Repeat("QUFB", 1<<20) + "\r\n",
		strings.Repeat("x", 4<<20),
	} {
		if status := g.raw(t, "GET /query?db=calm&q=SHOW+DATABASES HTTP/1.1\r\nHost: x\r\n"+head+"\r\n"); status >= 500 {
			t.Errorf("%.20q… is answered %d", head, status)
		} else if status > 0 && status < 400 {
			t.Errorf("%.20q… (%d bytes) is taken", head, len(head))
		}
	}
	for _, head := range []string{
		"GET /" + strings.Repeat("x", 4<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n",
		strings.Repeat("\r\n", 1<<20),
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // the beginning of a TLS handshake
		strings.Repeat("\x00", 1<<20),
		"GET / HTTP/9.9\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		if status := g.raw(t, head); status >= 200 && status < 300 {
			t.Errorf("%.20q… is answered %d", head, status)
		}
	}
}

// brokenBodies lies about where a body ends.
func brokenBodies(t *testing.T, g *target) {
	const post = "POST /write?db=calm HTTP/1.1\r\nHost: x\r\n"
	for _, rest := range []string{
		"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nm v=1\r\n",
		"Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nm v=1\r\n",
		"Transfer-Encoding: chunked\r\n\r\n-1\r\nm v=1\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nxyz\r\n",
		"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"Content-Length: 5\r\nContent-Length: 6\r\n\r\nm v=1",
		"Content-Length: -5\r\n\r\nm v=1",
		"Content-Length: 9223372036854775807\r\n\r\nm v=1",
		"Content-Length: 99999999999999999999\r\n\r\nm v=1",
	} {
		if status := g.raw(t, post+rest); status >= 200 && status < 300 {
			t.Errorf("%.60q is answered %d", rest, status)
		}
	}
}

// raw sends bytes as they are and returns the status of the answer, 0 if there is none.
func (g *target) raw(t *testing.T, text string) int {
	t.Helper()
	c, err := net.DialTimeout("tcp", g.host, 10*time.Second)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(serverTimeout + patience))
	go func() {
		io.WriteString(c, text)
		c.(*net.TCPConn).CloseWrite()
	}()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		var timedOut net.Error
		if errors.As(err, &timedOut) && timedOut.Timeout() {
			t.Errorf("%.60q is not answered", text)
		}
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// slowReaders ask for much and take nothing.
func slowReaders(t *testing.T, g *target) {
	var lines strings.Builder
	for i := range 200 {
		fmt.Fprintf(&lines, "long s=\"%s\" %d\n", strings.Repeat("s", 30_000), i)
	}
	g.Write(t, "calm", lines.String())
	conns, hangUp := g.dial(t, 20)
	defer hangUp()
	for _, c := range conns {
		c.(*net.TCPConn).SetReadBuffer(4096)
		fmt.Fprintf(c, "GET /query?db=calm&chunked=true&q=%s HTTP/1.1\r\nHost: x\r\n\r\n", escaped(strings.Repeat("SELECT * FROM long;", 5)))
	}
	g.awaitNoQuery(t, "FROM long") // all of them are let go
}

// hangUpOn asks for answers without an end and goes away. Nothing of them may run on.
func hangUpOn(t *testing.T, g *target) {
	for _, statement := range []string{
		"SELECT count(v) FROM work WHERE time >= 0 AND time <= now() GROUP BY time(1ns)",
		"SELECT count(v) FROM sensor WHERE time >= 0 AND time <= now() GROUP BY time(1ns), host fill(0)",
		"SELECT mean(v) FROM sensor WHERE time >= '1677-09-21T00:12:44Z' AND time < '2262-04-11T23:47:16Z' GROUP BY time(1u), host fill(linear)",
	} {
		conns, hangUp := g.dial(t, 4)
		for _, c := range conns {
			fmt.Fprintf(c, "GET /query?db=calm&chunked=true&q=%s HTTP/1.1\r\nHost: x\r\n\r\n", escaped(statement))
		}
		time.Sleep(100 * time.Millisecond)
		hangUp()
	}
	g.awaitNoQuery(t, "GROUP BY time(1")
}

// awaitNoQuery waits until no statement with a text is among those that run.
func (g *target) awaitNoQuery(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(serverTimeout + 2*patience); ; time.Sleep(200 * time.Millisecond) {
		n := strings.Count(g.ask(t, "running queries", "SHOW QUERIES"), text)
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%d statements of clients that read nothing still run", n)
			return
		}
	}
}

// connectFlood opens and closes connections as fast as it can.
func connectFlood(t *testing.T, g *target) {
	for range 50 {
		_, hangUp := g.dial(t, 10)
		hangUp()
	}
}
