package monitor

import (
	"os"
	"slices"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// Kind tells how a metric behaves.
type Kind uint8

// The kinds of metrics.
const (
	Untyped Kind = iota
	Counter      // only grows
	Gauge        // goes up and down
)

// Label tells metrics of one name apart.
type Label struct {
	Key, Value string
}

// Metric is one number.
type Metric struct {
	Name   string // without the prefix timberline_
	Help   string // one line
	Kind   Kind
	Labels []Label
	Value  float64
}

// Histogram counts observations by size.
type Histogram struct {
	Name   string // without the prefix timberline_
	Help   string
	Labels []Label
	Bounds []float64 // upper ends of the buckets, ascending
	Counts []int64   // a number a bucket, not cumulative, and one for what is above all bounds
	Sum    float64
}

// Statistic is a group of values in the form of InfluxDB 1.x.
type Statistic struct {
	Name string
	// Distinct names the tags whose values follow the name in /debug/vars.
	Distinct []string
	Tags     map[string]string
	Values   map[string]any // int64, uint64, float64, bool or string
}

// Collector takes the measurements of a source.
type Collector struct {
	metrics    []Metric
	histograms []Histogram
	statistics []Statistic
}

// Counter adds a number that only grows.
func (c *Collector) Counter(name, help string, value float64, labels ...Label) {
	c.metrics = append(c.metrics, Metric{name, help, Counter, labels, value})
}

// Gauge adds a number that goes up and down.
func (c *Collector) Gauge(name, help string, value float64, labels ...Label) {
	c.metrics = append(c.metrics, Metric{name, help, Gauge, labels, value})
}

// Histogram adds a histogram.
func (c *Collector) Histogram(h Histogram) { c.histograms = append(c.histograms, h) }

// Statistic adds a group of values.
func (c *Collector) Statistic(s Statistic) { c.statistics = append(c.statistics, s) }

// Source is asked for measurements whenever somebody looks. It must be quick
// and is called concurrently.
type Source interface {
	Collect(c *Collector)
}

// SourceFunc is a function as a Source.
type SourceFunc func(c *Collector)

// Collect calls f.
func (f SourceFunc) Collect(c *Collector) { f(c) }

// Monitor asks its sources. Its methods may be called concurrently.
type Monitor struct {
	clock   clock.Clock
	started time.Time
	cmdline []string

	mu      sync.Mutex // guards sources; a slice is never changed once it is there
	sources []*registration
}

type registration struct{ Source }

// New returns a monitor with the Go runtime as its first source. The clock is
// the machine's when nil.
func New(c clock.Clock) *Monitor {
	if c == nil {
		c = clock.System
	}
	m := &Monitor{clock: c, started: c.Now(), cmdline: os.Args}
	m.Register(SourceFunc(collectRuntime))
	return m
}

// Register adds a source; what it returns takes it out again.
func (m *Monitor) Register(s Source) (unregister func()) {
	r := &registration{s}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sources = append(slices.Clone(m.sources), r)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.sources = slices.DeleteFunc(slices.Clone(m.sources), func(x *registration) bool { return x == r })
	}
}

// collect asks every source, in the order in which they came.
func (m *Monitor) collect() *Collector {
	m.mu.Lock()
	sources := m.sources
	m.mu.Unlock()
	c := new(Collector)
	for _, s := range sources {
		s.Collect(c)
	}
	return c
}

// Statistics returns the statistics of all sources.
func (m *Monitor) Statistics() []Statistic { return m.collect().statistics }

// Started returns when the monitor, and with it the program, was started.
func (m *Monitor) Started() time.Time { return m.started }
