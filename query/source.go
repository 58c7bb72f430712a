package query

import (
	"cmp"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// seriesGroup is the series of one measurement that share the tags of a GROUP BY.
type seriesGroup struct {
	tags  *tagset // of the statement's own dimensions and those around it
	outer *tagset // of the outermost dimensions
	first int     // its series are source.series[first:last]
	last  int
}

// single reports whether the group has one series.
func (g *seriesGroup) single() bool { return g.last-g.first == 1 }

// sourceSeries is one series of a source with what is left of the condition for its rows.
type sourceSeries struct {
	id    model.SeriesID
	place int32 // of its tags in those of the source, if the statement reads tags
	rest  influxql.Expr
}

// source is what one measurement of a view contributes to a statement.
type source struct {
	run         *statementRun
	opt         *scanOptions
	view        *openView
	measurement string
	fields      map[string]influxql.DataType
	series      []sourceSeries
	groups      []seriesGroup // in order of the answer
	tags        *sourceTags   // nil unless the statement reads tags
}

const seriesBytes = 64 // of memory for one series of a source, without its tags

// newSource finds the series of a measurement and sorts them into groups.
func (r *statementRun) newSource(view *openView, measurement string, opt *scanOptions) (*source, error) {
	s := &source{run: r, opt: opt, view: view, measurement: measurement}
	fields, err := view.fieldTypes(measurement)
	if err != nil {
		return nil, err
	}
	s.fields = fields
	cond := newTagCondition(measurement, opt.condition, func(name string) bool {
		_, ok := fields[name]
		return ok
	})
	if cond.filter != nil && isNone(cond.filter) {
		return s, nil
	}
	if err := s.findSeries(cond); err != nil {
		return nil, err
	}
	s.limitGroups()
	return s, r.countSeries(len(s.series))
}

// findSeries finds the series that meet the condition and sorts them into groups.
func (s *source) findSeries(cond *tagCondition) error {
	if !cond.isConjunction() {
		return s.sortSeries(cond)
	}
	rest, none := cond.forMatching()
	if none {
		return nil
	}
	cache := &s.run.engine.groups
	key, version, ok := s.groupKey(cond, s.readsTags(rest))
	if ok {
		if g := cache.get(key, version); g != nil {
			return s.takeGrouped(g, rest)
		}
	}
	if err := s.sortSeries(cond); err != nil {
		return err
	}
	if ok && len(s.series) >= minCachedSeries {
		cache.put(s.grouped(string(key), version))
	}
	return nil
}

// takeGrouped makes groups that were kept those of the source.
func (s *source) takeGrouped(g *groupedSeries, rest influxql.Expr) error {
	if err := s.run.memory.reserve(int64(len(g.series)) * seriesBytes); err != nil {
		return err
	}
	s.groups = g.groups
	s.series = make([]sourceSeries, len(g.series))
	for i, id := range g.series {
		s.series[i].id = id
	}
	s.tags = g.tags
	for i, place := range g.places {
		s.series[i].place = place
	}
	if rest != nil {
		for i := range s.series {
			s.series[i].rest = rest
		}
	}
	return nil
}

// grouped returns the series and groups of the source in a form to be kept.
func (s *source) grouped(key string, version cursor.SeriesVersion) *groupedSeries {
	g := &groupedSeries{key: key, version: version, groups: s.groups, series: make([]model.SeriesID, len(s.series)), tags: s.tags}
	for i := range s.series {
		g.series[i] = s.series[i].id
	}
	if s.tags != nil {
		g.places = make([]int32, len(s.series))
		for i := range s.series {
			g.places[i] = s.series[i].place
		}
	}
	return g
}

// sortSeries asks the view for the series and sorts them into groups.
func (s *source) sortSeries(cond *tagCondition) error {
	set, err := s.view.view.Series(s.measurement, cond.filter)
	if err != nil {
		return err
	}
	if err := s.run.memory.reserve(int64(set.Len()) * seriesBytes); err != nil {
		return err
	}
	if err := s.group(set, cond); err != nil {
		return err
	}
	return s.run.memory.reserve(int64(s.tags.bytes()))
}

// group sorts the series into groups and the groups into the order of the answer.
func (s *source) group(set cursor.SeriesSet, cond *tagCondition) error {
	fixed := cond.isConjunction()
	var rest influxql.Expr
	none, keepTags := false, false
	if fixed {
		rest, none = cond.forMatching()
		keepTags = s.readsTags(rest)
	} else {
		keepTags = s.readsTags(s.opt.condition)
	}
	if fixed && !keepTags {
		if len(s.opt.groupBy) == 0 {
			s.groupAll(set, rest, none)
			return nil
		}
		set.Only(s.opt.groupBy)
	}
	type member struct {
		group  int
		series sourceSeries
	}
	var (
		groups  []seriesGroup
		members = make([]member, 0, set.Len())
		byID    = map[string]int{}
		counts  []int
		tags    model.Tags
		maker   = tagsetMaker{keys: s.opt.groupBy}
	)
	if keepTags {
		s.tags = new(sourceTags)
	}
	for i := range set.Len() {
		if i%4096 == 0 && s.run.ctx.Err() != nil {
			return s.run.ctx.Err()
		}
		tags = set.Tags(i, tags)
		if !fixed {
			rest, none = cond.forSeries(tags)
		}
		if none {
			continue
		}
		id := maker.id(tags)
		g, ok := byID[string(id)]
		if !ok {
			g = len(groups)
			key := maker.make()
			byID[key.id] = g
			groups = append(groups, seriesGroup{tags: key, outer: key.subset(s.opt.dimensions)})
			counts = append(counts, 0)
		}
		counts[g]++
		m := member{group: g, series: sourceSeries{id: set.ID(i), rest: rest}}
		if keepTags {
			m.series.place = s.tags.add(tags)
		}
		members = append(members, m)
	}

	if keepTags {
		s.tags.complete()
	}
	order := make([]int, len(groups))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &groups[i], &groups[j]
		if !s.opt.ascending {
			a, b = b, a
		}
		return cmp.Or(cmp.Compare(a.outer.id, b.outer.id), cmp.Compare(a.tags.id, b.tags.id))
	})
	s.groups = make([]seriesGroup, len(groups))
	place, next := make([]int, len(groups)), 0
	for i, g := range order {
		s.groups[i] = groups[g]
		s.groups[i].first, s.groups[i].last = next, next+counts[g]
		place[g] = next
		next += counts[g]
	}
	s.series = make([]sourceSeries, len(members))
	for i := range members {
		g := members[i].group
		s.series[place[g]] = members[i].series
		place[g]++
	}
	if !s.opt.ascending { // of simultaneous rows the last series comes first
		for i := range s.groups {
			reverse(s.series[s.groups[i].first:s.groups[i].last])
		}
	}
	return nil
}

// offers reports whether a shard has series of the source and a field that can be read as the type asked for. Types differ
// from shard to shard, so each is looked at on its own.
func (s *source) offers(f cursor.Field) (bool, error) {
	if len(s.series) == 0 {
		return false, nil
	}
	have := fieldType(s.fields[f.Name])
	if have == f.Type || isNumeric(dataType(have)) && isNumeric(dataType(f.Type)) {
		return true, nil
	}
	times := s.view.view.Range()
	for _, span := range s.view.shards {
		span.Min, span.Max = max(span.Min, times.Min), min(span.Max, times.Max)
		ok, err := s.shardOffers(f, span)
		if err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

func (s *source) shardOffers(f cursor.Field, span model.TimeRange) (bool, error) {
	view, err := s.run.engine.storage.View(s.run.ctx, s.view.database, s.view.policy, span)
	if err != nil {
		return false, err
	}
	defer view.Close()
	fields, err := view.Fields(s.measurement)
	if err != nil {
		return false, err
	}
	return slices.Contains(fields, f), nil
}

// groupAll makes one group of all series; their tags are not looked at.
func (s *source) groupAll(set cursor.SeriesSet, rest influxql.Expr, none bool) {
	if none || set.Len() == 0 {
		return
	}
	s.series = make([]sourceSeries, set.Len())
	for i := range s.series {
		s.series[i] = sourceSeries{id: set.ID(i), rest: rest}
	}
	if !s.opt.ascending {
		reverse(s.series)
	}
	s.groups = []seriesGroup{{tags: noTags, outer: noTags, last: len(s.series)}}
}

// readsTags reports whether values of tags are among what the statement reads from rows; condition is what is left for
// them of its own.
func (s *source) readsTags(condition influxql.Expr) bool {
	for _, ref := range s.opt.aux {
		if s.tagRef(ref) {
			return true
		}
	}
	if condition == nil {
		return false
	}
	for _, ref := range influxql.ExprNames(condition) {
		if s.tagRef(&ref) {
			return true
		}
	}
	return false
}

// markCondition marks the columns of a layout that the condition reads.
func (s *source) markCondition(l *rowLayout, columns []bool) {
	if s.opt.condition == nil {
		return
	}
	for _, ref := range influxql.ExprNames(s.opt.condition) {
		if i := l.find(s, &ref); i >= 0 {
			columns[i] = true
		}
	}
}

// tagRef reports whether a name stands for a tag in this measurement.
func (s *source) tagRef(ref *influxql.VarRef) bool {
	if ref.Type == influxql.Tag {
		return true
	}
	_, field := s.fields[ref.Name]
	return ref.Type == influxql.Unknown && !field
}

// limitGroups applies SLIMIT and SOFFSET. They count groups in the order of tagset.limitKey, whatever the order of the
// answer is.
func (s *source) limitGroups() {
	if s.opt.slimit == 0 && s.opt.soffset == 0 {
		return
	}
	groups := slices.Clone(s.groups)
	slices.SortStableFunc(groups, func(a, b seriesGroup) int { return cmp.Compare(a.tags.limitKey(), b.tags.limitKey()) })
	lo := min(s.opt.soffset, len(groups))
	hi := len(groups)
	if s.opt.slimit > 0 {
		hi = min(addCounts(lo, s.opt.slimit), hi)
	}
	groups = groups[lo:hi]
	slices.SortFunc(groups, func(a, b seriesGroup) int { return cmp.Compare(a.first, b.first) }) // as they were
	s.groups = groups
	n := 0
	for i := range groups {
		n += groups[i].last - groups[i].first
	}
	kept := make([]sourceSeries, 0, n)
	for i := range groups {
		g := &groups[i]
		members := s.series[g.first:g.last]
		g.first = len(kept)
		kept = append(kept, members...)
		g.last = len(kept)
	}
	s.series = kept
}

func reverse[T any](s []T) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}

// countSeries checks the limit on series.
func (r *statementRun) countSeries(n int) error {
	r.series += int64(n)
	if most := r.engine.opt.MaxSelectSeries; most > 0 && r.series > int64(most) {
		return &LimitError{Limit: limitSeries, Got: r.series, Most: int64(most)}
	}
	return nil
}

// countPoints checks the limit on rows and whether the query was cancelled. It may be called by several goroutines.
func (r *statementRun) countPoints(n int) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	total := r.points.Add(int64(n))
	if most := r.engine.opt.MaxSelectPoints; most > 0 && total > int64(most) {
		return &LimitError{Limit: limitPoint, Got: total, Most: int64(most)}
	}
	return nil
}
