package remote

import (
	"fmt"
	"math"

	"github.com/timberlinedb/timberline/internal/fingerprint"
	"github.com/timberlinedb/timberline/model"
)

// maxKeyBytes is the length of the longest series key, the longest name of a field apart.
const maxKeyBytes = model.MaxKeyBytes

// Points collects points as a batch. The zero value is ready; Reset makes it so
// again.
type Points struct {
	batch  model.Batch
	tables map[string]*table
	rows   int32

	limit, beyond int               // points that may be collected, 0 for any number; those that were left out
	reserve       func(int64) error // asked for memory before it is taken; nil: nobody is
	refused       error             // of reserve; points that come after it are left out

	open *table // that the last point is in; nil: it was left out
	text []byte
}

// table is a table of the batch with its columns by name and type.
type table struct {
	*model.Table
	columns map[column]int
}

type column struct {
	name string
	typ  model.FieldType
}

// series is the identity of points that follow each other.
type series struct {
	table       *table
	key         []byte
	fingerprint model.Fingerprint
}

// Reset forgets the points and keeps the memory.
func (p *Points) Reset() {
	p.batch.Reset()
	clear(p.tables)
	p.rows, p.open, p.limit, p.beyond = 0, nil, 0, 0
	p.reserve, p.refused = nil, nil
}

// Limit leaves points out that come when there are n already; 0 stands for no
// limit. Of many points it asks reserve, unless that is nil, for the bytes that they
// take, before it takes them. It holds until Reset.
func (p *Points) Limit(n int, reserve func(bytes int64) error) { p.limit, p.reserve = n, reserve }

// Refused returns the error of the function that Limit was given. The points are
// not complete then.
func (p *Points) Refused() error { return p.refused }

// Beyond returns the number of points that were left out.
func (p *Points) Beyond() int { return p.beyond }

// Len returns the number of points.
func (p *Points) Len() int { return int(p.rows) }

// Batch returns the points; it is valid until Reset. Points that no field was
// added to must not be among them.
func (p *Points) Batch() *model.Batch {
	for _, t := range p.tables {
		for i := range t.Columns {
			if c := &t.Columns[i]; len(c.Rows) == t.Rows() {
				c.Rows = nil
			}
		}
	}
	p.batch.Lines = int(p.rows)
	return &p.batch
}

// series finds out where points of a measurement with these tags go. Tags
// without a value are left out; the tags are sorted in place.
func (p *Points) series(measurement []byte, tags model.Tags) (series, error) {
	kept := tags[:0]
	for _, t := range tags {
		if len(t.Key) > 0 && len(t.Value) > 0 {
			kept = append(kept, t)
		}
	}
	kept.Sort()
	for i := 1; i < len(kept); i++ {
		if string(kept[i-1].Key) == string(kept[i].Key) {
			return series{}, fmt.Errorf("label %q stands twice", kept[i].Key)
		}
	}
	start := len(p.batch.Arena)
	p.batch.Arena = model.AppendSeriesKey(p.batch.Arena, measurement, kept)
	key := p.batch.Arena[start:len(p.batch.Arena):len(p.batch.Arena)]
	if len(key) > maxKeyBytes {
		p.batch.Arena = p.batch.Arena[:start]
		return series{}, fmt.Errorf("series key of %d bytes is longer than %d", len(key), maxKeyBytes)
	}
	p.text = model.AppendSeriesText(p.text[:0], measurement, kept)
	return series{table: p.table(measurement), key: key, fingerprint: fingerprint.Of(p.text)}, nil
}

func (p *Points) table(measurement []byte) *table {
	if t := p.tables[string(measurement)]; t != nil {
		return t
	}
	if p.tables == nil {
		p.tables = map[string]*table{}
	}
	name := append([]byte(nil), measurement...)
	t := &table{p.batch.AddTable(name), map[column]int{}}
	p.tables[string(name)] = t
	return t
}

// point begins a point; fields follow.
func (p *Points) point(s series, at int64) {
	if p.limit > 0 && int(p.rows) >= p.limit || !p.hasRoom() {
		p.beyond++
		p.open = nil
		return
	}
	t := s.table
	row := int32(t.Rows())
	t.Times = append(t.Times, at)
	t.Series = append(t.Series, 0)
	t.Fingerprints = append(t.Fingerprints, s.fingerprint)
	t.NewKeys = append(t.NewKeys, model.NewKey{Row: row, Key: s.key})
	p.rows++
	t.Lines = append(t.Lines, p.rows)
	p.open = t
}

// Memory is asked for in steps of stepPoints points, each of which takes at most
// pointBytes with its column and what storing it needs; the first step goes
// without.
const (
	stepPoints = 1 << 14
	pointBytes = 192
)

func (p *Points) hasRoom() bool {
	if p.reserve != nil && p.rows > 0 && p.rows%stepPoints == 0 && p.refused == nil {
		p.refused = p.reserve(stepPoints * pointBytes)
	}
	return p.refused == nil
}

// float adds a field to the point that was begun last.
func (p *Points) float(name string, v float64) { p.field(name, model.Float, math.Float64bits(v)) }

// integer adds a field to the point that was begun last.
func (p *Points) integer(name string, v int64) { p.field(name, model.Integer, uint64(v)) }

func (p *Points) field(name string, typ model.FieldType, bits uint64) {
	t := p.open
	if t == nil {
		return
	}
	i, ok := t.columns[column{name, typ}]
	if !ok {
		i = t.AddColumn([]byte(name), typ)
		t.columns[column{name, typ}] = i
	}
	c := &t.Columns[i]
	c.Rows = append(c.Rows, int32(t.Rows()-1))
	c.Values = append(c.Values, bits)
}

// usable reports whether a value can be stored: NaN, which marks the end of a
// series in Prometheus, and infinities cannot.
func usable(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// WriteReport says what became of a message.
type WriteReport struct {
	Samples    int    // that became points
	NotNumbers int    // that are NaN or infinite; no error
	Histograms int    // that have no place in the schema, native and exponential ones; no error
	Refused    int    // that could not become points
	Reason     string // why the first was refused
}

func (r *WriteReport) refuse(n int, err error) {
	if n == 0 {
		return
	}
	if r.Refused == 0 {
		r.Reason = err.Error()
	}
	r.Refused += n
}
