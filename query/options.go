package query

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/clock"
)

// Options bounds what queries may do. The zero value sets no limits.
type Options struct {
	// Clock tells what now() is. Nil is the clock of the machine.
	Clock clock.Clock

	// Memory is what all queries together draw from. Nil means no bound.
	Memory *budget.Account

	// GroupMemory is what sorted and grouped series take that are kept for the next statements; its limit bounds them.
	// Nil keeps none.
	GroupMemory *budget.Account

	MaxQueryBytes    int64 // memory of one query; 0: no limit of its own
	MaxSelectPoints  int   // rows that one SELECT may read; 0: no limit
	MaxSelectSeries  int   // series that one SELECT may read; 0: no limit
	MaxSelectBuckets int   // time intervals of a GROUP BY time(); 0: no limit
	MaxFillBuckets   int   // time intervals without a value that one SELECT may fill; 0: no limit
	MaxConcurrent    int   // requests that run at the same time; 0: no limit
	MaxQueued        int   // requests that wait for one of those to end; 0: none, they are refused

	QueueTimeout time.Duration // how long a request waits for others; 0: as long as its client

	Timeout  time.Duration // how long a query may run; 0: for ever
	LogAfter time.Duration // queries that run longer are logged; 0: none

	// Workers is how many goroutines one query may keep busy. 0 is GOMAXPROCS.
	Workers int

	// Log takes the slow queries. Nil logs nothing.
	Log *slog.Logger

	// Audit is told of every statement that changes something, when it has run. Nil is told nothing.
	Audit func(AuditEvent)

	// Extension runs the statements that are not about data, policies and shards: users, continuous queries,
	// subscriptions, statistics. Nil answers them with an error.
	Extension Extension
}

// EnsureDefaults fills in what was left zero and has a default.
func (o *Options) EnsureDefaults() {
	if o.Clock == nil {
		o.Clock = clock.System
	}
	if o.Memory == nil {
		o.Memory = budget.New(0).Account("queries", 0)
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
}
