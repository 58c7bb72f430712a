package testmodel

import (
	"fmt"
	"sync"

	"github.com/timberlinedb/timberline/model"
)

// Point is one row to write. Values are float64, int64, uint64, bool or string.
type Point struct {
	Measurement string
	Tags        map[string]string
	Time        int64
	Fields      map[string]any
}

// Store holds databases. It is safe for concurrent use.
type Store struct {
	// BatchRows is how many rows a cursor puts into one batch. It may be changed before reading.
	BatchRows int

	mu        sync.Mutex // guards the fields below and all they point to
	databases map[string]*database
}

type database struct {
	ids      map[string]model.SeriesID // by series key
	policies map[string]*policy
}

type policy struct {
	shards []*shard // in no order, disjoint
}

type shard struct {
	span         model.TimeRange
	measurements map[string]*measurement
}

type measurement struct {
	types  map[string]model.FieldType
	series map[string]*series // by series key
}

type series struct {
	id   model.SeriesID
	tags model.Tags
	rows map[int64]map[string]any
}

// New returns an empty store.
func New() *Store {
	return &Store{BatchRows: 1000, databases: make(map[string]*database)}
}

// TypeConflictError says that a field has another type in the shard.
type TypeConflictError struct {
	Measurement, Field string
	Want, Have         model.FieldType
}

// Error returns the text of InfluxDB 1.x.
func (e *TypeConflictError) Error() string {
	return fmt.Sprintf("field type conflict: input field %q on measurement %q is type %s, already exists as type %s",
		e.Field, e.Measurement, e.Want, e.Have)
}

// TypeOf returns the field type of a Go value, NoType for one that no field can have.
func TypeOf(v any) model.FieldType {
	switch v.(type) {
	case float64:
		return model.Float
	case int64:
		return model.Integer
	case uint64:
		return model.Unsigned
	case bool:
		return model.Boolean
	case string:
		return model.String
	}
	return model.NoType
}

// Write stores points in the shard of the given span, which must contain their times. A point with a field of another
// type than the shard has is refused as a whole; the others are stored, and the first refusal is returned.
func (s *Store) Write(databaseName, policyName string, span model.TimeRange, points ...Point) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	db := s.databases[databaseName]
	if db == nil {
		db = &database{ids: make(map[string]model.SeriesID), policies: make(map[string]*policy)}
		s.databases[databaseName] = db
	}
	p := db.policies[policyName]
	if p == nil {
		p = &policy{}
		db.policies[policyName] = p
	}
	sh := p.shard(span)
	var first error
	for i := range points {
		if err := sh.write(db, &points[i]); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (p *policy) shard(span model.TimeRange) *shard {
	for _, sh := range p.shards {
		if sh.span == span {
			return sh
		}
	}
	sh := &shard{span: span, measurements: make(map[string]*measurement)}
	p.shards = append(p.shards, sh)
	return sh
}

func (sh *shard) write(db *database, p *Point) error {
	m := sh.measurements[p.Measurement]
	if m == nil {
		m = &measurement{types: make(map[string]model.FieldType), series: make(map[string]*series)}
		sh.measurements[p.Measurement] = m
	}
	for name, v := range p.Fields {
		if have, ok := m.types[name]; ok && have != TypeOf(v) {
			return &TypeConflictError{Measurement: p.Measurement, Field: name, Want: TypeOf(v), Have: have}
		}
	}
	se := m.seriesOf(db, p)
	row := se.rows[p.Time]
	if row == nil {
		row = make(map[string]any, len(p.Fields))
		se.rows[p.Time] = row
	}
	for name, v := range p.Fields {
		m.types[name] = TypeOf(v)
		row[name] = v
	}
	return nil
}

func (m *measurement) seriesOf(db *database, p *Point) *series {
	tags := make(model.Tags, 0, len(p.Tags))
	for k, v := range p.Tags {
		tags = append(tags, model.Tag{Key: []byte(k), Value: []byte(v)})
	}
	tags.Sort()
	key := string(model.AppendSeriesKey(nil, []byte(p.Measurement), tags))
	se := m.series[key]
	if se == nil {
		id, ok := db.ids[key]
		if !ok {
			id = model.SeriesID(len(db.ids) + 1)
			db.ids[key] = id
		}
		se = &series{id: id, tags: tags, rows: make(map[int64]map[string]any)}
		m.series[key] = se
	}
	return se
}

// Delete removes rows in a range, or with whole set the series themselves, of the series that filter selects. An empty
// policy or measurement stands for all. A series without rows goes too. The field types of a measurement are forgotten
// with its last series in a shard, or when it is removed by name, whole and without a filter.
func (s *Store) Delete(databaseName, policyName, measurementName string, filter *model.TagFilter, r model.TimeRange, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db := s.databases[databaseName]
	if db == nil {
		return
	}
	for name, p := range db.policies {
		if policyName != "" && policyName != name {
			continue
		}
		for _, sh := range p.shards {
			for mName, m := range sh.measurements {
				if measurementName != "" && measurementName != mName {
					continue
				}
				m.remove(filter, r, whole)
				if len(m.series) == 0 || whole && filter == nil && measurementName != "" {
					delete(sh.measurements, mName)
				}
			}
		}
	}
}

func (m *measurement) remove(filter *model.TagFilter, r model.TimeRange, whole bool) {
	for key, se := range m.series {
		if !Matches(filter, se.tags) {
			continue
		}
		before := len(se.rows)
		for t := range se.rows {
			if whole || r.Contains(t) {
				delete(se.rows, t)
			}
		}
		if len(se.rows) == 0 && (whole || before > 0) {
			delete(m.series, key)
		}
	}
}

// ChangeField renames a field in every shard that has it, and drops it without a new name. With a type to replace it by,
// shards that have it in that type are passed over. It returns the number of shards.
func (s *Store) ChangeField(databaseName, measurementName, field, newName string, replace model.FieldType) (changed int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db := s.databases[databaseName]
	if db == nil {
		return 0, nil
	}
	var found []*shard
	for _, p := range db.policies {
		for _, sh := range p.shards {
			m := sh.measurements[measurementName]
			if m == nil || m.types[field] == model.NoType || m.types[field] == replace {
				continue
			}
			if m.types[newName] != model.NoType {
				return 0, fmt.Errorf("field already exists: %s", newName)
			}
			found = append(found, sh)
		}
	}
	for _, sh := range found {
		m := sh.measurements[measurementName]
		m.changeField(field, newName, replace)
		if len(m.types) == 0 {
			delete(sh.measurements, measurementName)
		}
	}
	return len(found), nil
}

func (m *measurement) changeField(field, newName string, replace model.FieldType) {
	if newName != "" {
		m.types[newName] = m.types[field]
	}
	delete(m.types, field)
	if replace.Valid() {
		m.types[field] = replace
	}
	for _, se := range m.series {
		for _, row := range se.rows {
			v, ok := row[field]
			if !ok {
				continue
			}
			delete(row, field)
			if newName != "" {
				row[newName] = v
			}
		}
	}
}

// RenameDatabase gives a database another name.
func (s *Store) RenameDatabase(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if db := s.databases[from]; db != nil {
		s.databases[to] = db
		delete(s.databases, from)
	}
}

// DropDatabase removes a database.
func (s *Store) DropDatabase(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.databases, name)
}

// DropPolicy removes a policy of a database.
func (s *Store) DropPolicy(databaseName, policyName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if db := s.databases[databaseName]; db != nil {
		delete(db.policies, policyName)
	}
}

// DropShards removes the shards that lie in a range as a whole: the shard of a span, or with a range that begins at
// the beginning of time, what retention has outlived.
func (s *Store) DropShards(databaseName, policyName string, r model.TimeRange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	db := s.databases[databaseName]
	if db == nil || db.policies[policyName] == nil {
		return
	}
	p := db.policies[policyName]
	kept := p.shards[:0]
	for _, sh := range p.shards {
		if !r.Covers(sh.span) {
			kept = append(kept, sh)
		}
	}
	p.shards = kept
}

// Matches reports whether a filter selects a tag set.
func Matches(f *model.TagFilter, tags model.Tags) bool {
	if f == nil {
		return true
	}
	switch f.Op {
	case model.TagAnd:
		for _, a := range f.Args {
			if !Matches(a, tags) {
				return false
			}
		}
		return true
	case model.TagOr:
		for _, a := range f.Args {
			if Matches(a, tags) {
				return true
			}
		}
		return false
	case model.TagNot:
		return !Matches(f.Args[0], tags)
	}
	v := string(tags.Get([]byte(f.Key)))
	switch f.Op {
	case model.TagEqual:
		return v == f.Value
	case model.TagNotEqual:
		return v != f.Value
	case model.TagMatch:
		return f.Regex.MatchString(v)
	case model.TagNotMatch:
		return !f.Regex.MatchString(v)
	}
	return false
}
