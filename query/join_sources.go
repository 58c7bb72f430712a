package query

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/timberlinedb/timberline/influxql"
)

// joinSources yields the rows of a JOIN: each row of the first source together with those of the others that have its time
// and its values of the tags. The others are held in memory. A row that one of them has no partner for is left out; where
// one has several, there is a row for each. The tags and the name are those of the first.
func (b *builder) joinSources(stmt *influxql.SelectStatement, opt *scanOptions) (rowCursor, error) {
	j := &joinCursor{tags: subsetter{keys: opt.groupBy}}
	for _, d := range stmt.Dimensions {
		if ref, ok := d.Expr.(*influxql.VarRef); ok {
			j.on = append(j.on, ref.Name)
		}
	}
	sources := make([]*influxql.SubQuery, len(stmt.Sources))
	for i, src := range stmt.Sources {
		sources[i] = src.(*influxql.SubQuery)
	}
	for _, f := range stmt.Fields {
		ref, ok := f.Expr.(*influxql.VarRef)
		if !ok {
			return nil, fmt.Errorf("invalid column of a JOIN: %s", f)
		}
		c, err := findJoined(sources, ref)
		if err != nil {
			return nil, err
		}
		j.columns = append(j.columns, c)
	}
	for _, src := range sources[1:] {
		index, err := b.indexRows(src.Statement, opt, j.on)
		if err != nil {
			return nil, err
		}
		j.others = append(j.others, index)
	}
	j.found, j.at = make([][]row, len(j.others)), make([]int, len(j.others))
	sub, err := opt.forSubquery(sources[0].Statement, b.run.now)
	if err != nil {
		return nil, err
	}
	j.first, err = b.rows(sources[0].Statement, sub)
	return j, err
}

// joinedColumn is a column of one of the sources of a JOIN.
type joinedColumn struct {
	source int
	place  columnPlace
}

// findJoined finds a column by its name, source.column.
func findJoined(sources []*influxql.SubQuery, ref *influxql.VarRef) (joinedColumn, error) {
	for i, src := range sources {
		name, ok := strings.CutPrefix(ref.Name, src.Alias+".")
		if !ok {
			continue
		}
		if place, ok := findColumn(src.Statement, &influxql.VarRef{Name: name, Type: ref.Type}); ok {
			return joinedColumn{source: i, place: place}, nil
		}
	}
	return joinedColumn{}, fmt.Errorf("no source of the JOIN has a column %s", influxql.QuoteIdent(ref.Name))
}

// indexRows holds the rows of a source of a JOIN by their time and tags.
func (b *builder) indexRows(stmt *influxql.SelectStatement, opt *scanOptions, on []string) (map[string][]row, error) {
	sub, err := opt.forSubquery(stmt, b.run.now)
	if err != nil {
		return nil, err
	}
	in, err := b.rows(stmt, sub)
	if err != nil {
		return nil, err
	}
	defer in.close()
	index := make(map[string][]row)
	var (
		next row
		key  []byte
	)
	for {
		ok, err := in.scan(&next)
		if err != nil || !ok {
			return index, err
		}
		key = appendJoinKey(key[:0], &next, on)
		size := int64(rowBytes + len(key))
		for i := range next.values {
			size += valueBytes + int64(len(next.values[i].str))
		}
		if err := b.run.memory.reserve(size); err != nil {
			return nil, err
		}
		held := row{time: next.time, tags: next.tags, values: append([]value(nil), next.values...)}
		index[string(key)] = append(index[string(key)], held)
	}
}

// appendJoinKey appends what rows must have in common.
func appendJoinKey(dst []byte, r *row, on []string) []byte {
	dst = strconv.AppendInt(dst, r.time, 36)
	for _, tag := range on {
		v := r.tags.get(tag)
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, int64(len(v)), 10)
		dst = append(append(dst, ' '), v...)
	}
	return dst
}

// joinCursor yields the rows of a JOIN.
type joinCursor struct {
	first   rowCursor
	on      []string // tags
	others  []map[string][]row
	columns []joinedColumn
	tags    subsetter

	row   row     // of the first source
	open  bool    // it has more rows of the answer
	found [][]row // its partners, by source
	at    []int   // the combination of them that comes next
	key   []byte
}

func (j *joinCursor) close() { j.first.close() }

func (j *joinCursor) scan(r *row) (bool, error) {
	for !j.open {
		ok, err := j.first.scan(&j.row)
		if err != nil || !ok {
			return false, err
		}
		j.open = j.match()
	}
	r.time, r.name, r.tags = j.row.time, j.row.name, j.tags.of(j.row.tags)
	r.values = r.values[:0]
	for _, c := range j.columns {
		from := &j.row
		if c.source > 0 {
			from = &j.found[c.source-1][j.at[c.source-1]]
		}
		r.values = append(r.values, c.place.of(from))
	}
	j.open = j.advance()
	return true, nil
}

// match finds the partners of the row at hand; false when a source has none.
func (j *joinCursor) match() bool {
	j.key = appendJoinKey(j.key[:0], &j.row, j.on)
	for i, index := range j.others {
		j.found[i], j.at[i] = index[string(j.key)], 0
		if len(j.found[i]) == 0 {
			return false
		}
	}
	return true
}

// advance moves to the next combination of partners; false behind the last.
func (j *joinCursor) advance() bool {
	for i := len(j.at) - 1; i >= 0; i-- {
		if j.at[i]++; j.at[i] < len(j.found[i]) {
			return true
		}
		j.at[i] = 0
	}
	return false
}
