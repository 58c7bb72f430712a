package shell

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/internal/clock"
)

// nameKind is what names are asked for.
type nameKind uint8

const (
	databaseNames nameKind = iota
	policyNames
	measurementNames
	tagNames
	fieldNames
	tagValues
	userNames
)

// nameKey is one question for names.
type nameKey struct {
	kind             nameKind
	database, policy string
	measurement, tag string // empty: of any
}

// Bounds of what the schema keeps.
const (
	maxNames     = 2000 // of one question
	maxQuestions = 256
)

// Schema knows the names of a server for completion: databases, measurements, tags, fields. It asks when a name is
// wanted first, keeps the answer for a while, and never lets its caller wait long: what has not come by then is there
// the next time. Every question runs in a goroutine of its own, which Close ends and waits for.
type Schema struct {
	ask      func(context.Context, nameKey) ([]string, error)
	clock    clock.Clock
	patience time.Duration // how long a caller waits
	fresh    time.Duration // how long an answer is not asked for again

	ctx    context.Context // ended by Close
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu    sync.Mutex // guards known
	known map[nameKey]*knownNames
}

// knownNames is the answer to one question.
type knownNames struct {
	names   []string // of the last answer; sorted, never changed
	at      time.Time
	pending chan struct{} // closed when the answer is there; nil: nobody asks
}

// newSchema returns a schema that asks a server with the given client at the time of asking.
func newSchema(client func() *Client, clk clock.Clock) *Schema {
	return newSchemaOf(func(ctx context.Context, k nameKey) ([]string, error) {
		q, name := k.question()
		return column(ctx, client(), q, name, maxNames)
	}, clk)
}

func newSchemaOf(ask func(context.Context, nameKey) ([]string, error), clk clock.Clock) *Schema {
	s := &Schema{ask: ask, clock: clk, patience: 400 * time.Millisecond, fresh: 30 * time.Second, known: map[nameKey]*knownNames{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close ends the questions that run and waits for their ends.
func (s *Schema) Close() {
	s.cancel()
	s.wait.Wait()
}

// Forget makes the next names be asked for anew.
func (s *Schema) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = map[nameKey]*knownNames{}
}

// names returns the names that are known, after a short wait if they have to be asked for. The slice is not the caller's
// to change.
func (s *Schema) names(k nameKey) []string {
	s.mu.Lock()
	n := s.known[k]
	if n == nil {
		if len(s.known) >= maxQuestions {
			s.known = map[nameKey]*knownNames{}
		}
		n = &knownNames{}
		s.known[k] = n
	}
	if n.pending == nil && (n.at.IsZero() || s.clock.Now().Sub(n.at) > s.fresh) && s.ctx.Err() == nil {
		n.pending = make(chan struct{})
		s.wait.Add(1)
		go s.fetch(k, n, n.pending)
	}
	pending, names := n.pending, n.names
	s.mu.Unlock()
	if pending == nil || names != nil {
		return names
	}
	select {
	case <-pending:
	case <-s.clock.After(s.patience):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return n.names
}

// askTimeout bounds one question for names.
const askTimeout = 10 * time.Second

// fetch asks for names. A failed question leaves those of the last answer and is not repeated at once.
func (s *Schema) fetch(k nameKey, n *knownNames, pending chan struct{}) {
	defer s.wait.Done()
	ctx, cancel := context.WithTimeout(s.ctx, askTimeout)
	defer cancel()
	names, err := s.ask(ctx, k)
	slices.Sort(names)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		n.names = slices.Compact(names)
	}
	n.at, n.pending = s.clock.Now(), nil
	close(pending)
}

// question returns what is asked, and the column of the answer that has the names.
func (k nameKey) question() (q Question, name string) {
	q = Question{Database: k.database, Policy: k.policy, Precision: Nanoseconds}
	limit := " LIMIT " + strconv.Itoa(maxNames)
	from := ""
	if k.measurement != "" {
		from = " FROM " + influxql.QuoteIdent(k.measurement)
		if k.policy != "" {
			from = " FROM " + influxql.QuoteIdent(k.policy, k.measurement)
		}
	}
	switch k.kind {
	case databaseNames:
		q.Statements, name = "SHOW DATABASES", "name"
	case policyNames:
		q.Statements, name = "SHOW RETENTION POLICIES ON "+influxql.QuoteIdent(k.database), "name"
	case measurementNames:
		q.Statements, name = "SHOW MEASUREMENTS"+limit, "name"
	case tagNames:
		q.Statements, name = "SHOW TAG KEYS"+from+limit, "tagKey"
	case fieldNames:
		q.Statements, name = "SHOW FIELD KEYS"+from+limit, "fieldKey"
	case tagValues:
		q.Statements, name = "SHOW TAG VALUES"+from+" WITH KEY = "+influxql.QuoteIdent(k.tag)+limit, "value"
	case userNames:
		q.Statements, name = "SHOW USERS", "user"
	}
	return q, name
}
