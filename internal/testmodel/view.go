package testmodel

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// View is a copy of the shards of a policy that overlap a range.
type View struct {
	span         model.TimeRange
	batchRows    int
	measurements map[string]*viewMeasurement
}

type viewMeasurement struct {
	fields map[string]model.FieldType
	series []*series // sorted by tag set
}

var _ cursor.LiveView = (*View)(nil)

// View opens a view. What does not exist reads as empty.
func (s *Store) View(databaseName, policyName string, r model.TimeRange) *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &View{span: r, batchRows: max(s.BatchRows, 1), measurements: make(map[string]*viewMeasurement)}
	db := s.databases[databaseName]
	if db == nil || db.policies[policyName] == nil {
		return v
	}
	for _, sh := range db.policies[policyName].shards {
		if sh.span.Overlaps(r) {
			for name, m := range sh.measurements {
				v.add(name, m)
			}
		}
	}
	for _, m := range v.measurements {
		slices.SortFunc(m.series, func(a, b *series) int { return compareTags(a.tags, b.tags) })
	}
	return v
}

// add copies what a shard holds of a measurement.
func (v *View) add(name string, m *measurement) {
	vm := v.measurements[name]
	if vm == nil {
		vm = &viewMeasurement{fields: make(map[string]model.FieldType)}
		v.measurements[name] = vm
	}
	for f, t := range m.types {
		if have, ok := vm.fields[f]; !ok || t.Precedence() < have.Precedence() {
			vm.fields[f] = t
		}
	}
	for _, se := range m.series {
		i := slices.IndexFunc(vm.series, func(x *series) bool { return x.id == se.id })
		if i < 0 {
			i = len(vm.series)
			vm.series = append(vm.series, &series{id: se.id, tags: se.tags, rows: make(map[int64]map[string]any)})
		}
		for t, row := range se.rows {
			vm.series[i].rows[t] = maps.Clone(row)
		}
	}
}

func compareTags(a, b model.Tags) int {
	for i := range min(len(a), len(b)) {
		if c := bytes.Compare(a[i].Key, b[i].Key); c != 0 {
			return c
		}
		if c := bytes.Compare(a[i].Value, b[i].Value); c != 0 {
			return c
		}
	}
	return len(a) - len(b)
}

// Range returns the time range of the view.
func (v *View) Range() model.TimeRange { return v.span }

// Close does nothing: the view is a copy.
func (v *View) Close() error { return nil }

// Measurements returns the names of the measurements with series, sorted.
func (v *View) Measurements() ([]string, error) {
	var names []string
	for name, m := range v.measurements {
		if len(m.series) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Fields returns the fields of a measurement, sorted.
func (v *View) Fields(name string) ([]cursor.Field, error) {
	m := v.measurements[name]
	if m == nil {
		return nil, nil
	}
	var fields []cursor.Field
	for _, f := range slices.Sorted(maps.Keys(m.fields)) {
		fields = append(fields, cursor.Field{Name: f, Type: m.fields[f]})
	}
	return fields, nil
}

func (v *View) matching(name string, filter *model.TagFilter) []*series {
	if name == "" {
		var all []*series
		for name := range v.measurements {
			all = append(all, v.matching(name, filter)...)
		}
		return all
	}
	m := v.measurements[name]
	if m == nil {
		return nil
	}
	var found []*series
	for _, se := range m.series {
		if Matches(filter, se.tags) {
			found = append(found, se)
		}
	}
	return found
}

// TagKeys returns the tag keys of the selected series, sorted.
func (v *View) TagKeys(name string, filter *model.TagFilter) ([]string, error) {
	keys := make(map[string]struct{})
	for _, se := range v.matching(name, filter) {
		for _, t := range se.tags {
			keys[string(t.Key)] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(keys)), nil
}

// TagValues returns the values of a tag among the selected series, sorted.
func (v *View) TagValues(name, key string, filter *model.TagFilter) ([]string, error) {
	values := make(map[string]struct{})
	for _, se := range v.matching(name, filter) {
		if val := se.tags.Get([]byte(key)); len(val) > 0 {
			values[string(val)] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(values)), nil
}

// Series returns the selected series, sorted by tag set.
func (v *View) Series(name string, filter *model.TagFilter) (cursor.SeriesSet, error) {
	return &seriesSet{series: v.matching(name, filter)}, nil
}

// FirstSeries returns the first n of the selected series.
func (v *View) FirstSeries(name string, filter *model.TagFilter, n int) (cursor.SeriesSet, error) {
	all := v.matching(name, filter)
	return &seriesSet{series: all[:min(n, len(all))]}, nil
}

// SeriesIDs returns the ids of the selected series, ascending.
func (v *View) SeriesIDs(name string, filter *model.TagFilter) ([]model.SeriesID, error) {
	var ids []model.SeriesID
	for _, se := range v.matching(name, filter) {
		ids = append(ids, se.id)
	}
	slices.Sort(ids)
	return ids, nil
}

// CountTagValues counts the distinct values of tags among the selected series.
func (v *View) CountTagValues(name string, keys []string, filter *model.TagFilter) (int64, error) {
	values := make(map[string]struct{})
	for _, key := range keys {
		list, err := v.TagValues(name, key, filter)
		if err != nil {
			return 0, err
		}
		for _, val := range list {
			values[val] = struct{}{}
		}
	}
	return int64(len(values)), nil
}

// EstimateTagValues counts the distinct values of tags.
func (v *View) EstimateTagValues(name string, keys []string) (int64, error) {
	return v.CountTagValues(name, keys, nil)
}

// Cardinality returns the number of selected series.
func (v *View) Cardinality(name string, filter *model.TagFilter) (int64, error) {
	return int64(len(v.matching(name, filter))), nil
}

// Live returns a view of the selected series that have rows in r.
func (v *View) Live(_ context.Context, name string, filter *model.TagFilter, r model.TimeRange) (cursor.View, error) {
	live := &viewMeasurement{}
	for _, se := range v.matching(name, filter) {
		for t := range se.rows {
			if r.Contains(t) && v.span.Contains(t) {
				live.series = append(live.series, se)
				break
			}
		}
	}
	if m := v.measurements[name]; m != nil {
		live.fields = m.fields
	}
	return &View{span: v.span, batchRows: v.batchRows, measurements: map[string]*viewMeasurement{name: live}}, nil
}

type seriesSet struct {
	series []*series
	only   []string // keys of the tags that are told; nil: all
}

func (s *seriesSet) Len() int                { return len(s.series) }
func (s *seriesSet) ID(i int) model.SeriesID { return s.series[i].id }
func (s *seriesSet) Only(keys []string)      { s.only = keys }

func (s *seriesSet) Tags(i int, dst model.Tags) model.Tags {
	dst = append(dst[:0], s.series[i].tags...)
	if s.only == nil {
		return dst
	}
	return slices.DeleteFunc(dst, func(t model.Tag) bool { return !slices.Contains(s.only, string(t.Key)) })
}

// Read opens a cursor.
func (v *View) Read(ctx context.Context, req cursor.Request) (cursor.Cursor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &Cursor{view: v, req: req, index: -1}, nil
}

// Cursor walks the rows of a request.
type Cursor struct {
	view  *View
	req   cursor.Request
	index int
	times []int64 // of the rows of the series that are left
	rows  map[int64]map[string]any
	err   error
}

// NextSeries moves to the next series that has rows.
func (c *Cursor) NextSeries() (int, bool) {
	m := c.view.measurements[c.req.Measurement]
	if m == nil || c.err != nil {
		return 0, false
	}
	for c.index++; c.index < len(c.req.Series); c.index++ {
		i := slices.IndexFunc(m.series, func(s *series) bool { return s.id == c.req.Series[c.index] })
		if i < 0 {
			continue
		}
		c.rows, c.times = m.series[i].rows, c.times[:0]
		for t, row := range c.rows {
			if c.req.Range.Contains(t) && c.hasField(row) {
				c.times = append(c.times, t)
			}
		}
		if len(c.times) == 0 {
			continue
		}
		slices.Sort(c.times)
		if c.req.Descending {
			slices.Reverse(c.times)
		}
		return c.index, true
	}
	return 0, false
}

// hasField reports whether a row has a value for one of the fields.
func (c *Cursor) hasField(row map[string]any) bool {
	for _, f := range c.req.Fields {
		if v, ok := row[f.Name]; ok {
			if _, ok := convert(v, f.Type); ok {
				return true
			}
		}
	}
	return false
}

// Next returns the next rows of the series.
func (c *Cursor) Next() *cursor.Batch {
	n := min(c.view.batchRows, len(c.times))
	if n == 0 {
		return nil
	}
	b := &cursor.Batch{Times: slices.Clone(c.times[:n]), Columns: make([]cursor.Column, len(c.req.Fields))}
	c.times = c.times[n:]
	for i, f := range c.req.Fields {
		c.fill(&b.Columns[i], f, b.Times)
	}
	return b
}

// fill sets one column of a batch.
func (c *Cursor) fill(col *cursor.Column, f cursor.Field, times []int64) {
	col.Type = f.Type
	present := make([]uint64, (len(times)+63)/64)
	n := 0
	for i, t := range times {
		v, ok := c.rows[t][f.Name]
		if ok {
			v, ok = convert(v, f.Type)
		}
		if ok {
			present[i>>6] |= 1 << (i & 63)
			n++
		}
		appendValue(col, v, ok)
	}
	switch n {
	case len(times):
	case 0:
		*col = cursor.Column{Type: f.Type, Absent: true}
	default:
		col.Present = present
	}
}

// appendValue appends a value of the column's type, or zero.
func appendValue(col *cursor.Column, v any, ok bool) {
	if !ok {
		v = nil
	}
	switch col.Type {
	case model.Float:
		x, _ := v.(float64)
		col.Floats = append(col.Floats, x)
	case model.Integer:
		x, _ := v.(int64)
		col.Integers = append(col.Integers, x)
	case model.Unsigned:
		x, _ := v.(uint64)
		col.Unsigneds = append(col.Unsigneds, x)
	case model.Boolean:
		x, _ := v.(bool)
		col.Booleans = append(col.Booleans, x)
	case model.String:
		x, _ := v.(string)
		col.Strings = append(col.Strings, []byte(x))
	}
}

// convert returns a value as the type asked for: numbers convert, others only stay what they are.
func convert(v any, t model.FieldType) (any, bool) {
	if TypeOf(v) == t {
		return v, true
	}
	switch t {
	case model.Float:
		switch v := v.(type) {
		case int64:
			return float64(v), true
		case uint64:
			return float64(v), true
		}
	case model.Integer:
		switch v := v.(type) {
		case float64:
			return int64(v), true
		case uint64:
			return int64(v), true
		}
	case model.Unsigned:
		switch v := v.(type) {
		case float64:
			return uint64(v), true
		case int64:
			return uint64(v), true
		}
	}
	return nil, false
}

// Err returns nil: the model never fails.
func (c *Cursor) Err() error { return c.err }

// Close ends the walk.
func (c *Cursor) Close() error {
	c.times, c.index = nil, len(c.req.Series)
	return nil
}
