package query_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// endlessStorage has measurements without end, each with one series whose rows have no end.
type endlessStorage struct {
	query.Storage
	reads chan struct{} // told of the first piece of work
}

func (s *endlessStorage) View(_ context.Context, _, _ string, r model.TimeRange) (cursor.View, error) {
	return &endlessView{storage: s, times: r}, nil
}

func (s *endlessStorage) WritePoints(context.Context, string, string, *model.Batch) error { return nil }

// worked tells that the operator at work has begun.
func (s *endlessStorage) worked() {
	select {
	case s.reads <- struct{}{}:
	default:
	}
}

type endlessView struct {
	storage *endlessStorage
	times   model.TimeRange
}

func (v *endlessView) Range() model.TimeRange { return v.times }

func (v *endlessView) Measurements() ([]string, error) {
	names := make([]string, 300_000)
	for i := range names {
		names[i] = fmt.Sprintf("m%06d", i)
	}
	return names, nil
}

func (v *endlessView) Fields(string) ([]cursor.Field, error) {
	return []cursor.Field{{Name: "v", Type: model.Float}}, nil
}

func (v *endlessView) TagKeys(string, *model.TagFilter) ([]string, error) {
	v.storage.worked()
	return []string{"host"}, nil
}

func (v *endlessView) TagValues(m, _ string, _ *model.TagFilter) ([]string, error) {
	v.storage.worked()
	values := make([]string, 100)
	for i := range values {
		values[i] = fmt.Sprint(m, i)
	}
	return values, nil
}

func (v *endlessView) Series(string, *model.TagFilter) (cursor.SeriesSet, error) {
	v.storage.worked()
	return oneSeries{}, nil
}

func (v *endlessView) FirstSeries(string, *model.TagFilter, int) (cursor.SeriesSet, error) {
	return v.Series("", nil)
}

func (v *endlessView) SeriesIDs(string, *model.TagFilter) ([]model.SeriesID, error) {
	v.storage.worked()
	return []model.SeriesID{1}, nil
}

func (v *endlessView) CountTagValues(string, []string, *model.TagFilter) (int64, error) {
	v.storage.worked()
	return 100, nil
}

func (v *endlessView) EstimateTagValues(name string, keys []string) (int64, error) {
	return v.CountTagValues(name, keys, nil)
}

func (v *endlessView) Cardinality(string, *model.TagFilter) (int64, error) { return 1, nil }
func (v *endlessView) Close() error                                        { return nil }

func (v *endlessView) Read(_ context.Context, req cursor.Request) (cursor.Cursor, error) {
	return &endlessCursor{storage: v.storage, next: max(v.times.Min, 0), fields: len(req.Fields), descending: req.Descending}, nil
}

type oneSeries struct{}

func (oneSeries) Len() int              { return 1 }
func (oneSeries) ID(int) model.SeriesID { return 1 }

func (oneSeries) Only([]string) {}
func (oneSeries) Tags(_ int, dst model.Tags) model.Tags {
	return append(dst[:0], model.Tag{Key: []byte("host"), Value: []byte("a")})
}

// endlessCursor yields a row every second, forever.
type endlessCursor struct {
	storage    *endlessStorage
	next       int64
	fields     int
	descending bool
	begun      bool
	batch      cursor.Batch
}

func (c *endlessCursor) NextSeries() (int, bool) {
	was := c.begun
	c.begun = true
	return 0, !was
}

func (c *endlessCursor) Next() *cursor.Batch {
	c.storage.worked()
	const rows = 1000
	step := int64(time.Second)
	if c.descending {
		step = -step
	}
	c.batch = cursor.Batch{Times: make([]int64, rows), Columns: make([]cursor.Column, c.fields)}
	floats := make([]float64, rows)
	for i := range floats {
		c.batch.Times[i] = c.next
		floats[i] = float64(c.next / int64(time.Second) % 1009)
		c.next += step
	}
	for i := range c.batch.Columns {
		c.batch.Columns[i] = cursor.Column{Type: model.Float, Floats: floats}
	}
	return &c.batch
}

func (c *endlessCursor) Err() error   { return nil }
func (c *endlessCursor) Close() error { return nil }

// TestKillEveryOperator kills statements that would never end on their own, each while another operator works.
func TestKillEveryOperator(t *testing.T) {
	for operator, text := range map[string]string{
		"raw scan":         "SELECT v FROM m",
		"filter":           "SELECT v FROM m WHERE v < 0",
		"aggregate":        "SELECT mean(v), max(v) FROM m",
		"groups of time":   "SELECT count(v) FROM m WHERE time < '2200-01-01' GROUP BY time(1m)",
		"kept points":      "SELECT median(v) FROM m WHERE v < 2",
		"heap":             "SELECT top(v, 3) FROM m",
		"transformation":   "SELECT derivative(v) FROM m",
		"sort":             "SELECT v FROM m WHERE v < 2 ORDER BY v",
		"having":           "SELECT v FROM m HAVING v < 0",
		"join":             "SELECT a.v + b.v FROM (SELECT v FROM m) AS a JOIN (SELECT v FROM m WHERE v < 0) AS b ON time",
		"percentiles":      "SELECT percentiles(v, 50, 99) FROM m WHERE v < 2",
		"distinct tag":     "SELECT DISTINCT host::tag FROM m",
		"INTO":             "SELECT v INTO other FROM m",
		"subquery":         "SELECT max(s) FROM (SELECT v * 2 AS s FROM m) WHERE s < 0",
		"fill":             "SELECT first(v) FROM m WHERE time < '2261-01-01' GROUP BY time(1u) fill(1) ORDER BY time DESC",
		"SHOW TAG VALUES":  "SHOW TAG VALUES WITH KEY = host",
		"SHOW SERIES":      "SHOW SERIES",
		"SHOW TAG KEYS":    "SHOW TAG KEYS",
		"count (distinct)": "SELECT count(distinct(v)) FROM m",
		"newest value":     "SELECT last(v) FROM m WHERE v > 2000",
		"oldest value":     "SELECT first(v), host FROM m WHERE v > 2000 GROUP BY *",
		"newest row":       "SELECT * FROM m WHERE v > 2000 GROUP BY * ORDER BY time DESC LIMIT 1",
		"bottom with tags": "SELECT bottom(v, host, 3) FROM m",
		"sample":           "SELECT sample(v, 1000) FROM m",
		"mode":             "SELECT mode(v) FROM m WHERE v < 2",
		"integral":         "SELECT integral(v) FROM m",
		"moving average":   "SELECT moving_average(v, 1000) FROM m",
		"holt_winters":     "SELECT holt_winters(first(v), 10, 4) FROM m WHERE time >= 0 AND time < '2030-01-01' GROUP BY time(1m)",
		"averages":         "SELECT exponential_moving_average(v, 10) FROM m",
		"last, newest":     "SELECT last(v), first(v) FROM m WHERE v < 0",
		"mathematics":      "SELECT sqrt(v) + pow(v, 2) FROM m WHERE v < 0",
		"months":           "SELECT count(v) FROM m WHERE time < '2260-01-01' GROUP BY time(1mo)",
		"zone":             "SELECT count(v) FROM m WHERE time < '2200-01-01' GROUP BY time(2h) tz('Europe/Berlin')",
		"several sources":  "SELECT max(v) FROM m, n",
		"pattern":          "SELECT max(v) FROM /./",
		"descending":       "SELECT v FROM m WHERE v < 0 ORDER BY time DESC",
		"limits":           "SELECT v FROM m WHERE v < 0 LIMIT 1 SLIMIT 1",
		"linear fill":      "SELECT mean(v) FROM m WHERE time < '2261-01-01' GROUP BY time(1u) fill(linear)",
		"look before":      "SELECT last(v) FROM m WHERE time >= '2100-01-01' AND time < '2261-01-01' GROUP BY time(1s) fill(previous, 5000w)",
		"distinct":         "SELECT distinct(v) FROM m",
		"nested subquery":  "SELECT max(a) FROM (SELECT mean(s) AS a FROM (SELECT v * 2 AS s FROM m) GROUP BY host) WHERE a < 0",
		"exact TAG VALUES": "SHOW TAG VALUES EXACT CARDINALITY WITH KEY = host",
		"EXPLAIN ANALYZE":  "EXPLAIN ANALYZE SELECT sum(v) FROM m",
	} {
		t.Run(operator, func(t *testing.T) {
			t.Parallel()
			killWhileRunning(t, text)
		})
	}
}

func killWhileRunning(t *testing.T, text string) {
	b := newBench(t, query.Options{})
	endless := &endlessStorage{Storage: b.storage, reads: make(chan struct{}, 1)}
	engine := query.New(b.storage.Catalog, endless, query.Options{Clock: b.clock})
	ended := make(chan error, 1)
	go func() {
		var end error
		err := engine.Run(context.Background(), query.Request{Text: text, Database: "db0"}, func(r *query.Result) error {
			if endless.worked(); r.Err != nil {
				end = r.Err
			}
			return nil
		})
		ended <- errors.Join(err, end)
	}()
	for range 3 { // at work for a while
		select {
		case <-endless.reads:
		case err := <-ended:
			t.Fatalf("%s ended by itself: %v", text, err)
		}
	}
	running := engine.Running()
	if len(running) != 1 {
		t.Fatalf("%d queries run", len(running))
	}
	began := time.Now()
	if err := engine.Kill(running[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, query.ErrInterrupted) {
		t.Errorf("%s: got %v", text, err)
	}
	if took := time.Since(began); took > 500*time.Millisecond*slack {
		t.Errorf("%s: lived on for %s", text, took)
	}
}

// slack is by how much the limit on what a kill may take is stretched, since the machine has other things to do.
const slack = 4
