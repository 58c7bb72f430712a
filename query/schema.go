package query

import (
	"context"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// openView is a view of one retention policy with what was asked of it so far.
type openView struct {
	ctx              context.Context // of the query
	database, policy string
	view             cursor.View
	shards           shardSpans
	measurements     []string // sorted; nil until asked for
	fields           map[string]map[string]influxql.DataType
	tags             map[string]map[string]struct{}
}

// names returns the measurements that a source stands for.
func (v *openView) names(m *influxql.Measurement) ([]string, error) {
	if m.Regex == nil {
		return []string{m.Name}, nil
	}
	all, err := v.allMeasurements()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range all {
		if m.Regex.Value.MatchString(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (v *openView) allMeasurements() ([]string, error) {
	if v.measurements == nil {
		all, err := v.view.Measurements()
		if err != nil {
			return nil, err
		}
		v.measurements = append([]string{}, all...)
	}
	return v.measurements, nil
}

// fieldTypes returns the fields of a measurement with their types.
func (v *openView) fieldTypes(measurement string) (map[string]influxql.DataType, error) {
	if err := v.ctx.Err(); err != nil { // there may be many measurements
		return nil, err
	}
	if types, ok := v.fields[measurement]; ok {
		return types, nil
	}
	fields, err := v.view.Fields(measurement)
	if err != nil {
		return nil, err
	}
	types := make(map[string]influxql.DataType, len(fields))
	for _, f := range fields {
		types[f.Name] = dataType(f.Type)
	}
	if v.fields == nil {
		v.fields = make(map[string]map[string]influxql.DataType)
	}
	v.fields[measurement] = types
	return types, nil
}

// tagKeys returns the tag keys of a measurement.
func (v *openView) tagKeys(measurement string) (map[string]struct{}, error) {
	if tags, ok := v.tags[measurement]; ok {
		return tags, nil
	}
	keys, err := v.view.TagKeys(measurement, nil)
	if err != nil {
		return nil, err
	}
	tags := make(map[string]struct{}, len(keys))
	for _, k := range keys {
		tags[k] = struct{}{}
	}
	if v.tags == nil {
		v.tags = make(map[string]map[string]struct{})
	}
	v.tags[measurement] = tags
	return tags, nil
}

// hasTag reports whether a measurement has a tag key.
func (v *openView) hasTag(measurement, key string) (bool, error) {
	if keyed, ok := v.view.(cursor.KeyedView); ok && v.tags[measurement] == nil {
		return keyed.HasTagKey(measurement, key)
	}
	tags, err := v.tagKeys(measurement)
	_, ok := tags[key]
	return ok, err
}

// view returns the view of a policy, opened when it is asked for first. All views of a statement have one range.
func (r *statementRun) view(database, policy string, times model.TimeRange) (*openView, error) {
	i := slices.IndexFunc(r.views, func(v *openView) bool { return v.database == database && v.policy == policy })
	if i >= 0 {
		return r.views[i], nil
	}
	view, err := r.engine.storage.View(r.ctx, database, policy, times)
	if err != nil {
		return nil, err
	}
	v := &openView{ctx: r.ctx, database: database, policy: policy, view: view, shards: r.spansOf(database, policy, times)}
	r.views = append(r.views, v)
	return v, nil
}

// schema tells the types of the names in the sources of one statement. The first error of storage is kept, since the
// questions of the language about types have no way to fail.
type schema struct {
	run   *statementRun
	times model.TimeRange
	err   error
}

func (s *schema) view(m *influxql.Measurement) (*openView, error) {
	return s.run.view(m.Database, m.RetentionPolicy, s.times)
}

// FieldDimensions returns the fields and tags of a source.
func (s *schema) FieldDimensions(m *influxql.Measurement) (map[string]influxql.DataType, map[string]struct{}, error) {
	v, err := s.view(m)
	if err != nil {
		return nil, nil, err
	}
	names, err := v.names(m)
	if err != nil {
		return nil, nil, err
	}
	fields, tags := make(map[string]influxql.DataType), make(map[string]struct{})
	for _, name := range names {
		f, err := v.fieldTypes(name)
		if err != nil {
			return nil, nil, err
		}
		for k, typ := range f {
			if fields[k].LessThan(typ) {
				fields[k] = typ
			}
		}
		t, err := v.tagKeys(name)
		if err != nil {
			return nil, nil, err
		}
		for k := range t {
			tags[k] = struct{}{}
		}
	}
	return fields, tags, nil
}

// MapType returns the type of a name in a source; fields go before tags.
func (s *schema) MapType(m *influxql.Measurement, name string) influxql.DataType {
	typ, err := s.refType(m, name)
	if err != nil && s.err == nil {
		s.err = err
	}
	return typ
}

func (s *schema) refType(m *influxql.Measurement, name string) (influxql.DataType, error) {
	if name == "time" {
		return influxql.Time, nil
	}
	v, err := s.view(m)
	if err != nil {
		return influxql.Unknown, err
	}
	names, err := v.names(m)
	if err != nil {
		return influxql.Unknown, err
	}
	typ := influxql.Unknown
	for _, measurement := range names {
		fields, err := v.fieldTypes(measurement)
		if err != nil {
			return influxql.Unknown, err
		}
		if t, ok := fields[name]; ok {
			if typ.LessThan(t) {
				typ = t
			}
			continue
		}
		ok, err := v.hasTag(measurement, name)
		if err != nil {
			return influxql.Unknown, err
		}
		if ok && typ.LessThan(influxql.Tag) {
			typ = influxql.Tag
		}
	}
	return typ, nil
}

// CallType returns the type of a function's result.
func (s *schema) CallType(name string, args []influxql.DataType) (influxql.DataType, error) {
	return functionTypes{}.CallType(name, args)
}

// functionTypes knows the types of function results, and no names.
type functionTypes struct{}

// MapType knows no names.
func (functionTypes) MapType(*influxql.Measurement, string) influxql.DataType {
	return influxql.Unknown
}

// CallType returns the type of a function's result.
func (functionTypes) CallType(name string, args []influxql.DataType) (influxql.DataType, error) {
	if mathArguments(name) > 0 {
		return mathType(name, args)
	}
	switch name {
	case "mean", "median", "integral", "stddev", "derivative", "non_negative_derivative", "moving_average",
		"exponential_moving_average", "double_exponential_moving_average", "triple_exponential_moving_average",
		"relative_strength_index", "triple_exponential_derivative", "kaufmans_efficiency_ratio",
		"kaufmans_adaptive_moving_average", "chande_momentum_oscillator", "holt_winters", "holt_winters_with_fit":
		return influxql.Float, nil
	case "count", "elapsed":
		return influxql.Integer, nil
	}
	if len(args) == 0 {
		return influxql.Unknown, nil
	}
	return args[0], nil
}

// checkTypes refuses fields whose types cannot be computed with, once the fields carry their types.
func checkTypes(stmt *influxql.SelectStatement) error {
	eval := influxql.TypeValuerEval{TypeMapper: functionTypes{}}
	for _, f := range stmt.Fields {
		if _, err := eval.EvalType(f.Expr); err != nil {
			return err
		}
	}
	return nil
}
