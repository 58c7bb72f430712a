package query

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
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
	keys := make(map[seriesText]struct{})
	for _, sv := range views {
		if err := r.collectSeries(sv, cond, keys); err != nil {
			return nil, err
		}
	}
	list := make([]seriesText, 0, len(keys))
	for k := range keys {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b seriesText) int {
		return cmp.Or(cmp.Compare(a.measurement, b.measurement), cmp.Compare(a.sortKey, b.sortKey))
	})
	list = page(list, stmt.Limit, stmt.Offset)
	if len(list) == 0 {
		return nil, nil
	}
	t := newTable("", "key")
	for _, key := range list {
		t.row(stringValue(key.text))
	}
	return []*Series{t.series()}, nil
}

// seriesText is a series as SHOW SERIES prints it, with what it is sorted by.
type seriesText struct{ measurement, sortKey, text string }

// appendSortKey appends tags so that the bytes sort as the tags do, one after the other, by key and then by value.
func appendSortKey(dst []byte, tags model.Tags) []byte {
	for _, t := range tags {
		dst = append(append(dst, t.Key...), 0)
		dst = append(append(dst, t.Value...), 0)
	}
	return dst
}

// collectSeries adds the series of a view that a condition selects.
func (r *statementRun) collectSeries(sv sourceView, cond influxql.Expr, keys map[seriesText]struct{}) error {
	names, err := sv.names()
	if err != nil {
		return err
	}
	var (
		tags          model.Tags
		text, sortKey []byte
	)
	for _, name := range names {
		c, err := sv.view.condition(name, cond)
		if err != nil {
			return err
		}
		set, err := sv.view.view.Series(name, c.filter)
		if err != nil {
			return err
		}
		if err := r.memory.reserve(int64(set.Len()) * seriesBytes); err != nil {
			return err
		}
		for i := range set.Len() {
			tags = set.Tags(i, tags)
			if _, none := c.forSeries(tags); none { // what is left for fields is not looked at
				continue
			}
			text = appendSeriesText(text[:0], name, tags)
			sortKey = appendSortKey(sortKey[:0], tags)
			keys[seriesText{name, string(sortKey), string(text)}] = struct{}{}
		}
	}
	return nil
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
