package listen

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
)

// OpenTSDBOptions are those of an OpenTSDB listener.
type OpenTSDBOptions struct {
	Options
	TLS            *tls.Config // nil: none
	LogPointErrors bool        // write refused points to the log
	MaxPoints      int         // of a request over HTTP; 0: no limit
}

// OpenTSDB listens for the telnet protocol of OpenTSDB and for its HTTP API, at
// the same address. A point's value becomes the field "value".
func OpenTSDB(ctx context.Context, opt OpenTSDBOptions) (*Listener, error) {
	o := &openTSDB{listener: newListener("opentsdb", opt.Options), logPoints: opt.LogPointErrors, maxPoints: opt.MaxPoints}
	wrap := func(s net.Listener) net.Listener {
		if opt.TLS != nil {
			s = tls.NewListener(s, opt.TLS)
		}
		o.requests = newHandedListener(s.Addr())
		return s
	}
	err := o.listener.listenStream(ctx, wrap, o.serve)
	if err != nil {
		return o.listener, err
	}
	o.http = &http.Server{
		Handler: o.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		WriteTimeout: time.Minute, IdleTimeout: o.listener.opt.IdleTimeout, MaxHeaderBytes: 64 << 10,
	}
	o.listener.serving.Go(func() { _ = o.http.Serve(o.requests) })
	o.listener.onClose = func() { o.http.Close() }
	return o.listener, nil
}

type openTSDB struct {
	listener  *Listener
	logPoints bool
	maxPoints int
	http      *http.Server
	requests  *handedListener
}

// serve looks at what a connection begins with: a method of HTTP, or telnet.
func (o *openTSDB) serve(conn net.Conn) {
	idle := idleConn{conn, o.listener}
	buffered := bufio.NewReaderSize(idle, 4096)
	begin, err := buffered.Peek(4)
	if err != nil {
		return
	}
	if isHTTP(string(begin)) {
		o.listener.counters.httpConnections.Add(1)
		ended := make(chan struct{})
		if o.requests.hand(&sniffedConn{Conn: conn, r: buffered, closed: sync.OnceFunc(func() { close(ended) })}) {
			<-ended
		}
		return
	}
	from := senderOf(conn.RemoteAddr())
	eachLine(&sniffedConn{Conn: conn, r: buffered, closed: func() {}}, &o.listener.counters, func(line []byte) bool {
		return o.command(conn, from, string(line))
	})
}

// isHTTP reports whether four bytes are the first of a request.
func isHTTP(begin string) bool {
	switch begin {
	case "GET ", "POST", "PUT ", "HEAD", "OPTI", "DELE", "PATC":
		return true
	}
	return false
}

// command runs a line of the telnet protocol; false ends the connection.
func (o *openTSDB) command(conn net.Conn, from netip.Addr, line string) bool {
	words := strings.Fields(line)
	if len(words) == 0 {
		return true
	}
	switch words[0] {
	case "put":
		o.put(line, from, words[1:])
	case "version":
		if _, err := conn.Write([]byte("InfluxDB TSDB proxy\n")); err != nil {
			return false
		}
	case "exit", "quit":
		return false
	default:
		o.listener.counters.badLn.Add(1)
		o.refuse(line, from, fmt.Errorf("%q is not a command", words[0]))
	}
	return true
}

func (o *openTSDB) refuse(line string, from netip.Addr, err error) {
	o.listener.counters.refuse(err.Error(), from)
	if o.logPoints {
		o.listener.opt.Log.Info("a point was refused", "line", line, "error", err)
	}
}

// put takes `metric timestamp value key=value …`.
func (o *openTSDB) put(line string, from netip.Addr, words []string) {
	c := &o.listener.counters
	if len(words) < 3 {
		c.badLn.Add(1)
		o.refuse(line, from, fmt.Errorf("put has %d words, want a metric, a timestamp, a value and tags", len(words)))
		return
	}
	at, err := openTSDBTime(words[1])
	if err != nil {
		c.badTime.Add(1)
		o.refuse(line, from, err)
		return
	}
	tags, err := parseTags(words[3:])
	if err != nil {
		c.badTag.Add(1)
		o.refuse(line, from, fmt.Errorf("tag %w", err))
		return
	}
	v, err := strconv.ParseFloat(words[2], 64)
	if err != nil {
		c.badValue.Add(1)
		o.refuse(line, from, fmt.Errorf("value %q is not a number", words[2]))
		return
	}
	o.store(from, words[0], at, v, tags)
}

func (o *openTSDB) store(from netip.Addr, metric string, at int64, v float64, tags model.Tags) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		o.listener.counters.notNumbers.Add(1)
		return
	}
	o.listener.take(&point{measurement: metric, tags: tags, time: at, fields: []lineproto.Field{floatField("value", v)}}, from, true)
}

// openTSDBTime reads seconds, of at most ten digits, or milliseconds, of
// thirteen.
func openTSDBTime(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || n < 0:
		return 0, fmt.Errorf("timestamp %q is not a number of seconds or milliseconds", text)
	case len(text) <= 10:
		return n * int64(time.Second), nil
	case len(text) == 13:
		return n * int64(time.Millisecond), nil
	}
	return 0, fmt.Errorf("timestamp %q has %d digits, want 10 for seconds or 13 for milliseconds", text, len(text))
}

// handedListener is a net.Listener of connections that somebody else accepted.
type handedListener struct {
	addr   net.Addr
	conns  chan net.Conn
	done   chan struct{}
	ending sync.Once
}

func newHandedListener(addr net.Addr) *handedListener {
	return &handedListener{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// hand gives a connection to the one who accepts; false says that nobody does.
func (h *handedListener) hand(conn net.Conn) bool {
	select {
	case h.conns <- conn:
		return true
	case <-h.done:
		return false
	}
}

// Accept returns the next connection.
func (h *handedListener) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close ends the listener; connections that were handed on go on.
func (h *handedListener) Close() error {
	h.ending.Do(func() { close(h.done) })
	return nil
}

// Addr returns the address of the one who accepted.
func (h *handedListener) Addr() net.Addr { return h.addr }

// sniffedConn is a connection of which the first bytes were read ahead.
type sniffedConn struct {
	net.Conn
	r      *bufio.Reader
	closed func()
}

// Read reads what was read ahead, then the connection.
func (c *sniffedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// Close closes the connection and tells who waits for that.
func (c *sniffedConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}
