package query

import (
	"errors"
	"fmt"

	"github.com/timberlinedb/timberline/internal/budget"
)

// Errors of a request as a whole. Their texts are those of InfluxDB 1.x, on which clients match.
var (
	// ErrNotExecuted is the answer to the statements that follow a failed one.
	ErrNotExecuted = errors.New("not executed")
	// ErrInterrupted ends a query that was killed or whose client went away.
	ErrInterrupted = errors.New("query interrupted")
	// ErrTimeout ends a query that ran longer than Options.Timeout.
	ErrTimeout = errors.New("query-timeout limit exceeded")
	// ErrDatabaseRequired says that neither the statement nor the request names a database.
	ErrDatabaseRequired = errors.New("database name required")
)

// ParseError says that the text of a request is not InfluxQL. Nothing of it was run.
type ParseError struct {
	Err error
}

// Error returns the text that clients see.
func (e *ParseError) Error() string { return "error parsing query: " + e.Err.Error() }

// Unwrap returns the error of the parser.
func (e *ParseError) Unwrap() error { return e.Err }

// LimitError says that a query asked for more than a configured limit allows.
type LimitError struct {
	Limit     string // name of the setting
	Got, Most int64
}

// Error returns the text that clients see.
func (e *LimitError) Error() string {
	if e.Limit == limitConcurrent {
		return fmt.Sprintf("%s limit exceeded(%d, %d)", e.Limit, e.Got, e.Most)
	}
	return fmt.Sprintf("%s limit exceeded: (%d/%d)", e.Limit, e.Got, e.Most)
}

// Names of the limits, as the settings of InfluxDB 1.x are called; the first has its spelling of the message.
const (
	limitPoint      = "max-select-point"
	limitSeries     = "max-select-series"
	limitBuckets    = "max-select-buckets"
	limitConcurrent = "max-concurrent-queries"
	limitFill       = "max-fill-buckets" // of this program alone
)

func errDatabaseNotFound(name string) error { return fmt.Errorf("database not found: %s", name) }
func errPolicyNotFound(name string) error   { return fmt.Errorf("retention policy not found: %s", name) }

// memoryError says that a query would hold more memory than one query may. It is a budget.ErrExceeded.
type memoryError struct {
	used, n, most int64
}

func (e *memoryError) Error() string {
	return fmt.Sprintf("%v: the query holds %d bytes, %d more are above its limit of %d, the setting max-query-memory",
		budget.ErrExceeded, e.used, e.n, e.most)
}

func (e *memoryError) Unwrap() error { return budget.ErrExceeded }
