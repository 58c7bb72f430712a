package testmodel

import (
	"context"
	"errors"
	"testing"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

func point(host string, t int64, fields map[string]any) Point {
	return Point{Measurement: "m", Tags: map[string]string{"host": host}, Time: t, Fields: fields}
}

// rows reads one field of all series as float rows by host.
func rows(t *testing.T, s *Store, r model.TimeRange, field string, typ model.FieldType, descending bool) map[string][]int64 {
	t.Helper()
	v := s.View("db", "rp", r)
	set, err := v.Series("m", nil)
	if err != nil {
		t.Fatal(err)
	}
	var ids []model.SeriesID
	for i := range set.Len() {
		ids = append(ids, set.ID(i))
	}
	cur, err := v.Read(context.Background(), cursor.Request{
		Measurement: "m", Series: ids, Fields: []cursor.Field{{Name: field, Type: typ}}, Range: r, Descending: descending,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer cur.Close()
	found := make(map[string][]int64)
	for i, ok := cur.NextSeries(); ok; i, ok = cur.NextSeries() {
		host := string(set.Tags(i, nil).Get([]byte("host")))
		for b := cur.Next(); b != nil; b = cur.Next() {
			found[host] = append(found[host], b.Times...)
		}
	}
	return found
}

func TestStore(t *testing.T) {
	s := New()
	s.BatchRows = 2
	early, late := model.TimeRange{Min: 0, Max: 99}, model.TimeRange{Min: 100, Max: 199}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Write("db", "rp", early, point("a", 1, map[string]any{"f": 1.0}), point("a", 2, map[string]any{"f": 2.0}),
		point("a", 3, map[string]any{"s": "x"}), point("b", 1, map[string]any{"f": 1.0})))
	must(s.Write("db", "rp", late, point("a", 100, map[string]any{"f": int64(7)})))
	must(s.Write("db", "rp", early, point("a", 1, map[string]any{"f": 9.0, "s": "y"})))

	var conflict *TypeConflictError
	if err := s.Write("db", "rp", early, point("a", 4, map[string]any{"f": int64(1)})); !errors.As(err, &conflict) {
		t.Errorf("write of another type: %v", err)
	}
	if got := rows(t, s, model.AllTime, "f", model.Float, false); len(got["a"]) != 3 || got["a"][2] != 100 || len(got["b"]) != 1 {
		t.Errorf("floats at %v", got)
	}
	if got := rows(t, s, early, "f", model.Float, true)["a"]; len(got) != 2 || got[0] != 2 {
		t.Errorf("early floats, newest first, at %v", got)
	}
	if got := rows(t, s, model.AllTime, "s", model.Float, false); len(got) != 0 {
		t.Errorf("strings read as floats at %v", got)
	}

	onlyA := &model.TagFilter{Op: model.TagEqual, Key: "host", Value: "a"}
	s.Delete("db", "", "m", onlyA, model.TimeRange{Min: 2, Max: 2}, false)
	if got := rows(t, s, model.AllTime, "f", model.Float, false)["a"]; len(got) != 2 {
		t.Errorf("after a delete of one row: %v", got)
	}
	s.DropShards("db", "rp", model.TimeRange{Min: model.MinTime, Max: 99})
	if got := rows(t, s, model.AllTime, "f", model.Integer, false); len(got) != 1 || len(got["a"]) != 1 {
		t.Errorf("after retention: %v", got)
	}
	s.Delete("db", "rp", "m", nil, model.AllTime, true)
	if names, _ := s.View("db", "rp", model.AllTime).Measurements(); len(names) != 0 {
		t.Errorf("after the drop of all series: %v", names)
	}
}

func TestMatches(t *testing.T) {
	tags := model.Tags{{Key: []byte("a"), Value: []byte("1")}}
	equal := func(k, v string) *model.TagFilter { return &model.TagFilter{Op: model.TagEqual, Key: k, Value: v} }
	tests := []struct {
		filter *model.TagFilter
		want   bool
	}{
		{nil, true},
		{&model.TagFilter{Op: model.TagAnd}, true},
		{&model.TagFilter{Op: model.TagOr}, false},
		{equal("a", "1"), true},
		{equal("b", ""), true},
		{&model.TagFilter{Op: model.TagNotEqual, Key: "b", Value: ""}, false},
		{&model.TagFilter{Op: model.TagNot, Args: []*model.TagFilter{equal("a", "1")}}, false},
		{&model.TagFilter{Op: model.TagAnd, Args: []*model.TagFilter{equal("a", "1"), equal("b", "2")}}, false},
		{&model.TagFilter{Op: model.TagOr, Args: []*model.TagFilter{equal("a", "1"), equal("b", "2")}}, true},
	}
	for i, tt := range tests {
		if got := Matches(tt.filter, tags); got != tt.want {
			t.Errorf("filter %d: got %v", i, got)
		}
	}
}
