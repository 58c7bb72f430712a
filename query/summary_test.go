package query_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/timberlinedb/timberline/internal/testmodel"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// summingStorage offers summaries of some of the batches of another storage.
type summingStorage struct {
	*testmodel.Storage

	mu       sync.Mutex // guards the fields below
	rng      *rand.Rand
	accepted int
}

// plain reports whether the next batch comes as it is.
func (s *summingStorage) plain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(4) == 0
}

func (s *summingStorage) count() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted++
}

func (s *summingStorage) View(ctx context.Context, database, policy string, r model.TimeRange) (cursor.View, error) {
	v, err := s.Storage.View(ctx, database, policy, r)
	return &summingView{v, s}, err
}

type summingView struct {
	cursor.View
	storage *summingStorage
}

func (v *summingView) Read(ctx context.Context, req cursor.Request) (cursor.Cursor, error) {
	c, err := v.View.Read(ctx, req)
	if req.Offer != nil && err == nil {
		c = &summingCursor{Cursor: c, storage: v.storage, req: &req}
	}
	return c, err
}

type summingCursor struct {
	cursor.Cursor
	storage *summingStorage
	req     *cursor.Request
	enough  bool
}

func (c *summingCursor) NextSeries() (int, bool) {
	c.enough = false
	return c.Cursor.NextSeries()
}

func (c *summingCursor) Next() *cursor.Batch {
	for !c.enough {
		b := c.Cursor.Next()
		if b == nil || c.storage.plain() {
			return b
		}
		reply := c.req.Offer(c.summary(b))
		if reply == cursor.Decline {
			return b
		}
		c.storage.count()
		c.enough = reply == cursor.Enough
	}
	return nil
}

func (c *summingCursor) summary(b *cursor.Batch) *cursor.Summary {
	n := len(b.Times)
	s := &cursor.Summary{Rows: n, Range: model.TimeRange{Min: min(b.Times[0], b.Times[n-1]), Max: max(b.Times[0], b.Times[n-1])}}
	for i := range b.Columns {
		col := &b.Columns[i]
		st := cursor.Statistics{Type: col.Type}
		for k := range n { // in order of time
			row := k
			if c.req.Descending {
				row = n - 1 - k
			}
			if col.Has(row) {
				addStatistics(&st, col, row, b.Times[row])
			}
		}
		s.Fields = append(s.Fields, st)
	}
	return s
}

func addStatistics(st *cursor.Statistics, col *cursor.Column, row int, t int64) {
	st.Count++
	fresh := st.Count == 1
	if fresh {
		st.FirstTime = t
	}
	st.LastTime = t
	switch st.Type {
	case model.Float:
		addExtent(&st.Floats, col.Floats[row], fresh)
	case model.Integer:
		addExtent(&st.Integers, col.Integers[row], fresh)
	case model.Unsigned:
		addExtent(&st.Unsigneds, col.Unsigneds[row], fresh)
	case model.Boolean:
		if st.LastBool = col.Booleans[row]; fresh {
			st.FirstBool = st.LastBool
		}
	case model.String:
		if st.LastString = col.Strings[row]; fresh {
			st.FirstString = st.LastString
		}
	}
}

func addExtent[T int64 | uint64 | float64](e *cursor.Extent[T], v T, fresh bool) {
	if fresh {
		*e = cursor.Extent[T]{Min: v, Max: v, First: v}
	}
	e.Min, e.Max, e.Last = min(e.Min, v), max(e.Max, v), v
	e.Sum += v
}

// TestSummariesDoNotChangeAnswers asks the same of a storage that offers summaries and of one that does not. Floats are
// such that the order of additions shows.
func TestSummariesDoNotChangeAnswers(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 3))
	plain := newBench(t, query.Options{Workers: 1})
	var lines strings.Builder
	for range 1500 {
		fmt.Fprintf(&lines, "m,host=h%d,dc=d%d ", rng.IntN(4), rng.IntN(2))
		fields := []string{fmt.Sprintf("f=%v", []float64{rng.NormFloat64(), 0, 1.5, 0.1}[rng.IntN(4)])}
		if rng.IntN(2) == 0 {
			fields = append(fields, fmt.Sprintf("i=%di,u=%du", rng.IntN(21)-10, rng.IntN(9)))
		}
		if rng.IntN(3) == 0 {
			fields = append(fields, fmt.Sprintf("s=%q,b=%v", string(rune('a'+rng.IntN(3))), rng.IntN(2) == 0))
		}
		fmt.Fprintf(&lines, "%s %d\n", strings.Join(fields, ","), rng.IntN(2000))
	}
	plain.load(t, "", lines.String())
	plain.storage.Store.BatchRows = 1 + rng.IntN(60)
	summing := &summingStorage{Storage: plain.storage, rng: rand.New(rand.NewPCG(rng.Uint64(), 5))}
	other := *plain
	other.engine = query.New(plain.storage.Catalog, summing, query.Options{Workers: 1, Clock: plain.clock})

	calls := []string{"count(f)", "sum(f)", "mean(f)", "min(f)", "max(f)", "first(f)", "last(f)", "spread(f)", "count(i)", "sum(i)", "mean(i)",
		"min(i)", "max(i)", "first(i)", "last(i)", "spread(i)", "sum(u)", "min(u)", "max(u)", "last(u)", "count(s)", "first(s)", "last(s)",
		"count(b)", "min(b)", "max(b)", "first(b)", "last(b)", "last(*)", "first(*)", "count(*)", "max(i), s", "last(f), host", "last(i), f",
		"top(f, 2)", "top(f, host, 2)", "derivative(mean(f))", "count(distinct(i))"}
	wheres := []string{"", "", "", "WHERE time >= 300s AND time < 1700s", "WHERE host != 'h1'", "WHERE i > 0", "WHERE host = 'h2' OR f > 1",
		"WHERE i > 8.5 AND f < 0", "WHERE u = 3.0", "WHERE s = 'a' AND i <= -9.5"}
	groups := []string{"", "GROUP BY host", "GROUP BY host, dc", "GROUP BY time(500s)", "GROUP BY time(5m, 7s), dc", "GROUP BY *", "GROUP BY time(50s) fill(none)", "GROUP BY time(2h)"}
	orders := []string{"", "ORDER BY time DESC", "LIMIT 3"}
	for range 300 {
		text := calls[rng.IntN(len(calls))]
		for rng.IntN(2) == 0 && !strings.Contains(text, ", ") && !strings.Contains(text, "top") {
			if more := calls[rng.IntN(32)]; !strings.Contains(more, ", ") {
				text += ", " + more
			}
		}
		where, group := wheres[rng.IntN(len(wheres))], groups[rng.IntN(len(groups))]
		if strings.Contains(group, "time(") || strings.Contains(text, "derivative") { // without bounds there are windows up to now
			where = wheres[3]
		}
		q := fmt.Sprintf("SELECT %s FROM m %s %s %s", text, where, group, orders[rng.IntN(len(orders))])
		want := plain.ask(t, query.Request{Text: q})
		if got := other.ask(t, query.Request{Text: q}); got != want {
			t.Errorf("%s\n got %s\nwant %s", q, got, want)
		}
	}
	if summing.accepted == 0 {
		t.Error("no summary was accepted")
	}
}

// TestComparisonsAgree asks with conditions that are compared column by column, and that rule out whole blocks, and with
// such that are evaluated row by row.
func TestComparisonsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 4))
	plain := newBench(t, query.Options{Workers: 2})
	var lines strings.Builder
	for i := range 600 {
		fmt.Fprintf(&lines, "m,host=h%d %s %d\n", rng.IntN(3),
			[]string{fmt.Sprintf("i=%di", rng.IntN(5)-2), fmt.Sprintf("u=%du", rng.IntN(4)), fmt.Sprintf("f=%v", float64(rng.IntN(5))/2-1),
				fmt.Sprintf("i=%di,u=%du,f=%v", i/100-3, i/200, float64(i/150)-1.5), "i=9007199254740993i", "f=-0.0"}[rng.IntN(6)], i)
	}
	plain.load(t, "", lines.String())
	plain.storage.Store.BatchRows = 1 + rng.IntN(9)
	summing := &summingStorage{Storage: plain.storage, rng: rand.New(rand.NewPCG(rng.Uint64(), 6))}
	other := *plain
	other.engine = query.New(plain.storage.Catalog, summing, query.Options{Workers: 2, Clock: plain.clock})
	for _, field := range []string{"i", "u", "f"} {
		for _, op := range []string{"=", "!=", "<", "<=", ">", ">="} {
			for _, limit := range []string{"0.0", "0", "1", "1.0", "-0.5", "0.5", "2.5", "9007199254740992.0", "9007199254740993", "-7.0"} {
				for _, what := range []string{"count(*)", "*", "max(f)"} {
					want := plain.ask(t, query.Request{Text: fmt.Sprintf("SELECT %s FROM m WHERE (%s * 1) %s %s", what, field, op, limit)})
					text := fmt.Sprintf("SELECT %s FROM m WHERE %s %s %s", what, field, op, limit)
					if got := other.ask(t, query.Request{Text: text}); got != want {
						t.Errorf("%s\n got %s\nwant %s", text, got, want)
					}
				}
			}
		}
	}
	if summing.accepted == 0 {
		t.Error("no summary was accepted")
	}
}
