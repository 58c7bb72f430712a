package listen

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// counters counts what a listener sees. All of them only grow, except conns.
type counters struct {
	bytes, points                    atomic.Int64 // received
	refused                          atomic.Int64 // points or lines that say nothing useful
	notNumbers                       atomic.Int64 // points whose value is NaN or infinite
	readErrors                       atomic.Int64
	batches, sent                    atomic.Int64 // batches and points that the door took
	failedBatches                    atomic.Int64
	dropped                          atomic.Int64 // points without room in the queue, or lost with a failed batch
	connections, refusedConnections  atomic.Int64
	connectionsActive                atomic.Int64
	tooMany                          atomic.Int64 // requests with more points than they may have
	badTime, badTag, badValue, badLn atomic.Int64
	httpConnections                  atomic.Int64

	clock   clock.Clock // set before the first use
	mu      sync.Mutex  // guards the fields below
	example string
	client  string
	at      time.Time
}

// refuse counts a point that cannot be used, and keeps why and whose it was.
func (c *counters) refuse(reason string, from netip.Addr) {
	c.refused.Add(1)
	c.note(reason, addressText(from))
}

// maxExample bounds the text of an example.
const maxExample = 256

func (c *counters) note(reason, client string) {
	if len(reason) > maxExample {
		reason = reason[:maxExample]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.example, c.client, c.at = strings.Clone(reason), client, c.clock.Now()
}

// Metrics tells what a listener has seen since its start.
type Metrics struct {
	Protocol string // udp, graphite, opentsdb or collectd
	Address  string
	Network  string // tcp or udp

	Bytes, Points      int64 // received
	Refused            int64 // lines or points that say nothing useful, those that are not numbers left out
	NotNumbers         int64 // points whose value is NaN or infinite
	ReadErrors         int64
	Batches, Sent      int64 // batches and points that were stored
	FailedBatches      int64
	Dropped            int64 // points that had no room in the queue, or were in a failed batch
	Connections        int64 // since the start
	ConnectionsActive  int64
	ConnectionsRefused int64 // because there were too many
	HTTPConnections    int64 // of OpenTSDB: those that begin with a request of HTTP

	// Of OpenTSDB: lines by what is wrong with them; all of them are in Refused.
	BadLines, BadTimes, BadTags, BadValues int64

	// TooManyPoints is the number of requests of OpenTSDB with more points than
	// they may have; what they had is in Refused.
	TooManyPoints int64

	Example string    // why the last point was refused or dropped
	Client  string    // address of its sender; empty: not known
	Time    time.Time // when that was; zero: never
}

func (c *counters) metrics(protocol, network, address string) Metrics {
	c.mu.Lock()
	example, client, at := c.example, c.client, c.at
	c.mu.Unlock()
	return Metrics{
		Protocol: protocol, Network: network, Address: address, HTTPConnections: c.httpConnections.Load(),
		Bytes: c.bytes.Load(), Points: c.points.Load(), Refused: c.refused.Load(), NotNumbers: c.notNumbers.Load(),
		ReadErrors: c.readErrors.Load(), Batches: c.batches.Load(), Sent: c.sent.Load(),
		FailedBatches: c.failedBatches.Load(), Dropped: c.dropped.Load(),
		Connections: c.connections.Load(), ConnectionsActive: c.connectionsActive.Load(), ConnectionsRefused: c.refusedConnections.Load(),
		BadLines: c.badLn.Load(), BadTimes: c.badTime.Load(), BadTags: c.badTag.Load(), BadValues: c.badValue.Load(),
		TooManyPoints: c.tooMany.Load(),
		Example:       example, Client: client, Time: at,
	}
}
