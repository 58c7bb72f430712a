package query

import (
	"cmp"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// showFieldKeys lists the fields of measurements with their types.
func (r *statementRun) showFieldKeys(stmt *influxql.ShowFieldKeysStatement) ([]*Series, error) {
	views, err := r.sourceViews(stmt.Database, stmt.Sources, model.AllTime)
	if err != nil {
		return nil, err
	}
	fields := make(map[string]map[fieldKey]struct{})
	for _, sv := range views {
		if err := r.collectFields(sv, fields); err != nil {
			return nil, err
		}
	}
	var rows []*Series
	for _, name := range sortedKeys(fields) {
		keys := make([]fieldKey, 0, len(fields[name]))
		for k := range fields[name] {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(a, b fieldKey) int {
			return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.typ, b.typ))
		})
		if keys = page(keys, stmt.Limit, stmt.Offset); len(keys) == 0 {
			continue
		}
		t := newTable(name, "fieldKey", "fieldType")
		for _, k := range keys {
			t.row(stringValue(k.name), stringValue(k.typ))
		}
		rows = append(rows, t.series())
	}
	return rows, nil
}

// fieldKey is a field with one of the types it has.
type fieldKey struct{ name, typ string }

// collectFields adds the fields of a view's measurements. A field may have another type in each shard, so the shards are
// looked at one by one.
func (r *statementRun) collectFields(sv sourceView, into map[string]map[fieldKey]struct{}) error {
	db := r.engine.catalog.Snapshot().Database(sv.view.database)
	if db == nil {
		return nil
	}
	p := db.Policy(sv.view.policy)
	if p == nil {
		return nil
	}
	for _, g := range p.Groups {
		view, err := r.engine.storage.View(r.ctx, db.Name, p.Name, g.Range)
		if err != nil {
			return err
		}
		err = shardFields(sourceView{&openView{ctx: r.ctx, view: view}, sv.sources}, into)
		view.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func shardFields(sv sourceView, into map[string]map[fieldKey]struct{}) error {
	names, err := sv.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		list, err := sv.view.view.Fields(name)
		if err != nil {
			return err
		}
		if into[name] == nil {
			into[name] = make(map[fieldKey]struct{})
		}
		for _, f := range list {
			into[name][fieldKey{f.Name, f.Type.String()}] = struct{}{}
		}
	}
	return nil
}
