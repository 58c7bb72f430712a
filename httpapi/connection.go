package httpapi

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// connections are those of a server: counted, at most so many, and none that
// takes nothing of an answer for too long.
type connections struct {
	net.Listener
	most  int           // 0: no limit
	idle  time.Duration // for a client to take a piece of an answer; 0: no limit
	clock clock.Clock
	began time.Time

	open     atomic.Int64
	accepted atomic.Int64
	refused  incident
	slow     incident
}

// ConnectionStatistics are numbers about the connections of a server.
type ConnectionStatistics struct {
	Open, Accepted int64
	Refused        Incident // connections that were one too many
	SlowReaders    Incident // connections that were closed because the client took nothing of an answer any more
}

func (c *connections) statistics() ConnectionStatistics {
	return ConnectionStatistics{Open: c.open.Load(), Accepted: c.accepted.Load(), Refused: c.refused.snapshot(), SlowReaders: c.slow.snapshot()}
}

// Accept returns the next connection that there may be.
func (c *connections) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if n := c.open.Add(1); c.most > 0 && n > int64(c.most) {
			c.open.Add(-1)
			c.refused.note(fmt.Sprintf("there are %d connections, as many as there may be", c.most), hostOf(conn.RemoteAddr()), c.clock.Now())
			conn.Close()
			continue
		}
		c.accepted.Add(1)
		return &countedConn{Conn: conn, of: c}, nil
	}
}

// countedConn is one of them.
type countedConn struct {
	net.Conn
	of    *connections
	once  sync.Once
	timed atomic.Int64 // when its last deadline was set, in nanoseconds after the beginning of the connections; 0: never
}

// Close closes the connection and makes room for another.
func (c *countedConn) Close() error {
	c.once.Do(func() { c.of.open.Add(-1) })
	return c.Conn.Close()
}

// sendPiece is how much of an answer the client must take in the time for one.
const sendPiece = 256 << 10

// Write sends p piece by piece, each of which the client must take in time. It is
// the one place where an answer waits for its client, whatever it is an answer to.
func (c *countedConn) Write(p []byte) (n int, err error) {
	if c.of.idle <= 0 {
		return c.Conn.Write(p)
	}
	for {
		if err := c.giveTime(); err != nil {
			return n, err
		}
		piece := p[n:min(n+sendPiece, len(p))]
		sent, err := c.Conn.Write(piece)
		n += sent
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.of.slow.note(fmt.Sprintf("the client took nothing of an answer for %s", c.of.idle), hostOf(c.RemoteAddr()), c.of.clock.Now())
		}
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// giveTime sets a deadline. Small answers that come quickly one after the other share one: each has three quarters of
// the time or more.
func (c *countedConn) giveTime() error {
	now := int64(time.Since(c.of.began)) // by the monotonic clock
	if last := c.timed.Load(); last > 0 && now-last < int64(c.of.idle/4) {
		return nil
	}
	c.timed.Store(now)
	return c.SetWriteDeadline(time.Now().Add(c.of.idle))
}

// hostOf returns an address without its port.
func hostOf(addr net.Addr) string {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	return host
}
