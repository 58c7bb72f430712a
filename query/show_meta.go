package query

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// page applies LIMIT and OFFSET to a list.
func page[T any](list []T, limit, offset int) []T {
	list = list[min(max(offset, 0), len(list)):]
	if limit > 0 {
		list = list[:min(limit, len(list))]
	}
	return list
}

// metaCondition splits the condition of a SHOW statement into its time range and the rest.
func (r *statementRun) metaCondition(expr influxql.Expr) (influxql.Expr, model.TimeRange, error) {
	cond, times, err := influxql.ConditionExpr(expr, &influxql.NowValuer{Now: r.now})
	if err != nil {
		return nil, model.TimeRange{}, err
	}
	return cond, model.TimeRange{Min: times.MinTimeNano(), Max: times.MaxTimeNano()}, nil
}

// hasTime reports whether a condition bounds the time.
func hasTime(expr influxql.Expr) bool { return expr != nil && influxql.HasTimeExpr(expr) }

func errNoTime(statement string) error {
	return fmt.Errorf("%s doesn't support time in WHERE clause", statement)
}

// showMeasurements lists measurements. In a database that does not exist there are none.
func (r *statementRun) showMeasurements(stmt *influxql.ShowMeasurementsStatement) ([]*Series, error) {
	if hasTime(stmt.Condition) {
		return nil, errNoTime("SHOW MEASUREMENTS")
	}
	places, wide, err := r.measurementPlaces(stmt)
	if err != nil {
		return nil, err
	}
	type entry struct{ name, database, policy string }
	var entries []entry
	for _, p := range places {
		names, err := r.matchingMeasurements(p.views, stmt.Source, stmt.Condition)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			entries = append(entries, entry{name, p.database, p.policy})
		}
	}
	entries = page(entries, stmt.Limit, stmt.Offset)
	if len(entries) == 0 {
		return nil, nil
	}
	columns := []string{"name"}
	if wide {
		columns = []string{"name", "database", "retention policy"}
	}
	t := newTable("measurements", columns...)
	for _, e := range entries {
		row := []value{stringValue(e.name), stringValue(e.database), stringValue(e.policy)}
		t.row(row[:len(columns)]...)
	}
	return []*Series{t.series()}, nil
}

// metaPlace is a part of the databases whose measurements are listed together.
type metaPlace struct {
	database, policy string
	views            []*openView
}

// measurementPlaces returns where SHOW MEASUREMENTS looks: in a database as a whole, in one policy, or, with wildcards,
// in each policy on its own; wide says that the answer names them.
func (r *statementRun) measurementPlaces(stmt *influxql.ShowMeasurementsStatement) (places []metaPlace, wide bool, err error) {
	name := stmt.Database
	if name == "" && !stmt.WildcardDatabase {
		if name = r.req.Database; name == "" {
			return nil, false, ErrDatabaseRequired
		}
	}
	var databases []*catalog.Database
	snap := r.engine.catalog.Snapshot()
	switch {
	case stmt.WildcardDatabase && !stmt.WildcardRetentionPolicy:
		return nil, false, errors.New("query 'SHOW MEASUREMENTS ON *.rp' not supported. use 'ON *.*' or specify a database")
	case stmt.WildcardDatabase:
		databases = snap.Databases
	default:
		if db := snap.Database(name); db != nil {
			databases = []*catalog.Database{db}
		}
	}
	whole := stmt.RetentionPolicy == "" && !stmt.WildcardRetentionPolicy
	for _, db := range databases {
		if stmt.RetentionPolicy != "" && db.Policy(stmt.RetentionPolicy) == nil {
			return nil, false, errPolicyNotFound(stmt.RetentionPolicy)
		}
		all := metaPlace{database: db.Name}
		for _, p := range db.Policies {
			if stmt.RetentionPolicy != "" && p.Name != stmt.RetentionPolicy {
				continue
			}
			v, err := r.view(db.Name, p.Name, model.AllTime)
			if err != nil {
				return nil, false, err
			}
			if whole {
				all.views = append(all.views, v)
			} else {
				places = append(places, metaPlace{database: db.Name, policy: p.Name, views: []*openView{v}})
			}
		}
		if whole {
			places = append(places, all)
		}
	}
	return places, stmt.WildcardDatabase || stmt.WildcardRetentionPolicy, nil
}

// matchingMeasurements returns the measurements of some views, sorted, that WITH MEASUREMENT and WHERE select.
func (r *statementRun) matchingMeasurements(views []*openView, with influxql.Source, cond influxql.Expr) ([]string, error) {
	all := make(map[string]struct{})
	for _, v := range views {
		names, err := v.allMeasurements()
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			all[name] = struct{}{}
		}
	}
	if m, ok := with.(*influxql.Measurement); ok {
		for name := range all {
			if !sourcesName(influxql.Sources{m}, name) {
				delete(all, name)
			}
		}
	}
	if cond != nil {
		for name := range all {
			ok, err := measurementMatches(views, name, cond)
			if err != nil {
				return nil, err
			}
			if !ok {
				delete(all, name)
			}
		}
	}
	return sortedKeys(all), nil
}

// measurementMatches evaluates a condition for a measurement as a whole: each comparison asks whether the tag has such
// a value anywhere in the measurement; one without the tag key never matches.
func measurementMatches(views []*openView, name string, expr influxql.Expr) (bool, error) {
	switch e := expr.(type) {
	case *influxql.ParenExpr:
		return measurementMatches(views, name, e.Expr)
	case *influxql.BinaryExpr:
		switch e.Op {
		case influxql.AND, influxql.OR:
			lhs, err := measurementMatches(views, name, e.LHS)
			if err != nil {
				return false, err
			}
			rhs, err := measurementMatches(views, name, e.RHS)
			return e.Op == influxql.AND && lhs && rhs || e.Op == influxql.OR && (lhs || rhs), err
		case influxql.EQ, influxql.NEQ, influxql.EQREGEX, influxql.NEQREGEX:
			return measurementHasValue(views, name, e)
		}
	}
	return false, errors.New("invalid tag comparison operator")
}

func measurementHasValue(views []*openView, name string, e *influxql.BinaryExpr) (bool, error) {
	ref, ok := e.LHS.(*influxql.VarRef)
	if !ok {
		return false, fmt.Errorf("left side of '%s' must be a tag key", e.Op)
	}
	var match func(string) bool
	if influxql.IsRegexOp(e.Op) {
		re, ok := e.RHS.(*influxql.RegexLiteral)
		if !ok {
			return false, fmt.Errorf("right side of '%s' must be a regular expression", e.Op)
		}
		match = re.Value.MatchString
	} else {
		s, ok := e.RHS.(*influxql.StringLiteral)
		if !ok {
			return false, fmt.Errorf("right side of '%s' must be a tag value string", e.Op)
		}
		match = func(v string) bool { return v == s.Value }
	}
	positive := e.Op == influxql.EQ || e.Op == influxql.EQREGEX
	if ref.Name == nameKey {
		return match(name) == positive, nil
	}
	hasKey := false
	for _, v := range views {
		keys, err := v.tagKeys(name)
		if err != nil {
			return false, err
		}
		if _, ok := keys[ref.Name]; !ok {
			continue
		}
		hasKey = true
		values, err := v.view.TagValues(name, ref.Name, nil)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(values, match) {
			return positive, nil
		}
	}
	return hasKey && !positive, nil
}

// checkTagOperators refuses comparisons by size.
func checkTagOperators(expr influxql.Expr) error {
	var err error
	influxql.WalkFunc(expr, func(n influxql.Node) {
		if e, ok := n.(*influxql.BinaryExpr); ok {
			switch e.Op {
			case influxql.EQ, influxql.NEQ, influxql.EQREGEX, influxql.NEQREGEX, influxql.AND, influxql.OR:
			default:
				err = errors.New("invalid tag comparison operator")
			}
		}
	})
	return err
}

// sourceViews returns the views that the sources of a SHOW statement look into, each with the names it is asked for.
// Sources without a policy mean the default one.
func (r *statementRun) sourceViews(database string, sources influxql.Sources, times model.TimeRange) ([]sourceView, error) {
	db, err := r.database(database)
	if err != nil {
		return nil, err
	}
	var out []sourceView
	add := func(dbName, policy string, m *influxql.Measurement) error {
		v, err := r.view(dbName, policy, times)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(out, func(s sourceView) bool { return s.view == v })
		if i < 0 {
			i = len(out)
			out = append(out, sourceView{view: v})
		}
		if m != nil {
			out[i].sources = append(out[i].sources, m)
		}
		return nil
	}
	if len(sources) == 0 {
		p := db.Policy(r.req.Policy)
		if p == nil {
			return nil, errPolicyNotFound(r.req.Policy)
		}
		return out, add(db.Name, p.Name, nil)
	}
	for _, src := range sources {
		m, ok := src.(*influxql.Measurement)
		if !ok {
			continue
		}
		if err := r.normalizeMeasurement(m, db.Name, r.req.Policy); err != nil {
			return nil, err
		}
		if err := r.checkPolicies(influxql.Sources{m}); err != nil {
			return nil, err
		}
		if err := add(m.Database, m.RetentionPolicy, m); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sourceView is a view with the measurements wanted from it; no sources mean all.
type sourceView struct {
	view    *openView
	sources influxql.Sources
}

func (s sourceView) names() ([]string, error) {
	all, err := s.view.allMeasurements()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range all {
		if sourcesName(s.sources, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// condition splits the condition for a measurement of the view.
func (v *openView) condition(measurement string, expr influxql.Expr) (*tagCondition, error) {
	fields, err := v.fieldTypes(measurement)
	if err != nil {
		return nil, err
	}
	return newTagCondition(measurement, expr, func(name string) bool {
		_, ok := fields[name]
		return ok
	}), nil
}

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
		return cmp.Or(cmp.Compare(a.measurement, b.measurement), cmp.Compare(a.text, b.text))
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

// seriesText is a series as SHOW SERIES prints it.
type seriesText struct{ measurement, text string }

// collectSeries adds the series of a view that a condition selects.
func (r *statementRun) collectSeries(sv sourceView, cond influxql.Expr, keys map[seriesText]struct{}) error {
	names, err := sv.names()
	if err != nil {
		return err
	}
	var (
		tags model.Tags
		text []byte
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
			if rest, none := c.forSeries(tags); none || rest != nil {
				continue
			}
			text = appendSeriesText(text[:0], name, tags)
			keys[seriesText{name, string(text)}] = struct{}{}
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
		err = shardFields(sourceView{&openView{view: view}, sv.sources}, into)
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

// keyTest returns what tells whether a tag key is selected by WITH KEY.
func keyTest(op influxql.Token, expr influxql.Literal) func(string) bool {
	switch lit := expr.(type) {
	case *influxql.StringLiteral:
		return func(k string) bool { return (k == lit.Value) == (op == influxql.EQ) }
	case *influxql.RegexLiteral:
		return func(k string) bool { return lit.Value.MatchString(k) == (op == influxql.EQREGEX) }
	case *influxql.ListLiteral:
		return func(k string) bool { return slices.Contains(lit.Values, k) }
	}
	return func(string) bool { return true }
}

// databaseViews returns the views of all policies of a database.
func (r *statementRun) databaseViews(database string, times model.TimeRange) ([]*openView, error) {
	db, err := r.database(database)
	if err != nil {
		return nil, err
	}
	var views []*openView
	for _, p := range db.Policies {
		v, err := r.view(db.Name, p.Name, times)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

// showTagKeys lists the tag keys of measurements. SLIMIT and SOFFSET are taken, but as in InfluxDB 1.x without effect.
func (r *statementRun) showTagKeys(stmt *influxql.ShowTagKeysStatement) ([]*Series, error) {
	cond, times, err := r.metaCondition(stmt.Condition)
	if err != nil {
		return nil, err
	}
	views, err := r.databaseViews(stmt.Database, times)
	if err != nil {
		return nil, err
	}
	keys := make(map[string]map[string]struct{})
	selected := keyTest(stmt.TagKeyOp, stmt.TagKeyExpr)
	for _, v := range views {
		names, err := (sourceView{v, stmt.Sources}).names()
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if err := v.collectTagKeys(name, cond, selected, keys); err != nil {
				return nil, err
			}
		}
	}
	var rows []*Series
	for _, name := range sortedKeys(keys) {
		list := page(sortedKeys(keys[name]), stmt.Limit, stmt.Offset)
		if len(list) == 0 {
			continue
		}
		t := newTable(name, "tagKey")
		for _, k := range list {
			t.row(stringValue(k))
		}
		rows = append(rows, t.series())
	}
	return rows, nil
}

// collectTagKeys adds the tag keys of the series of a measurement that a condition selects.
func (v *openView) collectTagKeys(name string, cond influxql.Expr, selected func(string) bool, into map[string]map[string]struct{}) error {
	c, err := v.condition(name, cond)
	if err != nil {
		return err
	}
	keys, err := v.view.TagKeys(name, c.filter)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if !selected(k) {
			continue
		}
		if into[name] == nil {
			into[name] = make(map[string]struct{})
		}
		into[name][k] = struct{}{}
	}
	return nil
}

// showTagValues lists the values of tag keys.
func (r *statementRun) showTagValues(stmt *influxql.ShowTagValuesStatement) ([]*Series, error) {
	cond, times, err := r.metaCondition(stmt.Condition)
	if err != nil {
		return nil, err
	}
	views, sources, err := r.tagValueViews(stmt, times)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]map[[2]string]struct{})
	keySelected := keyTest(stmt.Op, stmt.TagKeyExpr)
	cond, valueSelected := splitValueCondition(cond)
	for _, v := range views {
		names, err := (sourceView{v, sources}).names()
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			c, err := v.condition(name, cond)
			if err != nil {
				return nil, err
			}
			keys, err := v.view.TagKeys(name, c.filter)
			if err != nil {
				return nil, err
			}
			for _, k := range keys {
				if !keySelected(k) {
					continue
				}
				values, err := v.view.TagValues(name, k, c.filter)
				if err != nil {
					return nil, err
				}
				for _, val := range values {
					if !valueSelected(val) {
						continue
					}
					if byName[name] == nil {
						byName[name] = make(map[[2]string]struct{})
					}
					byName[name][[2]string{k, val}] = struct{}{}
				}
			}
		}
	}
	return tagValueRows(byName, stmt.Limit, stmt.Offset), nil
}

func tagValueRows(byName map[string]map[[2]string]struct{}, limit, offset int) []*Series {
	var rows []*Series
	for _, name := range sortedKeys(byName) {
		pairs := make([][2]string, 0, len(byName[name]))
		for p := range byName[name] {
			pairs = append(pairs, p)
		}
		slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
		pairs = page(pairs, limit, offset)
		if len(pairs) == 0 {
			continue
		}
		t := newTable(name, "key", "value")
		for _, p := range pairs {
			t.row(stringValue(p[0]), stringValue(p[1]))
		}
		rows = append(rows, t.series())
	}
	return rows
}

// tagValueViews returns the views SHOW TAG VALUES looks into: all policies, or the one its sources name.
func (r *statementRun) tagValueViews(stmt *influxql.ShowTagValuesStatement, times model.TimeRange) ([]*openView, influxql.Sources, error) {
	policy := ""
	for _, src := range stmt.Sources {
		m, ok := src.(*influxql.Measurement)
		if !ok || m.RetentionPolicy == "" {
			continue
		}
		if policy != "" && policy != m.RetentionPolicy {
			return nil, nil, fmt.Errorf("only one retention policy allowed in SHOW TAG VALUES query: %q, %q", m.RetentionPolicy, policy)
		}
		policy = m.RetentionPolicy
	}
	if policy == "" {
		views, err := r.databaseViews(stmt.Database, times)
		return views, stmt.Sources, err
	}
	db, err := r.database(stmt.Database)
	if err != nil {
		return nil, nil, err
	}
	if db.Policy(policy) == nil {
		return nil, nil, errPolicyNotFound(policy)
	}
	v, err := r.view(db.Name, policy, times)
	return []*openView{v}, stmt.Sources, err
}

// splitValueCondition takes the comparisons with "value", which stands for the tag value that is listed, out of a
// condition that is a chain of ANDs.
func splitValueCondition(expr influxql.Expr) (influxql.Expr, func(string) bool) {
	test := func(string) bool { return true }
	var rest influxql.Expr
	for _, part := range conjuncts(expr, nil) {
		if t := valueTest(part); t != nil {
			before := test
			test = func(v string) bool { return before(v) && t(v) }
			continue
		}
		if rest == nil {
			rest = part
		} else {
			rest = &influxql.BinaryExpr{Op: influxql.AND, LHS: rest, RHS: part}
		}
	}
	return rest, test
}

func conjuncts(expr influxql.Expr, dst []influxql.Expr) []influxql.Expr {
	switch e := expr.(type) {
	case nil:
		return dst
	case *influxql.ParenExpr:
		return conjuncts(e.Expr, dst)
	case *influxql.BinaryExpr:
		if e.Op == influxql.AND {
			return conjuncts(e.RHS, conjuncts(e.LHS, dst))
		}
	}
	return append(dst, expr)
}

// valueTest returns the test that a comparison with "value" stands for, nil for everything else.
func valueTest(expr influxql.Expr) func(string) bool {
	e, ok := expr.(*influxql.BinaryExpr)
	if !ok {
		return nil
	}
	if ref, ok := e.LHS.(*influxql.VarRef); !ok || ref.Name != "value" {
		return nil
	}
	switch lit := e.RHS.(type) {
	case *influxql.StringLiteral:
		return func(v string) bool { return (v == lit.Value) == (e.Op == influxql.EQ) }
	case *influxql.RegexLiteral:
		re := (*regexp.Regexp)(lit.Value)
		return func(v string) bool { return re.MatchString(v) == (e.Op == influxql.EQREGEX) }
	}
	return nil
}
