package query

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// showSeries lists series keys.
func (r *statementRun) showSeries(stmt *influxql.ShowSeriesStatement) ([]*Series, error) {
	cond, times, err := r.metaCondition(stmt.Condition)
	if err != nil {
		return nil, err
	}
	views, err := r.sourceViews(stmt.Database, stmt.Sources, times)
	if err != nil {
		return nil, err
	}
	if cond != nil {
		if err := checkTagOperators(cond); err != nil {
			return nil, err
		}
	}
	byName, err := viewsByName(views)
	if err != nil {
		return nil, err
	}
	p := seriesPage{run: r, table: newTable("", "key"), skip: max(stmt.Offset, 0), left: stmt.Limit}
	if p.left <= 0 {
		p.left = math.MaxInt
	}
	for _, name := range sortedKeys(byName) {
		if p.left == 0 {
			break
		}
		if err := p.measurement(byName[name], name, cond); err != nil {
			return nil, err
		}
	}
	if p.rows == 0 {
		return nil, nil
	}
	return []*Series{p.table.series()}, nil
}

// seriesPage collects the part of a list of series that LIMIT and OFFSET leave, measurement by measurement.
type seriesPage struct {
	run        *statementRun
	table      *table
	rows       int
	skip, left int // of the series still to come
	text       []byte
	tags       model.Tags
}

// measurement adds the series of a measurement that a condition selects. What is left of the condition for fields is
// not looked at.
func (p *seriesPage) measurement(views []*openView, name string, cond influxql.Expr) error {
	if len(views) > 1 {
		return p.merged(views, name, cond)
	}
	c, err := views[0].condition(name, cond)
	if err != nil {
		return err
	}
	n, err := views[0].view.Cardinality(name, c.filter)
	if err != nil {
		return err
	}
	if int64(p.skip) >= n {
		p.skip -= int(n)
		return nil
	}
	set, err := p.first(views[0], name, c.filter)
	if err != nil {
		return err
	}
	for i := p.skip; i < set.Len() && p.left > 0; i++ {
		p.tags = set.Tags(i, p.tags)
		p.text = appendSeriesText(p.text[:0], name, p.tags)
		p.add(string(p.text))
	}
	p.skip = 0
	return nil
}

// first returns as many series of a view as may be wanted.
func (p *seriesPage) first(v *openView, name string, filter *model.TagFilter) (set cursor.SeriesSet, err error) {
	if p.left > math.MaxInt-p.skip {
		set, err = v.view.Series(name, filter)
	} else {
		set, err = v.view.FirstSeries(name, filter, p.skip+p.left)
	}
	if err != nil {
		return nil, err
	}
	return set, p.run.memory.reserve(int64(set.Len()) * seriesBytes)
}

func (p *seriesPage) add(text string) {
	p.table.row(stringValue(text))
	p.rows++
	p.left--
}

// merged adds the series of a measurement that is in several views; one that several have comes once.
func (p *seriesPage) merged(views []*openView, name string, cond influxql.Expr) error {
	var list []seriesText
	var sortKey []byte
	for _, v := range views {
		c, err := v.condition(name, cond)
		if err != nil {
			return err
		}
		set, err := p.first(v, name, c.filter)
		if err != nil {
			return err
		}
		for i := range set.Len() {
			p.tags = set.Tags(i, p.tags)
			p.text = appendSeriesText(p.text[:0], name, p.tags)
			sortKey = appendSortKey(sortKey[:0], p.tags)
			list = append(list, seriesText{string(sortKey), string(p.text)})
		}
	}
	slices.SortFunc(list, func(a, b seriesText) int { return cmp.Compare(a.sortKey, b.sortKey) })
	list = slices.Compact(list)
	skipped := min(p.skip, len(list))
	p.skip -= skipped
	for _, s := range list[skipped:] {
		if p.left > 0 {
			p.add(s.text)
		}
	}
	return nil
}

// seriesText is a series as SHOW SERIES prints it, with what it is sorted by.
type seriesText struct{ sortKey, text string }

// appendSortKey appends tags so that the bytes sort as the tags do, one after the other, by key and then by value.
func appendSortKey(dst []byte, tags model.Tags) []byte {
	for _, t := range tags {
		dst = append(append(dst, t.Key...), 0)
		dst = append(append(dst, t.Value...), 0)
	}
	return dst
}

// appendSeriesText prints a series with its tags in the order of their escaped keys, as line protocol sorts them.
func appendSeriesText(dst []byte, name string, tags model.Tags) []byte {
	if slices.ContainsFunc(tags, func(t model.Tag) bool { return bytes.ContainsAny(t.Key, ", =") }) {
		tags = slices.Clone(tags)
		slices.SortFunc(tags, func(a, b model.Tag) int {
			return bytes.Compare(escapedKey(a.Key), escapedKey(b.Key))
		})
	}
	return model.AppendSeriesText(dst, []byte(name), tags)
}

func escapedKey(key []byte) []byte {
	return model.AppendSeriesText(nil, nil, model.Tags{{Key: key}})
}
